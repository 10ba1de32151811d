//! The emergency shell of the system itself.

use crate::error::Result;
use crate::nixos::Root;
use crate::nixos::initrd::{FORCE, forces_shell};
use crate::nixos::unit::{Units, is_true};

/// The file that makes the shell of emergency.target or rescue.target ask for no password. `None` if the shell asks.
pub(super) fn forced(root: &Root<'_>) -> Result<Option<String>> {
    let units = Units::of(root)?;
    for name in ["emergency.service", "rescue.service"] {
        if let Some(unit) = units.get(name)?.unit()
            && let Some((value, setting)) = unit.environment("Service", "Environment").get(FORCE)
            && is_true(value)
        {
            return Ok(Some(setting.file.to_string()));
        }
    }
    let folder = "/etc/systemd/system.conf.d";
    let names = root.entries(folder)?.into_iter().map(|entry| String::from_utf8_lossy(&entry.name).into_owned());
    let further = names.filter(|name| name.ends_with(".conf")).map(|name| format!("{folder}/{name}"));
    for file in std::iter::once("/etc/systemd/system.conf".to_owned()).chain(further) {
        if root.text(&file)?.is_some_and(|text| forces_shell(&text)) {
            return Ok(Some(file));
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
        let unit = ("/s/etc/systemd/system/rescue.service", "[Service]\nExecStart=/sulogin\n");
        let drop_in = "/s/etc/systemd/system/rescue.service.d/overrides.conf";
        for (text, expected) in [
            (
                "[Service]\nEnvironment=\"SYSTEMD_SULOGIN_FORCE=1\"\n",
                Some("/etc/systemd/system/rescue.service.d/overrides.conf"),
            ),
            ("[Service]\nEnvironment=\"SYSTEMD_SULOGIN_FORCE=0\"\n", None),
            ("[Service]\nEnvironment=SYSTEMD_SULOGIN_FORCE=1\nEnvironment=\n", None),
        ] {
            let found = forced(&Made::of(&[unit, (drop_in, text)]).system()).unwrap();
            assert_eq!(found.as_deref(), expected);
        }
        let masked =
            Made::of(&[(unit.0, "-> /dev/null"), (drop_in, "[Service]\nEnvironment=SYSTEMD_SULOGIN_FORCE=1\n")]);
        assert_eq!(forced(&masked.system()).unwrap(), None);
        let file = "/s/etc/systemd/system.conf.d/a.conf";
        let general = Made::of(&[(file, "[Manager]\nDefaultEnvironment=A=b SYSTEMD_SULOGIN_FORCE=1\n")]);
        assert_eq!(forced(&general.system()).unwrap().as_deref(), Some("/etc/systemd/system.conf.d/a.conf"));
        assert_eq!(forced(&Made::of(&[]).system()).unwrap(), None);
    }
}
