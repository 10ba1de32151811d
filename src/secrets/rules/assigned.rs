//! Secrets recognized by the name that they are assigned to: credentials of units, and kernel parameters.

use data_encoding::BASE64;

use super::{Candidate, Found, stands_for_another};
use crate::nixos::Scheme;
use crate::nixos::credential::Credential;
use crate::nixos::kernel_line::{Encoding, Secret, secret};
use crate::secrets::subject::Subject;

/// The longest parameter, in bytes. On most machines this is the limit for the whole kernel line.
const LONGEST: usize = 4096;

/// Where the assignment is.
pub(super) enum Assignment {
    /// `SetCredential=NAME:VALUE`
    OfUnit,
    /// `NAME=VALUE`
    OnKernelLine,
}

impl Assignment {
    pub(super) fn test(&self, candidate: Candidate<'_>) -> Option<Found> {
        let text = candidate.text.get(..LONGEST).unwrap_or(candidate.text);
        match self {
            Self::OfUnit => {
                let line = until(text, |byte| matches!(byte, b'\r' | b'\n' | 0))?;
                let (name, value) = line.strip_prefix("SetCredential=")?.split_once(':')?;
                if name.contains(char::is_whitespace) {
                    return None;
                }
                let secret = Secret { shown: "", value, of: Credential::named(name), encoding: Encoding::Text };
                let what =
                    if matches!(secret.of, Credential::Password(_)) { "of a user" } else { "credential of a unit" };
                let subject = Subject::of_credential(name, secret.of);
                found(secret, what, line.len()).map(|found| Found { subject, ..found })
            }
            Self::OnKernelLine => {
                let word = parameter(text, candidate.before())?;
                let secret = secret(word)?;
                let subject = subject(&secret);
                found(secret, "on a kernel line", word.len()).map(|found| Found { subject, ..found })
            }
        }
    }
}

/// Whose secret a parameter has: the user's, the credential's, or the parameter's own.
fn subject(secret: &Secret<'_>) -> Option<Subject> {
    let name = secret.shown.trim_end_matches([':', '=']);
    match name.split_once('=') {
        Some((_, credential)) => Subject::of_credential(credential, secret.of),
        None => Subject::of_parameter(name, secret.of),
    }
}

/// Cuts off one parameter. It may contain blanks if it, or its value, is quoted.
fn parameter(text: &[u8], before: Option<u8>) -> Option<&str> {
    let quote = before.filter(|byte| matches!(byte, b'"' | b'\'' | b'`'));
    let value = text.iter().position(|byte| *byte == b'=')?;
    let opened = text.get(value + 1).filter(|byte| **byte == b'"').copied();
    match (quote, opened) {
        (Some(quote), _) => until(text, |byte| byte == quote || matches!(byte, b'\r' | b'\n' | 0)),
        (None, Some(_)) => {
            let length = text.iter().skip(value + 2).position(|byte| matches!(byte, b'"' | b'\n' | 0))?;
            std::str::from_utf8(text.get(..value + 2 + length)?).ok()
        }
        (None, None) => until(text, |byte| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'`' | 0)),
    }
}

fn until(text: &[u8], ends: impl Fn(u8) -> bool) -> Option<&str> {
    let length = text.iter().position(|byte| ends(*byte)).unwrap_or(text.len());
    std::str::from_utf8(text.get(..length)?).ok()
}

/// Checks the value. Hashes that begin with a dollar sign have rules of their own, which also give a fingerprint.
fn found(secret: Secret<'_>, what: &'static str, length: usize) -> Option<Found> {
    let decoded = match secret.encoding {
        Encoding::Text => secret.value.as_bytes().to_vec(),
        Encoding::Base64 => BASE64.decode(secret.value.as_bytes()).ok()?,
    };
    let value = std::str::from_utf8(&decoded).ok().map(|value| value.trim_start_matches('"'));
    let scheme = value.map(str::trim_end).and_then(Scheme::of);
    let (kind, what) = match (secret.of, scheme) {
        (Credential::Setting | Credential::Keys(_), _) => return None,
        (Credential::PasswordHash(_), None) => return None,
        (Credential::PasswordHash(_), Some(_))
            if value.is_some_and(begins_with_dollar) && secret.encoding == Encoding::Text =>
        {
            return None;
        }
        (_, Some(scheme)) if scheme.begins_with_dollar() && secret.encoding == Encoding::Text => return None,
        (Credential::PasswordHash(_), Some(scheme)) => ("password-hash", scheme.name()),
        (Credential::Password(_) | Credential::Secret, _) => ("password", what),
    };
    let value = value.map_or(decoded.as_slice(), str::as_bytes);
    let counts = !value.is_empty() && !stands_for_another(value) && !is_documented(value);
    counts.then(|| Found { kind, what: what.to_owned(), length, identity: None, subject: None })
}

fn begins_with_dollar(value: &str) -> bool {
    value.starts_with('$')
}

/// Whether this is not a value, but the pattern of a script or a name in brackets from a description.
fn is_documented(value: &[u8]) -> bool {
    value.first().is_some_and(|byte| matches!(byte, b'*' | b'<' | b'(' | b'{' | b'['))
}
