//! Scripts that NixOS or its users make for units.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError};

use super::{Command, LONGEST, Units, upstart};
use crate::error::{Error, Place, Result};
use crate::fs::Kind;
use crate::store::StorePath;
use crate::store::name::Name;

/// Limit for a program that may be a script although its name does not say so, in bytes. `writeShellScript` makes a few
/// hundred.
const MOST_OF_UNNAMED: u64 = 64 << 10;

/// Limit for scripts that one command leads to.
const MOST_SCRIPTS: usize = 1_000;

/// A script in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// Its path.
    pub path: String,
    /// Its lines with their numbers. Continued lines are joined, comments left out.
    pub lines: Vec<(u64, String)>,
}

impl Script {
    /// The script with this text. `None` if the text is not a script.
    pub(in crate::nixos) fn of(path: &str, text: &str) -> Option<Self> {
        text.starts_with("#!").then(|| Self { path: path.to_owned(), lines: upstart::joined(text) })
    }

    /// The store paths that its lines name.
    fn calls(&self) -> impl Iterator<Item = &str> {
        let words = self.lines.iter().flat_map(|(_, line)| line.split(|letter: char| !is_of_path(letter)));
        words.filter(|word| word.starts_with("/nix/store/"))
    }
}

/// Whether a character may be part of a path that a script names.
fn is_of_path(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "/+-._?=".contains(letter)
}

impl Units<'_> {
    /// The script behind a program in the store, such as that of `systemd.services.NAME.script`. `None` if it is not a
    /// script, or belongs to a package.
    ///
    /// # Errors
    /// If the program exists but cannot be read, or a limit is reached.
    pub fn script(&self, program: &str) -> Result<Option<Arc<Script>>> {
        let Some((own, _)) = StorePath::containing(program.as_bytes()) else { return Ok(None) };
        // Packages have versions. Their programs are large and numerous.
        let is_named = own.name().contains("script");
        if !is_named && !Name::parse(own.name()).version.is_empty() {
            return Ok(None);
        }
        let locked = || self.index.scripts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = locked().get(program) {
            return Ok(known.clone());
        }
        let script = self.read_script(program, if is_named { LONGEST } else { MOST_OF_UNNAMED })?.map(Arc::new);
        locked().insert(program.to_owned(), script.clone());
        Ok(script)
    }

    fn read_script(&self, program: &str, most: u64) -> Result<Option<Script>> {
        let Some(found) = self.root.find(program)? else { return Ok(None) };
        let Kind::File { size } = self.root.tree().node(found.id)?.kind else { return Ok(None) };
        if size > most && most < LONGEST {
            return Ok(None);
        }
        let Some(bytes) = self.root.lines_of(program, LONGEST)? else { return Ok(None) };
        if !self.fits(bytes.len(), 0, program) {
            return Ok(None);
        }
        Ok(Script::of(program, &String::from_utf8_lossy(&bytes)))
    }

    /// The script that a command runs, and the scripts that it calls.
    ///
    /// # Errors
    /// As [`Units::script`].
    pub fn scripts(&self, command: &Command) -> Result<Vec<Arc<Script>>> {
        let words = std::iter::once(&command.program).chain(&command.arguments);
        let line = words.cloned().collect::<Vec<_>>().join(" ");
        self.called(&Script { path: String::new(), lines: vec![(1, line)] })
    }

    /// The scripts that a script calls, directly or through others.
    ///
    /// # Errors
    /// As [`Units::script`].
    pub fn called(&self, caller: &Script) -> Result<Vec<Arc<Script>>> {
        let mut seen: HashSet<String> = HashSet::new();
        let mut scripts: Vec<Arc<Script>> = Vec::new();
        let mut queue: Vec<String> = caller.calls().map(str::to_owned).collect();
        queue.reverse();
        while let Some(program) = queue.pop() {
            if scripts.len() == MOST_SCRIPTS {
                let place = Place::File(program.into_bytes());
                return Err(Error::Limit { what: "1,000 scripts of one command", place });
            }
            if !seen.insert(program.clone()) {
                continue;
            }
            let Some(script) = self.script(&program)? else { continue };
            queue.extend(script.calls().filter(|program| !seen.contains(*program)).map(str::to_owned));
            scripts.push(script);
        }
        Ok(scripts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nixos::made::Made;

    fn store(name: &str) -> String {
        format!("/nix/store/{}-{name}", "a".repeat(32))
    }

    #[test]
    fn scripts_are_read_with_those_that_they_call_and_packages_are_not() {
        let (start, keys, tool) = (store("unit-script-x-start/bin/x-start"), store("keys"), store("tool-1.2/bin/tool"));
        let text = format!("#!/bin/sh\n# {tool}\nset -e\n{keys} --now \\\n  later; {tool}\n");
        let made = Made::of(&[
            ("/s/etc/systemd/system/x.service", &format!("[Service]\nExecStart={start}\n")),
            (&start, &text),
            (&keys, &format!("#!/bin/sh\nexec {start}\n")),
            (&tool, "#!/bin/sh\necho a program of a package\n"),
        ]);
        let root = made.system();
        let units = Units::of(&root).unwrap();
        let found = units.get("x.service").unwrap();
        let command = &found.unit().unwrap().commands("ExecStart")[0];
        let scripts = units.scripts(command).unwrap();
        let paths: Vec<&str> = scripts.iter().map(|script| script.path.as_str()).collect();
        assert_eq!(paths, [&start, &keys]);
        assert_eq!(scripts[0].lines[1], (4, format!("{keys} --now   later; {tool}")));
        assert_eq!(units.script(&tool).unwrap(), None);
        assert_eq!(units.script(&store("none")).unwrap(), None);
    }

    #[test]
    fn a_long_program_is_read_only_if_its_name_says_that_it_is_a_script() {
        let long = format!("#!/bin/sh\n{}", "true\n".repeat(20_000));
        let (named, unnamed) = (store("unit-script-a"), store("agent"));
        let made = Made::of(&[(&named, &long), (&unnamed, &long)]);
        let root = made.system();
        let units = Units::of(&root).unwrap();
        assert!(units.script(&named).unwrap().is_some());
        assert_eq!(units.script(&unnamed).unwrap(), None);
    }
}
