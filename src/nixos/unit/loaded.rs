//! A unit as systemd loads it: its file with its drop-ins.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::text::Setting;
use super::{Command, command, is_true, name};

/// The result of looking up a unit's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// A unit.
    Loaded(Arc<Unit>),
    /// A link to `/dev/null`, an empty file, or a unit that `systemd.mask=` names. It cannot be started. The file, by its
    /// path in the running system.
    Masked(String),
    /// A link to a file that is not in the image: the link, and the missing path.
    Dangling(String, String),
    /// Nothing.
    Missing,
}

/// A unit with its drop-ins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Its own name. For an alias, that differs from the name looked up.
    pub name: String,
    /// The unit file, by its path in the running system.
    pub path: String,
    /// The assignments of the unit file, followed by those of the drop-ins.
    pub(super) settings: Vec<Setting>,
}

impl Lookup {
    /// The unit, if it can be loaded.
    #[must_use]
    pub fn unit(&self) -> Option<&Arc<Unit>> {
        match self {
            Self::Loaded(unit) => Some(unit),
            Self::Masked(_) | Self::Dangling(..) | Self::Missing => None,
        }
    }
}

impl Unit {
    /// The last assignment of a key that is not a list. `None` if it is unset or empty.
    #[must_use]
    pub fn setting(&self, section: &str, key: &str) -> Option<&Setting> {
        self.all(section, key).next_back().filter(|setting| !setting.value.is_empty())
    }

    /// The last value assigned to a key, which may be empty.
    pub(in crate::nixos) fn assigned(&self, section: &str, key: &str) -> Option<&str> {
        self.all(section, key).next_back().map(|setting| setting.value.as_str())
    }

    /// The value of [`Unit::setting`].
    #[must_use]
    pub fn value(&self, section: &str, key: &str) -> Option<&str> {
        self.setting(section, key).map(|setting| setting.value.as_str())
    }

    /// The assignments of a key that is a list. An empty one discards those before it.
    #[must_use]
    pub fn list(&self, section: &str, key: &str) -> Vec<&Setting> {
        let mut list = Vec::new();
        for setting in self.all(section, key) {
            if setting.value.is_empty() {
                list.clear();
            } else {
                list.push(setting);
            }
        }
        list
    }

    /// The value of a boolean. `None` if it is unset.
    #[must_use]
    pub fn holds(&self, section: &str, key: &str) -> Option<bool> {
        self.value(section, key).map(is_true)
    }

    /// The commands of a key such as `ExecStart`.
    #[must_use]
    pub fn commands(&self, key: &str) -> Vec<Command> {
        let list = self.list("Service", key);
        list.into_iter().flat_map(|setting| command::commands(setting, &self.name)).collect()
    }

    /// The variables of a key such as `Environment`, each with its last assignment.
    #[must_use]
    pub fn environment(&self, section: &str, key: &str) -> BTreeMap<String, (String, &Setting)> {
        let mut variables = BTreeMap::new();
        for setting in self.list(section, key) {
            for word in command::list(&setting.value) {
                if let Some((name, value)) = word.split_once('=') {
                    variables.insert(name.to_owned(), (value.to_owned(), setting));
                }
            }
        }
        variables
    }

    /// The user who runs the commands. Root by default.
    #[must_use]
    pub fn user(&self) -> String {
        self.value("Service", "User").map_or_else(|| "root".to_owned(), |user| name::expand(user, &self.name))
    }

    /// The conditions or assertions whose keys start with `kind`. An empty one discards all before it.
    pub(super) fn conditions(&self, kind: &str) -> Vec<&Setting> {
        let mut list = Vec::new();
        for setting in self.settings.iter().filter(|own| &*own.section == "Unit" && own.key.starts_with(kind)) {
            if setting.value.is_empty() {
                list.clear();
            } else {
                list.push(setting);
            }
        }
        list
    }

    fn all<'u, 'k>(
        &'u self,
        section: &'k str,
        key: &'k str,
    ) -> impl DoubleEndedIterator<Item = &'u Setting> + use<'u, 'k> {
        self.settings.iter().filter(move |setting| &*setting.section == section && setting.key == key)
    }
}

#[cfg(test)]
mod tests {
    use crate::nixos::made::Made;
    use crate::nixos::unit::Units;

    #[test]
    fn values_are_the_last_and_an_empty_one_takes_back() {
        let text = "[Service]\nUser=a\nUser=%p\nGroup=a\nGroup=\nEnvironment=A=1 \"B=2 3\"\nEnvironment=A=4\nX=1\n[Other]\nX=2\n";
        let made = Made::of(&[("/s/etc/systemd/system/x.service", text)]);
        let root = made.system();
        let found = Units::of(&root).unwrap().get("x.service").unwrap();
        let unit = found.unit().unwrap();
        assert_eq!(
            (unit.user().as_str(), unit.value("Service", "Group"), unit.value("Service", "X")),
            ("x", None, Some("1"))
        );
        let environment = unit.environment("Service", "Environment");
        let shown: Vec<_> =
            environment.iter().map(|(name, (value, own))| format!("{name}={value} {}", own.line)).collect();
        assert_eq!(shown, ["A=4 7", "B=2 3 6"]);
    }
}
