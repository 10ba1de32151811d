//! Entry files of systemd-boot and of gummiboot, its predecessor (14.04 to 18.03).

use std::collections::HashMap;

use globset::Glob;

use super::{MenuEntry, on_disc};

/// Reads one entry file: the entry, and its `version`, which distinguishes entries with the same title.
pub(super) fn read(text: &str) -> (MenuEntry, Option<String>) {
    let mut entry = MenuEntry::default();
    let mut version = None;
    for line in text.lines().map(str::trim) {
        let (keyword, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
        let rest = rest.trim();
        match keyword {
            "title" => entry.title = rest.to_owned(),
            "version" => version = Some(rest.to_owned()),
            "linux" => entry.linux = Some(on_disc(rest)),
            "initrd" => entry.initrd = Some(on_disc(rest)),
            "options" => entry.parameters(rest.split_ascii_whitespace()),
            _ => {}
        }
    }
    (entry, version)
}

/// Distinguishes entries with the same title like systemd-boot does: by the version, then by the entry's name.
pub(super) fn tell_apart(entries: &mut [MenuEntry], names: &[(Option<String>, String)]) {
    for by_name in [false, true] {
        let mut times: HashMap<String, usize> = HashMap::new();
        entries.iter().for_each(|entry| *times.entry(entry.title.clone()).or_default() += 1);
        for (entry, (version, name)) in entries.iter_mut().zip(names) {
            let more = if by_name { Some(name) } else { version.as_ref() };
            if let (Some(more), Some(2..)) = (more, times.get(&entry.title)) {
                entry.title = format!("{} ({more})", entry.title);
            }
        }
    }
}

/// The `default` of `loader.conf`: the name of an entry file without its suffix, or a glob.
pub(super) fn default(text: &str) -> Option<String> {
    text.lines()
        .find_map(|line| Some(line.trim().strip_prefix("default")?.strip_prefix([' ', '\t'])?.trim().to_owned()))
}

/// Whether the entry with this name is the default.
pub(super) fn matches(default: &str, name: &str) -> bool {
    let default = default.strip_suffix(".conf").unwrap_or(default);
    default == name || Glob::new(default).is_ok_and(|glob| glob.compile_matcher().is_match(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_file_is_read() {
        let (entry, version) = read(
            "version 7\ntitle NixOS Live CD\nlinux /boot/bzImage\ninitrd /boot/initrd\noptions init=/nix/store/s/init quiet\n",
        );
        assert_eq!((entry.title.as_str(), entry.linux.as_deref()), ("NixOS Live CD", Some("/boot/bzImage")));
        assert_eq!((entry.init.as_deref(), entry.params), (Some("/nix/store/s/init"), vec!["quiet".to_owned()]));
        assert_eq!(version.as_deref(), Some("7"));
    }

    #[test]
    fn entries_of_the_same_title_are_told_apart_by_version_then_by_name() {
        let entry = |title: &str| MenuEntry { title: title.to_owned(), ..MenuEntry::default() };
        let mut entries = ["NixOS", "NixOS", "NixOS", "Memtest"].map(entry);
        let names = [(Some("1"), "a"), (Some("2"), "b"), (Some("2"), "c"), (Some("9"), "d")];
        tell_apart(&mut entries, &names.map(|(version, name)| (version.map(str::to_owned), name.to_owned())));
        let titles = entries.map(|entry| entry.title);
        assert_eq!(titles, ["NixOS (1)", "NixOS (2) (b)", "NixOS (2) (c)", "Memtest"]);
    }

    #[test]
    fn the_default_may_be_a_glob() {
        let default = default("timeout 10\ndefault nixos-*\n").unwrap();
        assert!(matches(&default, "nixos-livecd") && !matches(&default, "memtest"));
    }
}
