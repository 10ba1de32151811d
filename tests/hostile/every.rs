//! The smallest fixtures, damaged at their bytes and cut off at their lengths: at some, or with `NIXOSCOPE_HOSTILE_COUNT` at each.

use std::path::{Path, PathBuf};

use crate::fixtures::files;
use crate::{explore, number};

/// Asks for every place, and for so many values of each byte; 255 are all.
const COUNT: &str = "NIXOSCOPE_HOSTILE_COUNT";

/// What becomes of a byte unless more is asked for, the likeliest trouble first.
const CHANGES: usize = 4;

/// Places in a file unless each is asked for.
const PLACES: usize = 50;

#[test]
fn every_byte_of_the_smallest_fixtures_may_be_another() {
    let count = number(COUNT).unwrap_or(CHANGES);
    for path in smallest() {
        let whole = std::fs::read(&path).unwrap();
        let mut cases = 0;
        for at in (0..whole.len()).step_by(step(whole.len())) {
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
fn every_length_of_the_smallest_fixtures_may_be_all_there_is() {
    for path in smallest() {
        let whole = std::fs::read(&path).unwrap();
        let mut cases = 0;
        for length in (0..whole.len()).step_by(step(whole.len())) {
            explore(&path, whole[..length].to_vec(), &format!("cut to {length}"));
            cases += 1;
        }
        tell(&path, cases, "lengths");
    }
}

/// How far one place is from the next in a file of this length.
fn step(length: usize) -> usize {
    if number::<usize>(COUNT).is_some() { 1 } else { (length / PLACES).max(1) }
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
