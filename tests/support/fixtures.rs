//! The fixtures.

use std::path::{Path, PathBuf};

/// The fixture at a path below `fixtures/`.
pub(crate) fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(path)
}

/// The files below a folder of `fixtures/` whose names end in `suffix`, in order.
pub(crate) fn files(folder: &str, suffix: &str) -> Vec<PathBuf> {
    let listing = std::fs::read_dir(fixture(folder)).expect("a folder of fixtures");
    let mut found: Vec<PathBuf> = listing
        .map(|entry| entry.expect("an entry of a folder").path())
        .filter(|path| path.to_string_lossy().ends_with(suffix))
        .collect();
    found.sort();
    assert!(!found.is_empty(), "no {suffix} in fixtures/{folder}");
    found
}
