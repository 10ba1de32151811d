//! `grub.cfg` of GRUB 2.

use super::submenus::Submenus;
use super::{MenuEntry, on_disc};

/// What an open brace belongs to.
enum Block {
    Entry,
    Submenu,
    Other,
}

/// Reads the entries, including those of submenus. Variables count as unset: `${isoboot}` is only set when GRUB starts the
/// image from a file on another disc.
pub(super) fn read(text: &str) -> Vec<MenuEntry> {
    let mut entries: Vec<MenuEntry> = Vec::new();
    let mut blocks: Vec<Block> = Vec::new();
    let mut submenus = Submenus::default();
    // Positions in the topmost menu, which `default` counts: an entry, or the start of a submenu.
    let mut top: Vec<Option<usize>> = Vec::new();
    let mut default = "0".to_owned();
    for words in text.lines().flat_map(commands) {
        let opens = words.last().is_some_and(|word| word == "{");
        let mut rest = words.iter().map(String::as_str);
        match rest.next() {
            Some("menuentry") => {
                if submenus.is_top() {
                    top.push(Some(entries.len()));
                }
                let title = rest.next().unwrap_or_default().to_owned();
                entries.push(MenuEntry { title, submenus: submenus.names(), ..MenuEntry::default() });
                blocks.push(Block::Entry);
            }
            Some("submenu") => {
                if submenus.is_top() {
                    top.push(None);
                }
                submenus.enter(rest.next().unwrap_or_default());
                blocks.push(Block::Submenu);
            }
            Some("}") => {
                if let Some(Block::Submenu) = blocks.pop() {
                    submenus.leave();
                }
            }
            Some("set") if blocks.is_empty() => {
                if let Some(value) = rest.next().and_then(|word| word.strip_prefix("default=")) {
                    default = value.to_owned();
                }
            }
            Some("linux" | "linux16" | "linuxefi") => {
                if let (Some(Block::Entry), Some(entry)) = (blocks.last(), entries.last_mut()) {
                    entry.linux = rest.next().map(on_disc);
                    entry.parameters(rest);
                }
            }
            Some("initrd" | "initrd16" | "initrdefi") => {
                if let (Some(Block::Entry), Some(entry)) = (blocks.last(), entries.last_mut()) {
                    entry.initrd = rest.next().map(on_disc);
                }
            }
            _ if opens => blocks.push(Block::Other),
            _ => {}
        }
    }
    let chosen = match default.parse::<usize>() {
        Ok(place) => top.get(place).copied().flatten(),
        Err(_) => entries.iter().position(|entry| entry.title == default),
    };
    if let Some(entry) = chosen.and_then(|place| entries.get_mut(place)) {
        entry.default = true;
    }
    entries
}

/// Splits a line as GRUB's shell does: quotes, backslashes, comments. A command ends at a semicolon, after an opening brace
/// and before a closing one. An opening brace is the command's last word; a closing brace is a command of its own.
pub(super) fn commands(line: &str) -> Vec<Vec<String>> {
    let mut commands: Vec<Vec<String>> = vec![Vec::new()];
    let mut word: Option<String> = None;
    let mut letters = line.chars().peekable();
    let end = |commands: &mut Vec<Vec<String>>, word: &mut Option<String>| {
        if let Some(command) = commands.last_mut() {
            command.extend(word.take());
        }
    };
    while let Some(letter) = letters.next() {
        match letter {
            '\'' => {
                let quoted = word.get_or_insert_default();
                quoted.extend(letters.by_ref().take_while(|&letter| letter != '\''));
            }
            '"' => {
                let quoted = word.get_or_insert_default();
                while let Some(letter) = letters.next().filter(|&letter| letter != '"') {
                    match letter {
                        '\\' => quoted.extend(letters.next()),
                        '$' => skip_variable(&mut letters),
                        other => quoted.push(other),
                    }
                }
            }
            '\\' => word.get_or_insert_default().extend(letters.next()),
            '$' => skip_variable(&mut letters),
            '#' if word.is_none() => break,
            ' ' | '\t' | '\r' => end(&mut commands, &mut word),
            ';' => {
                end(&mut commands, &mut word);
                commands.push(Vec::new());
            }
            '{' | '}' if word.is_none() => {
                if letter == '}' {
                    commands.push(Vec::new());
                }
                word = Some(letter.to_string());
                end(&mut commands, &mut word);
                commands.push(Vec::new());
            }
            other => word.get_or_insert_default().push(other),
        }
    }
    end(&mut commands, &mut word);
    commands.retain(|command| !command.is_empty());
    commands
}

fn skip_variable(letters: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    if letters.next_if_eq(&'{').is_some() {
        letters.by_ref().take_while(|&letter| letter != '}').for_each(drop);
    } else {
        while letters.next_if(|letter| letter.is_ascii_alphanumeric() || *letter == '_').is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MENU: &str = "\
set timeout=10
hiddenentry 'Text mode' --hotkey 't' {
  set textmode=true
}
if [ ${iso_path} ] ; then
  set isoboot=\"findiso=${iso_path}\"
fi
menuentry 'NixOS 25.11 Installer' --class installer {
  # a comment
  linux /boot//nix/store/k/bzImage ${isoboot} init=/nix/store/s/init root=LABEL=x \"quiet a\"
  initrd /boot//nix/store/i/initrd
}
submenu \"Options\" --class submenu {
  submenu \"Copy\" {
  menuentry 'NixOS' --class installer {
    linux /boot/bzImage init=/nix/store/s/init copytoram
  }
  }
  menuentry 'Firmware' { fwsetup; }
}
menuentry \"Last\" {
  chainloader /x.efi
}
";

    #[test]
    fn entries_are_read_with_the_submenus_that_lead_to_them() {
        let entries = read(MENU);
        let shown: Vec<_> = entries.iter().map(|entry| (entry.submenus.join("/"), entry.title.as_str())).collect();
        let expected =
            [("", "NixOS 25.11 Installer"), ("Options/Copy", "NixOS"), ("Options", "Firmware"), ("", "Last")];
        assert_eq!(shown, expected.map(|(submenus, title)| (submenus.to_owned(), title)));
        let first = &entries[0];
        assert_eq!(first.linux.as_deref(), Some("/boot/nix/store/k/bzImage"));
        assert_eq!(first.initrd.as_deref(), Some("/boot/nix/store/i/initrd"));
        assert_eq!(first.init.as_deref(), Some("/nix/store/s/init"));
        assert_eq!(first.params, ["root=LABEL=x", "quiet a"]);
    }

    #[test]
    fn the_default_is_counted_in_the_topmost_menu() {
        let default = |text: &str| read(text).iter().position(|entry| entry.default);
        assert_eq!(default(MENU), Some(0));
        assert_eq!(default(&format!("set default=2\n{MENU}")), Some(3));
        assert_eq!(default(&format!("set default='Last'\n{MENU}")), Some(3));
        assert_eq!(default(&format!("set default=9\n{MENU}")), None);
    }
}
