//! File identifiers as names.

/// The file name in a plain identifier, without its version and without the dot of an empty extension
/// (ECMA-119 §7.5.1). The case is kept.
pub(super) fn plain(identifier: &[u8]) -> Vec<u8> {
    let name = without_version(identifier);
    name.strip_suffix(b".").unwrap_or(name).to_vec()
}

/// Removes the version: `;` and digits.
pub(super) fn without_version(identifier: &[u8]) -> &[u8] {
    match identifier.iter().rposition(|byte| *byte == b';') {
        Some(at) => match identifier.split_at_checked(at) {
            Some((name, [_, digits @ ..])) if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) => name,
            _ => identifier,
        },
        None => identifier,
    }
}

/// Replaces a name that no file system could hold, so that the rest of its directory can be read. `/` and NUL
/// become `_`, and so do the names `.` and `..` and the empty name.
pub(super) fn harmless(mut name: Vec<u8>) -> Vec<u8> {
    match name.as_slice() {
        b"" | b"." => return b"_".to_vec(),
        b".." => return b"__".to_vec(),
        _ => {}
    }
    for byte in &mut name {
        if matches!(byte, b'/' | 0) {
            *byte = b'_';
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_identifier_loses_its_version_and_then_its_trailing_dot() {
        let cases: [(&[u8], &[u8]); 8] = [
            (b"README.TXT;1", b"README.TXT"),
            (b"README.;1", b"README"),
            (b"README;12", b"README"),
            (b"Mixed.Case", b"Mixed.Case"),
            (b"DIR", b"DIR"),
            (b"A;B", b"A;B"),
            (b"A;", b"A;"),
            (b"", b""),
        ];
        for (identifier, name) in cases {
            assert_eq!(plain(identifier), name);
        }
    }

    #[test]
    fn no_name_leads_out_of_its_directory() {
        for (name, expected) in [("", "_"), (".", "_"), ("..", "__"), ("../a\0b", ".._a_b"), ("...", "...")] {
            assert_eq!(harmless(name.into()), expected.as_bytes());
        }
    }
}
