//! The users that a system declares.

use serde_json::Value;

use crate::error::{Error, Result};
use crate::fs::Tree;
use crate::fs::path;

/// No activation script or list of users is longer.
const LONGEST: u64 = 16 << 20;

/// The users of one system.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Users {
    /// Whether the list was found. If not, only what other files imply is in it.
    pub known: bool,
    /// The users, by name.
    pub list: Vec<User>,
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Login name.
    pub name: String,
    /// Numeric id, where one is set.
    pub uid: Option<u64>,
    /// Home directory.
    pub home: String,
}

impl Users {
    /// Reads the users of the system whose toplevel lies at `toplevel`: from `users-groups.json` (14.12 on).
    ///
    /// # Errors
    /// Where a list is there but cannot be read.
    pub fn of(tree: &dyn Tree, toplevel: &str) -> Result<Self> {
        let mut users = Self::default();
        let script = match path::read(tree, format!("{toplevel}/activate").as_bytes(), LONGEST) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(Error::NotFound { .. } | Error::WrongType { .. }) => String::new(),
            Err(error) => return Err(error),
        };
        let list = script.split_ascii_whitespace().find(|word| word.ends_with("-users-groups.json"));
        if let Some(list) = list {
            let text = path::read(tree, list.trim_matches(['"', '\'']).as_bytes(), LONGEST)?;
            if let Ok(document) = serde_json::from_slice::<Value>(&text) {
                users
                    .list
                    .extend(document.get("users").and_then(Value::as_array).into_iter().flatten().filter_map(user));
                users.known = true;
            }
        }
        let implied = implied(tree, toplevel)?;
        for name in implied.into_iter().chain(["root".to_owned()]) {
            if !users.known && !users.list.iter().any(|user| user.name == name) {
                let home = if name == "root" { "/root".to_owned() } else { format!("/home/{name}") };
                users.list.push(User { name, uid: None, home });
            }
        }
        users.list.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(users)
    }
}

fn user(entry: &Value) -> Option<User> {
    let name = entry["name"].as_str()?.to_owned();
    let home = entry["home"].as_str().unwrap_or("/var/empty").to_owned();
    Some(User { name, uid: entry["uid"].as_u64(), home })
}

/// Users for whom there are files of keys.
fn implied(tree: &dyn Tree, toplevel: &str) -> Result<Vec<String>> {
    let Some(found) = path::find(tree, format!("{toplevel}/etc/ssh/authorized_keys.d").as_bytes())? else {
        return Ok(Vec::new());
    };
    let names = tree.entries(found.id)?.into_iter().filter_map(|entry| String::from_utf8(entry.name).ok());
    let sidecar = |name: &String| [".mode", ".uid", ".gid"].iter().any(|suffix| name.ends_with(suffix));
    Ok(names.filter(|name| !sidecar(name)).collect())
}
