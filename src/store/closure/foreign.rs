//! Files that somebody may give for a list of store paths.

/// How files begin that are no closure, and what they are. A squashfs, a NAR and the formats of compression by their magic numbers.
const BEGINNINGS: [(&[u8], &str); 14] = [
    (b"\x7fELF", "a program (ELF)"),
    (b"hsqs", "a squashfs"),
    (b"\x0d\0\0\0\0\0\0\0nix-archive-1", "a NAR"),
    (b"\x28\xb5\x2f\xfd", "a compressed file (zstd)"),
    (b"\xfd7zXZ\0", "a compressed file (xz)"),
    (b"\x1f\x8b", "a compressed file (gzip)"),
    (b"BZh", "a compressed file (bzip2)"),
    (b"PK\x03\x04", "a zip archive"),
    (b"Derive(", "a derivation"),
    (b"StorePath: ", "a narinfo file"),
    (b"<", "an HTML or XML document"),
    (b"-----BEGIN ", "a key or certificate (PEM)"),
    (b"#!", "a script"),
    (b"ssh-", "a public key"),
];

/// Where an ISO 9660 volume has its first descriptor, after the type (ECMA-119 §6.2.1, §8.1.2).
const VOLUME: usize = 0x8001;

/// What a file is, if it can be told that it is no closure.
pub(super) fn kind(text: &[u8]) -> Option<&'static str> {
    if text.get(VOLUME..).is_some_and(|rest| rest.starts_with(b"CD001")) {
        return Some("an ISO image");
    }
    let start = text.trim_ascii_start();
    let known = BEGINNINGS.iter().find(|(beginning, _)| text.starts_with(beginning) || start.starts_with(beginning));
    if let Some((_, what)) = known {
        return Some(what);
    }
    // `[image]`, `[[package]]`: a list in JSON begins otherwise.
    let name = start.strip_prefix(b"[").map(|rest| rest.strip_prefix(b"[").unwrap_or(rest));
    name.and_then(<[u8]>::first).is_some_and(u8::is_ascii_lowercase).then_some("TOML, perhaps a policy")
}
