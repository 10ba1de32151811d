//! A user in the document of `access`.

use serde::Serialize;

use crate::nixos::Scheme;
use crate::nixos::access::{Account, Grant, GrantedKey, Needs, SshSources};
use crate::nixos::ssh::{Authority, AuthorizedKey};

#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct User<'a> {
    name: &'a str,
    uid: Option<u64>,
    normal: Option<bool>,
    shell: Option<&'a str>,
    home: &'a str,
    groups: &'a [String],
    password: Password<'a>,
    keys: Vec<Key<'a>>,
    certificate_authorities: Vec<AuthorityFacts<'a>>,
    logins: Vec<&'static str>,
    sentence: String,
    entrances: Vec<EntranceFacts<'a>>,
}

#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Password<'a> {
    state: &'static str,
    option: Option<&'a str>,
    scheme: Option<&'static str>,
    source: Option<&'a str>,
}

#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Key<'a> {
    /// The unit of the sshd that reads it.
    sshd: Option<&'a str>,
    r#type: &'a str,
    bits: Option<usize>,
    fingerprint: String,
    comment: &'a str,
    options: &'a str,
    source: String,
    line: u64,
    accepted: bool,
    conditions: Vec<String>,
    refusal: Option<String>,
}

/// The answer for one entrance.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EntranceFacts<'a> {
    entrance: &'static str,
    verdict: &'static str,
    /// What somebody must have: `password`, `key`.
    needs: &'static str,
    /// The unit of the sshd that the entrance leads through.
    sshd: Option<&'a str>,
    /// The fingerprint of the key or of the authority.
    fingerprint: Option<&'a str>,
    /// Conditions of what is granted; what leaves the answer open.
    conditions: Vec<String>,
    /// Why it is refused.
    reason: Option<String>,
    cause: Option<CauseFacts<'a>>,
}

#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CauseFacts<'a> {
    path: &'a str,
    line: Option<u64>,
}

#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AuthorityFacts<'a> {
    /// The unit of the sshd that trusts it.
    sshd: Option<&'a str>,
    r#type: &'a str,
    fingerprint: String,
    principals: &'a [String],
    source: String,
    line: u64,
}

impl<'a> User<'a> {
    pub(super) fn of(account: &'a Account) -> Self {
        let user = &account.user;
        let key = |(sources, granted): (&'a SshSources, &'a GrantedKey)| {
            let line = &granted.key.line;
            Key {
                sshd: sources.unit.as_deref(),
                r#type: &line.key.kind,
                bits: line.key.bits(),
                fingerprint: line.key.fingerprint(),
                comment: &line.comment,
                options: &line.options,
                source: String::from_utf8_lossy(&granted.key.file).into_owned(),
                line: granted.key.number,
                accepted: granted.answer.opens(),
                conditions: if granted.answer.opens() { granted.answer.phrases() } else { Vec::new() },
                refusal: granted.answer.refused(),
            }
        };
        let authorities = account.all_ssh().flat_map(|own| own.authorities.iter().map(move |one| (own, one)));
        Self {
            name: &user.name,
            uid: user.uid,
            normal: user.normal,
            shell: user.shell.as_deref(),
            home: &user.home,
            groups: user.groups.as_deref().unwrap_or_default(),
            password: Password {
                state: user.password.state.name(),
                option: user.password.option.as_deref(),
                scheme: user.password.scheme.map(Scheme::name),
                source: user.password.source.as_deref(),
            },
            keys: account.all_ssh().flat_map(|own| own.keys.iter().map(move |key| (own, key))).map(key).collect(),
            certificate_authorities: authorities.map(AuthorityFacts::of).collect(),
            logins: account.ways().iter().map(|way| way.name()).collect(),
            sentence: account.sentence(),
            entrances: account.entrances.iter().map(EntranceFacts::of).collect(),
        }
    }
}

impl<'a> EntranceFacts<'a> {
    fn of(grant: &'a Grant) -> Self {
        let fingerprint = match &grant.needs {
            Needs::Key(fingerprint) | Needs::Certificate(fingerprint) => fingerprint.as_deref(),
            Needs::Nothing | Needs::EmptyPassword | Needs::Password => None,
        };
        Self {
            entrance: grant.entrance.name(),
            verdict: grant.verdict().name(),
            needs: grant.needs.name(),
            sshd: grant.sshd.as_deref(),
            fingerprint,
            conditions: grant.answer.phrases(),
            reason: grant.answer.refusal.as_ref().map(ToString::to_string),
            cause: grant.cause().map(|cause| CauseFacts { path: &cause.path, line: cause.line }),
        }
    }
}

impl<'a> AuthorityFacts<'a> {
    fn of((sources, authority): (&'a SshSources, &'a Authority)) -> Self {
        let AuthorizedKey { line, number, file } = &authority.key;
        Self {
            sshd: sources.unit.as_deref(),
            r#type: &line.key.kind,
            fingerprint: line.key.fingerprint(),
            principals: &authority.principals,
            source: String::from_utf8_lossy(file).into_owned(),
            line: *number,
        }
    }
}
