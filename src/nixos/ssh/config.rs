//! `sshd_config` (sshd_config(5)), as far as it says who gets in.

use super::criteria::Holds;
use crate::nixos::answer::Cause;
use crate::nixos::users::User;

/// A line with which sshd does not start, as far as can be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The file, links resolved.
    pub file: String,
    /// The line, counted from 1.
    pub line: u64,
    /// What is wrong with it.
    pub message: String,
}

/// The lines of a configuration, each with the `Match` that it stands under.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Config {
    pub(super) blocks: Vec<Block>,
    pub(super) lines: Vec<Line>,
    /// Lines with which sshd does not start.
    pub(super) mistakes: Vec<Mistake>,
    /// Files that are included and not in the image.
    pub(super) unread: Vec<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// The block that includes this one's file; always an earlier one.
    pub(super) outer: Option<usize>,
    pub(super) criteria: Vec<String>,
    /// `Match all`, and not in a file that another block includes: its lines count as those of the global part do.
    pub(super) whole: bool,
}

/// A line that says who gets in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// None in the global part.
    pub(super) block: Option<usize>,
    pub(super) keyword: &'static str,
    pub(super) arguments: Vec<String>,
    /// Where it stands.
    pub(super) cause: Cause,
}

impl Config {
    /// The arguments of all lines of a keyword in the global part.
    pub(super) fn global(&self, keyword: &str) -> impl Iterator<Item = &[String]> {
        let lines = self.lines.iter().filter(move |line| line.keyword == keyword && self.is_global(line));
        lines.map(|line| line.arguments.as_slice())
    }

    /// Whether a line counts for the configuration as a whole, before anybody connects.
    pub(super) fn is_global(&self, line: &Line) -> bool {
        line.block.is_none_or(|block| self.blocks.get(block).is_some_and(|block| block.whole))
    }

    /// The first arguments of a keyword in `Match` blocks that hold for the user, or may, with their criteria.
    pub(super) fn within<'c>(&'c self, keyword: &'c str, user: Option<&User>) -> Vec<(&'c str, String)> {
        let held = user.map(|user| self.settings(user).held);
        let lines = self.lines.iter().filter(|line| line.keyword == keyword);
        let blocks = lines.filter_map(|line| Some((line, line.block?)));
        let may = blocks.filter(|(_, block)| held.as_ref().is_none_or(|held| held.get(*block) != Some(&Holds::No)));
        let told = may.filter_map(|(line, block)| {
            let criteria = self.blocks.get(block)?.criteria.join(" ");
            Some((line.arguments.first()?.as_str(), criteria))
        });
        told.collect()
    }
}
