//! The registration: a text file in the image with what Nix knew about its store paths.
//!
//! Records follow each other without separators, one field per line: path, hash, NAR size, deriver, number of references,
//! references. `nix-store --load-db` reads this format. Images before 2011 lack the size. Those before 18.03 have zeros for the
//! hash.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use super::{STORE, StorePath, sha256};
use crate::error::{Error, Place, Result};

/// Name of the file, in the root of the squashfs or of the disc.
pub const FILE: &str = "nix-path-registration";

/// Limit for a line in bytes. A store path has at most 256.
const LONGEST_LINE: u64 = 4096;

/// Limit for a registration in bytes. A system with 2,000 paths has about a megabyte.
const LARGEST: u64 = 64 << 20;

/// Limit for paths. A graphical system with everything that it was built from has some 50,000.
const MOST_PATHS: usize = 1 << 17;

/// The contents of a registration. Each path is listed once.
#[derive(Debug, Default)]
pub struct Registration {
    /// Every path that is registered or referred to.
    pub paths: Vec<StorePath>,
    /// The record of each of `paths`. `None` if it is only referred to.
    pub records: Vec<Option<Record>>,
    /// The error that ended reading before the end of the file.
    pub trouble: Option<Error>,
}

/// The registration of one store path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// SHA-256 of the path's NAR. `None` in images older than 18.03.
    pub nar_hash: Option<[u8; 32]>,
    /// Length of the path's NAR in bytes. `None` in images older than 18.03.
    pub nar_size: Option<u64>,
    /// The derivation that built it, if recorded.
    pub deriver: Option<StorePath>,
    /// The paths it refers to, which may include itself, as indices into [`Registration::paths`].
    pub references: Vec<u32>,
}

impl Registration {
    /// Reads a registration up to its end or the first error: [`Error::Malformed`] with the faulty line, [`Error::Limit`] for lines
    /// or files longer than any real one, and errors of the reader.
    #[must_use]
    pub fn read(reader: impl Read) -> Self {
        let reader = BufReader::with_capacity(1 << 16, reader.take(LARGEST + 1));
        let mut lines = Lines { reader, line: Vec::new(), number: 0, read: 0 };
        let mut known = Known::default();
        known.registration.trouble = known.records(&mut lines).err();
        known.registration
    }
}

fn record(lines: &mut Lines<impl Read>, known: &mut Known) -> Result<Record> {
    lines.require("hash")?;
    let nar_hash = hash(&lines.line).ok_or_else(|| lines.malformed("hash"))?;
    lines.require("NAR size")?;
    // From 2008 to 2011 there was no size: the deriver, which is not a number, follows at once.
    let nar_size = number(&lines.line);
    if nar_size.is_some() {
        lines.require("deriver")?;
    }
    let deriver = match lines.line.as_slice() {
        [] => None,
        path => Some(StorePath::from_path(path).ok_or_else(|| lines.malformed("deriver"))?),
    };
    lines.require("number of references")?;
    let count = number(&lines.line).ok_or_else(|| lines.malformed("number of references"))?;
    let mut references = Vec::new();
    for _ in 0..count {
        lines.require("reference")?;
        let reference = known.index(lines, "reference")?;
        references.push(u32::try_from(reference).map_err(|_| lines.malformed("reference"))?);
    }
    // A size of zero means "not recorded": the smallest NAR has 96 bytes.
    Ok(Record { nar_hash, nar_size: nar_size.filter(|&size| size > 0), deriver, references })
}

/// A hash. `Some(None)` for zeros, which mean that no hash is recorded.
#[expect(clippy::option_option, reason = "no hash is recorded, or none can be read")]
fn hash(line: &[u8]) -> Option<Option<[u8; 32]>> {
    let bytes = sha256::parse(std::str::from_utf8(line).ok()?)?;
    Some(Some(bytes).filter(|bytes| *bytes != [0; 32]))
}

fn number(line: &[u8]) -> Option<u64> {
    let digits = !line.is_empty() && line.iter().all(u8::is_ascii_digit);
    if digits { std::str::from_utf8(line).ok()?.parse().ok() } else { None }
}

/// Each path once, in the order of first appearance.
#[derive(Default)]
struct Known {
    registration: Registration,
    indexes: HashMap<StorePath, usize>,
}

impl Known {
    fn records(&mut self, lines: &mut Lines<impl Read>) -> Result<()> {
        while lines.advance()? {
            let path = self.index(lines, "store path")?;
            let record = record(lines, self)?;
            if let Some(place) = self.registration.records.get_mut(path) {
                *place = Some(record);
            }
        }
        Ok(())
    }

    fn index(&mut self, lines: &Lines<impl Read>, field: &'static str) -> Result<usize> {
        // Most references are to known paths, which need no second check.
        let base = lines.line.strip_prefix(STORE.as_bytes()).and_then(|inside| inside.strip_prefix(b"/"));
        let known = base.and_then(|base| self.indexes.get(std::str::from_utf8(base).ok()?));
        if let Some(index) = known {
            return Ok(*index);
        }
        let path = StorePath::from_path(&lines.line).ok_or_else(|| lines.malformed(field))?;
        let index = self.registration.paths.len();
        if index == MOST_PATHS {
            return Err(Error::Limit { what: "registration of 131,072 paths", place: lines.place() });
        }
        self.indexes.insert(path.clone(), index);
        self.registration.paths.push(path);
        self.registration.records.push(None);
        Ok(index)
    }
}

/// The lines of the file, one at a time and limited in length.
struct Lines<R> {
    reader: BufReader<std::io::Take<R>>,
    line: Vec<u8>,
    number: u64,
    read: u64,
}

impl<R: Read> Lines<R> {
    /// Advances to the next line. Returns false at the end.
    fn advance(&mut self) -> Result<bool> {
        self.line.clear();
        self.number += 1;
        let read = self.reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut self.line);
        let read = read.map_err(|error| Error::from_read(error, Path::new(FILE)))?;
        let length = u64::try_from(read).unwrap_or(u64::MAX);
        self.read = self.read.saturating_add(length);
        if self.read > LARGEST {
            return Err(Error::Limit { what: "registration of 64 MiB", place: self.place() });
        }
        if self.line.last() == Some(&b'\n') {
            self.line.pop();
        } else if length == LONGEST_LINE {
            return Err(Error::Limit { what: "line of 4096 bytes", place: self.place() });
        } else if read > 0 {
            return Err(self.malformed("end of the last line"));
        }
        Ok(read > 0)
    }

    fn require(&mut self, field: &'static str) -> Result<()> {
        if self.advance()? { Ok(()) } else { Err(self.malformed(field)) }
    }

    fn malformed(&self, field: &'static str) -> Error {
        Error::Malformed { structure: "registration", field, place: self.place() }
    }

    fn place(&self) -> Place {
        Place::Line { file: FILE.to_owned(), line: self.number }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "/nix/store/eeee";

    fn path(letter: char, name: &str) -> String {
        format!("/nix/store/{}-{name}", letter.to_string().repeat(32))
    }

    fn read(text: &str) -> std::result::Result<Registration, String> {
        let registration = Registration::read(text.as_bytes());
        match &registration.trouble {
            Some(trouble) => Err(trouble.to_string()),
            None => Ok(registration),
        }
    }

    #[test]
    fn records_before_a_damaged_one_are_kept() {
        let (a, b) = (path('a', "a"), path('b', "b"));
        let registration = Registration::read(format!("{a}\n{}\n0\n\n0\n{b}\nno hash\n", "0".repeat(64)).as_bytes());
        assert_eq!(registration.records.iter().filter(|record| record.is_some()).count(), 1);
        assert!(registration.trouble.is_some());
    }

    #[test]
    fn every_variant_of_a_record_is_read() {
        let (a, b) = (path('a', "a"), path('b', "b"));
        let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let nix32 = "sha256:0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73";
        let sri = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        let zeros = "0".repeat(64);
        for (hash, size, recorded) in [
            (nix32, "96\n", Some(96)),
            (hex, "96\n", Some(96)),
            (sri, "96\n", Some(96)),
            (&zeros, "0\n", None),
            (&zeros, "", None),
        ] {
            let text = format!("{a}\n{hash}\n{size}\n2\n{a}\n{b}\n{b}\n{hash}\n{size}{a}\n0\n");
            let registration = read(&text).unwrap();
            assert_eq!(registration.paths.iter().map(StorePath::name).collect::<Vec<_>>(), ["a", "b"]);
            let first = registration.records[0].as_ref().unwrap();
            assert_eq!((first.nar_size, first.nar_hash.is_some()), (recorded, hash != zeros));
            assert_eq!(first.references, [0, 1]);
            let second = registration.records[1].as_ref().unwrap();
            assert_eq!(second.deriver.as_ref().unwrap().name(), "a");
        }
    }

    #[test]
    fn a_path_that_is_only_referred_to_has_no_record() {
        let registration =
            read(&format!("{}\n{}\n0\n\n1\n{}\n", path('a', "a"), "0".repeat(64), path('b', "b"))).unwrap();
        assert_eq!(registration.paths.len(), 2);
        assert!(registration.records[1].is_none());
    }

    #[test]
    fn an_error_names_the_line() {
        let a = path('a', "a");
        let zeros = "0".repeat(64);
        for (text, message) in [
            (format!("{ONE}\n"), "registration at nix-path-registration:1: invalid store path"),
            (format!("{a}\nsha1:x\n"), "registration at nix-path-registration:2: invalid hash"),
            (
                format!("{a}\n{zeros}\n0\n\nmany\n"),
                "registration at nix-path-registration:5: invalid number of references",
            ),
            (format!("{a}\n{zeros}\n0\n\n2\n{a}\n"), "registration at nix-path-registration:7: invalid reference"),
            (format!("{a}\n{zeros}\n0\n\n0"), "registration at nix-path-registration:5: invalid end of the last line"),
            (format!("{a}\n{zeros}\n0\n\n0\n\n"), "registration at nix-path-registration:6: invalid store path"),
            ("x".repeat(5000), "line of 4096 bytes at nix-path-registration:1: over the limit"),
        ] {
            assert_eq!(read(&text).unwrap_err(), message);
        }
    }

    #[test]
    fn a_count_that_no_file_can_hold_takes_no_memory() {
        let text = format!("{}\n{}\n0\n\n18446744073709551615\n", path('a', "a"), "0".repeat(64));
        assert_eq!(read(&text).unwrap_err(), "registration at nix-path-registration:6: invalid reference");
    }
}
