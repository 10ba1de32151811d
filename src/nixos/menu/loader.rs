//! Entry files of systemd-boot and of gummiboot, its predecessor (14.04 to 18.03).

use globset::Glob;

use super::{MenuEntry, on_disc};

/// Reads one entry file.
pub(super) fn read(text: &str) -> MenuEntry {
    let mut entry = MenuEntry::default();
    for line in text.lines().map(str::trim) {
        let (keyword, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
        let rest = rest.trim();
        match keyword {
            "title" => entry.title = rest.to_owned(),
            "linux" => entry.linux = Some(on_disc(rest)),
            "initrd" => entry.initrd = Some(on_disc(rest)),
            "options" => entry.parameters(rest.split_ascii_whitespace()),
            _ => {}
        }
    }
    entry
}

/// The `default` of `loader.conf`: the name of an entry file without its suffix, or a glob.
pub(super) fn default(text: &str) -> Option<String> {
    text.lines()
        .find_map(|line| Some(line.trim().strip_prefix("default")?.strip_prefix([' ', '\t'])?.trim().to_owned()))
}

/// Whether the default is the entry of this name.
pub(super) fn matches(default: &str, name: &str) -> bool {
    let default = default.strip_suffix(".conf").unwrap_or(default);
    default == name || Glob::new(default).is_ok_and(|glob| glob.compile_matcher().is_match(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_file_is_read() {
        let entry = read(
            "title NixOS Live CD\nlinux /boot/bzImage\ninitrd /boot/initrd\noptions init=/nix/store/s/init quiet\n",
        );
        assert_eq!((entry.title.as_str(), entry.linux.as_deref()), ("NixOS Live CD", Some("/boot/bzImage")));
        assert_eq!((entry.init.as_deref(), entry.params), (Some("/nix/store/s/init"), vec!["quiet".to_owned()]));
    }

    #[test]
    fn the_default_may_be_a_glob() {
        let default = default("timeout 10\ndefault nixos-*\n").unwrap();
        assert!(matches(&default, "nixos-livecd") && !matches(&default, "memtest"));
    }
}
