//! The words of a line of `sshd_config` (sshd_config(5)).

/// Words, with double quotes and comments as sshd takes them; `=` may stand behind the keyword.
pub(super) fn words(line: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    for letter in line.chars() {
        match letter {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            '#' if !quoted && word.is_none() => break,
            ' ' | '\t' | '\r' if !quoted => words.extend(word.take()),
            '=' if !quoted && words.is_empty() => words.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_hold_a_word_together_and_a_number_sign_ends_the_line() {
        for (line, expected) in [
            ("PermitRootLogin=no", &["PermitRootLogin", "no"][..]),
            ("  Match\tUser=root # c", &["Match", "User=root"]),
            ("AuthorizedKeysFile \"/a b/%u\" c#d \"\"\r", &["AuthorizedKeysFile", "/a b/%u", "c#d", ""]),
            ("# comment", &[]),
        ] {
            assert_eq!(words(line), expected, "{line}");
        }
    }
}
