//! The text of a unit file (systemd.syntax(7)): sections, assignments, comments and continued lines.

use std::sync::Arc;

/// An assignment, `KEY=VALUE`, in a unit file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The section, without brackets.
    pub section: Arc<str>,
    /// The key as written.
    pub key: String,
    /// The value, with continued lines joined. Quotes and specifiers are as written.
    pub value: String,
    /// The file, by its path in the running system.
    pub file: Arc<str>,
    /// The line of the key, counted from 1.
    pub line: u64,
}

/// Reads at most `most` assignments of a file. Lines that systemd ignores with a warning are left out.
pub(super) fn settings(text: &str, file: &Arc<str>, most: usize) -> Vec<Setting> {
    let mut settings = Vec::new();
    let mut section: Arc<str> = "".into();
    for (line, text) in lines(text) {
        let text = text.trim_matches(BLANK);
        if let Some(name) = text.strip_prefix('[') {
            section = name.strip_suffix(']').unwrap_or_default().into();
        } else if let Some((key, value)) = text.split_once('=')
            && !section.is_empty()
        {
            let (key, value) = (key.trim_end_matches(BLANK).to_owned(), value.trim_start_matches(BLANK).to_owned());
            settings.push(Setting { section: section.clone(), key, value, file: file.clone(), line });
            if settings.len() == most {
                break;
            }
        }
    }
    settings
}

const BLANK: [char; 4] = [' ', '\t', '\n', '\r'];

/// Lines with their numbers. A backslash at the end continues a line; comments in between are skipped
/// (systemd, src/shared/conf-parser.c).
fn lines(text: &str) -> Vec<(u64, String)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines: Vec<(u64, String)> = Vec::new();
    let mut open = false;
    for (number, line) in (1u64..).zip(text.split('\n')) {
        let line = line.strip_suffix('\r').unwrap_or(line).trim_start_matches(BLANK);
        if line.starts_with(['#', ';']) {
            continue;
        }
        // An even number of backslashes at the end does not continue the line.
        let continues = line.chars().rev().take_while(|letter| *letter == '\\').count() % 2 == 1;
        let part = line.strip_suffix('\\').filter(|_| continues).unwrap_or(line);
        match lines.last_mut() {
            Some((_, last)) if open => last.push_str(part),
            _ => lines.push((number, part.to_owned())),
        }
        if let Some((_, last)) = lines.last_mut().filter(|_| continues) {
            last.push(' ');
        }
        open = continues;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        let settings = settings(text, &"/u".into(), 100);
        settings
            .iter()
            .map(|Setting { section, key, value, line, .. }| format!("{line} {section} {key}|{value}"))
            .collect()
    }

    #[test]
    fn assignments_are_read_with_their_section_and_line() {
        let text = "\u{feff}A=outside\n[Unit]\n# B=comment\n  ; C=comment\nD = d e \n[broken\nE=1\n[Service]\r\nF==\r\n=g\nno sign\n";
        assert_eq!(shown(text), ["5 Unit D|d e", "9 Service F|=", "10 Service |g"]);
    }

    #[test]
    fn a_backslash_continues_a_line_over_comments_and_only_at_the_end() {
        for (text, expected) in [
            ("A=1 \\\n   2", "2 S A|1  2"),
            ("A=1 \\\n# comment \\\n; comment\n  2 \\\n3", "2 S A|1  2  3"),
            ("A=1 \\ \nB=2", "2 S A|1 \\\n3 S B|2"),
            ("A=1 \\\\\nB=2", "2 S A|1 \\\\\n3 S B|2"),
            ("A=1 \\\n\nB=2", "2 S A|1\n4 S B|2"),
            ("A=1 \\\r\n2", "2 S A|1  2"),
        ] {
            assert_eq!(shown(&format!("[S]\n{text}\n")).join("\n"), expected, "{text}");
        }
    }
}
