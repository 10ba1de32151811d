//! `--command NAME`: the command runs.

use std::fmt;

use super::super::nearest::{listed, nearest};
use super::super::paths::{broken, leads_to, text};
use super::{Ask, Flag, Kind, Takes};
use crate::check::systems::{Scope, called, in_each};
use crate::check::{Judgement, Subject};
use crate::error::Result;
use crate::fs::path::{self, join};
use crate::fs::{Kind as NodeKind, Node, Tree};
use crate::nixos::System;

/// Directories of a system's commands.
const DIRECTORIES: [&str; 2] = ["bin", "sbin"];

/// The row in the table of kinds.
pub(super) const KIND: Kind = Kind {
    name: "command",
    says: "a command leads through the system path to an executable",
    advice: None,
    flag: Some(Flag {
        takes: Takes::Text("NAME", |text| Command::parse(text).map(Into::into)),
        help: "The command runs: it leads through sw/bin to an existing executable",
    }),
};

/// The command runs: the system path has its name, and that leads to an existing executable.
#[derive(Clone, Debug)]
pub struct Command(pub String);

impl fmt::Display for Command {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)
    }
}

impl Ask for Command {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn judge(&self, subject: &Subject<'_, '_>) -> Result<Judgement> {
        in_each(subject, Scope::Default, |system| self.judge_in(subject, system))
    }
}

impl Command {
    fn judge_in(&self, subject: &Subject<'_, '_>, system: &System) -> Result<Judgement> {
        let tree = subject.disc.tree();
        let mut commands: Vec<String> = Vec::new();
        for directory in DIRECTORIES {
            let directory = format!("{}/sw/{directory}", system.path);
            let Some(found) = path::find(tree, directory.as_bytes())? else { continue };
            if tree.lookup(found.id, self.0.as_bytes())?.is_some() {
                return runs(tree, &join(&found.path, self.0.as_bytes()));
            }
            commands.extend(tree.entries(found.id)?.into_iter().filter_map(|entry| String::from_utf8(entry.name).ok()));
        }
        let near = nearest(&self.0, commands.iter().map(String::as_str));
        let own = called(system);
        for other in subject.disc.systems.iter().filter(|other| other.present && other.path != system.path) {
            let place = format!("{}/sw/bin/{}", other.path, self.0);
            if let (Some(specialisation), Some(found)) = (&other.specialisation, path::find(tree, place.as_bytes())?) {
                let message = format!("not a command of {own}, only of the specialisation {specialisation}");
                return Ok(Judgement::fail(message, vec![text(&found.path)]));
            }
        }
        Ok(Judgement::fail(
            format!("not a command of {own}{}", listed(&near)),
            near.iter().map(|&name| name.to_owned()).collect(),
        ))
    }
}

fn runs(tree: &dyn Tree, link: &[u8]) -> Result<Judgement> {
    let found = match path::resolve(tree, link) {
        Ok(found) => found,
        Err(error) => return Ok(Judgement::fail(broken(tree, link, error)?, vec![text(link)])),
    };
    let evidence = vec![text(&found.path)];
    Ok(match tree.node(found.id)? {
        Node { kind: NodeKind::File { size: 0 }, .. } => {
            Judgement::fail(format!("{} is empty: there is nothing to run", text(&found.path)), evidence)
        }
        Node { kind: NodeKind::File { .. }, mode, .. } if mode & 0o111 != 0 => {
            Judgement::pass(leads_to(link, &found.path), evidence)
        }
        Node { kind: NodeKind::File { .. }, mode, .. } => {
            Judgement::fail(format!("{} is not executable (mode {mode:04o})", text(&found.path)), evidence)
        }
        _ => Judgement::fail(format!("{} is not a regular file", text(&found.path)), evidence),
    })
}

impl Command {
    /// Parses a name without `/`.
    ///
    /// # Errors
    /// If the text is not such a name.
    pub fn parse(text: &str) -> std::result::Result<Self, String> {
        if text.is_empty() || text.contains('/') {
            return Err("a command is a name without /; ask for a path with --file".to_owned());
        }
        Ok(Self(text.to_owned()))
    }
}
