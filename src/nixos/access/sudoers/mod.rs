//! `sudoers` (sudoers(5)), limited to who runs what as whom, and whether sudo asks for a password.

mod aliases;
mod defaults;
mod files;
mod letters;
mod lexer;
mod parser;
#[cfg(test)]
mod tests;
mod token;

use std::collections::HashMap;
use std::sync::Arc;

use self::aliases::{Aliases, Kind};
pub(super) use self::defaults::{Asks, Defaults, Question};
use self::files::{Files, Placed};
use self::parser::{Privilege, Statement};
use super::entry::{Condition, Entry, Name, Targets};
use crate::error::Result;
use crate::nixos::Root;

/// The first file that sudo reads.
pub(super) const FILE: &str = "/etc/sudoers";

/// What the files say.
#[derive(Default)]
pub(super) struct Sudoers {
    /// The rules, in order.
    pub(super) entries: Vec<Entry>,
    pub(super) defaults: Defaults,
    /// The machine's name. Rules may be limited to it.
    pub(super) host: Option<String>,
    /// Included files that are not in the image.
    pub(super) unread: Vec<String>,
    /// Malformed lines, which sudo skips.
    pub(super) malformed: Vec<(Arc<str>, u64)>,
}

impl Sudoers {
    /// Reads `/etc/sudoers` with all files that it includes. Without that file nobody may do anything.
    pub(super) fn read(root: &Root<'_>) -> Result<Self> {
        let host = root.text("/etc/hostname")?.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
        let Some(Files { statements, unread, mut malformed, .. }) = Files::read(root, host.as_deref())? else {
            return Ok(Self::default());
        };
        // Aliases and defaults count at any position.
        let mut aliases = Aliases::default();
        let mut rules = Vec::new();
        let mut settings = Vec::new();
        for Placed { statement, file, line } in statements {
            match statement {
                // A second definition ends its line.
                Statement::Alias { .. } if malformed.last().is_some_and(|bad| *bad == (Arc::clone(&file), line)) => {}
                Statement::Alias { kind, name, members } => {
                    if !aliases.define(Kind::of(kind), name, members) {
                        malformed.push((file, line));
                    }
                }
                Statement::Defaults { scope, whom, settings: own } => settings.push((scope, whom, own)),
                Statement::Rule { users, privileges } => rules.push((users, privileges, file, line)),
                Statement::Include(..) => {}
            }
        }
        let defaults = Defaults::of(settings, &mut aliases)?;
        let mut sudoers = Self { defaults, host, unread, malformed, entries: Vec::new() };
        for (users, privileges, file, line) in rules {
            let users = aliases.resolve(Kind::Users, &users)?;
            for privilege in privileges {
                let rule = Entry { users: Arc::clone(&users), ..Entry::at(&file, line) };
                sudoers.take(privilege, &rule, &mut aliases)?;
            }
        }
        Ok(sudoers)
    }

    fn take(&mut self, privilege: Privilege, rule: &Entry, aliases: &mut Aliases) -> Result<()> {
        let hosts = aliases.resolve(Kind::Hosts, &privilege.hosts)?;
        let group = self.entries.len();
        // Most commands of a list share the first one's properties.
        let mut targets: HashMap<usize, Targets> = HashMap::new();
        let mut conditions: Arc<[Condition]> = Arc::new([]);
        for spec in privilege.commands {
            let own = match &spec.targets {
                None => Targets::Default,
                Some(lists) => {
                    let known = Arc::as_ptr(lists) as usize;
                    if let Some(known) = targets.get(&known) {
                        known.clone()
                    } else {
                        let users = aliases.resolve(Kind::Targets, &lists.0)?;
                        let own = Targets::Users(users, aliases.resolve(Kind::Targets, &lists.1)?);
                        targets.insert(known, own.clone());
                        own
                    }
                }
            };
            let command = aliases.resolve(Kind::Commands, std::slice::from_ref(&spec.command))?;
            let mut of_spec = spec.conditions;
            of_spec.extend(
                spec.chroot
                    .filter(|root| command.iter().any(|one| is_sought_in(root, &one.name)))
                    .map(Condition::Chroot),
            );
            if *conditions != *of_spec {
                conditions = of_spec.into();
            }
            let before = self.entries.get(group..).and_then(<[Entry]>::last).filter(|before| before.targets == own);
            let part = before.map_or(self.entries.len(), |before| before.part);
            self.entries.push(Entry {
                hosts: Arc::clone(&hosts),
                targets: own,
                command,
                asks: spec.asks,
                conditions: Arc::clone(&conditions),
                group,
                part,
                ..rule.clone()
            });
        }
        Ok(())
    }
}

/// Whether sudo looks for the command inside the root directory, whose contents the image does not show. For patterns and
/// directories, `*` is a directory like any other.
fn is_sought_in(root: &str, command: &Name) -> bool {
    matches!(command, Name::Command(command) if !command.is_literal() || !["*", "/"].contains(&root))
}
