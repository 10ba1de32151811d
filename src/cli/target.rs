//! The folder that files are extracted into. Nothing outside it is ever written, whatever names and links an image has.

use std::collections::HashMap;
use std::fs;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};
use nixoscope::fs::{Kind, Node, NodeId};

use super::unfinished::Unfinished;

/// Limit for the length of a path below the folder, in bytes (Linux's `PATH_MAX`).
const LONGEST_PATH: usize = 4096;

/// Files are read in pieces of this many bytes. A piece of zeros becomes a hole.
const PIECE: usize = 64 << 10;

/// The folder. Every path is opened from its handle, one name after the other, so that a link cannot lead out of it.
pub(super) struct Target {
    folder: Arc<Dir>,
    /// The files written so far, by their node: other names of the same file become hard links.
    written: HashMap<NodeId, PathBuf>,
    /// Directories, which stay writable until everything is in them.
    directories: Vec<(PathBuf, Metadata)>,
    /// How many files have been begun, for the names of unfinished ones.
    begun: u64,
}

/// What a file gets besides its contents.
#[derive(Clone, Copy)]
pub(super) struct Metadata {
    /// The nine permission bits.
    mode: u32,
    mtime: i64,
}

impl Metadata {
    /// Those of the node. Set-user-ID bits and the like are left out: they would give rights to whoever extracts.
    pub(super) fn of(node: &Node) -> Self {
        Self { mode: u32::from(node.mode) & 0o777, mtime: node.mtime }
    }

    /// Those of every file in a Nix store.
    pub(super) fn canonical(node: &Node) -> Self {
        let runs = node.mode & 0o111 != 0 || node.kind == Kind::Directory;
        Self { mode: if runs { 0o555 } else { 0o444 }, mtime: 1 }
    }

    fn apply(self, file: &fs::File) -> io::Result<()> {
        set_mode(file, self.mode)?;
        let seconds = Duration::from_secs(self.mtime.unsigned_abs());
        let epoch = SystemTime::UNIX_EPOCH;
        let time = if self.mtime < 0 { epoch.checked_sub(seconds) } else { epoch.checked_add(seconds) };
        time.map_or(Ok(()), |time| file.set_modified(time))
    }
}

impl Target {
    /// Opens the folder, and makes it if it does not exist.
    pub(super) fn open(folder: &Path) -> anyhow::Result<Self> {
        match fs::create_dir(folder) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                return Err(error).with_context(|| format!("--output {}", folder.display()));
            }
            _ => {}
        }
        let folder = Dir::open_ambient_dir(folder, ambient_authority())
            .with_context(|| format!("--output {}", folder.display()))?;
        Ok(Self { folder: Arc::new(folder), written: HashMap::new(), directories: Vec::new(), begun: 0 })
    }

    /// Makes a directory. It must not exist.
    pub(super) fn directory(&mut self, path: &Path, metadata: Metadata) -> anyhow::Result<()> {
        self.refuse(path)?;
        self.folder.create_dir(path)?;
        self.directories.push((path.to_owned(), metadata));
        Ok(())
    }

    /// Makes a symbolic link, which may lead anywhere.
    pub(super) fn link(&self, path: &Path, leads_to: &Path) -> anyhow::Result<()> {
        self.refuse(path)?;
        #[cfg(unix)]
        self.folder.symlink_contents(leads_to, path)?;
        #[cfg(not(unix))]
        bail!("a symbolic link to {}, which only Unix can have", leads_to.display());
        #[cfg(unix)]
        Ok(())
    }

    /// Writes a file. It appears under its name when it is complete. Further names of the same node become hard links.
    pub(super) fn file(
        &mut self,
        path: &Path,
        (id, metadata): (NodeId, Metadata),
        contents: &mut dyn Read,
    ) -> anyhow::Result<()> {
        self.refuse(path)?;
        if let Some(first) = self.written.get(&id)
            && self.folder.hard_link(first, &self.folder, path).is_ok()
        {
            return Ok(());
        }
        self.begun += 1;
        let unfinished = path.with_file_name(format!(".nixoscope-{}-{}", std::process::id(), self.begun));
        let (folder, name) = (Arc::clone(&self.folder), unfinished.clone());
        let remove = move || drop(folder.remove_file(&name));
        let ((), _removed_at_interrupt) = Unfinished::begin(|| Ok(((), Box::new(remove))))?;
        let done = self.fill(&unfinished, metadata, contents).and_then(|()| self.finish(&unfinished, path));
        if done.is_err() {
            let _ = self.folder.remove_file(&unfinished);
        }
        done?;
        self.written.insert(id, path.to_owned());
        Ok(())
    }

    fn fill(&self, path: &Path, metadata: Metadata, contents: &mut dyn Read) -> anyhow::Result<()> {
        let mut file = self.folder.open_with(path, OpenOptions::new().write(true).create_new(true))?.into_std();
        let mut piece = vec![0; PIECE];
        let mut length = 0u64;
        loop {
            let count = read_piece(contents, &mut piece)?;
            let bytes = piece.get(..count).unwrap_or_default();
            if bytes.is_empty() {
                break;
            }
            match bytes.iter().all(|&byte| byte == 0) {
                true => drop(file.seek(SeekFrom::Current(i64::try_from(count)?))?),
                false => file.write_all(bytes)?,
            }
            length = length.saturating_add(u64::try_from(count)?);
        }
        // A hole at the end is not there until the length says so.
        file.set_len(length)?;
        Ok(metadata.apply(&file)?)
    }

    /// Gives a complete file its name. Unlike renaming, a link never replaces what is there. Some file systems have no hard links.
    fn finish(&self, unfinished: &Path, path: &Path) -> anyhow::Result<()> {
        match self.folder.hard_link(unfinished, &self.folder, path) {
            Ok(()) => self.folder.remove_file(unfinished)?,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(error.into()),
            Err(_) => self.folder.rename(unfinished, &self.folder, path)?,
        }
        Ok(())
    }

    /// Gives the directories their modes and times, now that nothing more is written into them. Returns the first error.
    pub(super) fn close(self) -> anyhow::Result<()> {
        // The innermost first: one that nobody may search hides those inside it.
        let directories = self.directories.iter().rev();
        let done = directories.map(|(path, metadata)| {
            let finish = || metadata.apply(&self.folder.open(path)?.into_std());
            finish().with_context(|| path.display().to_string())
        });
        done.fold(Ok(()), anyhow::Result::and)
    }

    /// Refuses to write over anything.
    fn refuse(&self, path: &Path) -> anyhow::Result<()> {
        if path.as_os_str().len() > LONGEST_PATH {
            bail!("the path is longer than {LONGEST_PATH} bytes");
        }
        match self.folder.symlink_metadata(path) {
            Ok(_) => bail!("it exists already, and nothing is written over"),
            Err(_) => Ok(()),
        }
    }
}

/// Fills the piece, unless the file ends first.
fn read_piece(contents: &mut dyn Read, piece: &mut [u8]) -> io::Result<usize> {
    let mut count = 0;
    while let Some(rest) = piece.get_mut(count..).filter(|rest| !rest.is_empty()) {
        match contents.read(rest) {
            Ok(0) => break,
            Ok(more) => count += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(count)
}

#[cfg(unix)]
fn set_mode(file: &fs::File, mode: u32) -> io::Result<()> {
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode))
}

/// Windows has no such bits.
#[cfg(not(unix))]
fn set_mode(_: &fs::File, _: u32) -> io::Result<()> {
    Ok(())
}
