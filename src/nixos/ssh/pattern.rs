//! Patterns for names (ssh_config(5), PATTERNS).

/// Whether a list of patterns matches the name: one pattern must match, and none that begins with `!` may.
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

/// `*` matches any bytes, `?` one byte, and everything else itself. On a mismatch only the last `*` takes more bytes: it
/// can take whatever an earlier one would.
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

/// Whether a pattern of glob(7) matches a file name. It also knows `[abc]`, `[a-c]` and `[!a]`. Only a period matches a
/// period at the beginning.
pub(super) fn globs(pattern: &str, name: &str) -> bool {
    let mut letters = pattern.chars().peekable();
    // The positions in the name that the pattern can have reached.
    let name: Vec<char> = name.chars().collect();
    if name.first() == Some(&'.') && letters.peek() != Some(&'.') {
        return false;
    }
    let mut reached = vec![false; name.len() + 1];
    reached.iter_mut().take(1).for_each(|first| *first = true);
    while let Some(letter) = letters.next() {
        let class = if letter == '[' { class(&mut letters) } else { None };
        let takes = |other: char| match &class {
            Some((negated, ranges)) => ranges.iter().any(|(from, to)| (*from..=*to).contains(&other)) != *negated,
            None => letter == '?' || letter == other,
        };
        let mut further = vec![false; name.len() + 1];
        let mut before = false;
        for (at, (is, next)) in reached.iter().zip(further.iter_mut()).enumerate() {
            *next = match letter {
                '*' => before || *is,
                _ => before && at.checked_sub(1).and_then(|at| name.get(at)).is_some_and(|other| takes(*other)),
            };
            before = if letter == '*' { *next } else { *is };
        }
        reached = further;
    }
    reached.last() == Some(&true)
}

/// The contents of brackets: whether they exclude, and the ranges. `None` without a closing bracket; `[` is then a literal.
fn class(letters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<(bool, Vec<(char, char)>)> {
    let mut ahead = letters.clone();
    let negated = ahead.next_if(|letter| matches!(letter, '!' | '^')).is_some();
    let mut ranges = Vec::new();
    loop {
        match ahead.next()? {
            ']' if !ranges.is_empty() => break,
            from => {
                let mut range = ahead.clone();
                let to = range.next_if_eq(&'-').and_then(|_| range.next_if(|to| *to != ']'));
                if to.is_some() {
                    ahead = range;
                }
                ranges.push((from, to.unwrap_or(from)));
            }
        }
    }
    *letters = ahead;
    Some((negated, ranges))
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
