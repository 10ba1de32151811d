//! `/etc/sudoers` with all files that it includes.

use std::sync::Arc;

use super::parser::{Parser, Statement};
use super::token::Included;
use crate::error::{Error, Place, Result};
use crate::nixos::Root;

/// Limit for files, each counted as often as it is included. sudo itself stops at a depth of 128.
const MOST_FILES: usize = 1_000;
const DEEPEST: usize = 128;

/// Limit for bytes of all files; NixOS writes a few hundred.
const MOST_BYTES: usize = 1 << 20;

/// Limit for statements of all files; NixOS writes about ten.
const MOST_STATEMENTS: usize = 100_000;

/// The statements of all files, in the order in which sudo reads them.
pub(super) struct Files<'r> {
    root: &'r Root<'r>,
    /// `%h` in the name of a file.
    host: Option<&'r str>,
    pub(super) statements: Vec<Placed>,
    /// Included files that are not in the image.
    pub(super) unread: Vec<String>,
    /// Malformed lines, which sudo skips.
    pub(super) malformed: Vec<(Arc<str>, u64)>,
    files: usize,
    bytes: usize,
}

/// A statement and its position.
pub(super) struct Placed {
    pub(super) statement: Statement,
    pub(super) file: Arc<str>,
    pub(super) line: u64,
}

impl<'r> Files<'r> {
    /// Reads all files. `None` without `/etc/sudoers`.
    pub(super) fn read(root: &'r Root<'r>, host: Option<&'r str>) -> Result<Option<Self>> {
        let Some(text) = root.text(super::FILE)? else { return Ok(None) };
        let mut files =
            Self { root, host, statements: Vec::new(), unread: Vec::new(), malformed: Vec::new(), files: 0, bytes: 0 };
        files.take(super::FILE, &text, 0)?;
        Ok(Some(files))
    }

    fn take(&mut self, file: &str, text: &str, depth: usize) -> Result<()> {
        let shared: Arc<str> = file.into();
        let over = |what, line| Err(Error::Limit { what, place: Place::Line { file: file.to_owned(), line } });
        self.files += 1;
        if self.files > MOST_FILES {
            return over("1,000 files of sudoers", 1);
        }
        self.bytes += text.len();
        if self.bytes > MOST_BYTES {
            return over("1 MiB of sudoers", 1);
        }
        let mut parser = Parser::new(text);
        while let Some((line, statements, result)) = parser.line() {
            if result.is_err() {
                self.malformed.push((Arc::clone(&shared), line));
            }
            if self.statements.len() + self.malformed.len() + statements.len() > MOST_STATEMENTS {
                return over("100,000 statements of sudoers", line);
            }
            for statement in statements {
                match statement {
                    Statement::Include(..) if depth == DEEPEST => return over("128 levels of included sudoers", line),
                    Statement::Include(Included::File, path) => self.file(&self.full(file, &path), depth + 1)?,
                    Statement::Include(Included::Directory, path) => {
                        self.directory(&self.full(file, &path), depth + 1)?;
                    }
                    statement => self.statements.push(Placed { statement, file: Arc::clone(&shared), line }),
                }
            }
        }
        Ok(())
    }

    /// A path relative to the file that includes it, with the host's name inserted.
    fn full(&self, file: &str, path: &str) -> String {
        let path = path.replace("%h", self.host.unwrap_or("%h"));
        match file.rsplit_once('/') {
            Some((directory, _)) if !path.starts_with('/') => format!("{directory}/{path}"),
            _ => path,
        }
    }

    fn file(&mut self, path: &str, depth: usize) -> Result<()> {
        match self.root.text(path)? {
            Some(text) => self.take(path, &text, depth),
            None => {
                self.unread.push(path.to_owned());
                Ok(())
            }
        }
    }

    /// The files of a directory, ordered by name, without names that end in `~` or contain a dot.
    fn directory(&mut self, path: &str, depth: usize) -> Result<()> {
        // A missing directory in `/etc` is empty; other directories may exist at boot.
        if self.root.find(path)?.is_none() && !path.starts_with("/etc/") && !path.starts_with("/nix/") {
            self.unread.push(path.to_owned());
        }
        for entry in self.root.entries(path)? {
            let name = String::from_utf8_lossy(&entry.name).into_owned();
            if !name.ends_with('~') && !name.contains('.') {
                let file = format!("{}/{name}", path.trim_end_matches('/'));
                if let Some(text) = self.root.text(&file)? {
                    self.take(&file, &text, depth)?;
                }
            }
        }
        Ok(())
    }
}
