//! From the tables of a policy to assertions.

use std::path::Path;

use globset::Glob;

use super::super::kind::{
    Assertion, Boot, Copies, File, FileName, Forbid, Installed, Kernel, KernelParam, MaxSize, NoFile, NoParam,
    NotInstalled, Owner, Package, Param, Pattern, Platform, SecureBoot, Ssh, State, Unit, Usb, User, VolumeId,
};
use super::super::query::{PackageQuery, WantedKey};
use super::super::size;
use super::file::Check;
use super::tables::{
    CommandTable, FileTable, FileWord, ImageTable, IntegrityTable, KeyTable, OneOrMany, PackageState, PackageTable,
    ParamsTable, RootLogin, RootLoginWord, SecretsTable, Size, SshTable, UnitTable, UserTable,
};
use super::values::requirement;
use crate::fs::FileType;
use crate::secrets::Allow;
use crate::store::sha256;

/// Refuses a table without any of these.
pub(super) fn nothing(given: &[bool], what: &str) -> Result<(), String> {
    if given.iter().any(|given| *given) { Ok(()) } else { Err(format!("the table asserts nothing: give {what}")) }
}

impl ImageTable {
    pub(super) fn assertions(&self) -> Result<Vec<Assertion>, String> {
        let mut all: Vec<Assertion> = Vec::new();
        if let Some(size) = &self.max_size {
            all.push(MaxSize(size.bytes()?).into());
        }
        if let Some(glob) = &self.file_name {
            let compiled = Glob::new(glob).map_err(|_| format!("{glob} is no glob"))?.compile_matcher();
            all.push(FileName(compiled).into());
        }
        if let Some(glob) = &self.volume_id {
            let compiled = Glob::new(glob).map_err(|_| format!("{glob} is not a glob"))?.compile_matcher();
            all.push(VolumeId(compiled).into());
        }
        all.extend(self.system.clone().map(|system| Platform(system).into()));
        all.extend(self.boot.iter().flat_map(OneOrMany::as_slice).map(|firmware| Boot(*firmware).into()));
        all.extend(self.usb.filter(|usb| *usb).map(|_| Usb.into()));
        all.extend(self.secure_boot.filter(|signed| *signed).map(|_| SecureBoot.into()));
        if let Some(kernel) = &self.kernel {
            all.push(Kernel { text: kernel.clone(), version: requirement(kernel)? }.into());
        }
        for params in self.params.iter().map(|checked| &checked.0) {
            all.extend(params.require.iter().map(|param| Param(KernelParam::parse(param)).into()));
            all.extend(params.forbid.iter().map(|param| NoParam(KernelParam::parse(param)).into()));
        }
        Ok(all)
    }
}

impl Check for ImageTable {
    fn check(&self) -> Result<(), String> {
        let given = [
            self.max_size.is_some(),
            self.file_name.is_some(),
            self.volume_id.is_some(),
            self.system.is_some(),
            self.boot.is_some(),
            self.usb == Some(true),
            self.secure_boot == Some(true),
            self.kernel.is_some(),
            self.params.is_some(),
        ];
        nothing(&given, "max-size, file-name, volume-id, system, boot, usb, secure-boot, kernel or params")?;
        self.assertions().map(|_| ())
    }
}

impl Check for ParamsTable {
    fn check(&self) -> Result<(), String> {
        nothing(&[!self.require.is_empty(), !self.forbid.is_empty()], "require or forbid")
    }
}

impl Size {
    pub(super) fn bytes(&self) -> Result<u64, String> {
        match self {
            Self::Bytes(bytes) => Ok(*bytes),
            Self::Text(text) => size::parse(text),
        }
    }
}

impl PackageTable {
    fn queries(&self) -> Result<Vec<PackageQuery>, String> {
        let query = |name: &String| {
            let text = match &self.version {
                Some(version) => format!("{name}@{version}"),
                None => name.clone(),
            };
            PackageQuery::parse(&text).map_err(|error| error.to_string())
        };
        self.name.as_slice().iter().map(query).collect()
    }

    pub(super) fn assertions(&self) -> Result<Vec<Assertion>, String> {
        let mut all: Vec<Assertion> = Vec::new();
        for query in self.queries()? {
            match (self.state, self.installed) {
                (PackageState::Forbidden, _) => all.push(Forbid(query.clone()).into()),
                (PackageState::Required, Some(true)) => all.push(Installed(query.clone()).into()),
                (PackageState::Required, Some(false)) => {
                    all.push(Package(query.clone()).into());
                    all.push(NotInstalled(query.clone()).into());
                }
                (PackageState::Required, None) => all.push(Package(query.clone()).into()),
            }
            all.extend(self.max_copies.map(|most| Copies { query, most }.into()));
        }
        Ok(all)
    }
}

impl Check for PackageTable {
    fn check(&self) -> Result<(), String> {
        if self.state == PackageState::Forbidden && self.installed == Some(true) {
            return Err("installed = true contradicts state = \"forbidden\"".to_owned());
        }
        if self.system.is_some() && (self.installed.is_none() || self.state == PackageState::Forbidden) {
            return Err("system says where a package is installed: give installed, too".to_owned());
        }
        if self.state == PackageState::Forbidden && self.max_copies.is_some() {
            return Err("max-copies says nothing of a package that must not be there".to_owned());
        }
        self.assertions().map(|_| ())
    }
}

impl FileTable {
    pub(super) fn assertion(&self) -> Result<Assertion, String> {
        if self.absent == Some(true) {
            return Ok(NoFile(self.path.clone().into_bytes()).into());
        }
        let digest = |text: &String| {
            sha256::parse(text)
                .ok_or_else(|| format!("{text:?} is not a SHA-256: write 64 hexadecimal digits or sha256-…"))
        };
        let mode = |text: &String| {
            let mode = u16::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o7777);
            mode.ok_or_else(|| format!("{text:?} is not a mode: write \"0644\""))
        };
        let pattern = |text: &String| Pattern::parse(text);
        let glob = |text: &String| {
            Glob::new(text).map(|glob| glob.compile_matcher()).map_err(|_| format!("{text:?} is not a glob"))
        };
        let file_type = self.r#type.map(|word| match word {
            FileWord::File => FileType::File,
            FileWord::Directory => FileType::Directory,
            FileWord::Symlink => FileType::Symlink,
        });
        Ok(File {
            path: self.path.clone().into_bytes(),
            file_type,
            mode: self.mode.as_ref().map(mode).transpose()?,
            sha256: self.sha256.as_ref().map(digest).transpose()?,
            contains: self.contains.clone(),
            not_contains: self.not_contains.clone(),
            matches: self.matches.as_ref().map(pattern).transpose()?,
            owner: self.owner.as_deref().map(Owner::parse).transpose()?,
            target: self.target.as_ref().map(glob).transpose()?,
        }
        .into())
    }
}

/// Nothing else can be wrong with it.
impl Check for CommandTable {
    fn check(&self) -> Result<(), String> {
        Ok(())
    }
}

impl Check for FileTable {
    fn check(&self) -> Result<(), String> {
        if !self.path.starts_with('/') {
            return Err(format!("{:?} is not an absolute path", self.path));
        }
        let others = [self.r#type.is_some(), self.mode.is_some(), self.owner.is_some(), self.target.is_some()];
        let contents =
            [self.sha256.is_some(), self.contains.is_some(), self.not_contains.is_some(), self.matches.is_some()];
        if self.absent == Some(true) && (others.contains(&true) || contents.contains(&true)) {
            return Err("a file that must be absent has no type, mode, owner, target, sha256 or contents".to_owned());
        }
        if [&self.contains, &self.not_contains].into_iter().flatten().any(String::is_empty) {
            return Err("every file contains the empty text".to_owned());
        }
        if self.contains.is_some() && self.contains == self.not_contains {
            return Err("contains and not-contains are the same text".to_owned());
        }
        self.assertion().map(|_| ())
    }
}

impl UnitTable {
    pub(super) fn assertion(&self) -> Result<Assertion, String> {
        let states = match (&self.state, self.enabled, self.exists) {
            (Some(words), ..) => words.as_slice().to_vec(),
            (None, None | Some(true), None) | (None, Some(true), _) => Unit::ENABLED.to_vec(),
            (None, Some(false), None) => vec![State::Manual, State::Masked, State::Missing],
            (None, Some(false), Some(true)) => vec![State::Manual, State::Masked],
            (None, None, Some(true)) => vec![State::Boot, State::Triggered, State::Manual],
            (None, _, Some(false)) => vec![State::Missing],
        };
        Unit::in_states(&self.name, &states).map(Assertion::from)
    }
}

impl Check for UnitTable {
    fn check(&self) -> Result<(), String> {
        if self.exists == Some(false) && self.enabled.is_some() {
            return Err("a unit that must not exist is neither enabled nor disabled".to_owned());
        }
        if self.state.is_some() && (self.exists.is_some() || self.enabled.is_some()) {
            return Err("state says all that exists and enabled would; give one of them".to_owned());
        }
        self.assertion().map(|_| ())
    }
}

impl UserTable {
    pub(super) fn assertion(&self) -> Assertion {
        User {
            name: self.name.clone(),
            exists: self.exists.unwrap_or(true),
            password: self.password.as_ref().map(|words| words.as_slice().to_vec()),
            shell: self.shell.clone(),
            groups: self.groups.clone().unwrap_or_default(),
        }
        .into()
    }
}

impl Check for UserTable {
    fn check(&self) -> Result<(), String> {
        let others = [self.password.is_some(), self.shell.is_some(), self.groups.is_some()];
        if self.exists == Some(false) && others.contains(&true) {
            return Err("a user who must not exist has no password, shell or groups".to_owned());
        }
        if self.groups.as_ref().is_some_and(Vec::is_empty) {
            return Err("groups is an empty list, which asserts nothing".to_owned());
        }
        let exists = self.exists.is_some();
        nothing(&[exists, others.contains(&true)], "exists, password, shell or groups")
    }
}

impl KeyTable {
    pub(super) fn keys(&self, folder: &Path) -> Result<Vec<WantedKey>, String> {
        if let Some(file) = &self.file {
            let path = folder.join(file);
            let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
            let keys: Vec<WantedKey> = lines
                .map(|line| self.wanted(line).map_err(|error| format!("{}: {error}", path.display())))
                .collect::<Result<_, _>>()?;
            if keys.is_empty() {
                return Err(format!("{}: no public key in it", path.display()));
            }
            return Ok(keys);
        }
        let texts = self.key.iter().chain(&self.fingerprint);
        texts.map(|text| self.wanted(text)).collect()
    }

    /// A key with the options of the table.
    fn wanted(&self, text: &str) -> Result<WantedKey, String> {
        let key = WantedKey::parse(text).map_err(|error| error.to_string())?;
        match &self.options {
            Some(options) => key.with_options(&options.as_slice().join(",")).map_err(|error| error.to_string()),
            None => Ok(key),
        }
    }
}

impl Check for KeyTable {
    fn check(&self) -> Result<(), String> {
        let given = [self.key.is_some(), self.file.is_some(), self.fingerprint.is_some()];
        if given.iter().filter(|given| **given).count() != 1 {
            return Err("give one of key, file and fingerprint".to_owned());
        }
        if self.file.is_some() {
            return Ok(()); // which is read later
        }
        if self.fingerprint.as_ref().is_some_and(|text| !text.starts_with("SHA256:")) {
            return Err("a fingerprint is SHA256: and 43 letters, as ssh-keygen -l prints it".to_owned());
        }
        self.keys(Path::new("")).map(|_| ())
    }
}

impl SshTable {
    pub(super) fn assertions(&self) -> Vec<Assertion> {
        let word = |word: &RootLoginWord| {
            match word {
                RootLoginWord::Yes => "yes",
                RootLoginWord::No => "no",
                RootLoginWord::ProhibitPassword => "prohibit-password",
                RootLoginWord::ForcedCommandsOnly => "forced-commands-only",
            }
            .to_owned()
        };
        let permitted = self.permit_root_login.as_ref().map(|value| match value {
            RootLogin::Flag(true) => vec!["yes".to_owned()],
            RootLogin::Flag(false) => vec!["no".to_owned()],
            RootLogin::One(one) => vec![word(one)],
            RootLogin::Many(many) => many.iter().map(word).collect(),
        });
        let enabled = self.enabled.map(Ssh::Enabled);
        let passwords = self.password_authentication.map(Ssh::Passwords);
        enabled.into_iter().chain(passwords).chain(permitted.map(Ssh::PermitRootLogin)).map(Assertion::from).collect()
    }
}

impl Check for SshTable {
    fn check(&self) -> Result<(), String> {
        let root = self.permit_root_login.as_ref();
        let given = [self.enabled.is_some(), self.password_authentication.is_some(), root.is_some()];
        nothing(&given, "enabled, password-authentication or permit-root-login")
    }
}

impl SecretsTable {
    pub(super) fn allowed(&self) -> Result<Allow, String> {
        Allow::parse(&self.allow)
    }
}

impl Check for SecretsTable {
    fn check(&self) -> Result<(), String> {
        nothing(&[self.deny == Some(true)], "deny = true")?;
        self.allowed().map(|_| ())
    }
}

impl Check for IntegrityTable {
    fn check(&self) -> Result<(), String> {
        nothing(&[self.verify == Some(true)], "verify = true")
    }
}
