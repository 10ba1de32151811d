//! What the characters at the beginning of a `sudoers` text are.

use std::net::IpAddr;

use super::token::{Included, Token};

/// Begins a comment, or a user by number.
pub(super) const HASH: char = '#';

pub(super) const BLANKS: [char; 2] = [' ', '\t'];

/// The length in bytes of the matching characters at the beginning of `text`.
pub(super) fn leading(text: &str, is_wanted: impl Fn(char) -> bool) -> usize {
    text.find(|letter| !is_wanted(letter)).unwrap_or(text.len())
}

/// The length in bytes of the matching characters at the beginning of `text`. Any character after a backslash matches.
pub(super) fn escaped(text: &str, is_plain: fn(char) -> bool) -> usize {
    escaped_by(text, is_plain, |letter| letter != '\n' && letter != '\t')
}

pub(super) fn escaped_by(text: &str, is_plain: impl Fn(char) -> bool, may_be_escaped: impl Fn(char) -> bool) -> usize {
    let mut letters = text.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        if letter == '\\' {
            if letters.next_if(|(_, next)| may_be_escaped(*next)).is_none() {
                return at;
            }
        } else if !is_plain(letter) {
            return at;
        }
    }
    text.len()
}

/// Removes backslashes before characters.
pub(super) fn unescaped(text: &str) -> String {
    let mut plain = String::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            // Patterns keep theirs.
            '\\' => match letters.next() {
                Some(letter) if "*?[]!^".contains(letter) => plain.extend(['\\', letter]),
                letter => plain.extend(letter),
            },
            letter => plain.push(letter),
        }
    }
    plain
}

pub(super) fn is_of_word(letter: char) -> bool {
    !"#>!=:,() \t\r\n\\\"".contains(letter)
}

pub(super) fn is_of_path(letter: char) -> bool {
    !",:=\\ \t\r\n#".contains(letter)
}

pub(super) fn is_escaped_in_path(letter: char) -> bool {
    ",:= \t#".contains(letter)
}

pub(super) fn is_alias(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_uppercase())
        && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

/// The length in bytes of a user by number, `#1000` or `#-1`; zero if there is no number.
pub(super) fn numbered(text: &str) -> usize {
    let Some(rest) = text.strip_prefix(HASH) else { return 0 };
    let sign = usize::from(rest.starts_with('-'));
    match rest.get(sign..).map_or(0, |rest| leading(rest, |letter| letter.is_ascii_digit())) {
        0 => 0,
        digits => 1 + sign + digits,
    }
}

pub(super) fn is_comment(text: &str) -> bool {
    text.starts_with(HASH) && numbered(text) == 0
}

/// The length in bytes of a line end; zero if the line goes on.
pub(super) fn line_end(text: &str) -> usize {
    if text.starts_with("\r\n") { 2 } else { usize::from(text.starts_with('\n')) }
}

/// The length in bytes of a backslash and the line end after it, including blanks between them.
pub(super) fn continuation(text: &str) -> Option<usize> {
    let rest = text.strip_prefix('\\')?;
    let blanks = leading(rest, |letter| BLANKS.contains(&letter));
    match line_end(rest.get(blanks..)?) {
        0 => None,
        end => Some(1 + blanks + end),
    }
}

/// The length in bytes of a regular expression, from `^` to the first `$` that is not escaped.
pub(super) fn regex(text: &str) -> Option<usize> {
    let rest = text.strip_prefix('^')?;
    let mut letters = rest.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' => _ = letters.next_if(|(_, next)| "#$".contains(*next)),
            '$' => return Some(at + 2),
            '#' | '\r' | '\n' => return None,
            _ => {}
        }
    }
    None
}

/// The length in bytes of an address or a network.
pub(super) fn network(text: &str) -> Option<usize> {
    let length = leading(text, |letter| letter.is_ascii_hexdigit() || ".:".contains(letter));
    let address = text.get(..length)?;
    address.parse::<IpAddr>().ok()?;
    let behind = text.get(length..)?;
    let mask = behind
        .strip_prefix('/')
        .map_or(0, |mask| 1 + leading(mask, |letter| letter.is_ascii_hexdigit() || ".:".contains(letter)));
    let length = length + mask;
    // `10.0.0.1x` is a host.
    text.get(length..)?.chars().next().is_none_or(|next| !is_of_word(next)).then_some(length)
}

/// Whether a colon, at most four digits of an address, and another colon follow.
pub(super) fn begins_address(text: &str) -> bool {
    let rest = text.strip_prefix(':').unwrap_or_default();
    let digits = leading(rest, |letter| letter.is_ascii_hexdigit());
    digits <= 4 && rest.get(digits..).is_some_and(|rest| rest.starts_with(':'))
}

pub(super) fn aliases(line: &str) -> Option<(usize, Token)> {
    let kinds =
        [("Host_Alias", 'H'), ("Cmnd_Alias", 'C'), ("Cmd_Alias", 'C'), ("User_Alias", 'U'), ("Runas_Alias", 'R')];
    let (name, kind) = kinds.into_iter().find(|(name, _)| line.starts_with(name))?;
    let whole = line.get(name.len()..)?.chars().next().is_none_or(|next| !is_of_word(next));
    whole.then_some((name.len(), Token::AliasKind(kind)))
}

pub(super) fn defaults(line: &str) -> Option<(usize, Token)> {
    let behind = line.strip_prefix("Defaults")?;
    let length = "Defaults".len();
    match behind.chars().next() {
        Some(sign @ (':' | '@' | '>' | '!')) => Some((length + 1, Token::Defaults(Some(sign)))),
        Some(next) if is_of_word(next) => None,
        _ => Some((length, Token::Defaults(None))),
    }
}

/// `#include` counts only at the very beginning of a line.
pub(super) fn included(line: &str, indent: usize) -> Option<(usize, Token)> {
    let (sign, rest) = line.split_at_checked(1)?;
    let length = leading(rest, |letter| letter.is_ascii_alphanumeric() || letter == '_');
    let (name, behind) = rest.split_at_checked(length)?;
    let included = match name {
        "include" => Included::File,
        "includedir" => Included::Directory,
        _ => return None,
    };
    let is_one = match sign {
        "@" => behind.is_empty() || behind.starts_with(|next| BLANKS.contains(&next) || "\"\r\n".contains(next)),
        "#" => indent == 0 && behind.starts_with(BLANKS),
        _ => false,
    };
    is_one.then_some((1 + length, Token::Include(included, String::new())))
}
