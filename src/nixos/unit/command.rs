//! Command lines in units (systemd.service(5), COMMAND LINES).

use std::sync::Arc;

use super::name::expand;
use super::text::Setting;

/// A command that a unit runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The program, as written except for specifiers.
    pub program: String,
    /// Its arguments, without the zeroth.
    pub arguments: Vec<String>,
    /// Whether a `+` or `!` before it makes it run as root although the unit names a user.
    pub as_root: bool,
    /// The file that has the command, by its path in the running system.
    pub file: Arc<str>,
    /// Its line, counted from 1.
    pub line: u64,
}

impl Command {
    /// Whether the program has this name, wherever it is.
    #[must_use]
    pub fn runs(&self, program: &str) -> bool {
        self.program.rsplit('/').next() == Some(program)
    }

    /// The value of an option: the rest of `--name=VALUE`, or the argument after `--name`.
    #[must_use]
    pub fn option(&self, name: &str) -> Option<&str> {
        let mut arguments = self.arguments.iter();
        while let Some(argument) = arguments.next() {
            if argument == name {
                return arguments.next().map(String::as_str);
            }
            if let Some(value) = argument.strip_prefix(name).and_then(|rest| rest.strip_prefix('=')) {
                return Some(value);
            }
        }
        None
    }
}

/// The commands of one assignment, for the unit with that name.
pub(super) fn commands(setting: &Setting, unit: &str) -> Vec<Command> {
    let mut commands = Vec::new();
    for words in words(&setting.value).split(|word| matches!(word, Word::End)) {
        let mut words = words.iter().map(|word| match word {
            Word::Text(text) => expand(text, unit),
            Word::End => String::new(),
        });
        let Some(first) = words.next() else { continue };
        let program = first.trim_start_matches(['@', '-', ':', '+', '!', '|']);
        let prefixes = first.strip_suffix(program).unwrap_or_default();
        // The zeroth argument follows this prefix.
        if prefixes.contains('@') {
            words.next();
        }
        if !program.is_empty() {
            let (program, arguments) = (program.to_owned(), words.collect());
            let as_root = prefixes.contains(['+', '!']);
            commands.push(Command { program, arguments, as_root, file: setting.file.clone(), line: setting.line });
        }
    }
    commands
}

/// The words of a list, such as those of `Environment=`.
pub(in crate::nixos) fn list(value: &str) -> Vec<String> {
    let texts = words(value).into_iter().map(|word| match word {
        Word::Text(text) => text,
        Word::End => ";".to_owned(),
    });
    texts.collect()
}

enum Word {
    Text(String),
    /// A semicolon on its own, which ends a command.
    End,
}

/// Words with quotes and C escapes removed.
fn words(value: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut bare = true;
    let mut letters = value.chars().peekable();
    while let Some(letter) = letters.next() {
        match (letter, quote) {
            (' ' | '\t' | '\n' | '\r', None) => {
                words.extend(word.take().map(|text| finished(text, bare)));
                bare = true;
            }
            ('"' | '\'', None) => {
                (quote, bare) = (Some(letter), false);
                word.get_or_insert_default();
            }
            (letter, Some(open)) if letter == open => quote = None,
            ('\\', _) => {
                bare = false;
                word.get_or_insert_default().push_str(&escaped(&mut letters));
            }
            (letter, _) => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word.map(|text| finished(text, bare)));
    words
}

fn finished(text: String, bare: bool) -> Word {
    if bare && text == ";" { Word::End } else { Word::Text(text) }
}

/// The character that an escape stands for. systemd keeps unknown escapes.
fn escaped(letters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> String {
    let Some(letter) = letters.next() else { return "\\".to_owned() };
    let known = match letter {
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        's' => ' ',
        '\\' | '"' | '\'' | ';' => letter,
        'x' | '0'..='3' => return by_number(letter, letters),
        other => return format!("\\{other}"),
    };
    known.to_string()
}

/// `\xHH` and `\OOO`.
fn by_number(first: char, letters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> String {
    let radix = if first == 'x' { 16 } else { 8 };
    let mut digits = if first == 'x' { String::new() } else { first.to_string() };
    let length = if first == 'x' { 2 } else { 3 };
    while digits.len() < length
        && let Some(digit) = letters.next_if(|letter| letter.is_digit(radix))
    {
        digits.push(digit);
    }
    match u8::from_str_radix(&digits, radix) {
        Ok(byte) if byte != 0 && digits.len() == length => char::from(byte).to_string(),
        _ if first == 'x' => format!("\\x{digits}"),
        _ => format!("\\{digits}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(value: &str) -> Vec<String> {
        let (section, file) = ("Service".into(), "/u".into());
        let setting = Setting { section, key: "ExecStart".to_owned(), value: value.to_owned(), file, line: 1 };
        let show = |Command { program, arguments, .. }: Command| format!("{program}|{}", arguments.join("|"));
        commands(&setting, "a@b.service").into_iter().map(show).collect()
    }

    #[test]
    fn a_command_line_is_divided_as_systemd_does_it() {
        for (value, expected) in [
            ("/bin/a b  c", &["/bin/a|b|c"][..]),
            ("-+!!/bin/a %i", &["/bin/a|b"]),
            ("@/bin/a zeroth one", &["/bin/a|one"]),
            ("/bin/a ; /bin/b c", &["/bin/a|", "/bin/b|c"]),
            ("/bin/a \\; ';' b;", &["/bin/a|;|;|b;"]),
            ("/bin/a \"b 'c\" 'd \"e' f\"g\"h \"\"", &["/bin/a|b 'c|d \"e|fgh|"]),
            ("/bin/a b\\x20c \\s\\t \\q \\101", &["/bin/a|b c| \t|\\q|A"]),
            ("/bin/a %% %t", &["/bin/a|%|%t"]),
            ("", &[]),
            ("-", &[]),
        ] {
            assert_eq!(shown(value), expected, "{value}");
        }
    }

    #[test]
    fn an_option_has_its_value_behind_a_sign_or_in_the_next_argument() {
        let arguments = ["-f", "/a", "--config=/b", "--last"].map(str::to_owned).to_vec();
        let command = Command { program: "/x/bin/y".to_owned(), arguments, as_root: false, file: "/u".into(), line: 1 };
        assert_eq!((command.option("-f"), command.option("--config")), (Some("/a"), Some("/b")));
        assert_eq!((command.option("--last"), command.option("--none")), (None, None));
        assert!(command.runs("y") && !command.runs("x"));
    }
}
