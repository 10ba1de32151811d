//! Divides `sudoers` into words and signs.

use super::letters::{
    BLANKS, HASH, aliases, begins_address, continuation, defaults, escaped, escaped_by, included, is_alias, is_comment,
    is_escaped_in_path, is_of_path, is_of_word, leading, line_end, network, numbered, regex, unescaped,
};
use super::token::{DIGESTS, Included, OPTIONS, TAGS, Token};

/// What the next word may be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Plain,
    /// The list of users, hosts and so on that `Defaults` apply to.
    Scope,
    /// The name of a setting.
    Setting,
    /// The operator and value after the setting's name.
    Value,
    /// The path after `CWD=`.
    Path,
}

/// Divides a text into words and signs.
pub(super) struct Lexer<'t> {
    rest: &'t str,
    state: State,
    /// Whether the next character is the first of its line.
    begins: bool,
    /// Whether the previous line ended with a backslash.
    continued: bool,
    /// The line of the next character, counted from 1.
    pub(super) line: u64,
}

impl<'t> Lexer<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { rest: text, state: State::Plain, begins: true, continued: false, line: 1 }
    }

    /// Whether the text has ended.
    pub(super) fn at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next word or sign. At the end of the text it is always [`Token::End`].
    pub(super) fn next(&mut self) -> Token {
        if let Some(token) = self.first_word() {
            return token;
        }
        if let Some(token) = self.space() {
            return token;
        }
        let Some(first) = self.rest.chars().next() else {
            self.state = State::Plain;
            return Token::End;
        };
        match self.state {
            State::Setting => self.setting(first),
            State::Value => self.value(first),
            State::Plain | State::Scope | State::Path => self.plain(first),
        }
    }

    fn advance(&mut self, bytes: usize) -> &'t str {
        let (taken, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        self.rest = rest;
        self.begins &= taken.is_empty();
        taken
    }

    /// Words that count only at the beginning of a line.
    fn first_word(&mut self) -> Option<Token> {
        if !self.begins || self.state != State::Plain {
            return None;
        }
        let line = self.rest.trim_start_matches(BLANKS);
        let indent = self.rest.len() - line.len();
        let (length, token) = aliases(line).or_else(|| defaults(line)).or_else(|| included(line, indent))?;
        if std::mem::take(&mut self.continued) {
            self.advance(indent + length);
            return Some(Token::Wrong);
        }
        self.advance(indent + length);
        Some(match token {
            Token::Include(included, _) => self.include(included),
            Token::Defaults(sign) => {
                self.state = State::Scope;
                if sign.is_some() {
                    let blanks = leading(self.rest, |letter| BLANKS.contains(&letter));
                    self.advance(blanks);
                }
                Token::Defaults(sign)
            }
            token => token,
        })
    }

    /// Skips blanks, continued lines and comments. Ends the statement at the end of its line.
    fn space(&mut self) -> Option<Token> {
        loop {
            let blanks = leading(self.rest, |letter| BLANKS.contains(&letter));
            if self.state == State::Scope && blanks > 0 {
                // A comma continues the list that they apply to; anything else is the first setting.
                let behind = self.rest.get(blanks..).unwrap_or_default();
                if !behind.starts_with(',') {
                    self.state = State::Setting;
                }
            }
            self.advance(blanks);
            if let Some(length) = continuation(self.rest) {
                self.advance(length);
                self.line += 1;
                (self.begins, self.continued) = (true, true);
                continue;
            }
            let end = line_end(self.rest);
            let comment = self.state != State::Scope && is_comment(self.rest);
            if comment || end > 0 {
                // A backslash at the end of a comment does not continue it.
                let length = self.rest.find('\n').map_or(self.rest.len(), |at| at + 1);
                self.advance(length);
                self.line += 1;
                (self.state, self.begins, self.continued) = (State::Plain, true, false);
                return Some(Token::End);
            }
            return None;
        }
    }

    fn setting(&mut self, first: char) -> Token {
        if first == '!' {
            return self.negations();
        }
        let length = leading(self.rest, |letter| letter.is_ascii_lowercase() || letter == '_');
        if length == 0 {
            return self.wrong(first);
        }
        self.state = State::Value;
        Token::Setting(self.advance(length).to_owned())
    }

    fn value(&mut self, first: char) -> Token {
        match first {
            ',' => {
                self.advance(1);
                self.state = State::Setting;
                Token::Sign(',')
            }
            '=' => self.sign(1, '='),
            '+' | '-' if self.rest.get(1..).is_some_and(|rest| rest.starts_with('=')) => self.sign(2, first),
            '"' => self.quoted(),
            '!' => self.negations(),
            _ => {
                let length = self.escaped(|letter| !"#=, \t\r\n\\\"".contains(letter));
                if length == 0 { self.wrong(first) } else { Token::Word(unescaped(self.advance(length))) }
            }
        }
    }

    fn plain(&mut self, first: char) -> Token {
        match first {
            // sudo takes it for an address that begins with a colon, which is invalid.
            ':' if begins_address(self.rest) => self.wrong(first),
            '(' | ')' | ',' | '=' | ':' => self.sign(1, first),
            '!' => self.negations(),
            '"' if self.state == State::Path => self.wrong(first),
            '"' => self.quoted(),
            '/' => self.command(),
            '^' if regex(self.rest).is_some() => self.command(),
            HASH => match numbered(self.rest) {
                0 => self.wrong(first),
                length => Token::Word(self.advance(length).to_owned()),
            },
            '+' => self.prefixed(1, Token::Netgroup),
            '%' => self.prefixed(1, Token::Group),
            _ => self.word(first),
        }
    }

    fn sign(&mut self, length: usize, sign: char) -> Token {
        self.advance(length);
        if self.state == State::Scope && sign == ',' {
            let blanks = leading(self.rest, |letter| BLANKS.contains(&letter));
            self.advance(blanks);
        }
        Token::Sign(sign)
    }

    fn wrong(&mut self, first: char) -> Token {
        self.advance(first.len_utf8());
        Token::Wrong
    }

    /// An even number of `!` cancels out.
    fn negations(&mut self) -> Token {
        let count = leading(self.rest, |letter| letter == '!');
        self.advance(count);
        if count % 2 == 1 { Token::Sign('!') } else { self.next() }
    }

    fn prefixed(&mut self, sign: usize, token: fn(String) -> Token) -> Token {
        self.advance(sign);
        let colon = usize::from(self.rest.starts_with(':'));
        let behind = self.rest.get(colon..).unwrap_or_default();
        let length = match numbered(behind) {
            0 => escaped(behind, is_of_word),
            number => number,
        };
        match length {
            0 => Token::Wrong,
            length => token(unescaped(self.advance(colon + length))),
        }
    }

    fn word(&mut self, first: char) -> Token {
        if let Some(length) = network(self.rest) {
            return Token::Network(self.advance(length).to_owned());
        }
        let length = self.escaped(is_of_word);
        if length == 0 {
            return self.wrong(first);
        }
        let word = self.rest.get(..length).unwrap_or_default();
        if self.state == State::Path {
            self.state = State::Plain;
            return Token::Word(unescaped(self.advance(length)));
        }
        let behind = self.rest.get(length..).unwrap_or_default();
        let colon = leading(behind, |letter| BLANKS.contains(&letter));
        if TAGS.contains(&word) && behind.get(colon..).is_some_and(|behind| behind.starts_with(':')) {
            self.advance(length + colon + 1);
            return Token::Tag(word.to_owned());
        }
        if let Some((_, bytes)) = DIGESTS.iter().find(|(name, _)| *name == word) {
            self.advance(length);
            return self.digest(*bytes);
        }
        if word == "sudoedit" {
            return self.command();
        }
        self.advance(length);
        match word {
            "ALL" => Token::All,
            _ if self.state == State::Plain && OPTIONS.contains(&word) => {
                if matches!(word, "CWD" | "CHROOT") {
                    self.state = State::Path;
                }
                Token::Option(word.to_owned())
            }
            _ if is_alias(word) => Token::Alias(word.to_owned()),
            _ => Token::Word(unescaped(word)),
        }
    }

    /// `:` and a digest in hexadecimal digits or base64.
    fn digest(&mut self, bytes: usize) -> Token {
        let behind = self.rest.trim_start_matches(BLANKS);
        let Some(behind) = behind.strip_prefix(':') else { return Token::Wrong };
        let behind = behind.trim_start_matches(BLANKS);
        let length = leading(behind, |letter| letter.is_ascii_alphanumeric() || "+/=".contains(letter));
        let skipped = self.rest.len() - behind.len();
        let (padded, bare) = (4 * bytes.div_ceil(3), (4 * bytes).div_ceil(3));
        self.advance(skipped + length);
        if length == 2 * bytes || length == padded || length == bare { Token::Digest } else { Token::Wrong }
    }

    /// A path, a regular expression or `sudoedit`, with its arguments.
    fn command(&mut self) -> Token {
        let length = match self.rest.chars().next() {
            Some('^') => regex(self.rest).unwrap_or(1),
            Some('/') => 1 + self.rest.get(1..).map_or(0, |rest| escaped_by(rest, is_of_path, is_escaped_in_path)),
            _ => "sudoedit".len(),
        };
        if length == 1 && self.state != State::Path {
            return self.wrong('/');
        }
        let path = self.advance(length);
        if self.state == State::Path {
            self.state = State::Plain;
            return Token::Word(unescaped(path));
        }
        if path.ends_with('/') || self.state == State::Scope {
            return Token::Command(unescaped(path), None);
        }
        let arguments = self.arguments();
        Token::Command(if path.starts_with('^') { path.to_owned() } else { unescaped(path) }, arguments)
    }

    fn arguments(&mut self) -> Option<String> {
        let mut all: Option<String> = None;
        let mut spaced = false;
        while let Some(first) = self.rest.chars().next() {
            if BLANKS.contains(&first) {
                spaced = true;
                self.advance(1);
                continue;
            }
            if let Some(length) = continuation(self.rest) {
                self.advance(length);
                self.line += 1;
                spaced = true;
                continue;
            }
            if "#:,=\r\n".contains(first) {
                break;
            }
            if all.is_none() && first == '^' {
                let length = regex(self.rest)?;
                return Some(self.advance(length).to_owned());
            }
            let length = if first == '\\' {
                first.len_utf8() + self.rest.chars().nth(1).map_or(0, char::len_utf8)
            } else {
                leading(self.rest, |letter| !"#\\:, \t\r\n".contains(letter))
            };
            let text = self.advance(length);
            let all = all.get_or_insert_default();
            if spaced && !all.is_empty() {
                all.push(' ');
            }
            all.push_str(text);
            spaced = false;
        }
        self.begins = false;
        all
    }

    fn quoted(&mut self) -> Token {
        self.advance(1);
        let mut text = String::new();
        loop {
            if let Some(length) = continuation(self.rest) {
                self.advance(length);
                self.line += 1;
                let blanks = leading(self.rest, |letter| BLANKS.contains(&letter));
                self.advance(blanks);
                continue;
            }
            match self.rest.chars().next() {
                None | Some('\n') => {
                    self.state = State::Plain;
                    return Token::Wrong;
                }
                Some('"') => break,
                Some('\\') if self.rest.starts_with("\\\"") => {
                    self.advance(2);
                    text.push('"');
                }
                Some(letter) => {
                    self.advance(letter.len_utf8());
                    text.push(letter);
                }
            }
        }
        self.advance(1);
        if self.state == State::Value {
            return if text.is_empty() { Token::Wrong } else { Token::Word(text) };
        }
        match (text.strip_prefix('%'), text.strip_prefix('+')) {
            (Some("" | ":"), _) | (_, Some("")) => Token::Wrong,
            (Some(group), _) => Token::Group(group.to_owned()),
            (_, Some(netgroup)) => Token::Netgroup(netgroup.to_owned()),
            _ if text.is_empty() => Token::Wrong,
            _ => Token::Word(text),
        }
    }

    /// The path after `@include`, in quotes or with escaped blanks.
    fn include(&mut self, included: Included) -> Token {
        let blanks = leading(self.rest, |letter| BLANKS.contains(&letter));
        self.advance(blanks);
        if self.rest.starts_with('"') {
            self.state = State::Value; // a word, whatever it begins with
            let token = self.quoted();
            self.state = State::Plain;
            return match token {
                Token::Word(path) => Token::Include(included, path),
                _ => Token::Wrong,
            };
        }
        let length = escaped_by(self.rest, |letter| !letter.is_whitespace() && letter != '\\', |letter| letter != '\n');
        match self.advance(length) {
            "" => Token::Wrong,
            path => Token::Include(included, unescaped(path)),
        }
    }

    fn escaped(&self, is_plain: fn(char) -> bool) -> usize {
        escaped(self.rest, is_plain)
    }
}
