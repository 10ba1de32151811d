//! Store paths as texts in a manifest.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serializer, de};

use crate::store::StorePath;

/// Bytes of a text that an error repeats.
const REPEATED: usize = 200;

pub(super) fn serialize<S: Serializer>(path: &StorePath, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(path)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<StorePath, D::Error> {
    let text = Cow::<'de, str>::deserialize(deserializer)?;
    let path = StorePath::from_path(text.as_bytes());
    path.ok_or_else(|| de::Error::custom(format_args!("{:?} is not a store path", shortened(&text))))
}

/// The beginning of a text that may be very long.
pub(in crate::diff) fn shortened(text: &str) -> &str {
    let end = (0..=REPEATED.min(text.len())).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}
