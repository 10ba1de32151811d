//! `refind.conf` of rEFInd.

use super::{MenuEntry, on_disc};

/// Reads the entries of `menuentry` stanzas and of their `submenuentry` stanzas, which modify them. Disabled ones are left
/// out.
pub(super) fn read(text: &str) -> Vec<MenuEntry> {
    let mut entries: Vec<MenuEntry> = Vec::new();
    let mut disabled: Vec<bool> = Vec::new();
    // The position of the open stanza's entry.
    let mut main = None;
    let mut in_submenu = false;
    let mut default = None;
    for words in text.lines().map(words) {
        let mut words = words.iter().map(String::as_str);
        let keyword = words.next().unwrap_or_default().to_ascii_lowercase();
        match keyword.as_str() {
            "default_selection" => default = words.next().map(str::to_owned),
            "menuentry" => {
                (main, in_submenu) = (Some(entries.len()), false);
                let title = words.next().unwrap_or_default().to_owned();
                entries.push(MenuEntry { title, ..MenuEntry::default() });
                disabled.push(false);
                continue;
            }
            "submenuentry" => {
                let Some(above) = main.and_then(|main| entries.get(main)).cloned() else { continue };
                in_submenu = true;
                let title = words.next().unwrap_or_default().to_owned();
                let submenus = vec![above.title.as_str().into()];
                entries.push(MenuEntry { title, submenus, ..above });
                disabled.push(main.and_then(|main| disabled.get(main)).copied().unwrap_or_default());
                continue;
            }
            "}" if in_submenu => in_submenu = false,
            "}" => main = None,
            _ => {}
        }
        let open = if in_submenu { entries.len().checked_sub(1) } else { main };
        let Some((entry, disabled)) = open.and_then(|at| Some((entries.get_mut(at)?, disabled.get_mut(at)?))) else {
            continue;
        };
        match keyword.as_str() {
            "loader" => entry.linux = words.next().map(|path| on_disc(&path.replace('\\', "/"))),
            "initrd" => entry.initrd = words.next().map(|path| on_disc(&path.replace('\\', "/"))),
            "options" => {
                (entry.init, entry.params) = (None, Vec::new());
                words.for_each(|word| entry.parameters(word.split_ascii_whitespace()));
            }
            "add_options" => words.for_each(|word| entry.parameters(word.split_ascii_whitespace())),
            "disabled" => *disabled = true,
            _ => {}
        }
    }
    let mut disabled = disabled.into_iter();
    entries.retain(|_| disabled.next() == Some(false));
    // `default_selection` is part of a title, or the number of an entry. Without it, rEFInd takes the first entry.
    let titled = |default: &String| entries.iter().position(|entry| entry.title.contains(default.trim()));
    let numbered = |default: &String| default.parse::<usize>().ok()?.checked_sub(1);
    let chosen = default.map_or(Some(0), |default| numbered(&default).or_else(|| titled(&default)));
    if let Some(entry) = chosen.and_then(|place| entries.get_mut(place)) {
        entry.default = true;
    }
    entries
}

/// Splits a line at spaces, commas and equals signs outside quotes. A doubled quote is a literal quote.
fn words(line: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.next_if_eq(&'"').is_some() => word.get_or_insert_default().push('"'),
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            '#' if !quoted && word.is_none() => break,
            ' ' | '\t' | '\r' | ',' | '=' if !quoted => words.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stanzas_are_read_with_their_submenus() {
        let entries = read(
            "timeout 5\ndefault_selection \"NixOS\"\nmenuentry Off {\n loader /off\n disabled\n submenuentry \"no\" {\n }\n}\n\
             menuentry \"NixOS 25.11\" {\n  # comment\n  volume NIXOS\n  loader \\boot\\bzImage\n  initrd /boot/initrd\n\
             options \"init=/nix/store/s/init quiet\"\n  submenuentry \"Debug\" {\n    add_options \"debug\"\n  }\n}\n\
             menuentry Shell {\n loader /shell.efi\n}\n",
        );
        let shown: Vec<_> = entries.iter().map(|entry| (entry.submenus.join("/"), entry.title.as_str())).collect();
        let expected = [("", "NixOS 25.11"), ("NixOS 25.11", "Debug"), ("", "Shell")];
        assert_eq!(shown, expected.map(|(submenus, title)| (submenus.to_owned(), title)));
        assert_eq!(entries[1].linux.as_deref(), Some("/boot/bzImage"));
        assert_eq!(entries[1].init.as_deref(), Some("/nix/store/s/init"));
        assert_eq!((entries[0].params.join(" "), entries[1].params.join(" ")), ("quiet".into(), "quiet debug".into()));
        assert_eq!(entries.iter().map(|entry| entry.default).collect::<Vec<_>>(), [true, false, false]);
    }
}
