//! `[size]`: the store, or a part of it, is within its budget.

use std::fmt;
use std::path::Path;

use super::super::packages::names;
use super::super::size;
use super::{Ask, Kind};
use crate::check::{Judgement, Subject};
use crate::error::Result;
use crate::nixos::software::Software;
use crate::store::{self, StorePath};

/// The row in the table of kinds.
pub(super) const KIND: Kind =
    Kind { name: "size", says: "the store is no larger, unpacked, than it may be", advice: None, flag: None };

/// Limit for the largest packages that a failure lists.
const SHOWN: usize = 10;

/// A budget, in bytes of NARs.
#[derive(Clone, Debug)]
pub enum Budget {
    /// For the closure of the default system.
    Closure(u64),
    /// For each store path.
    Package(u64),
    /// For the growth of the store.
    Growth {
        /// How many bytes may be added.
        most: u64,
        /// Its earlier size.
        before: u64,
    },
}

impl Budget {
    /// A budget for growth since a manifest, or another list of store paths with sizes, was written.
    ///
    /// # Errors
    /// If the file cannot be read, or does not list the sizes.
    pub fn growth(most: u64, file: &Path) -> std::result::Result<Self, String> {
        let text = std::fs::read(file).map_err(|error| error.to_string())?;
        let mut closure = store::Closure::default();
        closure.add(&text)?;
        let sizes: Option<Vec<u64>> = closure.iter().map(|(_, member)| member.nar_size).collect();
        let sizes = sizes.ok_or("it does not tell the size of each store path")?;
        Ok(Self::Growth { most, before: sizes.into_iter().fold(0, u64::saturating_add) })
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closure(most) => write!(formatter, "closure, at most {most}"),
            Self::Package(most) => write!(formatter, "each package, at most {most}"),
            Self::Growth { most, .. } => write!(formatter, "growth, at most {most}"),
        }
    }
}

impl Ask for Budget {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn judge(&self, subject: &Subject<'_, '_>) -> Result<Judgement> {
        let software = subject.software()?;
        let sized = match self {
            Self::Closure(_) => {
                let system = match subject.system()? {
                    Ok(system) => system,
                    Err(none) => return Ok(none),
                };
                let reached = software.contents.graph.closure(software.contents.index(&system.path));
                Sized::of(software, |index| reached.get(index) == Some(&true))
            }
            Self::Package(_) | Self::Growth { .. } => Sized::of(software, |_| true),
        };
        if sized.unknown > 0 {
            let told = format!("the image does not record the size of {} store paths", sized.unknown);
            return Ok(Judgement::unknown(told, Vec::new()));
        }
        Ok(match self {
            Self::Closure(most) => sized.within(*most, format!("the closure has {}", size::format(sized.total()))),
            Self::Growth { most, before } => {
                let told = match sized.total().checked_sub(*before) {
                    Some(more) => format!("{} more than before", size::format(more)),
                    None => format!("{} less than before", size::format(before.saturating_sub(sized.total()))),
                };
                sized.within(before.saturating_add(*most), told)
            }
            Self::Package(most) => sized.each_within(*most),
        })
    }
}

/// Store paths with their sizes, the largest first.
struct Sized<'s> {
    paths: Vec<(u64, &'s StorePath)>,
    /// How many paths have no recorded size.
    unknown: usize,
}

impl<'s> Sized<'s> {
    fn of(software: &'s Software, wanted: impl Fn(usize) -> bool) -> Self {
        let (mut paths, mut unknown) = (Vec::new(), 0);
        for (_, object) in software.present().filter(|(index, _)| wanted(*index)) {
            match object.record.as_ref().and_then(|record| record.nar_size) {
                Some(bytes) => paths.push((bytes, &object.path)),
                None => unknown += 1,
            }
        }
        paths.sort_by(|one, other| other.cmp(one));
        Self { paths, unknown }
    }

    fn total(&self) -> u64 {
        self.paths.iter().map(|(bytes, _)| *bytes).fold(0, u64::saturating_add)
    }

    fn within(&self, most: u64, told: String) -> Judgement {
        match self.total().checked_sub(most) {
            None | Some(0) => Judgement::pass(told, Vec::new()),
            Some(more) => {
                Judgement::fail(format!("{told}, {} over the budget", size::format(more)), lines(&self.paths))
            }
        }
    }

    fn each_within(&self, most: u64) -> Judgement {
        let over: Vec<(u64, &StorePath)> = self.paths.iter().copied().take_while(|(bytes, _)| *bytes > most).collect();
        match (over.as_slice(), self.paths.first()) {
            ([], None) => Judgement::pass("the store is empty", Vec::new()),
            ([], Some((bytes, path))) => {
                Judgement::pass(format!("the largest is {} with {}", names(&[path]), size::format(*bytes)), Vec::new())
            }
            ([(bytes, path)], _) => {
                Judgement::fail(format!("{} has {}", names(&[path]), size::format(*bytes)), lines(&over))
            }
            (many @ [(bytes, path), ..], _) => {
                let told =
                    format!("{} are larger, such as {} with {}", many.len(), names(&[path]), size::format(*bytes));
                Judgement::fail(told, lines(&over))
            }
        }
    }
}

fn lines(paths: &[(u64, &StorePath)]) -> Vec<String> {
    paths.iter().take(SHOWN).map(|(bytes, path)| format!("{path} ({})", size::format(*bytes))).collect()
}
