//! `[[menu]]`: each boot menu has an entry with a matching title, or no menu has one.

use std::collections::BTreeMap;
use std::fmt;

use globset::GlobMatcher;

use super::{Ask, Kind};
use crate::check::{Judgement, Subject};
use crate::error::Result;

/// The row in the table of kinds.
pub(super) const KIND: Kind = Kind {
    name: "menu",
    says: "the boot menus have the entries that were asked for, and no others that were forbidden",
    advice: None,
    flag: None,
};

/// Titles of entries.
#[derive(Clone, Debug)]
pub enum MenuTitle {
    /// Each menu has an entry with a matching title.
    Present(GlobMatcher),
    /// No menu has such an entry.
    Absent(GlobMatcher),
}

impl fmt::Display for MenuTitle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Present(title) => write!(formatter, "{}", title.glob()),
            Self::Absent(title) => write!(formatter, "no {}", title.glob()),
        }
    }
}

impl Ask for MenuTitle {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn judge(&self, subject: &Subject<'_, '_>) -> Result<Judgement> {
        let (Self::Present(title) | Self::Absent(title)) = self;
        let mut menus: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for entry in &subject.disc.menu {
            menus.entry(String::from_utf8_lossy(&entry.file).into_owned()).or_default().push(&entry.title);
        }
        if menus.is_empty() {
            return Ok(Judgement::unknown("no boot menu can be read in the image", Vec::new()));
        }
        let matching = |titles: &Vec<&str>| titles.iter().any(|known| title.is_match(known));
        let (having, lacking): (Vec<_>, Vec<_>) = menus.into_iter().partition(|(_, titles)| matching(titles));
        let files = |menus: &[(String, Vec<&str>)]| menus.iter().map(|(file, _)| file.clone()).collect::<Vec<_>>();
        Ok(match self {
            Self::Present(_) if lacking.is_empty() => {
                Judgement::pass(format!("in {}", files(&having).join(", ")), Vec::new())
            }
            Self::Present(_) => {
                let titles = lacking.iter().flat_map(|(_, titles)| titles).map(|&title| title.to_owned());
                Judgement::fail(format!("no such entry in {}", files(&lacking).join(", ")), titles.collect())
            }
            Self::Absent(_) if having.is_empty() => Judgement::pass("no such entry", Vec::new()),
            Self::Absent(_) => {
                let titles = having.iter().flat_map(|(_, titles)| titles).filter(|known| title.is_match(known));
                let titles = titles.map(|&title| title.to_owned()).collect();
                Judgement::fail(format!("there is such an entry in {}", files(&having).join(", ")), titles)
            }
        })
    }
}
