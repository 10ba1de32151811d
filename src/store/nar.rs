//! NAR, the archive format that Nix hashes store paths in (Nix, `libutil/archive.cc`).
//!
//! It holds types, names sorted by bytes, the owner's execute bit, link targets and contents, but no times, owners or
//! other permissions. A string is its length in eight bytes, its bytes, and zeros up to the next multiple of eight.

use std::io::{self, Read, Write};
use std::path::Path;
use std::vec;

use crate::error::{Error, Place, Result};
use crate::fs::path::join;
use crate::fs::{Entry, Kind, Listings, Node, NodeId, Tree};

/// The owner may execute the file.
const EXECUTABLE: u16 = 0o100;

/// Bytes of the archive's own text that are collected before they are returned.
const TEXT: usize = 1 << 14;

/// A NAR in pieces: its own text, and between that placeholders for the contents of files.
///
/// Only the inodes of files are read, so the caller can read the contents in the fastest way. What cannot be
/// read is a [`Trouble`] among the pieces. Later pieces are no valid NAR any more, but report further troubles.
pub struct Pieces<'t> {
    tree: &'t dyn Tree,
    /// The directories from the object down to the current node.
    levels: Vec<Level>,
    entered: Listings,
    text: Vec<u8>,
    /// The object, before the first piece.
    object: Option<NodeId>,
    /// What is returned after the text.
    behind: Option<std::result::Result<Contents, Trouble>>,
}

struct Level {
    path: Vec<u8>,
    entries: vec::IntoIter<Entry>,
}

/// A part of a NAR.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Bytes of the archive itself.
    Text(Vec<u8>),
    /// The contents of a file belong here. The zeros after them are in the next text.
    Contents(Contents),
}

/// A file whose contents belong in a NAR.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// Relative to the object: empty, or beginning with `/`.
    pub path: Vec<u8>,
    /// The regular file.
    pub id: NodeId,
    /// Length in bytes.
    pub size: u64,
}

/// An entry that a NAR cannot hold, or that could not be read.
#[derive(Debug)]
pub struct Trouble {
    /// Relative to the object: empty, or beginning with `/`.
    pub path: Vec<u8>,
    /// What is wrong with it.
    pub error: Error,
}

impl<'t> Pieces<'t> {
    /// The NAR of the object at `id`: a directory, a regular file or a symbolic link.
    #[must_use]
    pub fn new(tree: &'t dyn Tree, id: NodeId) -> Self {
        let (levels, entered, text) = (Vec::new(), Listings::default(), Vec::new());
        Self { tree, levels, entered, text, object: Some(id), behind: None }
    }

    /// Writes the text of a node up to its contents or entries.
    fn begin(&mut self, id: NodeId, path: Vec<u8>) {
        if let Err(error) = self.node(id, &path) {
            self.behind = Some(Err(Trouble { path, error }));
        }
    }

    fn node(&mut self, id: NodeId, path: &[u8]) -> Result<()> {
        let Node { kind, mode, .. } = self.tree.node(id)?;
        match kind {
            Kind::File { size } => {
                strings(&mut self.text, &[b"(", b"type", b"regular"]);
                if mode & EXECUTABLE != 0 {
                    strings(&mut self.text, &[b"executable", b""]);
                }
                strings(&mut self.text, &[b"contents"]);
                self.text.extend(size.to_le_bytes());
                self.behind = Some(Ok(Contents { path: path.to_vec(), id, size }));
            }
            Kind::Symlink { target } => {
                strings(&mut self.text, &[b"(", b"type", b"symlink", b"target", &target]);
                self.end();
            }
            Kind::Directory => {
                if !self.entered.insert(self.tree.listing(id)?) {
                    let field = "place: it shares entries with another directory";
                    return Err(Error::Malformed { structure: "directory", field, place: Place::File(path.to_vec()) });
                }
                let entries = self.tree.entries(id)?.into_iter();
                strings(&mut self.text, &[b"(", b"type", b"directory"]);
                self.levels.push(Level { path: path.to_vec(), entries });
            }
            Kind::CharDevice(_) | Kind::BlockDevice(_) | Kind::Fifo | Kind::Socket => {
                let wanted = "regular file, directory or symbolic link, as all in a store must be";
                return Err(Error::WrongType { path: path.to_vec(), wanted });
            }
        }
        Ok(())
    }

    /// Writes the text after a node.
    fn end(&mut self) {
        strings(&mut self.text, &[b")"]);
        if !self.levels.is_empty() {
            strings(&mut self.text, &[b")"]);
        }
    }

    /// Advances by one node. Returns false at the end.
    fn step(&mut self) -> bool {
        if let Some(id) = self.object.take() {
            strings(&mut self.text, &[b"nix-archive-1"]);
            self.begin(id, Vec::new());
            return true;
        }
        let Some(level) = self.levels.last_mut() else { return false };
        match level.entries.next() {
            Some(Entry { name, id, .. }) => {
                strings(&mut self.text, &[b"entry", b"(", b"name", &name, b"node"]);
                let path = join_below(&level.path, &name);
                self.begin(id, path);
            }
            None => {
                self.levels.pop();
                self.end();
            }
        }
        true
    }
}

impl Iterator for Pieces<'_> {
    type Item = std::result::Result<Piece, Trouble>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.behind.is_none() && self.text.len() < TEXT && self.step() {}
        if !self.text.is_empty() {
            return Some(Ok(Piece::Text(std::mem::take(&mut self.text))));
        }
        match self.behind.take()? {
            Ok(contents) => {
                self.text.resize(padding(contents.size), 0);
                self.end();
                Some(Ok(Piece::Contents(contents)))
            }
            Err(trouble) => Some(Err(trouble)),
        }
    }
}

/// Writes the NAR of the object at `id`. Returns its length in bytes.
///
/// # Errors
/// If part of the object cannot be read, a NAR cannot hold it, or the writer fails.
pub fn write(tree: &dyn Tree, id: NodeId, out: &mut dyn Write) -> Result<u64> {
    let written = |error: io::Error| Error::from_read(error, Path::new("NAR"));
    let mut length = 0u64;
    for piece in Pieces::new(tree, id) {
        match piece.map_err(|trouble| trouble.error)? {
            Piece::Text(text) => {
                out.write_all(&text).map_err(written)?;
                length = length.saturating_add(u64::try_from(text.len()).unwrap_or(u64::MAX));
            }
            Piece::Contents(Contents { path, id, size }) => {
                let copied = io::copy(&mut tree.open(id)?.take(size), out).map_err(written)?;
                if copied != size {
                    return Err(Error::Malformed { structure: "file", field: "length", place: Place::File(path) });
                }
                length = length.saturating_add(size);
            }
        }
    }
    Ok(length)
}

/// Joins a name to a directory. An entry of the object itself gets only a slash before its name.
fn join_below(directory: &[u8], name: &[u8]) -> Vec<u8> {
    if directory.is_empty() { join(b"/", name) } else { join(directory, name) }
}

fn strings(text: &mut Vec<u8>, strings: &[&[u8]]) {
    for string in strings {
        let length = u64::try_from(string.len()).unwrap_or(u64::MAX);
        text.extend(length.to_le_bytes());
        text.extend_from_slice(string);
        text.resize(text.len() + padding(length), 0);
    }
}

/// Number of zeros after a string of that length.
fn padding(length: u64) -> usize {
    // Always less than eight.
    usize::try_from(length.wrapping_neg() % 8).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::fs::{Device, FileType};
    use crate::store::nix32;

    /// A tree of numbered nodes. Directories list their entries.
    struct Forest(Vec<Row>);

    impl Tree for Forest {
        fn root(&self) -> NodeId {
            NodeId(0)
        }

        fn node(&self, NodeId(id): NodeId) -> Result<Node> {
            let (kind, mode, ..) = &self.0[usize::try_from(id).unwrap()];
            Ok(Node { kind: kind.clone(), mode: *mode, uid: 7, gid: 8, mtime: 9 })
        }

        fn entries(&self, NodeId(id): NodeId) -> Result<Vec<Entry>> {
            let entries = self.0[usize::try_from(id).unwrap()].3.iter();
            Ok(entries
                .map(|&(name, id)| Entry { name: name.to_vec(), id: NodeId(id), file_type: FileType::File })
                .collect())
        }

        fn lookup(&self, _: NodeId, _: &[u8]) -> Result<Option<NodeId>> {
            Ok(None)
        }

        fn open(&self, NodeId(id): NodeId) -> Result<Box<dyn Read + Send + '_>> {
            Ok(Box::new(self.0[usize::try_from(id).unwrap()].2))
        }
    }

    type Row = (Kind, u16, &'static [u8], Vec<(&'static [u8], u64)>);

    fn file(mode: u16, contents: &'static [u8]) -> Row {
        (Kind::File { size: u64::try_from(contents.len()).unwrap() }, mode, contents, Vec::new())
    }

    fn link(target: &[u8]) -> Row {
        (Kind::Symlink { target: target.to_vec() }, 0o777, b"", Vec::new())
    }

    fn directory(entries: &[(&'static [u8], u64)]) -> Row {
        (Kind::Directory, 0o755, b"", entries.to_vec())
    }

    fn nar(rows: Vec<Row>) -> std::result::Result<Vec<u8>, String> {
        let mut out = Vec::new();
        let length = write(&Forest(rows), NodeId(0), &mut out).map_err(|error| error.to_string())?;
        assert_eq!(length, u64::try_from(out.len()).unwrap());
        Ok(out)
    }

    #[test]
    fn archives_have_the_hashes_that_nix_computes() {
        let names: [(&[u8], u64); 10] = [
            (b"B", 1),
            (b"a", 2),
            (b"a-b", 3),
            (b"a.b", 4),
            (b"ab", 5),
            ("aé".as_bytes(), 6),
            (b"empty", 7),
            (b"link", 8),
            (b"run", 9),
            (b"zero", 10),
        ];
        let large = vec![
            directory(&names),
            directory(&[]),
            directory(&[(b"z", 11)]),
            file(0o644, b"1\n"),
            file(0o644, b"2\n"),
            file(0o644, b"4\n"),
            file(0o644, b"3\n"),
            directory(&[]),
            link(b"a/z"),
            file(0o555, b"run"),
            file(0o644, b""),
            file(0o644, b"in\n"),
        ];
        for (rows, length, hex, digits) in [
            (
                vec![file(0o644, b"hello\n")],
                120,
                "1c37d01af40be2e80691de3cc3df44377a699afbb17c68f080964b2fd071fc13",
                "04zwf782yjwnh3q6hz5izfd6jyip8kgw6g6yj43fiqhbyhdd0dqw",
            ),
            (
                vec![file(0o555, b"")],
                144,
                "34e00b8592a6ad465851a46a67464e076102fd5106ca6cb33a2f15009d30d590",
                "146m62fh059g7arnrjh6a7yh4q879r36fsm4a5c4dbd6ja2hpq1l",
            ),
            (
                vec![file(0o644, b"12345678")],
                120,
                "22d63223426447e64aa20d76d506b3e062a2d242bb797536dbf3ee681be3f53c",
                "0g7mwcdnivpkvcv7aydv8b9a4qp0nc3daxhdl95fciv488ik5mi2",
            ),
            (
                vec![file(0o755, b"x")],
                152,
                "f07b7b92bd7913e8ade1d804acbc8f938d47641bf65cef93a9472dc74099c3e1",
                "1qf3k50cfba7m69yyp7n3dj4g3ckiyyaq16qw6nyh4vrpn97nyzh",
            ),
            (
                vec![link("../target/with/é".as_bytes())],
                136,
                "4a786e5c4c6dfda0bacf6a997245ce38e704ae65c101202b1ac3c6a46b37c284",
                "11626xms9in338mj00f1cnp09rrqrr2p56baryxa1zbd9if6wy2a",
            ),
            (
                vec![directory(&[])],
                96,
                "a50a5ab6d992f5598edd92105059fae9acfc192981e08bd88534c2167e92526a",
                "0sjjj9z1dhilhpc8pq4154czrb79z9cm044jvn75kxcjv6v5l2m5",
            ),
            (
                large,
                2160,
                "287a9df5dd431e004d209e5d0faf205f2687a63525f5a76c163fdb6c5aebcc90",
                "146cxdd6rnrz2rnagx956nk8f9jz42phypcy416h07j3vpsrsyi8",
            ),
        ] {
            let nar = nar(rows).unwrap();
            let hash = Sha256::digest(&nar);
            assert_eq!((nar.len(), HEXLOWER.encode(&hash).as_str()), (length, hex));
            assert_eq!(nix32::encode(&hash), digits);
        }
    }

    #[test]
    fn what_no_store_may_hold_is_refused_by_its_path() {
        let device = Device { major: 1, minor: 3 };
        for kind in [Kind::CharDevice(device), Kind::BlockDevice(device), Kind::Fifo, Kind::Socket] {
            let rows = vec![directory(&[(b"node", 1)]), (kind, 0o644, b"", Vec::new())];
            let message = "/node: not a regular file, directory or symbolic link, as all in a store must be";
            assert_eq!(nar(rows).unwrap_err(), message);
        }
    }

    #[test]
    fn a_directory_in_itself_ends() {
        let message = "directory at /a: invalid place: it shares entries with another directory";
        assert_eq!(nar(vec![directory(&[(b"a", 0)])]).unwrap_err(), message);
    }

    #[test]
    fn a_file_shorter_than_its_inode_says_is_told() {
        let rows = vec![(Kind::File { size: 9 }, 0o644, &b"short"[..], Vec::new())];
        assert_eq!(nar(rows).unwrap_err(), "file at : invalid length");
    }

    #[test]
    fn what_lies_behind_a_trouble_is_still_seen() {
        let rows = vec![
            directory(&[(b"a", 1), (b"b", 1), (b"c", 2)]),
            (Kind::Fifo, 0o644, b"", Vec::new()),
            file(0o644, b"contents"),
        ];
        let forest = Forest(rows);
        let seen: Vec<String> = Pieces::new(&forest, NodeId(0))
            .filter_map(|piece| match piece {
                Ok(Piece::Text(_)) => None,
                Ok(Piece::Contents(contents)) => Some(format!("contents {}", contents.path.escape_ascii())),
                Err(trouble) => Some(format!("trouble {}", trouble.path.escape_ascii())),
            })
            .collect();
        assert_eq!(seen, ["trouble /a", "trouble /b", "contents /c"]);
    }
}
