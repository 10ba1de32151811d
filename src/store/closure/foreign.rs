//! Files that are given as a list of store paths by mistake.

/// How files begin that are not a closure, and what they are. A squashfs, a NAR and compressed files are recognized by magic
/// numbers.
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

/// Offset of the first descriptor of an ISO 9660 volume, after the type (ECMA-119 §6.2.1, §8.1.2).
const VOLUME: usize = 0x8001;

/// What a file is, if it is clearly not a closure.
pub(super) fn kind(text: &[u8]) -> Option<&'static str> {
    if text.get(VOLUME..).is_some_and(|rest| rest.starts_with(b"CD001")) {
        return Some("an ISO image");
    }
    let start = text.trim_ascii_start();
    let known = BEGINNINGS.iter().find(|(beginning, _)| text.starts_with(beginning) || start.starts_with(beginning));
    if let Some((_, what)) = known {
        return Some(what);
    }
    // `[image]`, `[[package]]`: a JSON list begins differently.
    let name = start.strip_prefix(b"[").map(|rest| rest.strip_prefix(b"[").unwrap_or(rest));
    name.and_then(<[u8]>::first).is_some_and(u8::is_ascii_lowercase).then_some("TOML, perhaps a policy")
}
