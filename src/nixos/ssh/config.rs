//! `sshd_config` (sshd_config(5)): the parts that decide who gets in.

use super::criteria::Holds;
use crate::nixos::answer::Cause;
use crate::nixos::users::User;

/// A line that appears to keep sshd from starting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The file, links resolved.
    pub file: String,
    /// The line, counted from 1.
    pub line: u64,
    /// What is wrong with it.
    pub message: String,
}

/// The lines of a configuration, each with its `Match` block.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Config {
    pub(super) blocks: Vec<Block>,
    pub(super) lines: Vec<Line>,
    /// Lines that keep sshd from starting.
    pub(super) mistakes: Vec<Mistake>,
    /// Included files that are not in the image.
    pub(super) unread: Vec<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// The block that includes this block's file. It is always an earlier one.
    pub(super) outer: Option<usize>,
    pub(super) criteria: Vec<String>,
    /// `Match all` in a file that no other block includes. Its lines count like those of the global part.
    pub(super) whole: bool,
}

/// A line that decides who gets in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// `None` in the global part.
    pub(super) block: Option<usize>,
    pub(super) keyword: &'static str,
    pub(super) arguments: Vec<String>,
    /// The file and line.
    pub(super) cause: Cause,
}

impl Config {
    /// The arguments of all lines of a keyword in the global part.
    pub(super) fn global(&self, keyword: &str) -> impl Iterator<Item = &[String]> {
        let lines = self.lines.iter().filter(move |line| line.keyword == keyword && self.is_global(line));
        lines.map(|line| line.arguments.as_slice())
    }

    /// The line of a keyword whose first argument satisfies `is_such`: the first in the global part, which overrides later
    /// ones there, or any under a `Match`.
    pub(super) fn first_wherever(&self, keyword: &str, is_such: impl Fn(&str) -> bool) -> Option<&Line> {
        let lines = || self.lines.iter().filter(|line| line.keyword == keyword);
        let global = lines().find(|line| line.block.is_none());
        let mut counting = global.into_iter().chain(lines().filter(|line| line.block.is_some()));
        counting.find(|line| line.arguments.first().is_some_and(|value| is_such(value)))
    }

    /// Whether a line applies to the whole configuration, before anybody connects.
    pub(super) fn is_global(&self, line: &Line) -> bool {
        line.block.is_none_or(|block| self.blocks.get(block).is_some_and(|block| block.whole))
    }

    /// The first arguments of a keyword in `Match` blocks that apply or may apply to the user, with their criteria.
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
