//! Styles that all pages share.

use anstyle::Style;

/// The style of headers and names of sections.
pub const STRONG: Style = Style::new().bold();
