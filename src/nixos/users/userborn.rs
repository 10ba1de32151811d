//! userborn (24.11 and later, opt-in): a JSON document, or finished files (nixpkgs,
//! nixos/modules/services/system/userborn.nix). In 24.05, systemd-sysusers made such files for immutable users.

use super::json::{Document, Precedence};
use super::{User, passwd, required, words};
use crate::error::Result;
use crate::nixos::Root;

/// Reads the document that `userborn.service` names.
pub(super) fn read(root: &Root<'_>, _: &str) -> Result<Option<Vec<User>>> {
    let unit = root.text("/etc/systemd/system/userborn.service")?;
    if let Some(unit) = unit
        && let Some(list) = words(&unit).find(|word| word.ends_with("-userborn.json"))
    {
        return Document::parse(&required(root, list)?, list)?.users(root, list, Precedence::Userborn).map(Some);
    }
    Ok(None)
}

/// Reads finished files in `/etc`, made by `services.userborn.static` or `environment.etc`. They replace the files that a script
/// made.
pub(super) fn ready(root: &Root<'_>, _: &str) -> Result<Option<Vec<User>>> {
    let file = |name: &str| root.inside(&format!("/etc/{name}"));
    let (Some(users), Some(shadow)) = (root.text("/etc/passwd")?, root.text("/etc/shadow")?) else {
        return Ok(None);
    };
    let (group, groups) = (file("group"), root.text("/etc/group")?);
    let mut list = passwd::users(&users, groups.as_deref().map(|text| (group.as_str(), text)), &file("passwd"))?;
    passwd::take_shadow(&mut list, &shadow, &file("shadow"))?;
    Ok(Some(list))
}
