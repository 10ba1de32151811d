//! SSH public keys, as `authorized_keys` and `*.pub` files hold them (sshd(8), "AUTHORIZED_KEYS FILE FORMAT").

use std::fmt;

use data_encoding::{BASE64, BASE64_NOPAD};
use sha2::{Digest, Sha256};

/// A public key. Options and comment do not change its identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    /// Type as written: `ssh-ed25519`, `ecdsa-sha2-nistp256`, `ssh-rsa-cert-v01@openssh.com`, …
    pub kind: String,
    /// The key in the SSH wire format (RFC 4253 §6.6).
    pub blob: Vec<u8>,
}

/// A line of an `authorized_keys` file that holds a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyLine {
    /// Options before the key, as written. Empty without options.
    pub options: String,
    /// The key.
    pub key: PublicKey,
    /// Everything after the key.
    pub comment: String,
}

/// Why a text is not a public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It is a private key.
    #[error("this is a private key; give the public one, from the file that ends in .pub")]
    Private,
    /// The line has no known key type where one is required.
    #[error("no key type such as ssh-ed25519 or ssh-rsa in it")]
    NoType,
    /// Nothing follows the type.
    #[error("nothing follows the key type")]
    NoKey,
    /// The key is not base64.
    #[error("the key behind its type is no base64; is it cut off?")]
    Base64,
    /// The decoded key does not agree with its type, or ends early.
    #[error("the key behind its type is damaged or cut off")]
    Blob,
    /// A quote in the options is not closed.
    #[error("a quote in its options is not closed")]
    Quote,
}

/// The suffix of certificate types.
pub(super) const CERTIFICATE: &str = "-cert-v01@openssh.com";

/// Key types of OpenSSH, without certificates.
pub(super) const TYPES: [&str; 8] = [
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "ssh-dss",
];

/// Names of signature algorithms that are accepted in place of the type of an RSA key.
const OF_RSA: [&str; 2] = ["rsa-sha2-256", "rsa-sha2-512"];

/// The type in the blob of a key whose line begins with this word.
fn of_blob(word: &str) -> &str {
    if OF_RSA.contains(&word) { "ssh-rsa" } else { word }
}

fn is_type(word: &str) -> bool {
    let word = of_blob(word);
    let plain = word.strip_suffix(CERTIFICATE);
    TYPES.iter().any(|known| *known == word || plain.is_some_and(|plain| known.split('@').next() == Some(plain)))
}

impl KeyLine {
    /// Parses a line. `None` for blank lines and comments.
    ///
    /// # Errors
    /// [`KeyError`] if sshd would skip the line.
    pub fn parse(line: &str) -> Result<Option<Self>, KeyError> {
        // sshd reads a text up to its first NUL.
        let line = line.split('\0').next().unwrap_or_default().trim_matches([' ', '\t', '\r', '\n']);
        if line.is_empty() || line.starts_with('#') {
            return Ok(None);
        }
        if line.starts_with("-----BEGIN ") && line.contains("PRIVATE KEY") {
            return Err(KeyError::Private);
        }
        let (first, rest) = word(line);
        let (options, first, rest) = if is_type(first) {
            ("", first, rest)
        } else {
            let (options, behind) = options(line)?;
            let (first, rest) = word(behind);
            (options, first, rest)
        };
        if !is_type(first) {
            return Err(KeyError::NoType);
        }
        let (base64, comment) = word(rest);
        if base64.is_empty() {
            return Err(KeyError::NoKey);
        }
        // The base64 may contain blanks other than those that end it.
        let base64: String = base64.chars().filter(|letter| !matches!(letter, '\r' | '\x0b' | '\x0c')).collect();
        let blob = BASE64.decode(base64.as_bytes()).map_err(|_| KeyError::Base64)?;
        let key = PublicKey { kind: of_blob(first).to_owned(), blob };
        if !key.is_whole() {
            return Err(KeyError::Blob);
        }
        Ok(Some(Self { options: options.to_owned(), key, comment: comment.to_owned() }))
    }
}

/// The first word, and the text after it.
fn word(line: &str) -> (&str, &str) {
    let line = line.trim_start_matches([' ', '\t']);
    let (word, rest) = line.split_at_checked(line.find([' ', '\t']).unwrap_or(line.len())).unwrap_or((line, ""));
    (word, rest.trim_matches([' ', '\t']))
}

/// The options, which end at the first blank outside quotes, and the text after them.
fn options(line: &str) -> Result<(&str, &str), KeyError> {
    let mut quoted = false;
    let mut letters = line.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            ' ' | '\t' if !quoted => return Ok(line.split_at_checked(at).unwrap_or((line, ""))),
            // A backslash only escapes a quote.
            '\\' if letters.as_str().starts_with('"') => drop(letters.next()),
            '"' => quoted = !quoted,
            _ => {}
        }
    }
    if quoted { Err(KeyError::Quote) } else { Ok((line, "")) }
}

impl PublicKey {
    /// The fingerprint, as `ssh-keygen -l` prints it: `SHA256:` and base64 without padding. For a certificate, that of the
    /// certified key.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let digest = match self.certified() {
            Some(blob) => Sha256::digest(blob),
            None => Sha256::digest(&self.blob),
        };
        format!("SHA256:{}", BASE64_NOPAD.encode(&digest))
    }

    /// The blob of the certified key: the plain key type, and the fields after the nonce (PROTOCOL.certkeys).
    fn certified(&self) -> Option<Vec<u8>> {
        let plain = self.kind.strip_suffix(CERTIFICATE)?;
        let kind = TYPES.iter().find(|known| known.split('@').next() == Some(plain))?;
        let fields = self.fields().skip(2).take(expected_fields(kind) - 1);
        let mut blob = Vec::new();
        for field in std::iter::once(kind.as_bytes()).chain(fields) {
            blob.extend_from_slice(&u32::try_from(field.len()).ok()?.to_be_bytes());
            blob.extend_from_slice(field);
        }
        Some(blob)
    }

    /// Length of the key in bits, as `ssh-keygen -l` counts it. For a certificate, that of the certified key.
    #[must_use]
    pub fn bits(&self) -> Option<usize> {
        let certificate = usize::from(self.kind.contains("-cert-"));
        // A certificate has a nonce before the fields of its key (PROTOCOL.certkeys).
        let number = |index: usize| self.fields().nth(index + certificate);
        match self.kind.trim_start_matches("sk-").split('-').nth(1)? {
            "ed25519" | "ed25519@openssh.com" => Some(256),
            "rsa" => Some(bit_length(number(2)?)),
            "dss" => Some(bit_length(number(1)?)),
            "sha2" => number(1).and_then(|curve| std::str::from_utf8(curve).ok()?.strip_prefix("nistp")?.parse().ok()),
            _ => None,
        }
    }

    /// The strings in the blob (RFC 4251 §5), up to the first incomplete one.
    fn fields(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.blob.as_slice();
        std::iter::from_fn(move || {
            let (length, behind) = rest.split_first_chunk::<4>()?;
            let (field, behind) = behind.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
            rest = behind;
            Some(field)
        })
    }

    /// Whether bytes are a key in the SSH wire format, of a type that OpenSSH knows.
    pub(super) fn is_blob(bytes: &[u8]) -> bool {
        let mut key = Self { kind: String::new(), blob: bytes.to_vec() };
        let kind = key.fields().next().map(|kind| String::from_utf8_lossy(kind).into_owned());
        key.kind = kind.unwrap_or_default();
        is_type(&key.kind) && key.is_whole()
    }

    /// Whether the blob names its own type and has all fields of a key of that type.
    fn is_whole(&self) -> bool {
        let plain = self.kind.strip_suffix(CERTIFICATE);
        let fields: Vec<&[u8]> = self.fields().collect();
        if fields.first() != Some(&self.kind.as_bytes()) {
            return false;
        }
        // A certificate has numbers between its strings, so only its beginning is checked.
        let used: usize = fields.iter().map(|field| field.len() + 4).sum();
        match plain {
            Some(_) => fields.len() >= 3,
            None => used == self.blob.len() && fields.len() == expected_fields(&self.kind),
        }
    }
}

/// The number of strings in a key of that type, including the type itself.
fn expected_fields(kind: &str) -> usize {
    match kind {
        "ssh-ed25519" => 2,
        "ssh-dss" => 5,
        "sk-ecdsa-sha2-nistp256@openssh.com" => 4,
        // ssh-rsa: exponent, modulus; ecdsa: curve, point; sk-ssh-ed25519: key, application.
        _ => 3,
    }
}

/// Bits of a positive multiple-precision integer (RFC 4251 §5, mpint).
fn bit_length(number: &[u8]) -> usize {
    let number = number.iter().position(|&byte| byte != 0).and_then(|start| number.get(start..)).unwrap_or_default();
    let leading = number.first().map_or(0, |byte| byte.leading_zeros());
    number.len() * 8 - usize::try_from(leading).unwrap_or(0)
}

impl fmt::Display for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.kind, self.fingerprint())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ED25519: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAII7ljl4JdLSt+CD7YkmrwvG1TaPi0sfs9pBOFKBqfUvP";

    fn parse(line: &str) -> Result<KeyLine, KeyError> {
        KeyLine::parse(line).map(|line| line.expect("a key"))
    }

    #[test]
    fn a_key_is_the_same_key_with_any_options_and_comment() {
        let bare = parse(ED25519).unwrap();
        for (line, options, comment) in [
            (format!("  {ED25519} me@home laptop "), "", "me@home laptop"),
            (
                format!("restrict,command=\"echo \\\"a b\\\" # c\"\t{ED25519}\tx"),
                "restrict,command=\"echo \\\"a b\\\" # c\"",
                "x",
            ),
        ] {
            let parsed = parse(&line).unwrap();
            assert_eq!(parsed.key, bare.key);
            assert_eq!((parsed.options.as_str(), parsed.comment.as_str()), (options, comment));
        }
    }

    #[test]
    fn a_fingerprint_is_what_ssh_keygen_prints() {
        let key = parse(ED25519).unwrap().key;
        assert_eq!(key.fingerprint(), "SHA256:XqW7m0NKQIB9dC5GlP34cwjymuFHC1zNSQHW7flwxtc");
        assert_eq!(key.bits(), Some(256));
    }

    #[test]
    fn what_is_no_key_says_why() {
        let base64 = ED25519.split(' ').nth(1).unwrap();
        for (line, error) in [
            ("hello world".to_owned(), KeyError::NoType),
            ("ssh-rsa".to_owned(), KeyError::NoKey),
            ("ssh-rsa AAAAB3...".to_owned(), KeyError::Base64),
            (format!("ssh-rsa {base64}"), KeyError::Blob),
            (format!("ssh-ed25519 {}", &base64[..64]), KeyError::Blob),
            ("command=\"x ssh-rsa AAAA".to_owned(), KeyError::Quote),
            ("-----BEGIN OPENSSH PRIVATE KEY-----".to_owned(), KeyError::Private),
        ] {
            assert_eq!(parse(&line), Err(error), "{line}");
        }
        assert_eq!(KeyLine::parse("  # comment"), Ok(None));
        assert_eq!(KeyLine::parse("\t"), Ok(None));
    }
}
