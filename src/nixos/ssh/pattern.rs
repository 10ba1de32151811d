//! Patterns of names (ssh_config(5), PATTERNS).

/// Whether a list of patterns takes the name: one must match, and none with `!` in front may.
pub(super) fn listed<'p>(patterns: impl IntoIterator<Item = &'p str>, name: &str) -> bool {
    let mut taken = false;
    for pattern in patterns {
        match pattern.strip_prefix('!') {
            Some(pattern) if fits(pattern, name) => return false,
            Some(_) => {}
            None => taken |= fits(pattern, name),
        }
    }
    taken
}

/// `*` stands for any bytes, `?` for one; everything else for itself. On a mismatch only the last `*` takes more, since
/// whatever an earlier one would take, the last one can.
pub(super) fn fits(pattern: &str, name: &str) -> bool {
    let (mut pattern, mut name) = (pattern.as_bytes(), name.as_bytes());
    let mut last: Option<(&[u8], &[u8])> = None;
    loop {
        match (pattern.split_first(), name.split_first()) {
            (Some((b'*', behind)), _) => {
                last = Some((behind, name));
                pattern = behind;
            }
            (Some((letter, behind)), Some((byte, rest))) if *letter == b'?' || letter == byte => {
                (pattern, name) = (behind, rest);
            }
            (None, None) => return true,
            _ => {
                let Some((behind, from)) = last else { return false };
                let Some((_, rest)) = from.split_first() else { return false };
                last = Some((behind, rest));
                (pattern, name) = (behind, rest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_text_and_a_question_mark_one_letter() {
        for (pattern, taken, refused) in [
            ("root", &["root"][..], &["roo", "rootx", "Root", ""][..]),
            ("*", &["", "root"], &[]),
            ("nix*", &["nix", "nixos"], &["xnix"]),
            ("*ab*b?", &["abbc", "xabaabab b?", "ababb_"], &["ab", "abb", "bab"]),
            ("a**c", &["ac", "abc"], &["a", "acb"]),
            ("?", &["a"], &["", "ab"]),
            ("[a]{b}", &["[a]{b}"], &["ab"]),
        ] {
            for name in taken {
                assert!(fits(pattern, name), "{pattern} {name}");
            }
            for name in refused {
                assert!(!fits(pattern, name), "{pattern} {name}");
            }
        }
    }

    #[test]
    fn many_stars_take_no_longer_than_pattern_times_name() {
        let (pattern, name) = ("*a".repeat(500), "a".repeat(499));
        assert!(!fits(&pattern, &name));
    }

    #[test]
    fn an_exclamation_mark_excludes_wherever_it_stands() {
        for (patterns, taken) in [("nix*,!nixbld", true), ("!nixos,nix*", false), ("!eve", false)] {
            assert_eq!(listed(patterns.split(','), "nixos"), taken, "{patterns}");
        }
    }
}
