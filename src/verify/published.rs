//! The SHA-256 of an image, as people publish it.

use std::path::Path;

use crate::store::sha256;

/// Why no digest can be read.
const NO_DIGEST: &str = "not a SHA-256: that is 64 hexadecimal digits, sha256:…, sha256-…, or a file with one";

/// Lengths of the digests of other algorithms, which are often published beside SHA-256.
const OTHERS: [(usize, &str); 4] = [(32, "an MD5"), (40, "a SHA-1"), (96, "a SHA-384"), (128, "a SHA-512")];

/// A digest, and the name of the file that it is for. The name may be empty.
struct Entry<'t> {
    digest: [u8; 32],
    name: &'t str,
}

/// Reads a published SHA-256: a digest alone, in any notation of Nix, or lines as sha256sum, openssl, BSD's sha256, PowerShell's
/// Get-FileHash or certutil print them. If there are several digests, the one that names the image counts.
///
/// # Errors
/// If the text has no digest, or several and none of them names the image.
pub fn published(text: &[u8], image: &Path) -> Result<[u8; 32], String> {
    let text = decoded(text);
    let wanted = image.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let all = entries(&text);
    let mut named = all.iter().filter(|entry| is_named(entry.name, &wanted));
    match (named.next(), all.as_slice()) {
        (Some(entry), _) | (None, [entry]) => Ok(entry.digest),
        (None, []) => Err(no_digest(&text)),
        (None, all) => Err(format!("{} hashes found, but none for {wanted}", all.len())),
    }
}

/// Whether a text contains a SHA-256.
#[must_use]
pub fn is_published(text: &str) -> bool {
    !entries(text).is_empty()
}

fn no_digest(text: &str) -> String {
    let words = || text.split_whitespace();
    let other = OTHERS.iter().find(|(digits, _)| {
        words().any(|word| word.len() == *digits && word.bytes().all(|byte| byte.is_ascii_hexdigit()))
    });
    match other {
        Some((_, what)) => format!("this is {what}, not a SHA-256"),
        None => NO_DIGEST.to_owned(),
    }
}

/// Decodes the text. PowerShell writes UTF-16 with a byte order mark, and other Windows programs write UTF-8 with one.
fn decoded(bytes: &[u8]) -> String {
    let units = |read: fn([u8; 2]) -> u16| -> Vec<u16> {
        bytes.chunks_exact(2).skip(1).filter_map(|pair| pair.try_into().ok().map(read)).collect()
    };
    match bytes {
        [0xff, 0xfe, ..] => String::from_utf16_lossy(&units(u16::from_le_bytes)),
        [0xfe, 0xff, ..] => String::from_utf16_lossy(&units(u16::from_be_bytes)),
        _ => String::from_utf8_lossy(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)).into_owned(),
    }
}

fn entries(text: &str) -> Vec<Entry<'_>> {
    let mut all: Vec<Entry<'_>> = Vec::new();
    let mut before = "";
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let known = all.len();
        if let Some(entry) = tagged(line).or_else(|| plain(line)) {
            all.push(entry);
        } else if let Some(digest) = spaced(line) {
            all.push(Entry { digest, name: "" });
        } else if let Some((_, value)) = line.split_once(": ").filter(|(field, _)| field.trim() == "Hash")
            && let Some(digest) = sha256::parse(value.trim())
        {
            all.push(Entry { digest, name: "" });
        } else if let Some((_, path)) = line.split_once(": ").filter(|(field, _)| field.trim() == "Path") {
            // Get-FileHash, as a list: the path follows its digest.
            name(&mut all, path.trim());
        }
        // certutil prints a line about the file, in the language of the system, then the digest.
        if let Some(about) = before.strip_suffix(':').filter(|_| all.len() > known) {
            name(&mut all, about);
        }
        before = line;
    }
    all
}

/// Names the last digest, unless it already has a name.
fn name<'t>(all: &mut [Entry<'t>], name: &'t str) {
    if let Some(last) = all.last_mut().filter(|last| last.name.is_empty()) {
        last.name = name;
    }
}

/// `SHA256 (name) = digest`, or `SHA2-256(name)= digest` as openssl writes it.
fn tagged(line: &str) -> Option<Entry<'_>> {
    let rest = ["SHA256", "SHA2-256"].into_iter().find_map(|tag| line.strip_prefix(tag))?;
    let (name, digest) = rest.trim_start().strip_prefix('(')?.rsplit_once(')')?;
    let digest = digest.trim_start().strip_prefix('=')?;
    Some(Entry { digest: sha256::parse(digest.trim())?, name })
}

/// `digest`, `digest  name`, `digest *name`, or `SHA256  digest  name` as Get-FileHash writes it.
fn plain(line: &str) -> Option<Entry<'_>> {
    // sha256sum marks names with escapes.
    let line = line.strip_prefix('\\').unwrap_or(line);
    let line =
        line.strip_prefix("SHA256").filter(|rest| rest.starts_with(char::is_whitespace)).unwrap_or(line).trim_start();
    let (digest, name) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    Some(Entry { digest: sha256::parse(digest)?, name: name.trim_start().trim_start_matches('*') })
}

/// Pairs of digits separated by blanks, as certutil wrote them before Windows 8.
fn spaced(line: &str) -> Option<[u8; 32]> {
    let pairs = line.split(' ').all(|pair| pair.len() == 2);
    if pairs { sha256::parse(&line.replace(' ', "")) } else { None }
}

/// Whether a name is that of the image. It may be at the end of a path or a sentence.
fn is_named(name: &str, wanted: &str) -> bool {
    let rest = name.strip_suffix(wanted).filter(|_| !wanted.is_empty());
    rest.is_some_and(|rest| rest.is_empty() || rest.ends_with(['/', '\\', ' ']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_read_in_every_form_that_is_published() {
        let (one, other) = ("1c".repeat(32), "A0".repeat(32));
        let image = Path::new("/tmp/nixos.iso");
        for text in [
            one.clone(),
            format!("{one}\n"),
            format!("{one}  nixos.iso\n"),
            format!("{one} *nixos.iso\r\n"),
            format!("\u{feff}{one}  nixos.iso\r\n"),
            format!("sha256:{one}  nixos.iso\n"),
            format!("sha256:{one}"),
            "sha256-HBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBw=\n".to_owned(),
            format!("SHA256 (nixos.iso) = {one}\n"),
            format!("SHA2-256(nixos.iso)= {one}\n"),
            format!("# hashes\n{other}  other.iso\n{one}  ./nixos.iso\n"),
            format!("{one}  renamed.iso\n"),
            format!("SHA512 (nixos.iso) = {one}{one}\nSHA256 (nixos.iso) = {one}\n"),
            format!(
                "Algorithm  Hash  Path\n---------  ----  ----\nSHA256     {}     C:\\Users\\x\\nixos.iso\n",
                one.to_uppercase()
            ),
            format!(
                "Algorithm : SHA256\r\nHash      : {one}\r\nPath      : C:\\x\\nixos.iso\r\n\r\nAlgorithm : SHA256\r\nHash      : {other}\r\nPath      : C:\\x\\other.iso\r\n"
            ),
            format!("SHA256 hash of nixos.iso:\n{one}\nCertUtil: -hashfile command completed successfully.\n"),
            format!(
                "SHA256-Hash von other.iso:\n{other}\nSHA256-Hash von nixos.iso:\n{}\nCertUtil: ok.\n",
                vec!["1c"; 32].join(" ")
            ),
        ] {
            assert_eq!(published(text.as_bytes(), image), Ok([0x1c; 32]), "{text}");
        }
        let utf16: Vec<u8> =
            format!("\u{feff}{one}  nixos.iso\r\n").encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(published(&utf16, image), Ok([0x1c; 32]));
    }

    #[test]
    fn a_text_without_the_right_digest_says_what_it_has() {
        let (one, other) = ("1c".repeat(32), "A0".repeat(32));
        for (text, message) in [
            (format!("{one}  a.iso\n{other}  b.iso\n"), "2 hashes found, but none for nixos.iso"),
            ("hello\n".to_owned(), NO_DIGEST),
            (one[1..].to_owned(), NO_DIGEST),
            (format!("{one}{one}  nixos.iso"), "this is a SHA-512, not a SHA-256"),
            (format!("{}  nixos.iso", &one[..32]), "this is an MD5, not a SHA-256"),
        ] {
            assert_eq!(published(text.as_bytes(), Path::new("/tmp/nixos.iso")), Err(message.to_owned()), "{text}");
        }
    }
}
