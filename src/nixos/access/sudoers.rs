//! `sudoers` (sudoers(5)), as far as it says who needs no password.

use std::collections::{HashMap, HashSet};

use super::become_root::{Grant, MOST_RULES, Rule, joined};
use crate::error::{Error, Place, Result};
use crate::nixos::Root;

/// Files, each as often as it is included; sudo itself stops at a depth of 128.
const MOST_FILES: usize = 128;

/// Lines of all files, and bytes of commands in all rules, each user's counted; NixOS writes some ten.
const MOST_LINES: usize = 10_000;
const MOST_COMMANDS: usize = 4 << 20;

/// Names behind names of aliases.
const DEEPEST: usize = 16;

/// What the files say.
#[derive(Default)]
pub(super) struct Sudoers {
    /// What each rule grants, free of a password or not, in order.
    pub(super) grants: Vec<Grant>,
    /// Files that are included and not in the image.
    pub(super) unread: Vec<String>,
    aliases: HashMap<String, Vec<String>>,
    /// Who need no password where a rule does not say: `ALL`, or a name in a `Defaults:` of its own.
    trusted: HashSet<String>,
    /// Bytes of commands so far.
    commands: usize,
}

/// What a tag says of the commands behind it.
const FREE: &str = "NOPASSWD";
const BOUND: &str = "PASSWD";

/// Reads `/etc/sudoers` with all that it includes.
pub(super) fn read(root: &Root<'_>) -> Result<Sudoers> {
    let mut files = Files { root, lines: Vec::new(), count: 0, unread: Vec::new() };
    if root.text("/etc/sudoers")?.is_none() {
        return Ok(Sudoers::default()); // no sudo at all
    }
    files.file("/etc/sudoers")?;
    let mut sudoers = Sudoers { unread: files.unread, ..Sudoers::default() };
    // Aliases and defaults count wherever they stand.
    for line in &files.lines {
        sudoers.take_setting(&line.text);
    }
    for line in &files.lines {
        sudoers.take_rule(line);
        if sudoers.commands > MOST_COMMANDS {
            let place = Place::Line { file: line.file.clone(), line: line.number };
            return Err(Error::Limit { what: "4 MiB of commands in sudoers", place });
        }
    }
    Ok(sudoers)
}

/// A line, its continuations joined, without its comment.
struct Line {
    file: String,
    number: u64,
    text: String,
}

/// The files, read one after the other.
struct Files<'t> {
    root: &'t Root<'t>,
    lines: Vec<Line>,
    count: usize,
    unread: Vec<String>,
}

impl Files<'_> {
    fn file(&mut self, file: &str) -> Result<()> {
        self.count += 1;
        let found = if self.count > MOST_FILES { None } else { self.root.text(file)? };
        let Some(found) = found else {
            self.unread.push(file.to_owned());
            return Ok(());
        };
        for (number, line) in joined(&found) {
            let mut words = line.split_ascii_whitespace();
            let directive = words.next().unwrap_or_default().trim_start_matches(['@', '#']);
            let named = absolute(words.next().unwrap_or_default().trim_matches('"'));
            match directive {
                "include" if line.starts_with(['@', '#']) => self.file(&named)?,
                "includedir" if line.starts_with(['@', '#']) => self.folder(&named)?,
                _ => {
                    let text = without_comment(&line).to_owned();
                    if self.lines.len() >= MOST_LINES {
                        let place = Place::Line { file: file.to_owned(), line: number };
                        return Err(Error::Limit { what: "10,000 lines of sudoers", place });
                    }
                    self.lines.push(Line { file: file.to_owned(), number, text });
                }
            }
        }
        Ok(())
    }

    /// The files of a folder by their names, without those that end in `~` or have a dot.
    fn folder(&mut self, folder: &str) -> Result<()> {
        for entry in self.root.entries(folder)? {
            let name = String::from_utf8_lossy(&entry.name).into_owned();
            if !name.ends_with('~') && !name.contains('.') {
                self.file(&format!("{folder}/{name}"))?;
            }
        }
        Ok(())
    }
}

impl Sudoers {
    /// Takes aliases, and `Defaults` that say who is asked.
    fn take_setting(&mut self, line: &str) {
        let (first, rest) = line.trim().split_once(char::is_whitespace).unwrap_or((line.trim(), ""));
        if first.ends_with("_Alias") {
            for definition in rest.split(':') {
                if let Some((name, members)) = definition.split_once('=') {
                    self.aliases.insert(name.trim().to_owned(), list(members));
                }
            }
            return;
        }
        let Some(scope) = first.strip_prefix("Defaults") else { return };
        let who = match scope.strip_prefix(':') {
            Some(names) => list(names),
            None if scope.is_empty() => vec!["ALL".to_owned()],
            // Of hosts, commands and targets.
            None => return,
        };
        for setting in list(rest) {
            match setting.split_once('=').map_or((setting.as_str(), ""), |(name, value)| (name.trim(), value.trim())) {
                ("!authenticate", _) => self.trusted.extend(who.iter().cloned()),
                ("authenticate", _) => who.iter().for_each(|name| {
                    self.trusted.remove(name);
                }),
                ("exempt_group", group) => {
                    self.trusted.insert(format!("%{}", group.trim_matches('"')));
                }
                _ => {}
            }
        }
    }

    /// Takes `USERS HOSTS = (AS) TAGS: COMMANDS`.
    fn take_rule(&mut self, line: &Line) {
        let Some((left, right)) = line.text.trim().split_once('=') else { return };
        if left.starts_with("Defaults")
            || left.split_ascii_whitespace().next().is_some_and(|word| word.ends_with("_Alias"))
        {
            return;
        }
        let names = self.expand(list(&users(left)));
        let (except, names): (Vec<String>, Vec<String>) = names.into_iter().partition(|name| name.starts_with('!'));
        let except: Vec<String> = except.iter().map(|name| name.trim_start_matches('!').to_owned()).collect();
        let commands = self.commands(right);
        for who in names {
            let trusted = self.trusted.contains("ALL") || self.trusted.contains(&who);
            for free in [true, false] {
                let own = commands.iter().filter(|command| command.free.unwrap_or(trusted) == free);
                for (target, commands) in by_target(own) {
                    self.commands += commands.len();
                    if self.commands > MOST_COMMANDS {
                        return;
                    }
                    let (users, source) = (Vec::new(), line.file.clone());
                    let (who, line) = (who.clone(), line.number);
                    let rule = Rule { tool: "sudo", who, users, target, commands, source, line };
                    self.grants.push(Grant { rule, free, except: except.clone() });
                }
            }
        }
    }

    /// The commands of a rule; what stands before one counts for those behind it, too.
    fn commands(&self, text: &str) -> Vec<Command> {
        let mut all = Vec::new();
        let (mut free, mut target) = (None, None);
        for part in split(text) {
            let mut part = part.trim();
            if let Some((users, rest)) = part.strip_prefix('(').and_then(|rest| rest.split_once(')')) {
                let users = self.expand(list(users.split(':').next().unwrap_or_default()));
                let root = users.is_empty() || users.iter().any(|user| matches!(user.as_str(), "ALL" | "root" | "#0"));
                target = (!root).then(|| users.join(", "));
                part = rest.trim_start();
            }
            while let Some((tag, rest)) = part.split_once(':').map(|(tag, rest)| (tag.trim(), rest)) {
                if tag.is_empty() || !tag.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_') {
                    break;
                }
                match tag {
                    FREE => free = Some(true),
                    BOUND => free = Some(false),
                    _ => {}
                }
                part = rest.trim_start();
            }
            let words: Vec<&str> = part.split_ascii_whitespace().collect();
            let names = self.expand(vec![words.join(" ")]).into_iter().filter(|name| !name.is_empty());
            all.extend(names.map(|name| Command { name, free, target: target.clone() }));
            if all.len() > MOST_RULES {
                break;
            }
        }
        all
    }

    /// Names, and what the aliases among them stand for.
    fn expand(&self, names: Vec<String>) -> Vec<String> {
        let mut open: Vec<(String, usize)> = names.into_iter().rev().map(|name| (name, 0)).collect();
        let mut all = Vec::new();
        let mut steps = 0;
        while let Some((name, depth)) = open.pop().filter(|_| steps < MOST_RULES) {
            steps += 1;
            match self.aliases.get(&name) {
                Some(members) if depth < DEEPEST => {
                    let members = members.iter().take(MOST_RULES).rev();
                    open.extend(members.map(|member| (member.clone(), depth + 1)));
                }
                _ => all.push(name),
            }
        }
        all
    }
}

struct Command {
    name: String,
    /// None where no tag says so.
    free: Option<bool>,
    /// As whom; none for root.
    target: Option<String>,
}

/// Commands by whom they are run as.
fn by_target<'c>(commands: impl Iterator<Item = &'c Command>) -> Vec<(Option<String>, String)> {
    let mut all: Vec<(Option<String>, String)> = Vec::new();
    for command in commands {
        match all.iter_mut().find(|(target, _)| *target == command.target) {
            Some((_, names)) => names.extend([", ", &command.name]),
            None => all.push((command.target.clone(), command.name.clone())),
        }
    }
    all
}

fn absolute(name: &str) -> String {
    if name.starts_with('/') { name.to_owned() } else { format!("/etc/{name}") }
}

/// A line up to its comment; `#1000` is a user by number.
fn without_comment(line: &str) -> &str {
    let is_comment = |at: usize| {
        !line.get(at + 1..).is_some_and(|rest| rest.starts_with(|next: char| next.is_ascii_digit() || next == '-'))
    };
    let mut marks = line.match_indices('#').map(|(at, _)| at);
    marks.find(|at| is_comment(*at)).and_then(|at| line.get(..at)).unwrap_or(line)
}

/// The users of users and hosts: the words up to the first boundary that no comma stands before or behind.
fn users(left: &str) -> String {
    let words: Vec<&str> = left.split_ascii_whitespace().collect();
    let inside = |pair: &[&str]| match pair {
        [one, next] => one.ends_with([',', '!']) || next.starts_with(','),
        _ => false,
    };
    let count = words.windows(2).take_while(|pair| inside(pair)).count() + 1;
    words.get(..count).unwrap_or(&words).join(" ")
}

/// The parts of a list.
fn list(text: &str) -> Vec<String> {
    let parts = split(text).into_iter().map(|part| part.trim().trim_matches('"').to_owned());
    parts.filter(|part| !part.is_empty()).collect()
}

/// Divides at commas that are neither in quotes nor in parentheses, nor behind a backslash.
fn split(text: &str) -> Vec<&str> {
    let (mut depth, mut quoted, mut escaped) = (0u32, false, false);
    let divides = |letter: char| {
        let plain = !escaped;
        escaped = letter == '\\' && plain;
        match letter {
            '"' if plain => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth = depth.saturating_sub(1),
            ',' => return plain && !quoted && depth == 0,
            _ => {}
        }
        false
    };
    text.split(divides).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nixos::made::Made;

    fn shown(files: &[(&str, &str)]) -> Vec<String> {
        let sudoers = read(&Made::of(files).system()).unwrap();
        let show = |grant: &Grant| {
            let Rule { who, commands, line, target, .. } = &grant.rule;
            let (free, target) = (if grant.free { "free" } else { "asked" }, target.as_deref().unwrap_or("root"));
            format!("{line} {who} {free} {target} {commands}")
        };
        sudoers.grants.iter().map(show).collect()
    }

    fn of(text: &str) -> Vec<String> {
        shown(&[("/s/etc/sudoers", text)])
    }

    #[test]
    fn rules_without_a_password_are_found() {
        let text = "\
# a comment NOPASSWD:
Defaults env_keep+=SSH_AUTH_SOCK
root    ALL=(ALL:ALL) SETENV: ALL
%wheel  ALL=(ALL:ALL) NOPASSWD:SETENV: ALL # all of them
eve ALL = (root) NOPASSWD: /bin/a, \\
  /bin/b  x\\,y, PASSWD: /bin/c
bob ALL=(ALL) ALL
";
        assert_eq!(
            of(text),
            [
                "3 root asked root ALL",
                "4 %wheel free root ALL",
                "5 eve free root /bin/a, /bin/b x\\,y",
                "5 eve asked root /bin/c",
                "7 bob asked root ALL"
            ]
        );
    }

    #[test]
    fn aliases_and_lists_of_users_are_told_apart() {
        let text = "\
User_Alias ADMINS = eve, bob : GUESTS = ann
Runas_Alias DATABASE = postgres
Cmnd_Alias POWER = /bin/reboot, /bin/halt
ADMINS ALL=(ALL) NOPASSWD: ALL
ann , #1000 ,%users host = (DATABASE) NOPASSWD:POWER
ALL, !eve ALL = NOPASSWD: ALL, !/bin/su
";
        assert_eq!(
            of(text),
            [
                "4 eve free root ALL",
                "4 bob free root ALL",
                "5 ann free postgres /bin/reboot, /bin/halt",
                "5 #1000 free postgres /bin/reboot, /bin/halt",
                "5 %users free postgres /bin/reboot, /bin/halt",
                "6 ALL free root ALL, !/bin/su",
            ]
        );
    }

    #[test]
    fn defaults_say_who_is_not_asked() {
        for (text, expected) in [
            ("Defaults env_reset,!authenticate\nbob ALL=(ALL) ALL\n", "2 bob free root ALL"),
            ("Defaults !authenticate\nDefaults authenticate\nbob ALL=(ALL) ALL\n", "3 bob asked root ALL"),
            ("Defaults !authenticate\nbob ALL=(ALL) PASSWD: ALL\n", "2 bob asked root ALL"),
            ("Defaults:bob !authenticate\nbob ALL=(ALL) ALL\n", "2 bob free root ALL"),
            ("Defaults:eve !authenticate\nbob ALL=(ALL) ALL\n", "2 bob asked root ALL"),
            ("Defaults exempt_group=wheel\n%wheel ALL=(ALL) ALL\n", "2 %wheel free root ALL"),
        ] {
            assert_eq!(of(text), [expected], "{text}");
        }
    }

    #[test]
    fn what_is_included_counts_and_what_is_not_there_is_told() {
        let files = [
            ("/s/etc/sudoers", "@includedir /etc/sudoers.d\n#include more\n@include /run/secrets/sudoers\n"),
            ("/s/etc/sudoers.d/a", "eve ALL=(ALL) NOPASSWD: ALL\n"),
            ("/s/etc/sudoers.d/b.off", "bob ALL=(ALL) NOPASSWD: ALL\n"),
            ("/s/etc/more", "ann ALL=(ALL) NOPASSWD: ALL\n"),
        ];
        assert_eq!(shown(&files), ["1 eve free root ALL", "1 ann free root ALL"]);
        assert_eq!(read(&Made::of(&files).system()).unwrap().unread, ["/run/secrets/sudoers"]);
        assert!(read(&Made::of(&[]).system()).unwrap().unread.is_empty());
    }
}
