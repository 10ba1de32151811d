//! Who gets in to a system.

use serde::{Deserialize, Serialize};

use super::mask;
use crate::error::Result;
use crate::nixos::access::{Access, FindingId};
use crate::nixos::{Disc, Password, System};

/// Who gets in to a system, and how.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessFacts {
    /// sshd, if the system has it.
    pub sshd: Option<SshdFacts>,
    /// Users, by name.
    pub users: Vec<UserFacts>,
    /// Keys that let somebody in, by user.
    pub keys: Vec<Key>,
    /// Findings of `access`: name and subject.
    pub findings: Vec<String>,
}

/// sshd.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SshdFacts {
    /// Whether it starts at boot.
    pub starts_at_boot: bool,
    /// `PermitRootLogin`.
    pub permit_root_login: String,
    /// Whether it accepts passwords.
    pub password_authentication: bool,
    /// Its ports.
    pub ports: Vec<u16>,
}

/// A user, without password or hash.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserFacts {
    /// Login name.
    pub name: String,
    /// Numeric id.
    pub uid: Option<u64>,
    /// Groups.
    pub groups: Vec<String>,
    /// Login shell.
    pub shell: Option<String>,
    /// State of the password on a fresh boot: `empty`, `hashed sha512 0123456789ab`. The digits tell one hash from another. They
    /// are missing if somebody could guess the password from them.
    pub password: String,
    /// How the user can log in.
    pub logins: Vec<String>,
}

/// A key that lets a user in.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    /// The user.
    pub user: String,
    /// As `ssh-keygen -l` prints it.
    pub fingerprint: String,
    /// Its type.
    pub r#type: String,
    /// Its comment.
    pub comment: String,
    /// The options before it, which set conditions.
    #[serde(default)]
    pub options: String,
}

impl AccessFacts {
    pub(in crate::diff) fn of(disc: &Disc<'_>, system: &System) -> Result<Self> {
        let access = Access::of(disc, system)?;
        let sshd = access.people.sshd.unit.is_some().then(|| SshdFacts {
            starts_at_boot: access.people.sshd.starts,
            permit_root_login: access.people.sshd.permit_root_login(),
            password_authentication: access.people.sshd.takes_passwords(),
            ports: access.people.sshd.ports(),
        });
        let mut facts = Self { sshd, ..Self::default() };
        for account in &access.people.accounts {
            let user = &account.user;
            facts.users.push(UserFacts {
                name: user.name.clone(),
                uid: user.uid,
                groups: user.groups.clone().unwrap_or_default(),
                shell: user.shell.as_deref().map(mask::text),
                password: described(&user.password),
                logins: account.ways().iter().map(|way| way.name().to_owned()).collect(),
            });
            for granted in account.keys().filter(|granted| granted.answer.opens()) {
                let line = &granted.key.line;
                facts.keys.push(Key {
                    user: user.name.clone(),
                    fingerprint: line.key.fingerprint(),
                    r#type: line.key.kind.clone(),
                    comment: line.comment.clone(),
                    options: mask::public_text(&line.options),
                });
            }
        }
        facts.keys.sort();
        // Two daemons may read the same file.
        facts.keys.dedup();
        let findings = access.findings.iter().filter(|finding| finding.id != FindingId::Login);
        facts.findings = findings.map(|finding| format!("{} {}", finding.id, finding.subject)).collect();
        facts.findings.sort();
        facts.findings.dedup();
        Ok(facts)
    }
}

/// The state of a password, its scheme, and the digits that tell one hash from another.
fn described(password: &Password) -> String {
    let scheme = password.scheme.map(|scheme| format!(" {}", scheme.name())).unwrap_or_default();
    let digits = password.digits.as_ref().map(|digits| format!(" {digits}")).unwrap_or_default();
    format!("{}{scheme}{digits}", password.state.name())
}
