//! The numbers of groups.

use std::collections::HashMap;

use serde::Deserialize;

use crate::error::Result;
use crate::nixos::Root;

/// The numbers of groups by name, as far as the image fixes them. NixOS assigns the others at the first boot.
#[derive(Default)]
pub(super) struct GroupIds {
    numbers: HashMap<String, u64>,
}

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    name: String,
    gid: Option<u64>,
}

impl GroupIds {
    /// Reads `/etc/group`, or the list that the activation script merges.
    pub(super) fn of(root: &Root<'_>) -> Result<Self> {
        let mut numbers = HashMap::from([("root".to_owned(), 0), ("wheel".to_owned(), 1), ("users".to_owned(), 100)]);
        for line in root.text("/etc/group")?.unwrap_or_default().lines() {
            let mut fields = line.split(':');
            if let (Some(name), Some(Ok(number))) = (fields.next(), fields.nth(1).map(str::parse)) {
                numbers.insert(name.to_owned(), number);
            }
        }
        let script = root.text(&root.own("activate"))?.unwrap_or_default();
        let mut words = script.split_ascii_whitespace().map(|word| word.trim_matches(['"', '\'', ';', '(', ')']));
        if let Some(list) = words.find(|word| word.ends_with("-users-groups.json"))
            // A list that is too long is reported with the users.
            && let Ok(Some(text)) = root.text(list)
            && let Ok(document) = serde_json::from_str::<Document>(&text)
        {
            numbers.extend(document.groups.into_iter().filter_map(|group| Some((group.name, group.gid?))));
        }
        Ok(Self { numbers })
    }

    /// The number of a group. `None` if the image does not say.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.numbers.get(name).copied()
    }
}
