//! The smallest fixtures, damaged at each of their bytes and cut off at each length. This takes hours, so it runs on demand:
//! `cargo test --release --test hostile every -- --ignored`.

use std::path::{Path, PathBuf};

use crate::fixtures::files;
use crate::{explore, number};

/// What becomes of a byte, the likeliest trouble first. `NIXOSCOPE_HOSTILE_COUNT=255` tries every other value.
const CHANGES: usize = 4;

#[test]
#[ignore = "takes an hour"]
fn every_byte_of_the_smallest_fixtures_may_be_another() {
    let count = number("NIXOSCOPE_HOSTILE_COUNT").unwrap_or(CHANGES);
    for path in smallest() {
        let whole = std::fs::read(&path).unwrap();
        let mut cases = 0;
        for at in 0..whole.len() {
            for value in values(whole[at]).take(count) {
                let mut bytes = whole.clone();
                bytes[at] = value;
                explore(&path, bytes, &format!("{at:#x}={value:#04x}"));
                cases += 1;
            }
        }
        tell(&path, cases, "bytes");
    }
}

#[test]
#[ignore = "takes minutes"]
fn the_smallest_fixtures_may_be_cut_off_at_every_length() {
    for path in smallest() {
        let whole = std::fs::read(&path).unwrap();
        for length in 0..whole.len() {
            explore(&path, whole[..length].to_vec(), &format!("cut to {length}"));
        }
        tell(&path, whole.len(), "lengths");
    }
}

/// The smallest archive and the smallest volume, or the fixtures that `NIXOSCOPE_HOSTILE_FILES` names by their paths.
fn smallest() -> Vec<PathBuf> {
    if let Some(named) = std::env::var_os("NIXOSCOPE_HOSTILE_FILES") {
        return std::env::split_paths(&named).collect();
    }
    let smallest = |folder: &str, suffix: &str| {
        let all = files(folder, suffix).into_iter();
        all.min_by_key(|path| std::fs::metadata(path).unwrap().len()).unwrap()
    };
    vec![smallest("squashfs", ".squashfs"), smallest("iso", ".iso")]
}

/// All other values of a byte: one bit flipped, nothing, everything, the sign, and then the rest.
fn values(byte: u8) -> impl Iterator<Item = u8> {
    let first = [byte ^ 1, 0, 0xff, byte ^ 0x80];
    let rest = (0..=u8::MAX).filter(move |value| !first.contains(value));
    // 0 and 0xff may be the byte itself, or one of its neighbours.
    let mut tried = [false; 256];
    first
        .into_iter()
        .chain(rest)
        .filter(move |&value| value != byte && !std::mem::replace(&mut tried[usize::from(value)], true))
}

#[allow(clippy::print_stdout, reason = "the figures are what it is run for")]
fn tell(path: &Path, cases: usize, what: &str) {
    println!("{}: {cases} cases, {what}", path.file_name().unwrap_or_default().display());
}
