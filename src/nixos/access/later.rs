//! The commands in a user's rules that may take back what an earlier rule allows.

use std::collections::HashMap;

use super::entry::{Entry, Name};
use super::last_match::Work;
use crate::error::Result;

/// The index of a rule among those of the user, and the index of a member of its command list.
pub(super) type At = (usize, usize);

/// Commands that are denied or may need a password. Rules can have thousands of them, so each is found by its path.
#[derive(Default)]
pub(super) struct Later<'p> {
    /// Commands that name one program, by its path.
    exact: HashMap<&'p str, Vec<At>>,
    /// All others: `ALL`, patterns and directories.
    broad: Vec<At>,
}

impl<'p> Later<'p> {
    /// Collects the commands of a user's rules.
    ///
    /// # Errors
    /// If there are more than anyone writes.
    pub(super) fn of(entries: impl Iterator<Item = &'p Entry>, work: &mut Work) -> Result<Self> {
        let mut later = Self::default();
        for (index, entry) in entries.enumerate() {
            for (at, member) in entry.command.iter().enumerate() {
                work.add(1, entry)?;
                // A rule with NOPASSWD takes back nothing, whatever the defaults are.
                if entry.asks == Some(false) && !member.negated {
                    continue;
                }
                work.place(entry)?;
                match &*member.name {
                    Name::Command(command) if command.is_literal() => {
                        later.exact.entry(&command.path).or_default().push((index, at));
                    }
                    _ => later.broad.push((index, at)),
                }
            }
        }
        Ok(later)
    }

    /// The commands after a place that may cover this one, in order.
    pub(super) fn after(&self, place: At, command: &Name) -> Vec<At> {
        let exact = match command {
            Name::Command(command) => self.exact.get(command.path.as_str()).map(Vec::as_slice),
            _ => None,
        };
        let mut found: Vec<At> = [exact.unwrap_or_default(), &self.broad]
            .into_iter()
            .flat_map(|all| all.iter().skip(all.partition_point(|own| *own <= place)).copied())
            .collect();
        found.sort_unstable();
        found
    }
}
