//! Who gets in to a system.

use serde::{Deserialize, Serialize};

use super::mask;
use super::{Key, SshdFacts, UserFacts};
use crate::error::Result;
use crate::nixos::access::Access;

use crate::nixos::{Disc, Password, System};

/// Who gets in to a system, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessFacts {
    /// sshd; none where there is none.
    pub sshd: Option<SshdFacts>,
    /// Users, by name.
    pub users: Vec<UserFacts>,
    /// Keys that let somebody in, by user.
    pub keys: Vec<Key>,
    /// Findings of `access`, without the sentences: sort and subject.
    pub findings: Vec<String>,
}

impl AccessFacts {
    pub(super) fn of(disc: &Disc<'_>, system: &System) -> Result<Self> {
        let access = Access::of(disc, system)?;
        let sshd = access.sshd.unit.is_some().then(|| SshdFacts {
            starts_at_boot: access.sshd.starts,
            permit_root_login: access.sshd.permit_root_login(),
            password_authentication: access.sshd.password_authentication(),
            ports: access.sshd.ports(),
        });
        let mut facts = Self { sshd, ..Self::default() };
        for account in &access.accounts {
            let user = &account.user;
            facts.users.push(UserFacts {
                name: user.name.clone(),
                uid: user.uid,
                groups: user.groups.clone().unwrap_or_default(),
                shell: user.shell.as_deref().map(mask::text),
                password: described(&user.password),
                logins: account.login.ways.iter().map(|way| way.name().to_owned()).collect(),
            });
            for granted in account.grants.keys.iter().filter(|granted| granted.judged.is_ok()) {
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
        let findings = access.findings.iter().filter(|finding| finding.id != "login");
        facts.findings = findings.map(|finding| format!("{} {}", finding.id, finding.subject)).collect();
        facts.findings.sort();
        facts.findings.dedup();
        Ok(facts)
    }
}

/// The state of a password, how it is hashed, and what tells one hash from another.
fn described(password: &Password) -> String {
    let scheme = password.scheme.map(|scheme| format!(" {}", scheme.name())).unwrap_or_default();
    let digits = password.digits.as_ref().map(|digits| format!(" {digits}")).unwrap_or_default();
    format!("{}{scheme}{digits}", password.state.name())
}
