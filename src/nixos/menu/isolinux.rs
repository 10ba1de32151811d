//! `isolinux.cfg` of SYSLINUX, and `extlinux.conf`, which U-Boot reads as well.

use super::submenus::Submenus;
use super::{MenuEntry, on_disc};

/// Reads the entries, including those of submenus. Keywords ignore case.
pub(super) fn read(text: &str) -> Vec<MenuEntry> {
    let mut entries: Vec<MenuEntry> = Vec::new();
    let mut labels: Vec<&str> = Vec::new();
    let mut submenus = Submenus::default();
    let mut default = None;
    for line in text.lines() {
        let (keyword, rest) = word(line);
        let keyword = keyword.to_ascii_lowercase();
        let entry = entries.last_mut();
        match (keyword.as_str(), entry) {
            ("default" | "ontimeout", _) => default = default.or(Some(rest)),
            ("label", _) => {
                labels.push(rest);
                entries.push(MenuEntry { title: rest.to_owned(), submenus: submenus.names(), ..MenuEntry::default() });
            }
            ("menu", entry) => {
                let (keyword, rest) = word(rest);
                match (keyword.to_ascii_lowercase().as_str(), entry) {
                    ("begin", _) => submenus.enter(rest),
                    ("end", _) => submenus.leave(),
                    ("title", _) => submenus.name(rest),
                    // A caret marks the shortcut letter.
                    ("label", Some(entry)) => entry.title = rest.replacen('^', "", 1),
                    ("default", _) => default = labels.last().copied().or(default),
                    _ => {}
                }
            }
            ("linux" | "kernel", Some(entry)) => entry.linux = Some(on_disc(rest)),
            ("initrd", Some(entry)) => entry.initrd = Some(on_disc(rest)),
            ("append", Some(entry)) => entry.parameters(rest.split_ascii_whitespace()),
            _ => {}
        }
    }
    // If labels repeat, the loader takes the first.
    let chosen = default.and_then(|default| labels.iter().position(|label| *label == default));
    if let Some(entry) = chosen.and_then(|place| entries.get_mut(place)) {
        entry.default = true;
    }
    entries
}

fn word(line: &str) -> (&str, &str) {
    let line = line.trim();
    let (word, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    (word, rest.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_with_the_submenus_that_lead_to_them() {
        let entries = read(
            "DEFAULT boot\n\nLABEL boot\nMENU LABEL ^NixOS\nLINUX /boot//bzImage\n\
             APPEND init=/nix/store/s/init root=LABEL=x quiet\nINITRD /boot/initrd\n\
             MENU BEGIN Options\nmenu begin\nMENU TITLE Copy\nlabel boot\nkernel /k\nappend initrd=/i copytoram\n\
             MENU END\nLABEL last\nMENU END\nLABEL memtest\nLINUX /boot/memtest.bin\n",
        );
        let shown: Vec<_> = entries.iter().map(|entry| (entry.submenus.join("/"), entry.title.as_str())).collect();
        let expected = [("", "NixOS"), ("Options/Copy", "boot"), ("Options", "last"), ("", "memtest")];
        assert_eq!(shown, expected.map(|(submenus, title)| (submenus.to_owned(), title)));
        assert_eq!(entries[0].params, ["root=LABEL=x", "quiet"]);
        assert_eq!(entries[0].linux.as_deref(), Some("/boot/bzImage"));
        assert_eq!((entries[1].initrd.as_deref(), entries[1].linux.as_deref()), (Some("/i"), Some("/k")));
        assert_eq!(entries.iter().map(|entry| entry.default).collect::<Vec<_>>(), [true, false, false, false]);
    }
}
