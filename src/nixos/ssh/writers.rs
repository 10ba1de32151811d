//! Scripts and commands that may write key files at boot: those of units, of the activation script and of stage 2.

use super::pattern::fits;
use crate::error::{Error, Place, Result};
use crate::nixos::Root;
use crate::nixos::answer::Cause;
use crate::nixos::unit::{Command, Conditions, Job, Lookup, Script, Start, Unit, Units};
use crate::nixos::users::User;

/// Keys of `[Service]` whose commands run when a unit starts.
const COMMANDS: [&str; 4] = ["ExecCondition", "ExecStartPre", "ExecStart", "ExecStartPost"];

/// Scripts of a toplevel that run at boot, and their usual names.
const OWN: [(&str, &str); 3] =
    [("activate", "the activation script"), ("init", "stage 2"), ("prepare-root", "the script before systemd")];

/// Limit for lines that name a key file. A system that installs others has a handful.
const MOST_WRITERS: usize = 100;

/// Shell words that may precede a command.
const BEFORE: [&str; 12] = ["if", "then", "else", "elif", "do", "while", "until", "!", "{", "(", "exec", "eval"];

/// Commands that add nothing to the files they name, unless their output goes there.
const HARMLESS: [&str; 19] = [
    "mkdir",
    "chmod",
    "chown",
    "chgrp",
    "test",
    "[",
    "[[",
    "rm",
    "rmdir",
    "ls",
    "stat",
    "touch",
    "grep",
    "cat",
    "echo",
    "printf",
    "for",
    "case",
    "ssh-keygen",
];

/// Commands that write only to the file in their last word; they just read the others.
const COPYING: [&str; 5] = ["cp", "mv", "ln", "install", "rsync"];

/// Redirections that do not write to a key file.
const DISCARDED: [&str; 8] =
    ["2>/dev/null", "2> /dev/null", "&>/dev/null", "&> /dev/null", ">/dev/null", "> /dev/null", "2>&1", ">&2"];

/// A line that may write a key file at boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Writer {
    /// The unit, job or script that runs it.
    pub by: String,
    /// The path that the line names. `*` stands for parts that only the running system knows, `~` for a home.
    pub path: String,
    /// The user it runs as. `None` for root, who may write to every file.
    user: Option<String>,
    /// The line.
    pub cause: Cause,
}

impl Writer {
    /// Whether it may write this file for the user.
    pub(super) fn may_write(&self, file: &str, user: &User) -> bool {
        if self.user.as_ref().is_some_and(|own| *own != user.name) {
            return false;
        }
        let home = || if self.user.is_some() { user.home.as_str() } else { "/root" };
        let path = match self.path.strip_prefix('~').map(|rest| rest.split_once('/').unwrap_or((rest, ""))) {
            None => self.path.clone(),
            Some(("", rest)) => format!("{}/{rest}", home()),
            Some((name, rest)) if name == user.name => format!("{}/{rest}", user.home),
            Some(_) => return false,
        };
        let path = path.trim_end_matches('/');
        // A copy to a directory may create a key file in it.
        let folders = file.match_indices('/').filter_map(|(at, _)| file.get(..at));
        std::iter::once(file).chain(folders).any(|file| fits(path, file))
    }
}

/// Finds the lines of a system that may write key files.
///
/// # Errors
/// If a unit or script exists but cannot be read, or a limit is reached.
pub(super) fn find(root: &Root<'_>) -> Result<Vec<Writer>> {
    let units = Units::of(root)?;
    let mut writers = Vec::new();
    let mut started: Vec<(&String, &Start)> = units.started()?.iter().collect();
    started.sort();
    for (name, _) in started.into_iter().filter(|(_, start)| **start != Start::Manual) {
        if let Lookup::Loaded(unit) = units.get(name)?
            && !matches!(units.conditions(&unit)?, Conditions::Failed(_))
        {
            writers.extend(of_unit(units, name, &unit)?);
        }
    }
    for (file, by) in OWN {
        let path = root.own(file);
        let Some(text) = root.text(&path)? else { continue };
        let Some(script) = Script::of(&path, &text) else { continue };
        writers.extend(of_script(&script, by, None));
        for script in units.called(&script)? {
            writers.extend(of_script(&script, by, None));
        }
    }
    for job in Job::all(root)?.into_iter().filter(|job| job.starts) {
        let lines = job.lines.iter().flat_map(|(number, line)| paths(line).map(|path| (*number, path)));
        let cause = |line| Cause { path: job.path.as_str().into(), line: Some(line) };
        writers.extend(lines.map(|(line, path)| Writer {
            by: job.file_name().to_owned(),
            path,
            user: None,
            cause: cause(line),
        }));
    }
    writers.extend(of_initrd(root));
    if writers.len() > MOST_WRITERS {
        let place = Place::File(root.toplevel().as_bytes().to_vec());
        return Err(Error::Limit { what: "100 lines that write keys", place });
    }
    Ok(writers)
}

/// Lines of the initrd that may write key files of the system before it starts. An initrd that cannot be read is a finding.
fn of_initrd(root: &Root<'_>) -> Vec<Writer> {
    let Ok(Some(initrd)) = root.initrd() else { return Vec::new() };
    let mut writers = Vec::new();
    for line in &initrd.into_system {
        let mut words = line.text.split_ascii_whitespace();
        let found: Vec<String> = match (line.is_rule, words.next(), words.next()) {
            // A rule may copy or link a directory above a key file.
            (true, Some(kind), Some(path)) if kind.starts_with(['C', 'L']) || is_of_keys(path) => {
                pattern(path).filter(|_| kind.starts_with(['f', 'w', 'C', 'L'])).into_iter().collect()
            }
            (true, ..) => Vec::new(),
            // The command of a unit follows its key.
            (false, ..) => match line.text.split_once('=').filter(|(key, _)| key.starts_with("Exec")) {
                Some((_, command)) => paths(command).collect(),
                None => paths(&line.text).collect(),
            },
        };
        let place = format!("{} {}", initrd.file, line.file);
        let cause = Cause { path: place.into(), line: Some(line.line) };
        let by = format!("initrd {}", line.file);
        writers.extend(found.into_iter().map(|path| Writer { by: by.clone(), path, user: None, cause: cause.clone() }));
    }
    writers
}

fn of_unit(units: Units<'_>, name: &str, unit: &Unit) -> Result<Vec<Writer>> {
    let mut writers = Vec::new();
    // Such a user is created when the unit starts, and owns nothing.
    let is_nobody = unit.holds("Service", "DynamicUser") == Some(true);
    let user = Some(unit.user()).filter(|user| user != "root" && user != "0");
    for command in COMMANDS.into_iter().flat_map(|key| unit.commands(key)) {
        let user = user.clone().filter(|_| !command.as_root);
        if is_nobody && !command.as_root {
            continue;
        }
        let cause = || Cause { path: command.file.clone(), line: Some(command.line) };
        let own = |path| Writer { by: name.to_owned(), path, user: user.clone(), cause: cause() };
        writers.extend(of_command(&command).into_iter().map(own));
        for script in units.scripts(&command)? {
            writers.extend(of_script(&script, name, user.as_deref()));
        }
    }
    Ok(writers)
}

/// The paths in a command that needs no shell, and in the commands that a shell takes as one argument.
fn of_command(command: &Command) -> Vec<String> {
    let words: Vec<&str> = std::iter::once(&command.program).chain(&command.arguments).map(String::as_str).collect();
    paths(&words.join(" "))
        .chain(command.arguments.iter().filter(|word| word.contains(' ')).flat_map(|line| paths(line)))
        .collect()
}

fn of_script(script: &Script, by: &str, user: Option<&str>) -> Vec<Writer> {
    let lines = script.lines.iter().flat_map(|(number, line)| paths(line).map(|path| (*number, path)));
    let writer = |(line, path)| Writer {
        by: by.to_owned(),
        path,
        user: user.map(str::to_owned),
        cause: Cause { path: script.path.as_str().into(), line: Some(line) },
    };
    lines.map(writer).collect()
}

/// The key files, or directories of key files, that a line of shell may write.
fn paths(line: &str) -> impl Iterator<Item = String> {
    let mut found: Vec<String> = Vec::new();
    if is_of_keys(line) {
        let line = DISCARDED.iter().fold(line.to_owned(), |line, output| line.replace(output, " "));
        for command in line.split([';', '|', '&']).filter(|command| is_of_keys(command)) {
            found.extend(written(command).into_iter().filter(|word| is_of_keys(word)).filter_map(pattern));
        }
        found.dedup();
    }
    found.into_iter()
}

/// Whether a text names a key file or its directory.
fn is_of_keys(text: &str) -> bool {
    let folder = |at: usize| {
        text.get(at + ".ssh".len()..).is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_alphanumeric()))
    };
    text.contains("authorized_keys") || text.match_indices(".ssh").any(|(at, _)| folder(at))
}

/// The words of one command that may be files it writes.
fn written(command: &str) -> Vec<&str> {
    if let Some((_, output)) = command.split_once('>') {
        return words(output);
    }
    let words: Vec<&str> = words(command).into_iter().skip_while(|word| BEFORE.contains(word)).collect();
    let Some((first, rest)) = words.split_first() else { return Vec::new() };
    let program = first.rsplit('/').next().unwrap_or(first);
    let makes_folder = program == "install" && rest.contains(&"-d");
    if HARMLESS.contains(&program) || makes_folder {
        return Vec::new();
    }
    if COPYING.contains(&program) && !rest.iter().any(|word| word.starts_with("-t") || word.starts_with("--target")) {
        return rest.last().copied().into_iter().collect();
    }
    words
}

/// Words without the quotes and other characters around them.
fn words(text: &str) -> Vec<&str> {
    let words = text.split(|letter: char| letter.is_whitespace() || "\"'=<>`".contains(letter));
    words.filter(|word| !word.is_empty()).collect()
}

/// The path in a word, with a `*` for each part that only the running system knows. `None` if it is not a path of this
/// machine.
fn pattern(word: &str) -> Option<String> {
    if word.contains("://") || word.contains('@') && word.contains(':') {
        return None; // on another machine
    }
    let word = ["$HOME", "${HOME}", "%h"]
        .iter()
        .find_map(|home| word.strip_prefix(home))
        .map_or_else(|| word.to_owned(), |rest| format!("~{rest}"));
    let mut pattern = String::new();
    let mut letters = word.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '$' => {
                let end = match letters.peek() {
                    Some('{') => Some('}'),
                    Some('(') => Some(')'),
                    _ => None,
                };
                match end {
                    Some(end) => drop(letters.by_ref().find(|letter| *letter == end)),
                    None => {
                        while letters.next_if(|letter| letter.is_ascii_alphanumeric() || *letter == '_').is_some() {}
                    }
                }
                pattern.push('*');
            }
            '%' => {
                letters.next();
                pattern.push('*');
            }
            // The end of a command whose output the path starts with.
            ')' | '}' => "*".clone_into(&mut pattern),
            '?' | '{' | ',' | '(' | '\\' => pattern.push('*'),
            letter => pattern.push(letter),
        }
    }
    Some(if pattern.starts_with(['/', '~', '*']) { pattern } else { format!("*/{pattern}") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nixos::made::Made;

    #[test]
    fn a_line_writes_the_files_that_it_names_and_not_those_that_it_reads() {
        let of = |line: &str| paths(line).collect::<Vec<_>>().join(" ");
        for (line, expected) in [
            ("echo 'ssh-ed25519 AAAA' >> /root/.ssh/authorized_keys", "/root/.ssh/authorized_keys"),
            ("cat /iso/keys > \"$HOME/.ssh/authorized_keys\" 2>/dev/null", "~/.ssh/authorized_keys"),
            ("install -m600 /iso/keys /home/${user}/.ssh/authorized_keys", "/home/*/.ssh/authorized_keys"),
            ("cp /root/.ssh/authorized_keys /home/eve/.ssh", "/home/eve/.ssh"),
            ("cp /root/.ssh/authorized_keys /tmp", ""),
            ("cat /root/.ssh/authorized_keys >> /tmp/x", ""),
            ("eval authfile=~root/.ssh/authorized_keys", "~root/.ssh/authorized_keys"),
            ("keys=$(getent passwd eve | cut -d: -f6)/.ssh/authorized_keys", "*/.ssh/authorized_keys"),
            ("curl http://x/authorized_keys -o .ssh/authorized_keys", "*/.ssh/authorized_keys"),
            ("fetch | tee -a /etc/ssh/authorized_keys.d/eve > /dev/null", "/etc/ssh/authorized_keys.d/eve"),
            ("mkdir -p /root/.ssh && chmod 700 /root/.ssh; install -d -m 700 /root/.ssh", ""),
            ("if [ -e /root/.ssh/authorized_keys ]; then rm /root/.ssh/authorized_keys; fi", ""),
            ("echo \"Put your keys into ~/.ssh/authorized_keys.\"", ""),
            ("scp keys root@host:.ssh/authorized_keys", ""),
            ("ssh-keygen -f /etc/ssh/ssh_host_ed25519_key", ""),
            ("rsync a.sshd.conf /etc", ""),
        ] {
            assert_eq!(of(line), expected, "{line}");
        }
    }

    #[test]
    fn a_writer_writes_its_own_users_files_and_root_those_of_everybody() {
        let eve = User { home: "/home/eve".to_owned(), ..User::implied("eve") };
        let writer = |path: &str, user: Option<&str>| Writer {
            by: "x.service".to_owned(),
            path: path.to_owned(),
            user: user.map(str::to_owned),
            cause: Cause { path: "/x".into(), line: None },
        };
        for (path, user, expected) in [
            ("/home/eve/.ssh/authorized_keys", None, true),
            ("/home/eve/.ssh/", None, true),
            ("/home/eve", None, true),
            ("/home/bob/.ssh", None, false),
            ("/home/*/.ssh/authorized_keys", None, true),
            ("*/.ssh/authorized_keys", None, true),
            ("*/.ssh/authorized_keys2", None, false),
            ("~/.ssh/authorized_keys", None, false),
            ("~/.ssh/authorized_keys", Some("eve"), true),
            ("~/.ssh/authorized_keys", Some("bob"), false),
            ("~eve/.ssh/authorized_keys", None, true),
            ("~bob/.ssh/authorized_keys", None, false),
            ("/home/eve/.ssh/authorized_keys", Some("bob"), false),
        ] {
            let found = writer(path, user).may_write("/home/eve/.ssh/authorized_keys", &eve);
            assert_eq!(found, expected, "{path} {user:?}");
        }
    }

    #[test]
    fn units_that_start_the_activation_and_stage_2_are_searched() {
        let store = |name: &str| format!("/nix/store/{}-{name}", "a".repeat(32));
        let (start, local) = (store("unit-script-keys-start/bin/keys-start"), store("local-cmds"));
        let line = "echo KEY >> /root/.ssh/authorized_keys\n";
        let keys = format!("[Service]\nType=oneshot\nExecStart={start}\n");
        let made = Made::of(&[
            ("/s/etc/systemd/system/keys.service", &keys),
            (
                "/s/etc/systemd/system/manual.service",
                "[Service]\nExecStart=/bin/sh -c \"echo x > /root/.ssh/authorized_keys\"\n",
            ),
            (
                "/s/etc/systemd/system/pre.service",
                "[Service]\nUser=eve\nExecStartPre=+/bin/cp /iso/keys /root/.ssh/authorized_keys\nExecStartPre=/bin/cp /iso/keys /home/eve/.ssh\nExecStart=/bin/true\n",
            ),
            ("/s/etc/systemd/system/multi-user.target.wants/keys.service", "-> ../keys.service"),
            ("/s/etc/systemd/system/multi-user.target.wants/pre.service", "-> ../pre.service"),
            ("/s/activate", &format!("#!/bin/sh\n# /root/.ssh/authorized_keys\n{line}")),
            ("/s/init", &format!("#!/bin/sh\n{local}\n")),
            ("/s/etc/init/old.conf", &format!("start on startup\nscript\n{line}end script\n")),
            (&start, &format!("#!/bin/sh\n{line}")),
            (&local, &format!("#!/bin/sh\n{line}")),
        ]);
        let found = find(&made.system()).unwrap();
        let shown: Vec<String> = found
            .iter()
            .map(|writer| format!("{} {} {}", writer.by, writer.cause, writer.user.as_deref().unwrap_or("root")))
            .collect();
        assert_eq!(
            shown,
            [
                format!("keys.service {start}:2 root"),
                "pre.service /etc/systemd/system/pre.service:3 root".to_owned(),
                "pre.service /etc/systemd/system/pre.service:4 eve".to_owned(),
                "the activation script /s/activate:3 root".to_owned(),
                format!("stage 2 {local}:2 root"),
                "old.conf /etc/init/old.conf:3 root".to_owned(),
            ]
        );
    }
}
