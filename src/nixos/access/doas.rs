//! `doas.conf` (doas.conf(5)).

use std::iter::Peekable;
use std::sync::Arc;

use super::command::Command;
use super::entry::{Entry, List, Member, Name, Targets};
use crate::nixos::Users;

/// The file that doas reads.
pub(super) const FILE: &str = "/etc/doas.conf";

/// A word, or a sign that no word contains.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    /// A word with quotes or a backslash. Keywords have neither.
    Text(String),
    Open,
    Close,
    End,
}

/// A line of the file is malformed; doas then allows nothing.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed {
    pub(super) line: u64,
}

/// The rules of the file, in order.
pub(super) fn read(text: &str, users: &Users) -> Result<Vec<Entry>, Malformed> {
    let file: Arc<str> = FILE.into();
    let tokens = tokens(text)?;
    let mut entries = Vec::new();
    for statement in tokens.split(|(token, _)| *token == Token::End) {
        let Some((_, line)) = statement.first() else { continue };
        let words: Vec<&Token> = statement.iter().map(|(token, _)| token).collect();
        let entry = rule(&words, users).ok_or(Malformed { line: *line })?;
        entries.push(Entry { group: entries.len(), part: entries.len(), ..entry(&file, *line) });
    }
    Ok(entries)
}

fn tokens(text: &str) -> Result<Vec<(Token, u64)>, Malformed> {
    let mut tokens = Vec::new();
    let mut line = 1;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            ' ' | '\t' => {}
            '\n' => {
                tokens.push((Token::End, line));
                line += 1;
            }
            '{' => tokens.push((Token::Open, line)),
            '}' => tokens.push((Token::Close, line)),
            // A backslash at the end of a comment does not continue it.
            '#' => while letters.next_if(|next| *next != '\n').is_some() {},
            first => {
                let begin = line;
                let token = word(first, &mut letters, &mut line)?;
                tokens.push((token, begin));
            }
        }
    }
    tokens.push((Token::End, line));
    Ok(tokens)
}

type Letters<'t> = std::iter::Peekable<std::str::Chars<'t>>;

fn word(first: char, letters: &mut Letters<'_>, line: &mut u64) -> Result<Token, Malformed> {
    let (mut word, mut plain) = (String::new(), true);
    let (mut quoted, mut escaped) = (false, false);
    let mut next = Some(first);
    while let Some(letter) = next {
        match letter {
            '\0' => return Err(Malformed { line: *line }),
            '\\' if !escaped => {
                escaped = true;
                plain = false;
            }
            '\n' if escaped => {
                *line += 1;
                escaped = false;
            }
            '"' if !escaped => {
                quoted = !quoted;
                plain = false;
            }
            letter => {
                word.push(letter);
                escaped = false;
            }
        }
        next = letters.next_if(|next| match next {
            '\n' => escaped,
            '{' | '}' | '#' | ' ' | '\t' => escaped || quoted,
            _ => true,
        });
    }
    if quoted || escaped {
        return Err(Malformed { line: *line });
    }
    Ok(if plain { Token::Word(word) } else { Token::Text(word) })
}

/// `permit|deny [OPTIONS] WHO [as TARGET] [cmd COMMAND [args …]]`
fn rule<'w>(words: &[&'w Token], users: &'w Users) -> Option<impl Fn(&Arc<str>, u64) -> Entry + use<>> {
    let mut words = words.iter().copied().peekable();
    let is = |token: &&Token, keyword: &str| matches!(token, Token::Word(word) if word == keyword);
    let permits = match words.next()? {
        Token::Word(word) if word == "permit" => true,
        Token::Word(word) if word == "deny" => false,
        _ => return None,
    };
    let free = permits && asks_nothing(&mut words)?;
    let who = name(&text(words.next().as_ref())?, users);
    let target = match words.next_if(|token| is(token, "as")) {
        Some(_) => Some(name(&text(words.next().as_ref())?, users)),
        None => None,
    };
    let mut command = Name::All;
    if words.next_if(|token| is(token, "cmd")).is_some() {
        let path = text(words.next().as_ref())?;
        let mut arguments = None;
        if words.next_if(|token| is(token, "args")).is_some() {
            let mut all = Vec::new();
            while let Some(argument) = text(words.peek()) {
                all.push(argument);
                words.next();
            }
            arguments = Some(all.join(" "));
        }
        command = Name::Command(Command::literal(path, arguments));
    }
    if words.next().is_some() {
        return None;
    }
    let list = |name: Name, negated| -> List { Arc::new([Member { negated, ..Member::new(name) }]) };
    let (users, hosts) = (list(who, false), list(Name::All, false));
    let targets = Targets::Users(list(target.unwrap_or(Name::All), false), Arc::new([]));
    let command = list(command, !permits);
    Some(move |file: &Arc<str>, line| Entry {
        users: Arc::clone(&users),
        hosts: Arc::clone(&hosts),
        targets: targets.clone(),
        command: Arc::clone(&command),
        asks: Some(!free),
        ..Entry::at(file, line)
    })
}

/// Parses the options of a permit rule. Returns whether it asks for no password, or `None` if doas refuses the options.
fn asks_nothing<'w>(words: &mut Peekable<impl Iterator<Item = &'w Token>>) -> Option<bool> {
    let is = |token: &&Token, keyword: &str| matches!(token, Token::Word(word) if word == keyword);
    let (mut free, mut persists, mut sets) = (false, false, false);
    while let Some(option) = words.next_if(|token| OPTIONS.iter().any(|option| is(token, option))) {
        match option {
            Token::Word(word) if word == "nopass" => free = true,
            Token::Word(word) if word == "persist" => persists = true,
            Token::Word(word) if word == "setenv" => {
                if std::mem::replace(&mut sets, true) {
                    return None; // doas refuses a second one
                }
                words.next_if(|token| **token == Token::Open)?;
                while text(words.peek()).is_some() {
                    words.next();
                }
                words.next_if(|token| **token == Token::Close)?;
            }
            _ => {}
        }
    }
    (!(free && persists)).then_some(free)
}

/// Options of a permit rule.
const OPTIONS: [&str; 5] = ["nopass", "persist", "keepenv", "nolog", "setenv"];

/// Words that are names only in quotes.
const KEYWORDS: [&str; 10] = ["permit", "deny", "as", "cmd", "args", "nopass", "persist", "keepenv", "nolog", "setenv"];

/// The text of a word that is not a keyword.
fn text(token: Option<&&Token>) -> Option<String> {
    match token? {
        Token::Word(word) if KEYWORDS.contains(&word.as_str()) => None,
        Token::Word(word) | Token::Text(word) => Some(word.clone()),
        _ => None,
    }
}

/// A user or a group, by name, or by number if no user has that name.
fn name(text: &str, users: &Users) -> Name {
    match text.strip_prefix(':') {
        Some(group) => group.parse().map_or_else(|_| Name::Group(group.to_owned()), Name::Gid),
        None if users.named(text).is_some() => Name::Word(text.to_owned()),
        None => text.parse().map_or_else(|_| Name::Word(text.to_owned()), Name::Uid),
    }
}
