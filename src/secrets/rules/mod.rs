//! The rules: for each kind of secret, a few bytes to search for, and a test that only such a secret passes.

use std::borrow::Cow;
use std::sync::{LazyLock, OnceLock};

use data_encoding::BASE64;
use memchr::memmem;
use regex::bytes::Regex;

use super::filter::{Filter, Needle};
use super::pem;
use super::subject::{Around, Subject, Whose};

mod assigned;
mod hashes;
mod keys;
mod passwords;
mod places;
mod tokens;

use assigned::Assignment;
use places::{ACCOUNTS, CONFIGURATION, DOCUMENTATION};
pub(super) use places::{Places, RECORDS, SHADOW, WIREGUARD};

/// The longest secret, in bytes: an RSA key of 16,384 bits with its headers.
pub(super) const LONGEST: usize = 16 << 10;

/// The places of a rule that applies to every file.
const EVERYWHERE: Places = Places::NONE;

/// The longest password in clear text with its name, in bytes.
const LONGEST_PASSWORD: usize = 512;

/// A random secret has at least this many different bytes; `XXXXXXXX` is a placeholder.
const FEWEST_DIFFERENT: usize = 8;

/// Bytes before and after a line that distinguish a text from a program, which has zero bytes between its strings.
const NEAR: usize = 256;

/// Words in placeholders, in lower case. The last one is `{"sub":"1234567890",` in base64, the beginning of example tokens.
const STANDING_IN: [&[u8]; 6] =
    [b"example", b"your-", b"your_", b"placeholder", b"xxxxxx", b"eyjzdwiioiixmjm0nty3odkwiiw"];

/// Passwords in the example configurations of wpa_supplicant and hostapd, which NixOS installs as documentation.
const IN_EXAMPLES: [&[u8]; 19] = [
    b"very secret passphrase",
    b"not so secure passphrase",
    b"secret passphrase",
    b"mysecretpassphrase",
    b"06b4be19da289f475aa46a33cb793029d4ab3db7a23ee92382eb0106c72ac7bb",
    b"06b4be19da289f475aa46a33cb793029",
    b"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
    b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    b"12345678",
    b"123456789",
    b"password",
    b"foobar",
    b"secretr",
    b"secret",
    b"really secret",
    b"abcde",
    b"0102030405",
    b"1234567890123",
    b"PKCS#12 passhrase",
];

/// A secret that passed its test.
pub(super) struct Found {
    pub(super) kind: &'static str,
    pub(super) what: String,
    /// Its length in bytes, counted from the candidate.
    pub(super) length: usize,
    /// Bytes for comparing two secrets. `None` if a digest of them would give the secret away.
    pub(super) identity: Option<Vec<u8>>,
    /// Whose it is, or what it opens.
    pub(super) subject: Option<Subject>,
}

/// How a candidate is tested.
enum Test {
    /// An armoured private key.
    Pem,
    /// A base64-encoded armoured private key.
    WrappedPem,
    /// A credential of a unit, or a parameter of the kernel.
    Assigned(Assignment),
    Pattern(Pattern),
}

/// A regular expression that matches at the candidate. Its first group is the secret.
struct Pattern {
    /// What it finds.
    what: &'static str,
    identity: Identity,
    source: Cow<'static, str>,
    compiled: OnceLock<Option<Regex>>,
}

/// Whether a digest of the secret may be shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Identity {
    /// The secret is random, so it cannot be guessed from a digest.
    Told,
    /// The secret may be a word.
    Hidden,
}

/// What may precede a candidate.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Anything,
    /// No letter or digit: within a word, the candidate is part of something else, such as base64.
    NoWord,
}

/// A rule.
struct Rule {
    /// The texts to search for. A secret begins with one of them, or with the text that names it.
    noticed: Cow<'static, [Needle]>,
    kind: &'static str,
    /// The files to which the rule applies.
    places: Places,
    before: Before,
    /// Which part of the text around the secret says whose it is.
    whose: Whose,
    test: Test,
}

const fn needle(text: &'static str, key: usize) -> Needle {
    Needle { text, key }
}

const fn pattern(what: &'static str, identity: Identity, source: &'static str) -> Test {
    Test::Pattern(Pattern { what, identity, source: Cow::Borrowed(source), compiled: OnceLock::new() })
}

impl Pattern {
    fn new(what: &'static str, identity: Identity, source: String) -> Self {
        Self { what, identity, source: Cow::Owned(source), compiled: OnceLock::new() }
    }

    /// Compiled at first use, because most patterns are never needed.
    fn regex(&self) -> Option<&Regex> {
        self.compiled.get_or_init(|| Regex::new(&format!("(?-u)^{}", self.source)).ok()).as_ref()
    }
}

/// All rules. If two match, the first wins.
fn all() -> impl Iterator<Item = &'static Rule> {
    let sorts: [&'static [Rule]; 4] = [&keys::RULES, &hashes::RULES, &passwords::RULES, &tokens::RULES];
    sorts.into_iter().flatten()
}

/// The texts for the rules that apply to every file, and those for all rules.
static OF_ANY: LazyLock<Filter> =
    LazyLock::new(|| Filter::new(all().filter(|rule| rule.places.is_none()).flat_map(|rule| &*rule.noticed)));
static OF_SOME: LazyLock<Filter> = LazyLock::new(|| Filter::new(all().flat_map(|rule| &*rule.noticed)));

/// Every text that is searched for.
#[cfg(test)]
pub(super) fn noticed() -> impl Iterator<Item = &'static str> {
    all().flat_map(|rule| &*rule.noticed).map(|needle| needle.text)
}

/// The texts to search for in files of these kinds.
pub(super) fn filter(places: Places) -> &'static Filter {
    if places.is_none() { &OF_ANY } else { &OF_SOME }
}

/// A text that begins with a needle, and its surroundings.
#[derive(Clone, Copy)]
pub(super) struct Candidate<'t> {
    pub(super) text: &'t [u8],
    /// The bytes before it, up to a limit. Empty at the beginning of the file.
    pub(super) past: &'t [u8],
    pub(super) of: FileKind,
}

/// The kind of a file, by all of its paths. A rule that applies to one path applies to the shared contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileKind {
    pub(super) places: Places,
    /// Whether every path is in a package's documentation.
    documentation: Documentation,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Documentation {
    Everywhere,
    No,
}

impl FileKind {
    pub(super) fn of<'p>(paths: impl Iterator<Item = &'p [u8]>) -> Self {
        let none = Self { places: Places::NONE, documentation: Documentation::Everywhere };
        paths.map(Places::of).fold(none, |kind, places| Self {
            places: kind.places.and(places.without(DOCUMENTATION)),
            documentation: if places.meet(DOCUMENTATION) { kind.documentation } else { Documentation::No },
        })
    }
}

impl FileKind {
    /// Whether a key in such a file is published with a package: it is one of the examples in its documentation.
    pub(super) const fn is_published(self) -> bool {
        matches!(self.documentation, Documentation::Everywhere) && !self.places.meet(CONFIGURATION)
    }

    /// Whether a password hash in such a file belongs to a user who can log in, even if the hash is well known.
    pub(super) const fn has_accounts(self) -> bool {
        self.places.meet(ACCOUNTS.and(SHADOW).and(CONFIGURATION))
    }
}

/// Tests a candidate by every rule that applies.
pub(super) fn test(candidate: Candidate<'_>) -> Option<Found> {
    let counts = |rule: &&Rule| rule.places.is_none() || rule.places.meet(candidate.of.places);
    let noticed = |rule: &&Rule| rule.noticed.iter().any(|needle| candidate.text.starts_with(needle.text.as_bytes()));
    let mut rules = all().filter(counts).filter(noticed);
    rules.find_map(|rule| rule.test(candidate))
}

impl Rule {
    fn test(&self, candidate: Candidate<'_>) -> Option<Found> {
        let joined = candidate.before().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        match &self.test {
            Test::Pem => pem::read(candidate.text).map(|key| self.key(key)),
            Test::WrappedPem => pem::read_wrapped(candidate.text).map(|key| self.key(key)),
            _ if joined && self.before == Before::NoWord => None,
            Test::Assigned(assignment) => assignment.test(candidate),
            Test::Pattern(pattern) => self.matching(pattern, candidate),
        }
    }

    fn key(&self, key: pem::Armoured) -> Found {
        Found { kind: self.kind, what: key.label, length: key.length, identity: Some(key.bytes), subject: None }
    }

    fn matching(&self, pattern: &Pattern, candidate: Candidate<'_>) -> Option<Found> {
        let Candidate { mut text, past, of } = candidate;
        if pattern.identity == Identity::Hidden {
            // Limits the cost of a line with many beginnings of a password: each would be read to its end.
            text = text.get(..LONGEST_PASSWORD).unwrap_or(text);
        }
        let captures = pattern.regex()?.captures(text)?;
        let secret = captures.get(1)?;
        let value = secret.as_bytes();
        let (name, rest) = (text.get(..secret.start())?, candidate.text.get(secret.end()..)?);
        let counts = match pattern.identity {
            Identity::Told => is_random(value),
            // A program that reads or writes such files contains the same words.
            Identity::Hidden if !self.places.is_none() && !is_in_text(past, rest) => false,
            Identity::Hidden => !stands_for_another(value) && !is_an_example(value, past, of),
        };
        let identity = (pattern.identity == Identity::Told).then(|| value.to_vec());
        let subject = || self.whose.subject(Around { past, name, secret: value, rest });
        let found = || Found {
            kind: self.kind,
            what: pattern.what.to_owned(),
            length: secret.end(),
            identity,
            subject: subject(),
        };
        counts.then(found).filter(|found| pattern.identity == Identity::Told || self.is_in_place(found, past, rest))
    }

    /// Whether a hash that anyone can compute is in the place of a user's hash, or is alone. Source code of programs has tables of
    /// such hashes.
    fn is_in_place(&self, found: &Found, past: &[u8], rest: &[u8]) -> bool {
        let alone = past.last().is_none_or(|byte| *byte == b'\n') && rest.first().is_none_or(u8::is_ascii_whitespace);
        self.kind != "password-hash" || !self.places.is_none() || found.subject.is_some() || alone
    }
}

impl Candidate<'_> {
    /// The byte before it. `None` at the beginning of the file.
    fn before(&self) -> Option<u8> {
        self.past.last().copied()
    }
}

/// Whether a line is part of a text, without traces of a program nearby.
fn is_in_text(past: &[u8], rest: &[u8]) -> bool {
    let past = past.get(past.len().saturating_sub(NEAR)..).unwrap_or(past);
    let rest = rest.get(..NEAR).unwrap_or(rest);
    !past.contains(&0) && !rest.contains(&0)
}

fn is_random(secret: &[u8]) -> bool {
    let mut seen = [false; 256];
    secret.iter().for_each(|&byte| seen.iter_mut().skip(usize::from(byte)).take(1).for_each(|seen| *seen = true));
    let decoded = BASE64.decode(secret).unwrap_or_default();
    let zeros = !decoded.is_empty() && decoded.iter().all(|byte| *byte == 0);
    let lower = secret.to_ascii_lowercase();
    seen.iter().filter(|seen| **seen).count() >= FEWEST_DIFFERENT
        && !zeros
        && !STANDING_IN.iter().any(|word| memmem::find(&lower, word).is_some())
}

/// Whether a value is a placeholder: a format string, `ext:NAME`, `@NAME@`, `${NAME}`, `<password>`, or a locked account's field.
pub(super) fn stands_for_another(value: &[u8]) -> bool {
    let value = unquoted(value).trim_ascii();
    let within = |open: &[u8], close: &[u8]| value.strip_prefix(open).is_some_and(|rest| rest.ends_with(close));
    let is_name = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_';
    let variable = value.strip_prefix(b"$").is_some_and(|name| name.iter().all(is_name));
    let first = value.first();
    value.starts_with(b"ext:")
        || within(b"@", b"@")
        || within(b"${", b"}")
        || within(b"{{", b"}}")
        || within(b"<", b">")
        || within(b"%", b"%")
        || variable
        || memmem::find(value, b"%s").is_some()
        || value.starts_with(b"!secret ")
        || matches!(value, b"(null)" | b"null" | b"none" | b"true" | b"false")
        || value.len() > 2 && value.iter().all(|byte| Some(byte) == first)
        || matches!(value, b"*" | b"!" | b"!!" | b"!*")
}

/// Whether a value is one of the examples in a package's documentation, which are often in comments.
fn is_an_example(value: &[u8], past: &[u8], of: FileKind) -> bool {
    let line = past.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    let is_comment = line.trim_ascii_start().starts_with(b"#");
    of.documentation == Documentation::Everywhere && (is_comment || IN_EXAMPLES.contains(&unquoted(value)))
}

fn unquoted(value: &[u8]) -> &[u8] {
    value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value)
}
