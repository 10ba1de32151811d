//! Menus in several files: `source` and `configfile` of GRUB, `include` of SYSLINUX.

use std::collections::HashSet;

use super::grub::commands;
use super::{LONGEST, located};
use crate::error::{Error, Place, Result};
use crate::fs::{Tree, path};

/// Limit for the depth at which files of one menu include each other.
const DEEPEST: usize = 8;

/// How a menu names another file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Words {
    /// `source FILE` and `configfile FILE`, unless a condition precedes them.
    Grub,
    /// `include FILE` and `menu include FILE`.
    Syslinux,
    /// The format has no includes.
    None,
}

impl Words {
    /// Whether a text may include files. Most menus do not, and splitting their lines into words takes time.
    fn may_include(self, text: &str) -> bool {
        let has = |word: &str| memchr::memmem::find(text.as_bytes(), word.as_bytes()).is_some();
        match self {
            Self::Grub => ["source", "configfile", ". ", ".\t"].into_iter().any(has),
            Self::Syslinux => true,
            Self::None => false,
        }
    }
}

/// A menu with the files that it includes.
#[derive(Debug, Default)]
pub(super) struct Whole {
    pub(super) text: String,
    /// Included files that do not exist.
    pub(super) missing: Vec<String>,
    read: HashSet<Vec<u8>>,
}

/// Reads a menu file and everything that it includes, each file once, except the `known` ones. `trees` are the volumes on
/// which the loader looks for files, including the menu's own.
pub(super) fn read(
    trees: &[&dyn Tree],
    own: &dyn Tree,
    menu: (&[u8], Words),
    known: &HashSet<Vec<u8>>,
) -> Result<Whole> {
    let mut whole = Whole { read: known.clone(), ..Whole::default() };
    let text = path::text(path::read(own, menu.0, LONGEST)?);
    whole.read.insert(menu.0.to_vec());
    whole.take(trees, &text, menu, 0)?;
    Ok(whole)
}

impl Whole {
    fn take(&mut self, trees: &[&dyn Tree], text: &str, menu: (&[u8], Words), depth: usize) -> Result<()> {
        let limit = |what| Error::Limit { what, place: Place::File(menu.0.to_vec()) };
        if u64::try_from(self.text.len() + text.len()).is_ok_and(|length| length > LONGEST) {
            return Err(limit("length of a menu with all that it includes"));
        }
        if !menu.1.may_include(text) {
            self.text.push_str(text);
            if !text.ends_with('\n') {
                self.text.push('\n');
            }
            return Ok(());
        }
        let mut conditions = 0usize;
        for line in text.lines() {
            self.text.push_str(line);
            self.text.push('\n');
            for target in included(line, menu.1, &mut conditions) {
                let target = Target { sure: target.sure && conditions == 0, path: located(&target.path, menu.0) };
                let mut found = None;
                for &tree in trees {
                    if let Some(there) = path::find(tree, target.path.as_bytes())? {
                        found = Some((tree, there));
                        break;
                    }
                }
                let Some((tree, there)) = found else {
                    if target.sure {
                        self.missing.push(target.path);
                    }
                    continue;
                };
                if self.read.insert(there.path.clone()) {
                    if depth == DEEPEST {
                        return Err(limit("menus that include each other"));
                    }
                    let text = path::text(path::read(tree, &there.path, LONGEST)?);
                    // GRUB keeps its prefix, and SYSLINUX its working directory.
                    self.take(trees, &text, menu, depth + 1)?;
                }
            }
        }
        Ok(())
    }
}

/// A file that a line includes.
struct Target {
    path: String,
    /// Whether the line includes it unconditionally, and the path contains no variable that only GRUB knows.
    sure: bool,
}

fn included(line: &str, words: Words, conditions: &mut usize) -> Vec<Target> {
    match words {
        Words::None => Vec::new(),
        Words::Syslinux => {
            let mut words = line.split_ascii_whitespace().map(str::to_ascii_lowercase);
            let skipped = match (words.next().as_deref(), words.next().as_deref()) {
                (Some("include"), Some(_)) => 1,
                (Some("menu"), Some("include")) => 2,
                _ => return Vec::new(),
            };
            let file = line.split_ascii_whitespace().nth(skipped);
            file.map(|file| Target { path: file.to_owned(), sure: true }).into_iter().collect()
        }
        Words::Grub => {
            // The prefix is the directory of the menu, which `located` puts before relative paths.
            let plain = line.replace("${prefix}/", "").replace("$prefix/", "");
            let variable = plain.contains('$');
            let mut targets = Vec::new();
            for words in commands(&plain) {
                let mut words = words.iter().map(String::as_str).skip_while(|word| matches!(*word, "then" | "else"));
                match words.next() {
                    Some("if") => *conditions += 1,
                    Some("fi") => *conditions = conditions.saturating_sub(1),
                    Some("source" | "configfile" | ".") => targets.extend(
                        words.next().map(|path| Target { path: path.to_owned(), sure: !variable && *conditions == 0 }),
                    ),
                    _ => {}
                }
            }
            targets
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nixos::made::Made;

    fn whole(files: &[(&str, &str)], words: Words) -> Whole {
        let made = Made::of(files);
        read(&[&made], &made, (files[0].0.as_bytes(), words), &HashSet::new()).unwrap()
    }

    #[test]
    fn a_menu_is_read_with_the_files_that_it_includes() {
        let files = [
            ("/boot/grub/loopback.cfg", "set a=1\nsource $prefix/grub.cfg\nsource /boot/grub/grub.cfg\n"),
            ("/boot/grub/grub.cfg", "menuentry 'a' {\n}\nconfigfile \"/boot/grub/loopback.cfg\"\n"),
        ];
        let expected = "set a=1\nsource $prefix/grub.cfg\nmenuentry 'a' {\n}\nconfigfile \"/boot/grub/loopback.cfg\"\n\
                        source /boot/grub/grub.cfg\n";
        let found = whole(&files, Words::Grub);
        assert_eq!((found.text.as_str(), found.missing), (expected, Vec::new()));
        let files = [("/a.cfg", "source /b.cfg\nset c=1\n"), ("/b.cfg", "set b=1")];
        assert_eq!(whole(&files, Words::Grub).text, "source /b.cfg\nset b=1\nset c=1\n");
        let files = [("/isolinux/isolinux.cfg", "menu include Txt.cfg\n"), ("/isolinux/Txt.cfg", "label a\n")];
        assert_eq!(whole(&files, Words::Syslinux).text, "menu include Txt.cfg\nlabel a\n");
    }

    #[test]
    fn a_file_that_is_always_included_must_exist() {
        let text = "source /gone.cfg\nif [ -e /x.cfg ]; then source /x.cfg; fi\nif true; then\n source /y.cfg\nfi\n\
                    configfile ($root)/z.cfg\nsource ${dir}/v.cfg\n";
        assert_eq!(whole(&[("/grub.cfg", text)], Words::Grub).missing, ["/gone.cfg"]);
    }
}
