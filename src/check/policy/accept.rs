//! `[[accept]]`: findings that are known and accepted.

use globset::{Glob, GlobMatcher};
use jiff::civil::Date;
#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};

use super::super::accept::Acceptance;
use super::super::kind::Accepting;
use super::file::{Check, Checked, Policy};
use crate::nixos::access::FindingId;
use crate::secrets;

/// `[[accept]]`: the presets and `[secrets]` pass in spite of these findings, in all policies of a check.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct AcceptTable {
    /// The id of a finding of `nixoscope access`, such as `empty-password`, a kind of `nixoscope secrets`, such as
    /// `private-key`, or `password-authentication`, which is sshd taking passwords; or a glob for several.
    finding: String,
    /// A glob for what it is about: a user, a menu entry, or the path of a file with a secret. Without one, anything.
    subject: Option<String>,
    /// Why it is accepted.
    reason: String,
    /// The last day on which it is accepted, in UTC: `2026-12-31`. Without one, it stays accepted.
    #[serde(default, deserialize_with = "day")]
    #[cfg_attr(test, schemars(schema_with = "day_schema"))]
    expires: Option<Date>,
}

/// A day. TOML has a type for it, JSON writes it as text.
fn day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Date>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    let day = text.parse().ok().filter(|_| plain);
    day.map(Some).ok_or_else(|| de::Error::custom(format!("{text:?} is not a day: write 2026-12-31")))
}

#[cfg(test)]
fn day_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"type": ["string", "null"], "format": "date"})
}

fn glob(text: &str) -> Result<GlobMatcher, String> {
    Ok(Glob::new(text).map_err(|_| format!("{text:?} is not a glob"))?.compile_matcher())
}

impl AcceptTable {
    fn finding(&self) -> Result<GlobMatcher, String> {
        let finding = glob(&self.finding)?;
        let mut ids = FindingId::ALL.iter().map(|id| id.name()).chain(secrets::KINDS).chain([Accepting::PASSWORDS]);
        match ids.any(|id| finding.is_match(id)) {
            true => Ok(finding),
            false => Err(format!(
                "no finding is called {:?}; nixoscope access --json and secrets --json have the names",
                self.finding
            )),
        }
    }
}

impl Check for AcceptTable {
    fn check(&self) -> Result<(), String> {
        if self.reason.trim().is_empty() {
            return Err("a reason is needed: who reads this later must know why".to_owned());
        }
        self.subject.as_deref().map(glob).transpose()?;
        self.finding().map(|_| ())
    }
}

impl Policy {
    /// The findings that the policy accepts. `name` is the policy's.
    #[must_use]
    pub fn acceptances(&self, name: &str) -> Vec<Acceptance> {
        // Both globs were compiled when the policy was read.
        let acceptance = |table: &Checked<AcceptTable>| {
            Some(Acceptance {
                finding: table.finding().ok()?,
                subject: table.subject.as_deref().map(glob).transpose().ok()?,
                reason: table.reason.clone(),
                expires: table.expires,
                policy: name.to_owned(),
                line: table.1.first,
            })
        };
        self.accept.iter().filter_map(acceptance).collect()
    }
}
