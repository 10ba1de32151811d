//! What a first policy for an image asserts.

use std::collections::{BTreeSet, HashSet};

use super::super::kind::Firmware;
use super::DraftNetwork;
use super::proof::Proof;
use crate::error::Result;
use crate::fs::iso9660::Platform;
use crate::nixos::access::{Access, Account, People};
use crate::nixos::answer::Verdict;
use crate::nixos::software::Software;
use crate::nixos::ssh::Sshd;
use crate::nixos::{Disc, ObjectKind, PasswordState, Summary};
use crate::store::name::Name;
use crate::store::version::{self, Requirement};

/// A larger image of the same kind still passes: it may grow by an eighth.
const ROOM: u64 = 8;

/// Values of `PermitRootLogin` that a policy can name.
const PERMITTED: [&str; 4] = ["yes", "no", "prohibit-password", "forced-commands-only"];

/// A policy that an image satisfies, to start from.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The image that it is about.
    pub path: String,
    /// How many bytes that has.
    pub bytes: u64,
    /// The most mebibytes that an image may have.
    pub max_mebibytes: u64,
    /// The name of the volume.
    pub volume_id: Option<String>,
    /// The firmware that it boots from.
    pub boot: Vec<Firmware>,
    /// The platform of the default system.
    pub system: Option<String>,
    /// The version that the kernel must have.
    pub kernel: Option<String>,
    /// What else has been judged, and holds.
    pub proof: Proof,
    /// The names of the packages that must be installed.
    pub installed: Vec<String>,
    /// The system whose users, keys and sshd these are, if the image has several.
    pub of_system: Option<&'static str>,
    /// Users.
    pub users: Vec<DraftUser>,
    /// Ports and the firewall. `None` if they are not known.
    pub network: Option<DraftNetwork>,
    /// sshd; `None` if the image does not list its users.
    pub ssh: Option<DraftSsh>,
}

/// A user in a draft.
#[derive(Clone, Debug)]
pub struct DraftUser {
    /// Login name.
    pub name: String,
    /// How the user logs in, in one sentence.
    pub sentence: String,
    /// The state of the password. `None` if the image does not say.
    pub password: Option<PasswordState>,
    /// Keys that sshd accepts.
    pub keys: Vec<DraftKey>,
}

/// A key in a draft.
#[derive(Clone, Debug)]
pub struct DraftKey {
    /// Its type and comment.
    pub sentence: String,
    /// As `ssh-keygen -l` prints it.
    pub fingerprint: String,
    /// Whether no other keys may let the user in.
    pub only: bool,
}

/// sshd in a draft.
#[derive(Clone, Debug)]
pub struct DraftSsh {
    /// Whether it starts at boot.
    pub enabled: bool,
    /// Whether it takes passwords; `None` without sshd, or if its configuration is missing.
    pub passwords: Option<bool>,
    /// The values that `PermitRootLogin` has; empty if a policy cannot name them.
    pub permit_root_login: Vec<String>,
}

impl Draft {
    /// Drafts a policy from the facts about an image. Packages and the proof are added later.
    #[must_use]
    pub fn of(summary: &Summary, access: Option<&Access>) -> Self {
        let default = summary.systems.iter().find(|(system, _)| system.default && system.present);
        let description = default.map(|(_, description)| description);
        let kernel = oldest_kernel(summary).map(|kernel| format!(">={kernel}"));
        let access = access.filter(|access| access.people.users_known);
        let people = access.iter().flat_map(|access| &access.people.accounts);
        let people = people.filter(|account| account.user.name == "root" || account.user.normal != Some(false));
        Self {
            path: summary.path.clone(),
            bytes: summary.bytes,
            max_mebibytes: (summary.bytes + summary.bytes / ROOM).div_ceil(1 << 20),
            volume_id: summary.volume.as_ref().map(|volume| volume.id.clone()),
            boot: firmware(summary),
            system: description.and_then(|description| description.system.clone()),
            kernel: kernel.filter(|kernel| Requirement::parse(kernel).is_some()),
            proof: Proof::default(),
            installed: Vec::new(),
            of_system: (summary.systems.len() > 1).then_some("default"),
            users: people.map(DraftUser::of).collect(),
            network: None,
            ssh: access.map(|access| DraftSsh::of(&access.people)),
        }
    }
}

/// The oldest kernel of the systems that a menu starts by default, which are all asked for it. `None` if one is not known.
fn oldest_kernel(summary: &Summary) -> Option<&str> {
    let systems = summary.systems.iter().filter(|(system, _)| system.present && system.boots_by_default());
    let kernels = systems.map(|(_, description)| description.kernel.as_deref()).collect::<Option<Vec<&str>>>();
    kernels?.into_iter().min_by(|one, other| version::compare(one, other))
}

impl DraftUser {
    fn of(account: &Account) -> Self {
        // If the image does not say which other keys let the user in, the policy cannot promise that there are no others.
        let open = account.keys().any(|granted| granted.answer.verdict() == Verdict::Unknown);
        let closed = account.all_ssh().all(|sources| {
            sources.authorities.is_empty()
                && sources.entrance.command().is_none()
                && sources.elsewhere.is_empty()
                && sources.untold.is_empty()
        });
        let mut seen = HashSet::new();
        let accepted = account.keys().filter(|granted| granted.answer.verdict() == Verdict::Granted);
        // Two daemons may accept the same key.
        let accepted = accepted.filter(|granted| seen.insert((&granted.key.file, granted.key.number)));
        let keys = accepted.map(|granted| &granted.key.line).map(|line| DraftKey {
            sentence: format!("{} {}", line.key.kind, line.comment),
            fingerprint: line.key.fingerprint(),
            only: closed && !open,
        });
        let state = account.user.password.state;
        Self {
            name: account.user.name.clone(),
            sentence: account.sentence(),
            password: (state != PasswordState::Unknown).then_some(state),
            keys: keys.collect(),
        }
    }
}

impl DraftSsh {
    fn of(people: &People) -> Self {
        let sshd = &people.sshd;
        let enabled = sshd.unit.is_some() && sshd.starts;
        if sshd.unit.is_none() || sshd.all().any(|sshd| sshd.unread_config.is_some()) {
            return Self { enabled, passwords: None, permit_root_login: Vec::new() };
        }
        let of_one = |sshd: &Sshd| {
            let blocks = sshd.permit_root_login_blocks().into_iter().map(|(value, _)| value);
            std::iter::once(sshd.permit_root_login()).chain(blocks).collect::<Vec<_>>()
        };
        let values: BTreeSet<String> = sshd.all().flat_map(of_one).collect();
        let known = values.iter().all(|value| PERMITTED.contains(&value.as_str()));
        Self {
            enabled,
            passwords: Some(sshd.all().any(|sshd| sshd.takes_passwords() || !sshd.password_blocks().is_empty())),
            permit_root_login: if known { values.into_iter().collect() } else { Vec::new() },
        }
    }
}

fn firmware(summary: &Summary) -> Vec<Firmware> {
    let boots = |wanted| summary.boot_images.iter().any(|facts| facts.image.bootable && facts.image.platform == wanted);
    let all = [(Firmware::Bios, Platform::Bios), (Firmware::Uefi, Platform::Uefi)];
    all.into_iter().filter(|(_, platform)| boots(*platform)).map(|(firmware, _)| firmware).collect()
}

/// The names of installed packages that have a version. The others are made for this system alone.
///
/// # Errors
/// If it cannot be read what an installed object is.
pub fn installed(disc: &Disc<'_>, software: &Software) -> Result<Vec<String>> {
    let mut names = BTreeSet::new();
    for (index, object) in software.present().filter(|(index, _)| software.is_installed(*index)) {
        let name = Name::parse(object.path.name());
        let is_package =
            software.kind(disc, index)? == Some(ObjectKind::Software) && !software.is_beside(disc, index)?;
        if is_package && !name.pname.is_empty() && !name.version.is_empty() {
            names.insert(name.pname);
        }
    }
    Ok(names.into_iter().map(str::to_owned).collect())
}
