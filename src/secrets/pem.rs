//! Private keys in the armour of PEM, OpenSSH, OpenPGP, Nebula and OpenVPN (RFC 7468, PROTOCOL.key, RFC 9580 §6).

use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
use memchr::memmem;

/// How the first line of an armour begins.
pub(super) const BEGIN: &[u8] = b"-----BEGIN ";

/// The longest label, in characters.
const LONGEST_LABEL: usize = 40;

/// How the label of a pre-shared key of OpenVPN begins; a version follows.
const OPENVPN: &str = "OpenVPN Static key V";

/// A word in every other label, and its digits in base64.
const PRIVATE: &[u8] = b"PRIVATE KEY";
const WRAPPED_LABEL: usize = 72;

/// The shortest key, in bytes.
const SHORTEST: usize = 16;

/// A private key: its label, its bytes, and the length of its text.
pub(super) struct Armoured {
    pub(super) label: String,
    pub(super) bytes: Vec<u8>,
    pub(super) length: usize,
}

/// Reads the private key that begins a text. `None` if the armour is cut short, or holds something else.
pub(super) fn read(text: &[u8]) -> Option<Armoured> {
    let rest = text.strip_prefix(BEGIN)?;
    let end = memmem::find(rest.get(..LONGEST_LABEL + 5).unwrap_or(rest), b"-----")?;
    let (label, behind) = rest.split_at_checked(end)?;
    let label = std::str::from_utf8(label).ok()?;
    if !is_private(label) {
        return None;
    }
    let behind = behind.get(5..)?;
    let ending = format!("-----END {label}-----");
    // A body never contains five dashes. Stopping at the first ones is cheap even if a text has nothing but beginnings.
    let close = memmem::find(behind, b"-----")?;
    if !behind.get(close..)?.starts_with(ending.as_bytes()) {
        return None;
    }
    let body = behind.get(..close)?;
    let bytes = decode(body, label)?;
    let length = text.len() - behind.len() + close + ending.len();
    Some(Armoured { label: label.to_owned(), bytes, length })
}

/// Reads a key whose armour is itself in base64, as in a kubeconfig.
pub(super) fn read_wrapped(text: &[u8]) -> Option<Armoured> {
    // The label is checked first: a text that begins such an armour again and again would be decoded from each beginning.
    let label = BASE64.decode(text.get(..WRAPPED_LABEL)?).ok()?;
    let label = label.strip_prefix(BEGIN)?;
    if memmem::find(label, PRIVATE).is_none() && !label.starts_with(OPENVPN.as_bytes()) {
        return None;
    }
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    let length = text.iter().position(|byte| !is_digit(byte)).unwrap_or(text.len());
    let armour = BASE64.decode(text.get(..length)?).ok()?;
    let key = read(&armour)?;
    Some(Armoured { label: format!("{} in base64", key.label), length, ..key })
}

fn is_private(label: &str) -> bool {
    label.ends_with("PRIVATE KEY") || label == "PGP PRIVATE KEY BLOCK" || label.starts_with(OPENVPN)
}

/// Decodes a body. Its lines may end in a backslash and an `n`, as in JSON and in Nix strings.
fn decode(body: &[u8], label: &str) -> Option<Vec<u8>> {
    let body = std::str::from_utf8(body).ok()?.replace("\\r", "\n").replace("\\n", "\n");
    let lines = body.lines().map(str::trim).filter(|line| !line.is_empty());
    // Without headers (`Proc-Type: 4,ENCRYPTED`) and the checksum of OpenPGP.
    let data = lines.filter(|line| !line.contains(':') && !line.starts_with('='));
    let digits: String = data.flat_map(|line| line.chars().filter(|letter| !letter.is_whitespace())).collect();
    let encoding = if label.starts_with(OPENVPN) { HEXLOWER_PERMISSIVE } else { BASE64 };
    let bytes = encoding.decode(digits.as_bytes()).ok()?;
    let right = match label {
        "OPENSSH PRIVATE KEY" => bytes.starts_with(b"openssh-key-v1\0"),
        // The first bit of an OpenPGP packet is set.
        "PGP PRIVATE KEY BLOCK" => bytes.first().is_some_and(|byte| byte & 0x80 != 0),
        // Four keys of 64 bytes.
        label if label.starts_with(OPENVPN) => bytes.len() == 256,
        // Raw keys: 32 bytes for X25519 and P-256, 64 for Ed25519. An encrypted one is longer.
        label if label.starts_with("NEBULA ") => bytes.len() >= 32,
        // tinc has an encoding of its own.
        "ED25519 PRIVATE KEY" => bytes.len() == 96,
        // The old encryption leaves no DER visible.
        _ => bytes.first() == Some(&0x30) || body.contains("ENCRYPTED"),
    };
    (right && bytes.len() >= SHORTEST).then_some(bytes)
}
