//! userborn (24.11 on, where it is chosen): a JSON document, or files that are ready (nixpkgs,
//! nixos/modules/services/system/userborn.nix). In 24.05, systemd-sysusers made such files where users are not mutable.

use super::json::{Document, Precedence};
use super::{LONGEST, User, passwd, text, words};
use crate::error::Result;
use crate::fs::{Tree, path};

/// Reads what `userborn.service` names; with `services.userborn.static`, the files that lie ready in `/etc`.
pub(super) fn read(tree: &dyn Tree, toplevel: &str, _: &str) -> Result<Option<Vec<User>>> {
    let unit = text(tree, &format!("{toplevel}/etc/systemd/system/userborn.service"))?;
    if let Some(unit) = unit
        && let Some(list) = words(&unit).find(|word| word.ends_with("-userborn.json"))
    {
        let bytes = path::read(tree, list.as_bytes(), LONGEST)?;
        return Document::parse(&bytes, list)?.users(tree, list, Precedence::Userborn).map(Some);
    }
    let file = |name: &str| format!("{toplevel}/etc/{name}");
    let (Some(users), Some(shadow)) = (text(tree, &file("passwd"))?, text(tree, &file("shadow"))?) else {
        return Ok(None);
    };
    let (group, groups) = (file("group"), text(tree, &file("group"))?);
    let mut list = passwd::users(&users, groups.as_deref().map(|text| (group.as_str(), text)), &file("passwd"))?;
    passwd::take_shadow(&mut list, &shadow, &file("shadow"))?;
    Ok(Some(list))
}
