//! Who is logged in without being asked, on consoles and by display managers.

mod console;
mod display;

use crate::error::Result;
use crate::nixos::Root;

/// Somebody who is logged in at boot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Autologin {
    /// The user.
    pub user: String,
    /// What logs the user in: `getty@.service`, `sddm`.
    pub by: String,
    /// The file that says so, by its path in the running system.
    pub source: String,
    /// A condition of the unit that the image leaves open.
    pub condition: Option<String>,
}

impl Autologin {
    /// The condition in words, in parentheses after a blank. Empty without a condition.
    #[must_use]
    pub fn proviso(&self) -> String {
        self.condition.as_ref().map(|condition| format!(" (only if {condition} holds)")).unwrap_or_default()
    }
}

/// Everybody who is logged in at boot, ordered by name.
pub(super) fn find(root: &Root<'_>) -> Result<Vec<Autologin>> {
    let mut found = console::find(root)?;
    found.extend(display::find(root)?);
    // Of two that differ in their condition only, the one without it comes first.
    found.sort_by(|one, other| {
        let key =
            |login: &Autologin| (login.user.clone(), login.by.clone(), login.source.clone(), login.condition.clone());
        key(one).cmp(&key(other))
    });
    found.dedup_by(|one, other| one.user == other.user && one.source == other.source);
    Ok(found)
}

#[cfg(test)]
fn shown(files: &[(&str, &str)]) -> Vec<String> {
    let found = find(&crate::nixos::made::Made::of(files).system()).unwrap();
    found.iter().map(|login| format!("{} {} {}{}", login.user, login.by, login.source, login.proviso())).collect()
}
