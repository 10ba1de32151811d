//! Styles that all pages share.

use anstyle::Style;

/// Style of what stands out: a header, the name of a section.
pub(super) const STRONG: Style = Style::new().bold();
