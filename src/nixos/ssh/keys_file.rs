//! Key files (sshd(8), AUTHORIZED_KEYS FILE FORMAT).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::key::{KeyError, KeyLine};
use super::tmpfiles::{Rules, Written};
use super::writers::{self, Writer};
use crate::error::{Error, Place, Result};
use crate::fs::path;
use crate::nixos::Root;
use crate::nixos::answer::{Cause, Caused, Condition, Refusal};
use crate::nixos::root::whole_lines;
use crate::nixos::users::User;

/// Limit for a key file, in bytes.
const LONGEST: u64 = 4 << 20;

/// Limit for all key files together, in bytes.
const MOST_BYTES: usize = 256 << 20;

/// Limit for keys in one file.
const MOST_IN_FILE: usize = 10_000;

/// Limit for keys in all files.
const MOST_KEYS: usize = 100_000;

/// A file in which sshd looks for a user's keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeysFile {
    /// The path as sshd names it.
    pub path: String,
    /// Its keys. `None` if the image has no such file.
    pub keys: Option<Arc<[AuthorizedKey]>>,
    /// The `Match` block that names it, if that depends on the connection.
    pub within: Option<Caused<Condition>>,
    /// Why its owner or mode keeps sshd from using it.
    pub refusal: Option<Refusal>,
    /// Whether it is longer than is read, or something writes it at boot with contents that the image does not show.
    pub untold: bool,
    /// Lines of scripts and units that may write it at boot.
    pub writers: Vec<Writer>,
}

/// A key in a key file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizedKey {
    /// The key with its options and comment.
    pub line: Arc<KeyLine>,
    /// Its line, counted from 1.
    pub number: u64,
    /// The file that holds it, links resolved.
    pub file: Arc<[u8]>,
}

impl AuthorizedKey {
    /// The line that holds the key.
    #[must_use]
    pub fn cause(&self) -> Cause {
        Cause { path: String::from_utf8_lossy(&self.file).into(), line: Some(self.number) }
    }
}

/// The key files of an image. Each is read once, however many users share it.
pub struct KeysFiles<'t> {
    root: Root<'t>,
    /// By path, links resolved.
    read: HashMap<Vec<u8>, Option<Arc<[AuthorizedKey]>>>,
    /// Files that are longer than is read, links resolved.
    cut: HashSet<Vec<u8>>,
    bytes: usize,
    keys: usize,
    malformed: Vec<BadLine>,
    /// Files written at boot, by path.
    written: HashMap<String, Arc<[AuthorizedKey]>>,
    /// The rules that write such files at boot. `None` until they are needed.
    rules: Option<Rules>,
    /// The lines that may write such files. `None` until they are needed.
    writers: Option<Vec<Writer>>,
}

/// A line of a key file that sshd skips because it holds no key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    /// The file, links resolved.
    pub file: Arc<[u8]>,
    /// The line, counted from 1.
    pub number: u64,
    /// What is wrong with it.
    pub error: KeyError,
}

/// Limit for bad lines that are kept.
const MOST_BAD_LINES: usize = 1_000;

impl<'t> KeysFiles<'t> {
    /// No file has been read yet.
    #[must_use]
    pub fn new(root: &Root<'t>) -> Self {
        Self {
            root: root.clone(),
            read: HashMap::new(),
            cut: HashSet::new(),
            bytes: 0,
            keys: 0,
            malformed: Vec::new(),
            written: HashMap::new(),
            rules: None,
            writers: None,
        }
    }

    /// The system that has the files.
    pub(super) fn root(&self) -> &Root<'t> {
        &self.root
    }

    /// Lines of the files read so far that hold no key and are not comments.
    #[must_use]
    pub fn malformed(&self) -> &[BadLine] {
        &self.malformed
    }

    /// The keys of the file at `path`, following links. `None` if there is no such file.
    ///
    /// # Errors
    /// If the file exists but cannot be read.
    pub fn keys_at(&mut self, path: &str) -> Result<Option<Arc<[AuthorizedKey]>>> {
        self.read(path)
    }

    /// The keys of the file at `path` on the running system: those in the image, and those written at boot.
    pub(super) fn read(&mut self, path: &str) -> Result<Option<Arc<[AuthorizedKey]>>> {
        let own = self.in_image(path)?;
        let written = self.rules_for(path)?;
        if written.is_empty() {
            return Ok(own);
        }
        // Callers compare lists of keys by address, so each list is kept.
        if let Some(keys) = self.written.get(path) {
            return Ok(Some(keys.clone()));
        }
        let mut keys: Vec<AuthorizedKey> = own.iter().flat_map(|keys| keys.iter().cloned()).collect();
        for written in written {
            match written {
                Written::Text { text, file, line } => {
                    let own = self.parse(text.as_bytes(), file.as_bytes());
                    // The whole text is on one line of its file.
                    keys.extend(own.iter().map(|key| AuthorizedKey { number: line, ..key.clone() }));
                }
                Written::Of(source) => {
                    keys.extend(self.in_image(&source)?.iter().flat_map(|keys| keys.iter().cloned()));
                }
                Written::Unknown => {}
            }
        }
        let keys: Arc<[AuthorizedKey]> = keys.into();
        self.written.insert(path.to_owned(), keys.clone());
        Ok(Some(keys))
    }

    /// Whether the file is longer than is read, or something writes it at boot with contents that the image does not show.
    pub(super) fn is_untold(&mut self, path: &str) -> Result<bool> {
        if !self.cut.is_empty() && self.root.find(path)?.is_some_and(|found| self.cut.contains(&found.path)) {
            return Ok(true);
        }
        for written in self.rules_for(path)? {
            match written {
                Written::Unknown => return Ok(true),
                Written::Of(source) if self.in_image(&source)?.is_none() => return Ok(true),
                Written::Of(_) | Written::Text { .. } => {}
            }
        }
        Ok(false)
    }

    /// The lines of scripts and units that may write this file of the user at boot.
    pub(super) fn writers_of(&mut self, path: &str, user: &User) -> Result<Vec<Writer>> {
        if self.writers.is_none() {
            self.writers = Some(writers::find(&self.root)?);
        }
        let writers = self.writers.iter().flatten();
        Ok(writers.filter(|writer| writer.may_write(path, user)).cloned().collect())
    }

    fn rules_for(&mut self, path: &str) -> Result<Vec<Written>> {
        if self.rules.is_none() {
            self.rules = Some(Rules::of(&self.root)?);
        }
        Ok(self.rules.as_ref().map(|rules| rules.at(path)).unwrap_or_default())
    }

    /// The keys of a file in the image, following links. Lines without a key are skipped, as sshd does.
    fn in_image(&mut self, path: &str) -> Result<Option<Arc<[AuthorizedKey]>>> {
        let Some(found) = self.root.find(path)? else { return Ok(None) };
        if let Some(keys) = self.read.get(&found.path) {
            return Ok(keys.clone());
        }
        let keys = match path::beginning(self.root.tree(), &found.path, LONGEST) {
            Ok((bytes, None)) => Some(self.parse(&bytes, &found.path)),
            Ok((bytes, Some(over))) => {
                self.cut(over, &found.path);
                Some(self.parse(whole_lines(&bytes), &found.path))
            }
            Err(Error::WrongType { .. }) => None,
            Err(error) => return Err(error),
        };
        self.read.insert(found.path, keys.clone());
        Ok(keys)
    }

    /// Remembers that only the beginning of a file is read: which keys the rest holds is unknown.
    fn cut(&mut self, over: Error, path: &[u8]) {
        self.root.cut(over);
        self.cut.insert(path.to_vec());
    }

    /// The keys in the bytes of a file, as far as the limits allow. What is past a limit is reported.
    fn parse(&mut self, bytes: &[u8], path: &[u8]) -> Arc<[AuthorizedKey]> {
        let over = |what| Error::Limit { what, place: Place::File(path.to_vec()) };
        self.bytes += bytes.len();
        if self.bytes > MOST_BYTES {
            self.cut(over("256 MiB of files of keys"), path);
            return Arc::new([]);
        }
        let file: Arc<[u8]> = path.into();
        let mut keys = Vec::new();
        for (number, line) in (1u64..).zip(String::from_utf8_lossy(bytes).lines()) {
            let line = match KeyLine::parse(line) {
                Ok(Some(line)) => line,
                Ok(None) => continue,
                Err(error) => {
                    if self.malformed.len() < MOST_BAD_LINES {
                        self.malformed.push(BadLine { file: file.clone(), number, error });
                    }
                    continue;
                }
            };
            if keys.len() == MOST_IN_FILE || self.keys == MOST_KEYS {
                let what = if keys.len() == MOST_IN_FILE { "10,000 keys in a file" } else { "100,000 keys" };
                self.cut(over(what), path);
                break;
            }
            self.keys += 1;
            keys.push(AuthorizedKey { line: Arc::new(line), number, file: file.clone() });
        }
        keys.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nixos::made::Made;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAII7ljl4JdLSt+CD7YkmrwvG1TaPi0sfs9pBOFKBqfUvP\n";

    #[test]
    fn a_file_that_many_share_is_read_once() {
        let tree = Made::of(&[("/keys", &format!("# mine\n\n{KEY}")), ("/one", "-> keys"), ("/two", "-> /one")]);
        let mut files = KeysFiles::new(&tree.system());
        let (one, two) = (files.read("/one").unwrap().unwrap(), files.read("/two").unwrap().unwrap());
        assert!(Arc::ptr_eq(&one, &two));
        assert_eq!((one[0].number, &*one[0].file, one.len()), (3, b"/keys".as_slice(), 1));
        assert_eq!(files.read("/none").unwrap(), None);
    }

    #[test]
    fn keys_that_tmpfiles_writes_at_boot_are_read() {
        let rules = format!(
            "f+ /home/eve/.ssh/authorized_keys 0600 eve users - {}\nC /root/.ssh/keys - - - - /nix/store/e-keys\n\
             L /home/bob/keys - - - - /run/secrets/keys\n",
            KEY.trim_end()
        );
        let tree = Made::of(&[("/s/etc/tmpfiles.d/00-nixos.conf", &rules), ("/nix/store/e-keys", KEY)]);
        let mut files = KeysFiles::new(&tree.system());
        let mut places = |path: &str| {
            let keys = files.read(path).unwrap();
            let place = |key: &AuthorizedKey| key.cause().to_string();
            let places: Vec<String> = keys.iter().flat_map(|keys| keys.iter().map(place)).collect();
            (places.join(" "), files.is_untold(path).unwrap())
        };
        let of_rule = "/s/etc/tmpfiles.d/00-nixos.conf:1".to_owned();
        assert_eq!(places("/home/eve/.ssh/authorized_keys"), (of_rule, false));
        assert_eq!(places("/root/.ssh/keys"), ("/nix/store/e-keys:1".to_owned(), false));
        assert_eq!(places("/home/bob/keys"), (String::new(), true));
        assert_eq!(places("/home/zoe/keys"), (String::new(), false));
    }

    #[test]
    fn keys_past_the_limit_of_a_file_are_unknown_and_the_rest_counts() {
        let tree = Made::of(&[("/keys", &KEY.repeat(10_000)), ("/more", &KEY.repeat(10_001))]);
        let root = tree.system();
        let mut files = KeysFiles::new(&root);
        let mut read = |path: &str| {
            let count = files.read(path).unwrap().unwrap().len();
            let over = root.take_cut().iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
            (count, files.is_untold(path).unwrap(), over)
        };
        assert_eq!(read("/keys"), (10_000, false, String::new()));
        assert_eq!(read("/more"), (10_000, true, "10,000 keys in a file at /more: over the limit".to_owned()));
    }
}
