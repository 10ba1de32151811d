//! The words of a line of `sshd_config` (sshd_config(5)), split like OpenSSH 8.7 and later do.

/// Characters that separate words at the end of a line, and the keyword from its arguments.
const BLANKS: [char; 4] = [' ', '\t', '\r', '\n'];

/// A line: its keyword, and the rest as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Written<'l> {
    /// As written, in any case.
    pub(super) keyword: &'l str,
    /// The text after the blanks that follow the keyword; an `=` may be among them.
    pub(super) rest: &'l str,
}

impl<'l> Written<'l> {
    /// Splits a line. `None` for blank lines and comments.
    pub(super) fn of(line: &'l str) -> Option<Self> {
        let line = line.trim_end_matches([' ', '\t', '\r', '\n', '\x0c']).trim_start_matches(BLANKS);
        if line.is_empty() || line.starts_with('#') {
            return None;
        }
        let end = line.find([' ', '\t', '\r', '\n', '=', '"']).unwrap_or(line.len());
        let (keyword, rest) = line.split_at_checked(end)?;
        let rest = rest.trim_start_matches(BLANKS);
        let rest = rest.strip_prefix('=').unwrap_or(rest).trim_start_matches(BLANKS);
        Some(Self { keyword, rest })
    }

    /// The arguments, up to a comment. `None` if a quote is not closed.
    pub(super) fn words(self) -> Option<Vec<String>> {
        words(self.rest)
    }
}

/// Words in single or double quotes or without quotes. A backslash escapes a quote, a backslash and, outside quotes, a
/// blank.
fn words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            ' ' | '\t' if quote.is_none() => words.extend(word.take()),
            '#' if quote.is_none() && word.is_none() => return Some(words),
            '\\' => {
                let escaped = |next: &char| matches!(next, '"' | '\'' | '\\') || quote.is_none() && *next == ' ';
                word.get_or_insert_default().push(letters.next_if(escaped).unwrap_or(letter));
            }
            '"' | '\'' if quote.is_none() => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            letter if quote == Some(letter) => quote = None,
            letter => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_divided_as_sshd_divides_it() {
        for (line, keyword, expected) in [
            ("PermitRootLogin=no", "PermitRootLogin", &["no"][..]),
            ("  Match\tUser eve # c", "Match", &["User", "eve"]),
            ("AuthorizedKeysFile \"/a b/%u\" c#d \"\"\r", "AuthorizedKeysFile", &["/a b/%u", "c#d", ""]),
            ("Port = 22", "Port", &["22"]),
            ("Port == 22", "Port", &["=", "22"]),
            ("PermitRootLogin 'no'", "PermitRootLogin", &["no"]),
            (r#"Banner /a\ b\c"d\"e"'f"'"#, "Banner", &[r#"/a b\cd"ef""#]),
            ("UsePAM yes \x0c", "UsePAM", &["yes"]),
            ("Banner # nothing", "Banner", &[]),
        ] {
            let written = Written::of(line).unwrap();
            assert_eq!(
                (written.keyword, written.words().unwrap().as_slice()),
                (keyword, &*expected.iter().map(ToString::to_string).collect::<Vec<_>>()),
                "{line}"
            );
        }
        for line in ["# comment", "", " \t\r"] {
            assert_eq!(Written::of(line), None, "{line}");
        }
        for line in ["Banner \"/etc/issue", "Banner it's"] {
            assert_eq!(Written::of(line).unwrap().words(), None, "{line}");
        }
    }
}
