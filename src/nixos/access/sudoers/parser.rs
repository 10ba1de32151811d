//! The statements of `sudoers`.

use std::sync::Arc;

use super::lexer::Lexer;
use super::token::{Included, Token};
use crate::nixos::access::command::Command;
use crate::nixos::access::entry::{Condition, Member, Name};

/// A statement that says who may do what.
#[derive(Debug)]
pub(super) enum Statement {
    Alias { kind: char, name: String, members: Vec<Member> },
    Defaults { scope: Option<char>, whom: Vec<Member>, settings: Vec<Setting> },
    Rule { users: Vec<Member>, privileges: Vec<Privilege> },
    Include(Included, String),
}

/// A setting of `Defaults`.
#[derive(Debug)]
pub(super) struct Setting {
    pub(super) name: String,
    pub(super) negated: bool,
    pub(super) value: Option<String>,
}

/// Commands on hosts.
#[derive(Debug)]
pub(super) struct Privilege {
    pub(super) hosts: Vec<Member>,
    pub(super) commands: Vec<CommandSpec>,
}

/// A command and its tags. Tags that it lacks are those of the command before it.
#[derive(Clone, Debug)]
pub(super) struct CommandSpec {
    /// Users and groups.
    pub(super) targets: Option<Arc<(Vec<Member>, Vec<Member>)>>,
    pub(super) asks: Option<bool>,
    pub(super) conditions: Vec<Condition>,
    /// The root directory of the command (`CHROOT=`). `*` lets the user choose.
    pub(super) chroot: Option<String>,
    pub(super) command: Member,
}

/// The statement breaks the rules of sudoers(5).
#[derive(Debug)]
pub(super) struct Malformed;

type Parsed<T> = std::result::Result<T, Malformed>;

/// Reads statements one after the other.
pub(super) struct Parser<'t> {
    lexer: Lexer<'t>,
    next: Token,
}

/// The kind of a list. It decides what the words mean.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    Users,
    Hosts,
    Commands,
}

impl<'t> Parser<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let mut lexer = Lexer::new(text);
        let next = lexer.next();
        Self { lexer, next }
    }

    /// The statements of the next line, with its number. Malformed statements are left out, as in sudo. `None` at the end of the
    /// text.
    pub(super) fn line(&mut self) -> Option<(u64, Vec<Statement>, Parsed<()>)> {
        while self.next == Token::End {
            if self.lexer.at_end() {
                return None;
            }
            self.advance();
        }
        let line = self.lexer.line;
        let mut statements = Vec::new();
        let result = self.statement(&mut statements);
        while self.next != Token::End {
            self.step();
        }
        Some((line, statements, result))
    }

    /// Takes the next token, but not the end of a statement: a missing token must not be taken from the next line.
    fn step(&mut self) -> Token {
        match self.next {
            Token::End => Token::End,
            _ => self.advance(),
        }
    }

    fn advance(&mut self) -> Token {
        let next = self.lexer.next();
        std::mem::replace(&mut self.next, next)
    }

    fn take(&mut self, sign: char) -> bool {
        let is_it = self.next == Token::Sign(sign);
        if is_it {
            self.step();
        }
        is_it
    }

    fn need(&mut self, sign: char) -> Parsed<()> {
        if self.take(sign) { Ok(()) } else { Err(Malformed) }
    }

    fn end(&self) -> Parsed<()> {
        if self.next == Token::End { Ok(()) } else { Err(Malformed) }
    }

    fn statement(&mut self, statements: &mut Vec<Statement>) -> Parsed<()> {
        match self.next.clone() {
            Token::Include(included, path) => {
                self.step();
                self.end()?;
                statements.push(Statement::Include(included, path));
            }
            Token::AliasKind(kind) => {
                self.step();
                return self.aliases(kind, statements);
            }
            Token::Defaults(scope) => {
                self.step();
                let whom = match scope {
                    None => Vec::new(),
                    Some('@') => self.list(Of::Hosts)?,
                    Some('!') => self.list(Of::Commands)?,
                    Some(_) => self.list(Of::Users)?,
                };
                let settings = self.settings()?;
                statements.push(Statement::Defaults { scope, whom, settings });
            }
            _ => {
                let users = self.list(Of::Users)?;
                let mut privileges = vec![self.privilege()?];
                while self.take(':') {
                    privileges.push(self.privilege()?);
                }
                self.end()?;
                statements.push(Statement::Rule { users, privileges });
            }
        }
        Ok(())
    }

    /// Each alias counts as soon as it ends, even if the rest of the line is malformed.
    fn aliases(&mut self, kind: char, statements: &mut Vec<Statement>) -> Parsed<()> {
        let of = match kind {
            'H' => Of::Hosts,
            'C' => Of::Commands,
            _ => Of::Users,
        };
        loop {
            let Token::Alias(name) = self.step() else { return Err(Malformed) };
            self.need('=')?;
            let members = self.list(of)?;
            statements.push(Statement::Alias { kind, name, members });
            if !self.take(':') {
                return self.end();
            }
        }
    }

    fn settings(&mut self) -> Parsed<Vec<Setting>> {
        let mut settings = Vec::new();
        loop {
            let negated = self.take('!');
            let Token::Setting(name) = self.step() else { return Err(Malformed) };
            let mut value = None;
            if !negated && matches!(self.next, Token::Sign('=' | '+' | '-')) {
                self.step();
                let Token::Word(word) = self.step() else { return Err(Malformed) };
                value = Some(word);
            }
            settings.push(Setting { name, negated, value });
            if !self.take(',') {
                self.end()?;
                return Ok(settings);
            }
        }
    }

    fn privilege(&mut self) -> Parsed<Privilege> {
        let hosts = self.list(Of::Hosts)?;
        self.need('=')?;
        let mut commands: Vec<CommandSpec> = Vec::new();
        loop {
            let spec = self.command_spec(commands.last())?;
            commands.push(spec);
            if !self.take(',') {
                return Ok(Privilege { hosts, commands });
            }
        }
    }

    fn command_spec(&mut self, before: Option<&CommandSpec>) -> Parsed<CommandSpec> {
        let mut targets = before.and_then(|before| before.targets.clone());
        if self.take('(') {
            targets = Some(Arc::new(self.targets()?));
            self.need(')')?;
        }
        let mut conditions = before.map(|before| before.conditions.clone()).unwrap_or_default();
        let mut chroot = before.and_then(|before| before.chroot.clone());
        self.options(&mut conditions, &mut chroot)?;
        let mut asks = before.and_then(|before| before.asks);
        while let Token::Tag(tag) = self.next.clone() {
            self.step();
            match tag.as_str() {
                "NOPASSWD" => asks = Some(false),
                "PASSWD" => asks = Some(true),
                _ => {}
            }
        }
        let command = self.member(Of::Commands)?;
        Ok(CommandSpec { targets, asks, conditions, chroot, command })
    }

    fn options(&mut self, conditions: &mut Vec<Condition>, chroot: &mut Option<String>) -> Parsed<()> {
        while let Token::Option(option) = self.next.clone() {
            self.step();
            self.need('=')?;
            let Token::Word(value) = self.step() else { return Err(Malformed) };
            match option.as_str() {
                "NOTBEFORE" | "NOTAFTER" if !is_time(&value) => return Err(Malformed),
                "NOTBEFORE" => {
                    conditions.retain(|one| !matches!(one, Condition::NotBefore(_)));
                    conditions.push(Condition::NotBefore(value));
                }
                "NOTAFTER" => {
                    conditions.retain(|one| !matches!(one, Condition::NotAfter(_)));
                    conditions.push(Condition::NotAfter(value));
                }
                "TIMEOUT" if !is_timeout(&value) => return Err(Malformed),
                "CWD" | "CHROOT" if !(value.starts_with(['/', '~']) || value == "*") => return Err(Malformed),
                "CHROOT" => *chroot = Some(value),
                _ => {}
            }
        }
        Ok(())
    }

    /// Users and groups: `()`, `(root)`, `(root:wheel)`, `(:wheel)`.
    fn targets(&mut self) -> Parsed<(Vec<Member>, Vec<Member>)> {
        let users = match self.next {
            Token::Sign(')' | ':') => Vec::new(),
            _ => self.list(Of::Users)?,
        };
        let groups = match self.take(':') {
            true if self.next != Token::Sign(')') => self.list(Of::Users)?,
            _ => Vec::new(),
        };
        let users = if users.is_empty() { vec![Member::new(Name::Myself)] } else { users };
        Ok((users, groups))
    }

    fn list(&mut self, of: Of) -> Parsed<Vec<Member>> {
        let mut members = vec![self.member(of)?];
        while self.take(',') {
            members.push(self.member(of)?);
        }
        Ok(members)
    }

    fn member(&mut self, of: Of) -> Parsed<Member> {
        let mut digest = false;
        while of == Of::Commands && self.next == Token::Digest {
            self.step();
            digest = true;
            // A command may have several digests.
            if self.next == Token::Sign(',') {
                self.step();
            }
        }
        let negated = self.take('!');
        let name = match (self.step(), of) {
            (Token::All, _) => Name::All,
            (Token::Alias(name), _) => Name::Alias(name),
            (Token::Word(name), Of::Users) => user(name),
            (Token::Word(name), Of::Hosts) => Name::Word(name),
            (Token::Group(name), Of::Users) => group(name),
            (Token::Netgroup(name), Of::Users | Of::Hosts) => Name::Outside(format!("+{name}")),
            (Token::Network(name), Of::Hosts) => Name::Outside(name),
            (Token::Command(path, arguments), Of::Commands) => {
                // `""` means that there must be no arguments.
                let arguments = arguments.map(|text| if text == "\"\"" { String::new() } else { text });
                Name::Command(Command::pattern(path, arguments, digest))
            }
            _ => return Err(Malformed),
        };
        Ok(Member { name: Arc::new(name), negated })
    }
}

/// A user by name or, with a `#`, by number. An invalid number matches nobody.
fn user(name: String) -> Name {
    match name.strip_prefix('#') {
        Some(number) => number.parse().map_or(Name::Word(name), Name::Uid),
        None => Name::Word(name),
    }
}

/// A group by name or number, or one that a plugin knows.
fn group(name: String) -> Name {
    match (name.strip_prefix(':'), name.strip_prefix('#')) {
        (Some(_), _) => Name::Outside(format!("%{name}")),
        (None, Some(number)) => number.parse().map_or(Name::Group(name), Name::Gid),
        (None, None) => Name::Group(name),
    }
}

/// A generalized time (RFC 4517 §3.3.13): at least year, month, day and hour.
fn is_time(text: &str) -> bool {
    let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    (10..=14).contains(&digits)
}

/// Seconds, or days, hours, minutes and seconds in this order: `90`, `1h30m`.
fn is_timeout(text: &str) -> bool {
    let mut rest = text;
    for unit in ['d', 'h', 'm', 's'] {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
        match rest.get(digits..).and_then(|rest| rest.strip_prefix(|letter: char| letter.eq_ignore_ascii_case(&unit))) {
            Some(behind) if (1..=9).contains(&digits) => rest = behind,
            _ => {}
        }
    }
    rest.len() < 10 && rest.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty()
}
