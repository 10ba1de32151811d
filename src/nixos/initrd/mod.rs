//! The initrd of a system: who gets in before the system itself runs.

mod text;

use std::collections::{HashMap, HashSet};
use std::io::{self, BufReader, Read as _};
use std::ops::ControlFlow;

pub(crate) use self::text::target;
pub(super) use self::text::{FORCE, forces_shell};
use self::text::{MOUNTS, Text, appended};
use super::Root;
use super::password::Password;
use super::root::whole_lines;
use super::ssh::{KeyError, KeyLine, PublicKey};
use crate::error::{Error, Result};
use crate::fs::cpio::{self, Compression, Member};
use crate::fs::{NodeId, Tree};

/// Limits for units that are read, for other texts and links, and for the length of each, in bytes.
const MOST_TEXTS: usize = 1_000;
const LONGEST: u64 = 1 << 20;

/// Limit for keys, and for host keys.
const MOST_KEYS: usize = 10_000;

/// Limit for lines that name paths of the system.
const MOST_LINES: usize = 10_000;

/// How programs start (ELF).
const PROGRAM: &[u8] = b"\x7fELF";

/// Limit for reported lines without a key.
const MOST_MALFORMED: usize = 1_000;

/// The parts of an initrd that decide who gets in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Initrd {
    /// Its file, links resolved.
    pub file: String,
    /// How its parts are compressed.
    pub parts: Vec<Compression>,
    /// Whether it runs systemd instead of the scripts of stage 1.
    pub systemd: bool,
    /// The root password that systemd's emergency shell asks for. `None` without a shadow file.
    pub root: Option<Password>,
    /// The file that makes the emergency shell ask for no password at all.
    pub forced_shell: Option<String>,
    /// Whether it contains an sshd.
    pub sshd: bool,
    /// Keys that let root in, with their files.
    pub keys: Vec<(PublicKey, String)>,
    /// Lines of these files without a valid key: the file, the line, and what is wrong with it.
    pub malformed: Vec<(String, u64, KeyError)>,
    /// Private host keys.
    pub host_keys: Vec<String>,
    /// Links whose targets are not in the initrd, so that they cannot be read: the link, and its target.
    pub unread: Vec<(String, String)>,
    /// Lines that name paths of the system that it starts.
    pub into_system: Vec<IntoSystem>,
    /// Limits that are reached: what they count, and the first file past them. What the rest says is unknown.
    pub over_limits: Vec<(&'static str, String)>,
}

/// A line of a script, unit or rule of an initrd that names a path of the system that it starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntoSystem {
    /// The file in the initrd.
    pub file: String,
    /// The line, counted from 1.
    pub line: u64,
    /// The line, with paths as the running system has them.
    pub text: String,
    /// Whether it is a rule of tmpfiles.d, instead of a command.
    pub is_rule: bool,
}

/// Limit for passes over an initrd. Each link that follows its target in the archive needs another pass.
const MOST_PASSES: usize = 4;

/// Targets of links: by path, the first link and the kind of text expected at the target.
type Targets = HashMap<String, (String, Text)>;

impl Initrd {
    /// Reads the initrd of a system. `None` if the system has none.
    ///
    /// # Errors
    /// If it exists but cannot be read.
    pub fn of(root: &Root<'_>) -> Result<Option<Self>> {
        let Some(found) = root.find(&root.own("initrd"))? else { return Ok(None) };
        let file = String::from_utf8_lossy(&found.path).into_owned();
        let mut targets = Targets::new();
        // make-initrd-ng of nixpkgs links files to the store. Its names are sorted, so a link precedes its target. Otherwise
        // another pass reads the target.
        let mut passes = 0;
        loop {
            passes += 1;
            let known = targets.len();
            let (mut initrd, read) = Self::read(root.tree(), found.id, &file, &mut targets)?;
            let unread = targets.iter().filter(|(target, _)| !read.contains(*target));
            initrd.unread = unread.map(|(target, (link, _))| (link.clone(), target.clone())).collect();
            if initrd.unread.is_empty() || targets.len() == known || passes == MOST_PASSES {
                initrd.unread.sort();
                return Ok(Some(initrd));
            }
        }
    }

    /// Makes one pass. Also returns the paths that were read.
    fn read(tree: &dyn Tree, id: NodeId, file: &str, targets: &mut Targets) -> Result<(Self, HashSet<String>)> {
        let mut input = BufReader::with_capacity(1 << 17, tree.open(id)?);
        let mut initrd = Self { file: file.to_owned(), ..Self::default() };
        let mut read = Read::default();
        initrd.parts = cpio::read(&mut input, file, &mut |member, contents| {
            initrd.take(member, contents, (&mut *targets, &mut read))?;
            Ok(ControlFlow::Continue(()))
        })?;
        Ok((initrd, read.paths))
    }

    /// Reads one member, if its contents matter.
    fn take(
        &mut self,
        member: &Member,
        contents: &mut dyn io::Read,
        (targets, read): (&mut Targets, &mut Read),
    ) -> Result<()> {
        let path = String::from_utf8_lossy(&member.path).into_owned();
        self.systemd |= path == "/etc/initrd-release" || path.ends_with("/lib/systemd/systemd");
        self.sshd |= path.ends_with("/bin/sshd") || path.ends_with("/bin/dropbear") || path.ends_with("/bin/tinysshd");
        let there = member.is_file() || member.is_link();
        let name = path.rsplit('/').next().unwrap_or_default();
        let of_host = name.starts_with("ssh_host_") && name.ends_with("_key")
            || name.starts_with("dropbear_") && name.ends_with("_host_key");
        if of_host && there {
            match self.host_keys.len() {
                MOST_KEYS => self.over("10,000 host keys of an initrd", &path),
                _ => self.host_keys.push(path.clone()),
            }
        }
        let own = Text::of(&path).map(|kind| (path.clone(), kind));
        let Some((shown, kind)) = targets.get(&path).cloned().or(own).filter(|_| there) else { return Ok(()) };
        if !read.fits(&path, kind) {
            self.over("1,000 texts of an initrd", &path);
            return Ok(());
        }
        let mut bytes = Vec::new();
        let all = contents.take(LONGEST + 1).read_to_end(&mut bytes);
        all.map_err(|error| Error::from_read(error, std::path::Path::new(&path)))?;
        if bytes.starts_with(PROGRAM) {
            return Ok(());
        }
        let bytes = if bytes.len() as u64 > LONGEST {
            self.over("1 MiB of one text in an initrd", &path);
            whole_lines(&bytes)
        } else {
            &bytes
        };
        let text = String::from_utf8_lossy(bytes);
        if member.is_link() {
            let target = target(&path, &text);
            // Skip targets that are read under their own name, and systemd itself, which is not a text.
            if Text::of(&target).is_none() && !target.ends_with("/lib/systemd/systemd") && target != "/dev/null" {
                targets.entry(target).or_insert((shown, kind));
            }
        } else {
            self.take_text(kind, &text, &shown);
            if kind == Text::Stage1 {
                // The files that the script appends to the list of keys are in the initrd as well.
                for file in appended(&text) {
                    targets.entry(file.clone()).or_insert((file, Text::AuthorizedKeys));
                }
            }
        }
        Ok(())
    }

    fn take_text(&mut self, kind: Text, text: &str, path: &str) {
        if matches!(kind, Text::Stage1 | Text::Unit | Text::Rules) {
            self.take_lines(kind, text, path);
        }
        match kind {
            Text::Shadow => {
                let root = text.lines().find_map(|line| line.strip_prefix("root:")?.split(':').next());
                self.root = root.map(|hash| Password::of_hash("boot.initrd.systemd.emergencyAccess", hash, path));
            }
            Text::AuthorizedKeys => {
                for (number, line) in (1u64..).zip(text.lines()) {
                    match KeyLine::parse(line) {
                        Ok(line) => line.into_iter().for_each(|line| self.take_key(line.key, path)),
                        Err(_) if self.malformed.len() == MOST_MALFORMED => {
                            self.over("1,000 lines without a key in an initrd", path);
                        }
                        Err(error) => self.malformed.push((path.to_owned(), number, error)),
                    }
                }
            }
            // The script writes keys with `echo "KEY" >> /root/.ssh/authorized_keys`.
            Text::Stage1 => {
                let is_own = |line: &&str| !MOUNTS.iter().any(|mount| line.contains(mount));
                let lines = text.lines().filter(|line| line.contains("authorized_keys")).filter(is_own);
                let quoted = lines.flat_map(|line| line.split(['"', '\'']).map(str::to_owned).collect::<Vec<_>>());
                let keys = quoted.filter_map(|part| KeyLine::parse(&part).ok().flatten());
                keys.for_each(|line| self.take_key(line.key, path));
            }
            Text::Environment if forces_shell(text) => {
                self.forced_shell.get_or_insert_with(|| path.to_owned());
            }
            Text::Environment | Text::Unit | Text::Rules => {}
        }
    }

    fn take_key(&mut self, key: PublicKey, path: &str) {
        match self.keys.len() {
            MOST_KEYS => self.over("10,000 keys of an initrd", path),
            _ => self.keys.push((key, path.to_owned())),
        }
    }

    /// Keeps the lines that name paths of the system.
    fn take_lines(&mut self, kind: Text, text: &str, path: &str) {
        for (line, text) in (1u64..).zip(text.lines().map(str::trim)) {
            if text.starts_with('#') || !MOUNTS.iter().any(|mount| text.contains(mount)) {
                continue;
            }
            if self.into_system.len() == MOST_LINES {
                self.over("10,000 lines of an initrd that name paths of the system", path);
                return;
            }
            let text = MOUNTS.iter().fold(text.to_owned(), |text, mount| text.replace(mount, ""));
            self.into_system.push(IntoSystem { file: path.to_owned(), line, text, is_rule: kind == Text::Rules });
        }
    }

    /// Remembers a limit, with the first file past it.
    fn over(&mut self, what: &'static str, path: &str) {
        if !self.over_limits.iter().any(|(known, _)| *known == what) {
            self.over_limits.push((what, path.to_owned()));
        }
    }
}

/// What one pass has read.
#[derive(Default)]
struct Read {
    paths: HashSet<String>,
    /// Units and rules among them. They have a limit of their own, so that they cannot hide passwords and keys.
    of_units: usize,
}

impl Read {
    /// Counts a text. False if it is one more than the limit for its kind.
    fn fits(&mut self, path: &str, kind: Text) -> bool {
        if self.paths.contains(path) {
            return true;
        }
        let is_of_unit = matches!(kind, Text::Environment | Text::Unit | Text::Rules);
        let count = if is_of_unit { self.of_units } else { self.paths.len() - self.of_units };
        if count == MOST_TEXTS {
            return false;
        }
        self.of_units += usize::from(is_of_unit);
        self.paths.insert(path.to_owned());
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nixos::made::{Made, archive};
    use crate::nixos::password::PasswordState;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAII7ljl4JdLSt+CD7YkmrwvG1TaPi0sfs9pBOFKBqfUvP";

    fn read(members: &[(&str, &str)]) -> Initrd {
        Initrd::of(&Made::of(&[("/s/initrd", &archive(members))]).system()).unwrap().unwrap()
    }

    #[test]
    fn links_to_the_store_are_followed_in_any_order() {
        let members = [
            ("etc/shadow", "-> /nix/store/e-initrd-shadow"),
            ("etc/ssh/authorized_keys.d/root", "-> ../../../nix/store/e-keys"),
            ("init", "-> /nix/store/e-systemd/lib/systemd/systemd"),
            ("nix/store/e-initrd-shadow", "root::::::::\n"),
            ("nix/store/e-keys", "-> e-keys-of-root"),
            ("nix/store/e-keys-of-root", KEY),
            ("nix/store/e-systemd/lib/systemd/systemd", "a program"),
        ];
        let turned: Vec<_> = members.iter().rev().copied().collect();
        for members in [&members[..], &turned] {
            let initrd = read(members);
            let root = initrd.root.unwrap();
            assert_eq!((root.state, root.source.as_deref()), (PasswordState::Empty, Some("/etc/shadow")));
            let files: Vec<&str> = initrd.keys.iter().map(|(_, file)| file.as_str()).collect();
            assert_eq!(files, ["/etc/ssh/authorized_keys.d/root"]);
            assert!(initrd.systemd && initrd.unread.is_empty());
        }
    }

    #[test]
    fn what_a_link_leads_to_and_is_not_there_is_told() {
        let initrd = read(&[("etc/shadow", "-> /nix/store/e-gone"), ("init", "-> bin/stage-1")]);
        let unread: Vec<_> = initrd.unread.iter().map(|(link, target)| format!("{link} {target}")).collect();
        assert_eq!(unread, ["/etc/shadow /nix/store/e-gone", "/init /bin/stage-1"]);
        assert_eq!(initrd.root, None);
    }

    #[test]
    fn files_of_keys_that_stage_1_appends_are_read_in_any_order() {
        let script = "#!/ash\nmkdir -p /root/.ssh\ncat /nix/store/e-bob.pub >> /root/.ssh/authorized_keys\n\
                      cat /nix/store/e-gone.pub >> /root/.ssh/authorized_keys\ncat /etc/motd >> /dev/console\n";
        let members = [
            ("init", "-> /nix/store/e-stage-1-init.sh"),
            ("nix/store/e-bob.pub", KEY),
            ("nix/store/e-stage-1-init.sh", script),
        ];
        let turned: Vec<_> = members.iter().rev().copied().collect();
        for members in [&members[..], &turned] {
            let initrd = read(members);
            let files: Vec<&str> = initrd.keys.iter().map(|(_, file)| file.as_str()).collect();
            assert_eq!(files, ["/nix/store/e-bob.pub"]);
            assert_eq!(initrd.unread, [("/nix/store/e-gone.pub".to_owned(), "/nix/store/e-gone.pub".to_owned())]);
        }
    }

    #[test]
    fn a_line_that_holds_no_key_is_told() {
        let initrd = read(&[("root/.ssh/authorized_keys", "# mine\nssh-ed25519 AAAA\n")]);
        assert_eq!(initrd.malformed, [("/root/.ssh/authorized_keys".to_owned(), 2, KeyError::Blob)]);
    }

    #[test]
    fn lines_that_name_paths_of_the_system_are_kept() {
        let initrd = read(&[
            ("etc/systemd/system/a.service", "[Service]\nExecStart=/bin/cp /keys /sysroot/root/.ssh/authorized_keys\n"),
            ("nix/store/e-unit-script-b-start/bin/b-start", "#!/bin/sh\n# /sysroot/x\necho x >/sysroot/etc/shadow\n"),
            ("etc/tmpfiles.d/10-a.conf", "f /sysroot/root/.ssh/authorized_keys 0600 - - - x\nd /run/x\n"),
            ("init", "echo \"KEY\" >> $targetRoot/root/.ssh/authorized_keys\n"),
        ]);
        let lines =
            initrd.into_system.iter().map(|own| format!("{}:{} {} {}", own.file, own.line, own.text, own.is_rule));
        assert_eq!(
            lines.collect::<Vec<_>>(),
            [
                "/etc/systemd/system/a.service:2 ExecStart=/bin/cp /keys /root/.ssh/authorized_keys false",
                "/nix/store/e-unit-script-b-start/bin/b-start:3 echo x >/etc/shadow false",
                "/etc/tmpfiles.d/10-a.conf:1 f /root/.ssh/authorized_keys 0600 - - - x true",
                "/init:1 echo \"KEY\" >> /root/.ssh/authorized_keys false",
            ]
        );
    }

    #[test]
    fn what_is_past_a_limit_is_reported_and_hides_neither_the_password_nor_the_keys() {
        let names: Vec<String> =
            (0..1_001).map(|number| format!("etc/systemd/system/emergency.service.d/{number}.conf")).collect();
        let mut members: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "[Service]\n")).collect();
        let keys = format!("{KEY}\n").repeat(10_001);
        members.extend([("etc/shadow", "root::1::::::\n"), ("root/.ssh/authorized_keys", &keys)]);
        let initrd = read(&members);
        assert_eq!(initrd.root.map(|root| root.state), Some(PasswordState::Empty));
        assert_eq!(initrd.keys.len(), 10_000);
        let over: Vec<String> = initrd.over_limits.iter().map(|(what, file)| format!("{what} at {file}")).collect();
        let of_units = "1,000 texts of an initrd at /etc/systemd/system/emergency.service.d/1000.conf";
        assert_eq!(over, [of_units, "10,000 keys of an initrd at /root/.ssh/authorized_keys"]);
        assert_eq!(read(&members[1..=1_001]).over_limits, []);

        let long = format!("root::1::::::\n{}", "x\n".repeat(1 << 19));
        let initrd = read(&[("etc/shadow", &long)]);
        assert_eq!(initrd.root.map(|root| root.state), Some(PasswordState::Empty));
        assert_eq!(initrd.over_limits, [("1 MiB of one text in an initrd", "/etc/shadow".to_owned())]);
    }

    #[test]
    fn a_shell_that_is_forced_is_found_in_units_and_in_the_configuration() {
        let unit = "[Service]\nEnvironment=\"SYSTEMD_SULOGIN_FORCE=1\"\n";
        for (name, text, expected) in [
            ("nix/store/e-unit-emergency.service/emergency.service", unit, true),
            ("etc/systemd/system/rescue.service.d/a.conf", unit, true),
            ("etc/systemd/system.conf", "[Manager]\nManagerEnvironment=SYSTEMD_SULOGIN_FORCE=yes\n", true),
            ("etc/systemd/system/emergency.service", "[Service]\n# SYSTEMD_SULOGIN_FORCE=1\n", false),
            ("etc/systemd/system/emergency.service", "Environment=SYSTEMD_SULOGIN_FORCE=0\n", false),
            ("etc/systemd/system/other.service", unit, false),
        ] {
            assert_eq!(read(&[(name, text)]).forced_shell.is_some(), expected, "{name} {text}");
        }
    }
}
