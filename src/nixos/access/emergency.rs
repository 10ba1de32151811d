//! The emergency shell of the system itself.

use super::text;
use crate::error::Result;
use crate::fs::{Tree, path};
use crate::nixos::initrd::forces_shell;

/// The file by which the shell of emergency.target or rescue.target asks for no password; none where it asks, or no file
/// says so.
pub(super) fn forced(tree: &dyn Tree, toplevel: &str) -> Result<Option<String>> {
    let mut files = vec!["systemd/system.conf".to_owned()];
    for unit in ["systemd/system/emergency.service", "systemd/system/rescue.service"] {
        files.push(unit.to_owned());
        if let Some(folder) = path::find(tree, format!("{toplevel}/etc/{unit}.d").as_bytes())? {
            let names = tree.entries(folder.id)?.into_iter().map(|entry| entry.name);
            files.extend(names.map(|name| format!("{unit}.d/{}", String::from_utf8_lossy(&name))));
        }
    }
    for file in files {
        if text(tree, &format!("{toplevel}/etc/{file}"))?.is_some_and(|text| forces_shell(&text)) {
            return Ok(Some(format!("/etc/{file}")));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nixos::made::Made;

    #[test]
    fn a_shell_that_asks_for_no_password_is_found() {
        let drop_in = "/s/etc/systemd/system/rescue.service.d/overrides.conf";
        for (text, expected) in [
            (
                "[Service]\nEnvironment=\"SYSTEMD_SULOGIN_FORCE=1\"\n",
                Some("/etc/systemd/system/rescue.service.d/overrides.conf"),
            ),
            ("[Service]\nEnvironment=\"SYSTEMD_SULOGIN_FORCE=0\"\n", None),
        ] {
            let found = forced(&Made::of(&[(drop_in, text)]), "/s").unwrap();
            assert_eq!(found.as_deref(), expected);
        }
        assert_eq!(forced(&Made::of(&[]), "/s").unwrap(), None);
    }
}
