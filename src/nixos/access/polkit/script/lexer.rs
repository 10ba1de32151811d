//! Divides a script into tokens.

use super::NotUnderstood;

/// A token.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Word(String),
    Text(String),
    Number(f64),
    /// A regular expression, with its flags.
    Regex(String, String),
    Sign(&'static str),
    End,
}

/// Signs, longest first.
const SIGNS: [&str; 38] = [
    "===", "!==", "==", "!=", "=>", "<=", ">=", "&&", "||", "++", "--", "+=", "-=", "(", ")", "{", "}", "[", "]", ";",
    ",", ".", ":", "?", "!", "=", "<", ">", "+", "-", "*", "%", "&", "|", "/", "~", "^", "@",
];

/// The tokens with their lines.
pub(super) fn tokens(text: &str) -> Result<Vec<(Token, u64)>, NotUnderstood> {
    let mut tokens: Vec<(Token, u64)> = Vec::new();
    let mut rest = text;
    let mut line = 1;
    while let Some(first) = rest.chars().next() {
        let (token, length) = if first.is_whitespace() || first == '\u{feff}' {
            (None, first.len_utf8())
        } else if rest.starts_with("//") {
            (None, rest.find('\n').unwrap_or(rest.len()))
        } else if rest.starts_with("/*") {
            (None, rest.find("*/").map(|end| end + 2).ok_or(NotUnderstood { line })?)
        } else if matches!(first, '"' | '\'' | '`') {
            let (text, length) = quoted(rest, first).ok_or(NotUnderstood { line })?;
            (Some(Token::Text(text)), length)
        } else if first.is_ascii_digit() {
            let length =
                rest.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '.').unwrap_or(rest.len());
            let number = rest.get(..length).and_then(|digits| digits.parse().ok()).ok_or(NotUnderstood { line })?;
            (Some(Token::Number(number)), length)
        } else if is_of_word(first) {
            let length = rest.find(|letter: char| !is_of_word(letter)).unwrap_or(rest.len());
            (Some(Token::Word(rest.get(..length).unwrap_or_default().to_owned())), length)
        } else if first == '/' && begins_regex(tokens.last().map(|(token, _)| token)) {
            let (pattern, flags, length) = regex(rest).ok_or(NotUnderstood { line })?;
            (Some(Token::Regex(pattern, flags)), length)
        } else {
            let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign)).ok_or(NotUnderstood { line })?;
            (Some(Token::Sign(sign)), sign.len())
        };
        let (taken, behind) = rest.split_at_checked(length).ok_or(NotUnderstood { line })?;
        tokens.extend(token.map(|token| (token, line)));
        line += taken.bytes().filter(|byte| *byte == b'\n').count() as u64;
        rest = behind;
    }
    tokens.push((Token::End, line));
    Ok(tokens)
}

fn is_of_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_' || letter == '$'
}

/// Whether a slash begins a regular expression. After a value it divides.
fn begins_regex(before: Option<&Token>) -> bool {
    match before {
        Some(Token::Word(word)) => matches!(word.as_str(), "return" | "typeof" | "case" | "in" | "of"),
        Some(Token::Text(_) | Token::Number(_) | Token::Regex(..)) => false,
        Some(Token::Sign(sign)) => !matches!(*sign, ")" | "]" | "}"),
        Some(Token::End) | None => true,
    }
}

/// A quoted text, and its length with the quotes.
fn quoted(text: &str, quote: char) -> Option<(String, usize)> {
    let mut plain = String::new();
    let mut letters = text.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        match letter {
            letter if letter == quote => return Some((plain, at + 1)),
            '\n' if quote != '`' => return None,
            // The inserted text is unknown.
            '$' if quote == '`' => return None,
            '\\' => match letters.next()?.1 {
                'n' => plain.push('\n'),
                't' => plain.push('\t'),
                'r' => plain.push('\r'),
                '\n' => {}
                'u' | 'x' | '0'..='9' | 'b' | 'f' | 'v' => return None,
                letter => plain.push(letter),
            },
            letter => plain.push(letter),
        }
    }
    None
}

fn regex(text: &str) -> Option<(String, String, usize)> {
    let mut in_class = false;
    let mut letters = text.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\n' => return None,
            '\\' => _ = letters.next()?,
            '[' => in_class = true,
            ']' => in_class = false,
            '/' if !in_class => {
                let behind = text.get(at + 1..)?;
                let flags = behind.find(|letter: char| !is_of_word(letter)).unwrap_or(behind.len());
                return Some((text.get(1..at)?.to_owned(), behind.get(..flags)?.to_owned(), at + 1 + flags));
            }
            _ => {}
        }
    }
    None
}
