//! A directory of this machine as a tree: a mounted disk, an unpacked store, or the running system.
//!
//! Nothing outside the directory is opened, whatever its links say, and only regular files are read.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, Metadata};

use crate::error::{Error, Place, Result};
use crate::fs::{Device, Entry, FileType, Kind, Node, NodeId, Tree};
use crate::image::platform::{self, OsStrExt};

/// Limit for files whose names are remembered. A large machine has some millions.
const MOST: usize = 1 << 24;

/// Limit for directories in one another. Linux takes no longer paths.
const DEEPEST: usize = 2048;

/// Directories in the root that only a running system fills. Nothing in them belongs to it.
const VIRTUAL: [&[u8]; 3] = [b"dev", b"proc", b"sys"];

const ROOT: NodeId = NodeId(0);

/// A directory, and what is below it.
///
/// A [`NodeId`] is the number of a name that has been seen. The root is 0.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    root: Dir,
    names: Mutex<Names>,
}

/// The names that have been seen, with the number of the directory that contains them.
#[derive(Debug, Default)]
struct Names {
    /// Number 1 is the first.
    all: Vec<(u64, OsString)>,
    numbers: HashMap<(u64, OsString), u64>,
}

impl Directory {
    /// Opens a directory.
    ///
    /// # Errors
    /// [`Error::Io`] if that is not possible.
    pub fn open(path: &Path) -> Result<Self> {
        let root = Dir::open_ambient_dir(path, ambient_authority());
        let root = root.map_err(|source| Error::Io { path: path.to_path_buf(), source })?;
        Ok(Self { path: path.to_path_buf(), root, names: Mutex::default() })
    }

    /// The number of a name in a directory.
    fn number(&self, directory: NodeId, name: &OsStr) -> Result<NodeId> {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (directory.0, name.to_os_string());
        if let Some(number) = names.numbers.get(&key) {
            return Ok(NodeId(*number));
        }
        if names.all.len() == MOST {
            let place = Place::File(self.path.as_os_str().as_bytes().to_vec());
            return Err(Error::Limit { what: "16 million files", place });
        }
        names.all.push(key.clone());
        let number = u64::try_from(names.all.len()).unwrap_or(u64::MAX);
        names.numbers.insert(key, number);
        Ok(NodeId(number))
    }

    /// The path of a node below the root. `.` is the root.
    fn below(&self, id: NodeId) -> Result<PathBuf> {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let mut parts: Vec<&OsStr> = Vec::new();
        let mut at = id.0;
        while let Some(index) = at.checked_sub(1) {
            let found = usize::try_from(index).ok().and_then(|index| names.all.get(index));
            let (above, name) = found.ok_or_else(|| Error::NotFound { path: b"/".to_vec() })?;
            parts.push(name);
            if parts.len() > DEEPEST {
                return Err(Error::Limit {
                    what: "2,048 directories in one another",
                    place: Place::File(b"/".to_vec()),
                });
            }
            at = *above;
        }
        let mut path = PathBuf::from(".");
        path.extend(parts.into_iter().rev());
        Ok(path)
    }

    fn failed(&self, below: &Path, source: io::Error) -> Error {
        Error::Io { path: self.path.join(below.strip_prefix(".").unwrap_or(below)), source }
    }

    fn metadata(&self, below: &Path) -> Result<Metadata> {
        let found = if below == Path::new(".") { self.root.dir_metadata() } else { self.root.symlink_metadata(below) };
        found.map_err(|source| self.failed(below, source))
    }

    /// Whether only a running system fills the directory.
    fn is_virtual(below: &Path) -> bool {
        let name = below.strip_prefix(".").unwrap_or(below).as_os_str().as_bytes();
        VIRTUAL.contains(&name)
    }

    /// The metadata of a file, if it is of the wanted type.
    fn require(&self, below: &Path, wanted: FileType, name: &'static str) -> Result<Metadata> {
        let metadata = self.metadata(below)?;
        if file_type(&metadata) == wanted {
            return Ok(metadata);
        }
        Err(Error::WrongType { path: below.as_os_str().as_bytes().to_vec(), wanted: name })
    }
}

fn file_type(metadata: &Metadata) -> FileType {
    match platform::kind(metadata) {
        platform::HostKind::File => FileType::File,
        platform::HostKind::Directory => FileType::Directory,
        platform::HostKind::Symlink => FileType::Symlink,
        platform::HostKind::CharDevice => FileType::CharDevice,
        platform::HostKind::BlockDevice => FileType::BlockDevice,
        platform::HostKind::Fifo => FileType::Fifo,
        platform::HostKind::Socket => FileType::Socket,
    }
}

impl Tree for Directory {
    fn root(&self) -> NodeId {
        ROOT
    }

    fn node(&self, id: NodeId) -> Result<Node> {
        let below = self.below(id)?;
        let metadata = self.metadata(&below)?;
        let (status, (major, minor)) = (platform::status(&metadata), platform::device(&metadata));
        let device = Device { major, minor };
        let kind = match file_type(&metadata) {
            FileType::File => Kind::File { size: metadata.len() },
            FileType::Directory => Kind::Directory,
            FileType::Symlink => {
                let target = self.root.read_link_contents(&below).map_err(|source| self.failed(&below, source))?;
                Kind::Symlink { target: target.as_os_str().as_bytes().to_vec() }
            }
            FileType::CharDevice => Kind::CharDevice(device),
            FileType::BlockDevice => Kind::BlockDevice(device),
            FileType::Fifo => Kind::Fifo,
            FileType::Socket => Kind::Socket,
        };
        Ok(Node { kind, mode: status.mode, uid: status.uid, gid: status.gid, mtime: status.mtime })
    }

    fn entries(&self, directory: NodeId) -> Result<Vec<Entry>> {
        let below = self.below(directory)?;
        self.require(&below, FileType::Directory, "directory")?;
        if Self::is_virtual(&below) {
            return Ok(Vec::new());
        }
        let failed = |source| self.failed(&below, source);
        let mut entries = Vec::new();
        for entry in self.root.read_dir(&below).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let metadata = match self.root.symlink_metadata(below.join(&name)) {
                // It was removed in the meantime.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                other => other.map_err(failed)?,
            };
            let id = self.number(directory, &name)?;
            entries.push(Entry { name: name.as_bytes().to_vec(), id, file_type: file_type(&metadata) });
        }
        entries.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(entries)
    }

    fn lookup(&self, directory: NodeId, name: &[u8]) -> Result<Option<NodeId>> {
        let below = self.below(directory)?;
        let is_name = !matches!(name, b"" | b"." | b"..") && !name.iter().any(|byte| matches!(byte, 0 | b'/'));
        if !is_name || Self::is_virtual(&below) {
            return Ok(None);
        }
        self.require(&below, FileType::Directory, "directory")?;
        let name = OsStr::from_bytes(name);
        match self.root.symlink_metadata(below.join(name)) {
            Ok(_) => self.number(directory, name).map(Some),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidFilename) => Ok(None),
            Err(error) => Err(self.failed(&below.join(name), error)),
        }
    }

    fn open(&self, file: NodeId) -> Result<Box<dyn Read + Send + '_>> {
        let below = self.below(file)?;
        let size = self.require(&below, FileType::File, "regular file")?.len();
        let opened = self.root.open(&below).map_err(|source| self.failed(&below, source))?;
        // A file may grow while it is read.
        Ok(Box::new(opened.take(size)))
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;
    use crate::fs::path;

    #[test]
    fn a_directory_is_read_and_never_left() {
        let made = tempfile::tempdir().unwrap();
        let root = made.path().join("root");
        fs::create_dir_all(root.join("etc")).unwrap();
        fs::create_dir_all(root.join("proc/1")).unwrap();
        fs::write(made.path().join("outside"), "secret").unwrap();
        fs::write(root.join("etc/inside"), "own").unwrap();
        fs::set_permissions(root.join("etc/inside"), fs::Permissions::from_mode(0o640)).unwrap();
        symlink("../../outside", root.join("etc/up")).unwrap();
        symlink(made.path().join("outside"), root.join("etc/away")).unwrap();
        symlink("/etc", root.join("etc/round")).unwrap();
        let tree = Directory::open(&root).unwrap();
        let read = |path: &str| path::read(&tree, path.as_bytes(), 100).map_err(|error| error.to_string());
        assert_eq!(read("/etc/inside"), Ok(b"own".to_vec()));
        assert_eq!(read("/etc/round/round/inside"), Ok(b"own".to_vec()));
        assert_eq!(read("/etc/up"), Err("/outside: no such file in the image".to_owned()));
        assert!(read("/etc/away").unwrap_err().ends_with(": no such file in the image"));
        assert!(read("/etc").unwrap_err().ends_with("etc: not a file"));
        let inside = path::find(&tree, b"/etc/inside").unwrap().unwrap();
        let node = tree.node(inside.id).unwrap();
        assert_eq!((node.kind, node.mode), (Kind::File { size: 3 }, 0o640));
        let names = |path: &[u8]| {
            let entries = tree.entries(path::find(&tree, path).unwrap().unwrap().id).unwrap();
            entries.into_iter().map(|entry| String::from_utf8(entry.name).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(names(b"/"), ["etc", "proc"]);
        assert_eq!(names(b"/proc"), Vec::<String>::new());
        assert_eq!(names(b"/etc"), ["away", "inside", "round", "up"]);
    }
}
