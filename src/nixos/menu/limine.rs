//! `limine.conf` of Limine, and the older `limine.cfg`.

use super::submenus::Submenus;
use super::{MenuEntry, on_disc};

/// Reads the entries of `limine.conf` (since Limine 8): `/Title` with one more slash per level, then `key: value`.
pub(super) fn read(text: &str) -> Vec<MenuEntry> {
    entries(text, '/', |line| line.split_once(':'))
}

/// Reads the entries of `limine.cfg` (until Limine 7): `:Title` with one more colon per level, then `KEY=value`.
pub(super) fn read_old(text: &str) -> Vec<MenuEntry> {
    entries(text, ':', |line| line.split_once('='))
}

fn entries(text: &str, mark: char, split: impl Fn(&str) -> Option<(&str, &str)>) -> Vec<MenuEntry> {
    let mut entries: Vec<MenuEntry> = Vec::new();
    let mut open: Vec<String> = Vec::new();
    let mut default = 1usize;
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        let depth = line.chars().take_while(|letter| *letter == mark).count();
        if depth > 0 {
            // A plus sign opens the submenu initially.
            let title = line.trim_start_matches(mark).trim_start_matches('+').trim();
            open.truncate(depth - 1);
            let mut submenus = Submenus::default();
            open.iter().for_each(|name| submenus.enter(name));
            entries.push(MenuEntry { title: title.to_owned(), submenus: submenus.names(), ..MenuEntry::default() });
            if open.len() < Submenus::DEEPEST {
                open.push(title.to_owned());
            }
            continue;
        }
        let Some((key, value)) = split(line) else { continue };
        let value = value.trim();
        match (key.trim().to_ascii_lowercase().as_str(), entries.last_mut()) {
            ("default_entry", None) => default = value.parse().unwrap_or(default),
            ("path" | "kernel_path", Some(entry)) => entry.linux = Some(resource(value)),
            ("module_path", Some(entry)) if entry.initrd.is_none() => entry.initrd = Some(resource(value)),
            ("cmdline" | "kernel_cmdline", Some(entry)) => entry.parameters(value.split_ascii_whitespace()),
            _ => {}
        }
    }
    // A title with entries below it is a submenu. Only entries are counted.
    let is_submenu = |index: usize, entry: &MenuEntry| {
        entries.get(index + 1).is_some_and(|next| next.submenus.len() > entry.submenus.len())
    };
    let submenus: Vec<bool> = entries.iter().enumerate().map(|(index, entry)| is_submenu(index, entry)).collect();
    let chosen = entries.iter_mut().zip(&submenus).filter(|(_, submenu)| !**submenu).map(|(entry, _)| entry);
    if let Some(entry) = default.checked_sub(1).and_then(|place| chosen.into_iter().nth(place)) {
        entry.default = true;
    }
    let mut submenus = submenus.into_iter();
    entries.retain(|_| submenus.next() == Some(false));
    entries
}

/// A resource without its device and checksum: `boot():/k#b2sum`, or `boot:///k`.
fn resource(value: &str) -> String {
    let value = value.split_once('#').map_or(value, |(path, _)| path);
    match value.split_once("://") {
        Some((_, path)) => on_disc(&format!("/{}", path.split_once('/').map_or(path, |(_, path)| path))),
        None => on_disc(&value.replacen("):", ")", 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_formats_tell_the_same() {
        let new = "timeout: 5\ndefault_entry: 2\n/+Systems\n//Old\n  protocol: linux\n  path: boot():/k1#00aa\n\
                   //NixOS\n    kernel_path: boot():/boot//k\n    cmdline: init=/nix/store/s/init quiet\n\
                   module_path: boot():/i\n/Memtest\n protocol: efi\n path: boot():/m.efi\n";
        let old = "DEFAULT_ENTRY=2\n:Systems\n::Old\nPROTOCOL=linux\nKERNEL_PATH=boot:///k1\n::NixOS\n\
                   KERNEL_PATH=boot:///boot/k\nCMDLINE=init=/nix/store/s/init quiet\nMODULE_PATH=boot:///i\n\
                   :Memtest\nPATH=boot:///m.efi\n";
        let entries = read(new);
        assert_eq!(entries, read_old(old));
        let shown: Vec<_> = entries.iter().map(|entry| (entry.submenus.join("/"), entry.title.as_str())).collect();
        let expected = [("Systems", "Old"), ("Systems", "NixOS"), ("", "Memtest")];
        assert_eq!(shown, expected.map(|(submenus, title)| (submenus.to_owned(), title)));
        assert_eq!(entries[0].linux.as_deref(), Some("/k1"));
        assert_eq!((entries[1].linux.as_deref(), entries[1].initrd.as_deref()), (Some("/boot/k"), Some("/i")));
        assert_eq!((entries[1].init.as_deref(), entries[1].default), (Some("/nix/store/s/init"), true));
        assert_eq!(entries[1].params, ["quiet"]);
    }
}
