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
    let mut line = Line { rest: line.trim_start_matches([' ', '\t', '\r']), commands: Vec::new(), word: None };
    while let Some(letter) = line.next() {
        match letter {
            '\'' => line.single_quoted(),
            '"' => line.double_quoted(),
            '\\' => line.escaped(),
            '$' => line.skip_variable(),
            '#' if line.word.is_none() => break,
            ' ' | '\t' | '\r' => line.end_word(),
            ';' => line.end_command(),
            '{' | '}' if line.word.is_none() => {
                if letter == '}' {
                    line.end_command();
                }
                line.word = Some(letter.to_string());
                line.end_command();
            }
            other => line.word().push(other),
        }
    }
    line.end_word();
    line.commands.retain(|command| !command.is_empty());
    line.commands
}

/// A line that is being split.
struct Line<'t> {
    rest: &'t str,
    commands: Vec<Vec<String>>,
    word: Option<String>,
}

impl Line<'_> {
    /// Adds the plain text that comes next to the word, and returns the letter after it.
    fn next(&mut self) -> Option<char> {
        let is_special =
            |letter| matches!(letter, b'\'' | b'"' | b'\\' | b'$' | b'#' | b' ' | b'\t' | b'\r' | b';' | b'{' | b'}');
        self.take_until(is_special);
        self.letter()
    }

    /// Adds the text before the first such byte to the word. Letters outside ASCII are never special.
    fn take_until(&mut self, is_special: impl Fn(u8) -> bool) {
        let length = self.rest.bytes().position(is_special).unwrap_or(self.rest.len());
        let (plain, rest) = self.rest.split_at_checked(length).unwrap_or((self.rest, ""));
        if !plain.is_empty() {
            self.word().push_str(plain);
        }
        self.rest = rest;
    }

    fn letter(&mut self) -> Option<char> {
        let mut letters = self.rest.chars();
        let letter = letters.next();
        self.rest = letters.as_str();
        letter
    }

    fn word(&mut self) -> &mut String {
        self.word.get_or_insert_default()
    }

    fn single_quoted(&mut self) {
        self.word();
        self.take_until(|letter| letter == b'\'');
        self.letter();
    }

    fn double_quoted(&mut self) {
        self.word();
        loop {
            self.take_until(|letter| matches!(letter, b'"' | b'\\' | b'$'));
            match self.letter() {
                Some('\\') => self.escaped(),
                Some('$') => self.skip_variable(),
                _ => break,
            }
        }
    }

    fn escaped(&mut self) {
        let letter = self.letter();
        self.word().extend(letter);
    }

    fn skip_variable(&mut self) {
        self.rest = match self.rest.strip_prefix('{') {
            Some(inner) => inner.split_once('}').map_or("", |(_, rest)| rest),
            None => self.rest.trim_start_matches(|letter: char| letter.is_ascii_alphanumeric() || letter == '_'),
        };
    }

    fn end_word(&mut self) {
        let Some(word) = self.word.take() else { return };
        match self.commands.last_mut() {
            Some(command) => command.push(word),
            None => self.commands.push(vec![word]),
        }
    }

    fn end_command(&mut self) {
        self.end_word();
        self.commands.push(Vec::new());
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
    fn lines_are_split_as_the_shell_does() {
        let split = |line| commands(line).into_iter().map(|words| words.join("|")).collect::<Vec<_>>();
        assert_eq!(split("  # all of it"), [""; 0]);
        assert_eq!(split("a#b c # d"), ["a#b|c"]);
        assert_eq!(split("menuentry 'a \\ b'\"c\\\"$x ${y}d\" \\{ {"), ["menuentry|a \\ bc\" d|{|{"]);
        assert_eq!(split("menuentry '' { fwsetup; }"), ["menuentry||{", "fwsetup", "}"]);
        assert_eq!(split("x{y} ü$z \\"), ["x{y}|ü|"]);
        assert_eq!(split("echo \"open"), ["echo|open"]);
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
