//! The programs that a rule names.

use super::entry::Name;

/// Programs that a rule names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Command {
    /// A path, a pattern, a directory with a slash at the end, or a regular expression between `^` and `$`.
    pub(super) path: String,
    /// `None`: any arguments. Empty: no arguments.
    pub(super) arguments: Option<String>,
    /// Whether the program's contents must match a digest.
    pub(super) digest: bool,
    /// Whether the path names one program.
    literal: bool,
}

/// Bytes of a path that take about as long to compare as a short one.
const BYTES: u64 = 256;

/// Limit for the memory of a regular expression, in bytes.
const LARGEST_REGEX: usize = 1 << 18;

impl Command {
    /// A program by its path, as in doas.
    pub(super) fn literal(path: String, arguments: Option<String>) -> Self {
        Self { path, arguments, digest: false, literal: true }
    }

    /// Programs by a path with wildcards such as `*`.
    pub(super) fn pattern(path: String, arguments: Option<String>, digest: bool) -> Self {
        let literal = !(path.starts_with('^') || path.ends_with('/') || is_pattern(&path));
        Self { path, arguments, digest, literal }
    }

    /// Whether the path names one program.
    pub(super) fn is_literal(&self) -> bool {
        self.literal
    }

    /// The cost of comparing it; a path costs 1.
    fn work(&self) -> u64 {
        match self.literal {
            true => 1 + (self.path.len() as u64) / BYTES,
            false if self.path.starts_with('^') => 50_000,
            false => 500,
        }
    }

    /// Whether the path of a program matches. `None` if the pattern is too large to try.
    fn matches(&self, program: &str) -> Option<bool> {
        if self.literal {
            return Some(self.path == program);
        }
        if let Some(directory) = self.path.strip_suffix('/') {
            return Some(program.rsplit_once('/').is_some_and(|(parent, _)| parent == directory));
        }
        if !self.path.starts_with('^') {
            return glob(&self.path, program);
        }
        if self.path.len() > LONGEST_PATTERN {
            return None;
        }
        let regex = regex::bytes::RegexBuilder::new(&self.path).unicode(false).size_limit(LARGEST_REGEX).build();
        match regex {
            Ok(regex) => Some(regex.is_match(program.as_bytes())),
            Err(regex::Error::CompiledTooBig(_)) => None,
            Err(_) => Some(false),
        }
    }

    /// The literal beginning shared by every matching program.
    fn beginning(&self) -> &str {
        let text = self.path.strip_prefix('^').unwrap_or(&self.path);
        let end = match self.literal {
            true => text.len(),
            // A letter before `*`, `?` or `{` in a regular expression is optional.
            false => text.find(|letter: char| "*?[]\\.+(){}|^$".contains(letter)).unwrap_or(text.len()),
        };
        let optional =
            self.path.starts_with('^') && text.get(end..).is_some_and(|rest| rest.starts_with(['*', '?', '{']));
        let cut = if optional {
            text.get(..end).and_then(|text| text.char_indices().next_back()).map(|(at, _)| at)
        } else {
            None
        };
        // Another alternative may begin differently.
        let text = if self.path.starts_with('^') && text.contains('|') { "" } else { text };
        text.get(..cut.unwrap_or(end)).unwrap_or_default()
    }

    /// Whether it covers everything that another one covers.
    fn covers(&self, other: &Self) -> bool {
        if std::ptr::eq(self, other) || self == other || self.is_anything() {
            return true;
        }
        let arguments = self.arguments.is_none() || self.arguments == other.arguments;
        !self.digest
            && arguments
            && (self.path == other.path || (other.literal && !self.literal && self.matches(&other.path) == Some(true)))
    }

    /// Whether it is a regular expression that matches every path.
    fn is_anything(&self) -> bool {
        !self.literal && !self.digest && self.arguments.is_none() && matches!(self.path.as_str(), "^.*$" | "^/.*$")
    }

    /// Whether it is as good as any command: a shell, or any program in a directory that contains one.
    pub(super) fn is_shell(&self) -> bool {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        let is_one = self.literal && self.path.starts_with('/') && SHELL_NAMES.contains(&name);
        self.arguments.is_none() && (is_one || SHELLS.iter().any(|shell| self.matches(shell) != Some(false)))
    }
}

/// NixOS programs that can run any other program.
const SHELLS: [&str; 8] = [
    "/bin/sh",
    "/usr/bin/env",
    "/run/current-system/sw/bin/sh",
    "/run/current-system/sw/bin/bash",
    "/run/wrappers/bin/su",
    "/run/wrappers/bin/sudo",
    "/nix/store/eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee-bash-5.2/bin/bash",
    "/nix/var/nix/profiles/system/sw/bin/bash",
];

const SHELL_NAMES: [&str; 12] = ["sh", "bash", "dash", "ash", "ksh", "zsh", "fish", "tcsh", "csh", "env", "su", "sudo"];

/// Whether a text contains wildcard characters.
pub(super) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '[', ']'])
}

/// Whether a pattern of fnmatch(3) matches the whole text. `None` if it is too large to try.
pub(super) fn glob(pattern: &str, text: &str) -> Option<bool> {
    if pattern.len() > LONGEST_PATTERN {
        return None;
    }
    let pattern = pattern.replace('{', "\\{").replace('}', "\\}");
    let glob = globset::GlobBuilder::new(&pattern).literal_separator(true).backslash_escape(true).build();
    // A malformed pattern matches nothing.
    Some(glob.is_ok_and(|glob| glob.compile_matcher().is_match(text)))
}

/// Limit for bytes of a pattern to try.
const LONGEST_PATTERN: usize = 1_000;

impl Name {
    /// The cost of comparing it; a path costs 1.
    pub(super) fn work(&self) -> u64 {
        match self {
            Self::Command(command) => command.work(),
            _ => 1,
        }
    }
}

/// Whether two patterns may match the same program.
pub(super) fn may_share(one: &Name, other: &Name) -> bool {
    let (Name::Command(one), Name::Command(other)) = (one, other) else { return false };
    let (own, others) = (one.beginning(), other.beginning());
    !one.literal && !other.literal && (own.starts_with(others) || others.starts_with(own))
}

/// Whether one command name covers everything that another one covers.
pub(super) fn covers(name: &Name, other: &Name) -> bool {
    match (name, other) {
        (Name::All, _) => true,
        (Name::Command(command), Name::All) => command.is_anything(),
        (Name::Command(one), Name::Command(other)) => one.covers(other),
        _ => false,
    }
}
