//! `menu.lst` of GRUB legacy, until 2011.

use super::{MenuEntry, on_disc};

/// Reads the entries. There are no submenus.
pub(super) fn read(text: &str) -> Vec<MenuEntry> {
    let mut entries: Vec<MenuEntry> = Vec::new();
    let mut default = 0;
    for line in text.lines() {
        let line = line.trim();
        let (keyword, rest) = line.split_once([' ', '\t', '=']).unwrap_or((line, ""));
        let rest = rest.trim();
        match (keyword, entries.last_mut()) {
            ("default", None) => default = rest.parse().unwrap_or(default),
            ("title", _) => entries.push(MenuEntry { title: rest.to_owned(), ..MenuEntry::default() }),
            ("kernel", Some(entry)) => {
                let mut words = rest.split_ascii_whitespace().filter(|word| !word.starts_with("--"));
                entry.linux = words.next().map(on_disc);
                entry.parameters(words);
            }
            ("initrd", Some(entry)) => entry.initrd = Some(on_disc(rest)),
            _ => {}
        }
    }
    if let Some(entry) = entries.get_mut(default) {
        entry.default = true;
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_with_their_kernel() {
        let entries = read(
            "default 1\ntimeout 10\ntitle Memtest\n  kernel (cd)/boot/memtest.bin\ntitle NixOS\n\
             kernel /boot/vmlinuz init=/init systemConfig=/system splash\ninitrd /boot/initrd\n",
        );
        assert_eq!(entries[0].linux.as_deref(), Some("/boot/memtest.bin"));
        assert_eq!((entries[1].init.as_deref(), entries[1].default), (Some("/init"), true));
        assert_eq!(entries[1].params, ["systemConfig=/system", "splash"]);
    }
}
