//! Queries for packages and keys, as people write them.

use std::fmt;

use globset::{Glob, GlobMatcher};

use crate::nixos::ssh::{KeyError, KeyLine, Options, PublicKey, Wrong};
use crate::store::StorePath;
use crate::store::name::Name;
use crate::store::version::Requirement;

/// Why a text is not an assertion.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssertionError {
    /// No package name.
    #[error("a package name is needed: NAME or NAME@VERSION")]
    NoName,
    /// The name is not a glob.
    #[error("{0} is neither a package name nor a glob")]
    Name(String),
    /// The version has none of the known forms.
    #[error("{0} is not a version: write 1.2, >=1.2, ^1 or 1.*")]
    Version(String),
    /// The version is missing, as after `vim@>=9` without quotes.
    #[error("no version after the @; the shell takes > for itself, so write 'NAME@>=9' in quotes, or NAME@ge:9")]
    NoVersion,
    /// The fingerprint is not one of SHA-256.
    #[error("a fingerprint is SHA256: and 43 letters, as ssh-keygen -l prints it")]
    Fingerprint,
    /// The text holds several keys.
    #[error("several keys in it; give one")]
    SeveralKeys,
    /// The text holds no key.
    #[error("no public key in it")]
    NoKey,
    /// The key cannot be read.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// sshd ignores a line with such options.
    #[error("the options before the key are malformed: {0}")]
    Options(Wrong),
    /// The same for options that are given beside the key.
    #[error("options is malformed: {0}")]
    OptionsBeside(Wrong),
    /// Options stand before the key and beside it.
    #[error("the key has options of its own; give them in one place")]
    OptionsTwice,
}

/// A query for a package: `git`, `git@>=2.40`, `python3*-numpy`, or a whole store path name.
#[derive(Clone, Debug)]
pub struct PackageQuery {
    text: String,
    name: String,
    glob: Option<GlobMatcher>,
    version: Option<Requirement>,
}

impl PackageQuery {
    /// Reads `NAME[@VERSION]`.
    ///
    /// # Errors
    /// [`AssertionError`] if the name or the version is invalid.
    pub fn parse(text: &str) -> Result<Self, AssertionError> {
        let (name, version) = match text.split_once('@') {
            Some((_, "")) => return Err(AssertionError::NoVersion),
            Some((name, version)) => {
                let parsed = Requirement::parse(version).ok_or_else(|| AssertionError::Version(version.to_owned()))?;
                (name, Some(parsed))
            }
            None => (text, None),
        };
        if name.is_empty() {
            return Err(AssertionError::NoName);
        }
        // A text that no store path's name contains would match nothing, so a forbidden package would always pass.
        if !name.chars().all(|letter| letter.is_ascii_alphanumeric() || "+-._?=*[]{},!".contains(letter)) {
            return Err(AssertionError::Name(name.to_owned()));
        }
        let glob = match name.contains(['*', '?', '[', '{']) {
            true => Some(Glob::new(name).map_err(|_| AssertionError::Name(name.to_owned()))?.compile_matcher()),
            false => None,
        };
        Ok(Self { text: text.to_owned(), name: name.to_owned(), glob, version })
    }

    /// What was perhaps meant by a name that ends in a version, such as `openssl@1.1.*` by `openssl-1.1`.
    #[must_use]
    pub fn as_version(&self) -> Option<(&str, String)> {
        let name = Name::parse(&self.name);
        let is_plain = self.glob.is_none() && self.version.is_none() && !name.version.is_empty();
        is_plain.then(|| (name.pname, format!("{}@{}.*", name.pname, name.version)))
    }

    /// Whether the store path is a part of the package under a longer name in the same version: nixpkgs lists
    /// `electron-25.9.0` as insecure, whose store path is `electron-unwrapped-25.9.0`.
    #[must_use]
    pub fn is_relative(&self, path: &StorePath) -> bool {
        let (own, other) = (Name::parse(&self.name), Name::parse(path.name()));
        let longer = || other.pname.strip_prefix(own.pname).is_some_and(|rest| rest.starts_with('-'));
        self.as_version().is_some() && own.version == other.version && longer()
    }

    /// The name alone.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the store path has the name of the query, in any version.
    #[must_use]
    pub fn names(&self, path: &StorePath) -> bool {
        let pname = Name::parse(path.name()).pname;
        match &self.glob {
            Some(glob) => glob.is_match(pname) || glob.is_match(path.name()),
            // Without its output: nixpkgs lists insecure packages as `openssl-1.1.1w`.
            None => pname == self.name || path.name() == self.name || whole(path) == Some(self.name.as_str()),
        }
    }

    /// Whether the store path is the package.
    #[must_use]
    pub fn matches(&self, path: &StorePath) -> bool {
        let version = Name::parse(path.name()).version;
        self.names(path) && self.version.as_ref().is_none_or(|wanted| wanted.admits(version))
    }
}

/// The name of a store path up to its output: `openssl-1.1.1w` of `openssl-1.1.1w-bin`.
fn whole(path: &StorePath) -> Option<&str> {
    let output = Name::parse(path.name()).output?;
    path.name().strip_suffix(output)?.strip_suffix('-')
}

impl fmt::Display for PackageQuery {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.text)
    }
}

/// A query for a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WantedKey {
    /// A public key line: the key itself, and the options that it must be listed with.
    Key(KeyLine),
    /// Its fingerprint, and such options.
    Fingerprint(Fingerprint),
}

/// A fingerprint, and the options that the key must be listed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// As `ssh-keygen -l` prints it.
    text: String,
    /// As in a public key line. Often empty.
    options: String,
}

impl WantedKey {
    /// Reads a public key line, or the text of a file with one, or a fingerprint.
    ///
    /// # Errors
    /// [`AssertionError`] if it is neither a key nor a fingerprint.
    pub fn parse(text: &str) -> Result<Self, AssertionError> {
        let text = text.trim();
        if let Some(digest) = text.strip_prefix("SHA256:") {
            let bytes = data_encoding::BASE64_NOPAD.decode(digest.trim_end_matches('=').as_bytes());
            let right = bytes.is_ok_and(|bytes| bytes.len() == 32);
            let text = format!("SHA256:{}", digest.trim_end_matches('='));
            let fingerprint = Fingerprint { text, options: String::new() };
            return right.then_some(Self::Fingerprint(fingerprint)).ok_or(AssertionError::Fingerprint);
        }
        let mut found = None;
        for line in text.lines() {
            if let Some(line) = KeyLine::parse(line)?
                && found.replace(line).is_some()
            {
                return Err(AssertionError::SeveralKeys);
            }
        }
        let line = found.ok_or(AssertionError::NoKey)?;
        Options::of(&line.options).map_err(AssertionError::Options)?;
        Ok(Self::Key(line))
    }

    /// The same key, which must be listed with these options.
    ///
    /// # Errors
    /// [`AssertionError`] if the options are malformed, or if the key line has options of its own.
    pub fn with_options(self, options: &str) -> Result<Self, AssertionError> {
        Options::of(options).map_err(AssertionError::OptionsBeside)?;
        let options = options.to_owned();
        match self {
            Self::Key(line) if !line.options.is_empty() => Err(AssertionError::OptionsTwice),
            Self::Key(line) => Ok(Self::Key(KeyLine { options, ..line })),
            Self::Fingerprint(fingerprint) => Ok(Self::Fingerprint(Fingerprint { options, ..fingerprint })),
        }
    }

    /// Whether this is the key.
    #[must_use]
    pub fn is(&self, key: &PublicKey) -> bool {
        match self {
            Self::Key(wanted) => wanted.key == *key,
            Self::Fingerprint(fingerprint) => fingerprint.text == key.fingerprint(),
        }
    }

    /// The options that were asked for and that a line does not have, or not so.
    #[must_use]
    pub fn missing_in(&self, listed: &KeyLine) -> Vec<&'static str> {
        match (self.options(), Options::of(&listed.options)) {
            (Some(wanted), Ok(listed)) => wanted.missing_in(&listed),
            // sshd ignores a line with malformed options, and says so.
            _ => Vec::new(),
        }
    }

    /// Whether certificates of the key are asked for, not the key itself.
    #[must_use]
    pub fn is_authority(&self) -> bool {
        self.options().is_some_and(|options| options.is_authority())
    }

    fn options(&self) -> Option<Options> {
        match self {
            Self::Key(line) => Options::of(&line.options).ok(),
            Self::Fingerprint(fingerprint) => Options::of(&fingerprint.options).ok(),
        }
    }
}

impl fmt::Display for WantedKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (text, options) = match self {
            Self::Key(line) => (line.key.fingerprint(), &line.options),
            Self::Fingerprint(fingerprint) => (fingerprint.text.clone(), &fingerprint.options),
        };
        match options.is_empty() {
            true => write!(formatter, "{text}"),
            false => write!(formatter, "{text} with {options}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(name: &str) -> StorePath {
        StorePath::from_base(format!("{}-{name}", "a".repeat(32)).as_bytes()).unwrap()
    }

    #[test]
    fn a_package_is_asked_for_by_name_version_glob_or_whole_name() {
        for (query, name, matches) in [
            ("git", "git-2.51.2", true),
            ("git", "git-2.51.2-doc", true),
            ("git", "git-lfs-3.0", false),
            ("git@2.51.2", "git-2.51.2-doc", true),
            ("git@>=3", "git-2.51.2", false),
            ("git-2.51.2", "git-2.51.2", true),
            ("openssl-1.1.1w", "openssl-1.1.1w-bin", true),
            ("openssl-1.1.1", "openssl-1.1.1w-bin", false),
            ("python3*-numpy", "python3.13-numpy-2.3.4", true),
            ("source", "source", true),
        ] {
            assert_eq!(PackageQuery::parse(query).unwrap().matches(&path(name)), matches, "{query} {name}");
        }
        assert_eq!(PackageQuery::parse("@1").unwrap_err(), AssertionError::NoName);
        for name in ["fire fox", " git", "bin/git"] {
            assert_eq!(PackageQuery::parse(name).unwrap_err(), AssertionError::Name(name.to_owned()));
        }
        assert_eq!(PackageQuery::parse("git@new*er").unwrap_err(), AssertionError::Version("new*er".to_owned()));
    }

    #[test]
    fn a_part_of_a_package_has_a_longer_name_and_the_same_version() {
        for (query, name, relative) in [
            ("electron-25.9.0", "electron-unwrapped-25.9.0", true),
            ("electron-25.9.0", "electron-unwrapped-25.9.0-man", true),
            ("electron-25.9.0", "electron-unwrapped-26.0", false),
            ("electron-25.9.0", "electron-25.9.0", false),
            ("electron-25.9.0", "electronics-25.9.0", false),
            ("electron@25.9.0", "electron-unwrapped-25.9.0", false),
            ("electron", "electron-unwrapped-25.9.0", false),
        ] {
            assert_eq!(PackageQuery::parse(query).unwrap().is_relative(&path(name)), relative, "{query} {name}");
        }
    }

    #[test]
    fn what_is_no_key_is_refused_before_any_image_is_opened() {
        assert_eq!(WantedKey::parse("SHA256:short"), Err(AssertionError::Fingerprint));
        assert_eq!(WantedKey::parse("# only a comment\n"), Err(AssertionError::NoKey));
        assert_eq!(WantedKey::parse("hello"), Err(AssertionError::Key(KeyError::NoType)));
    }
}
