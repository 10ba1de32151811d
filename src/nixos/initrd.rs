//! The initrd of a system: what opens a door before the system itself runs.

use std::io::{BufReader, Read};
use std::ops::ControlFlow;

use super::password::Password;
use super::ssh::{KeyLine, PublicKey};
use crate::error::{Error, Result};
use crate::fs::cpio::{self, Compression, Member};
use crate::fs::{Tree, path};

/// Texts that are kept of an initrd, and the length of one.
const MOST_TEXTS: usize = 1_000;
const LONGEST: u64 = 1 << 20;

/// What an initrd has that matters for who gets in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Initrd {
    /// Its file, links resolved.
    pub file: String,
    /// How its parts are compressed.
    pub parts: Vec<Compression>,
    /// Whether systemd runs in it, and not the scripts of stage 1.
    pub systemd: bool,
    /// The password of root there, which the emergency shell of systemd asks for; none where no shadow is in it.
    pub root: Option<Password>,
    /// Whether an sshd is in it.
    pub sshd: bool,
    /// Keys that let root in there, with the files that hold them.
    pub keys: Vec<(PublicKey, String)>,
    /// Private keys of the host in it.
    pub host_keys: Vec<String>,
}

/// A file of the initrd that is read.
enum Text {
    Shadow,
    AuthorizedKeys,
    Stage1,
}

impl Text {
    fn of(path: &str) -> Option<Self> {
        match path {
            "/etc/shadow" => Some(Self::Shadow),
            "/root/.ssh/authorized_keys" | "/etc/ssh/authorized_keys.d/root" => Some(Self::AuthorizedKeys),
            "/init" => Some(Self::Stage1),
            _ if path.ends_with("-stage-1-init.sh") => Some(Self::Stage1),
            _ => None,
        }
    }
}

impl Initrd {
    /// Reads the initrd of the system whose toplevel lies at `toplevel`; none where it has none.
    ///
    /// # Errors
    /// Where it is there but cannot be read.
    pub fn of(tree: &dyn Tree, toplevel: &str) -> Result<Option<Self>> {
        let Some(found) = path::find(tree, format!("{toplevel}/initrd").as_bytes())? else { return Ok(None) };
        let file = String::from_utf8_lossy(&found.path).into_owned();
        let mut input = BufReader::with_capacity(1 << 17, tree.open(found.id)?);
        let mut initrd = Self { file: file.clone(), ..Self::default() };
        let mut texts = 0;
        let parts = cpio::read(&mut input, &file, &mut |member, contents| {
            if texts < MOST_TEXTS && initrd.take(member, contents)? {
                texts += 1;
            }
            Ok(ControlFlow::Continue(()))
        })?;
        initrd.parts = parts;
        Ok(Some(initrd))
    }

    /// Takes what matters of a member, and says whether its contents were read.
    fn take(&mut self, member: &Member, contents: &mut dyn Read) -> Result<bool> {
        let path = String::from_utf8_lossy(&member.path).into_owned();
        self.systemd |= path == "/etc/initrd-release" || path.ends_with("/lib/systemd/systemd");
        self.sshd |= path.ends_with("/bin/sshd") || path.ends_with("/bin/dropbear") || path.ends_with("/bin/tinysshd");
        let name = path.rsplit('/').next().unwrap_or_default();
        let of_host = name.starts_with("ssh_host_") && name.ends_with("_key")
            || name.starts_with("dropbear_") && name.ends_with("_host_key");
        if of_host && member.is_file() {
            self.host_keys.push(path.clone());
        }
        let Some(kind) = Text::of(&path).filter(|_| member.is_file()) else { return Ok(false) };
        let mut bytes = Vec::new();
        let read = contents.take(LONGEST).read_to_end(&mut bytes);
        read.map_err(|error| Error::from_read(error, std::path::Path::new(&path)))?;
        let text = String::from_utf8_lossy(&bytes);
        match kind {
            Text::Shadow => {
                let root = text.lines().find_map(|line| line.strip_prefix("root:")?.split(':').next());
                self.root = root.map(|hash| Password::of_hash("boot.initrd.systemd.emergencyAccess", hash, &path));
            }
            Text::AuthorizedKeys => {
                let keys = text.lines().filter_map(|line| KeyLine::parse(line).ok().flatten());
                self.keys.extend(keys.map(|line| (line.key, path.clone())));
            }
            // The script writes them to the file: `echo "KEY" >> /root/.ssh/authorized_keys`.
            Text::Stage1 => {
                let lines = text.lines().filter(|line| line.contains("authorized_keys"));
                let quoted = lines.flat_map(|line| line.split(['"', '\'']).map(str::to_owned).collect::<Vec<_>>());
                let keys = quoted.filter_map(|part| KeyLine::parse(&part).ok().flatten());
                self.keys.extend(keys.map(|line| (line.key, path.clone())));
            }
        }
        Ok(true)
    }
}
