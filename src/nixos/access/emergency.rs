//! The emergency shell of the system itself.

use crate::error::Result;
use crate::nixos::Root;
use crate::nixos::initrd::forces_shell;

/// The file by which the shell of emergency.target or rescue.target asks for no password; none where it asks, or no file
/// says so.
pub(super) fn forced(root: &Root<'_>) -> Result<Option<String>> {
    let mut files = vec!["systemd/system.conf".to_owned()];
    for unit in ["systemd/system/emergency.service", "systemd/system/rescue.service"] {
        files.push(unit.to_owned());
        let names = root.entries(&format!("/etc/{unit}.d"))?.into_iter().map(|entry| entry.name);
        files.extend(names.map(|name| format!("{unit}.d/{}", String::from_utf8_lossy(&name))));
    }
    for file in files {
        if root.text(&format!("/etc/{file}"))?.is_some_and(|text| forces_shell(&text)) {
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
            let found = forced(&Made::of(&[(drop_in, text)]).system()).unwrap();
            assert_eq!(found.as_deref(), expected);
        }
        assert_eq!(forced(&Made::of(&[]).system()).unwrap(), None);
    }
}
