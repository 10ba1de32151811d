//! Whom sshd lets in: what its configuration says of a user, and then of a key.

use super::algorithms::accepts;
use super::config::Settings;
use super::key::CERTIFICATE;
use super::keys_file::AuthorizedKey;
use super::options::{is_known, options};
use super::pattern::fits;
use super::sshd::Sshd;
use crate::nixos::password::PasswordState;
use crate::nixos::users::{User, Users};
use crate::store::version;

/// What sshd makes of one user, before it looks at a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entrance {
    /// Why the user is turned away whatever the key; none where a key can open.
    pub refusal: Option<String>,
    /// What may turn the answer round, and the image cannot tell.
    doubts: Vec<String>,
    /// Under what conditions a key opens.
    conditions: Vec<String>,
    /// The argument of `AuthorizedKeysCommand`, which may know more keys than the files.
    command: Option<String>,
    /// Only keys with a command open (`PermitRootLogin forced-commands-only`).
    commands_only: bool,
    /// The argument of `PubkeyAcceptedAlgorithms`.
    algorithms: Option<String>,
    /// The argument of `RevokedKeys`, which may name the key.
    revoked: Option<String>,
    /// Whether keys of DSA count where nothing is said: to OpenSSH 6.9 (release notes of 7.0, 2015).
    takes_dsa: bool,
}

/// The keywords that say whether a user is let in with a key.
const DECIDING: [&str; 11] = [
    "allowgroups",
    "allowusers",
    "authenticationmethods",
    "authorizedkeysfile",
    "denygroups",
    "denyusers",
    "forcecommand",
    "permitrootlogin",
    "pubkeyacceptedalgorithms",
    "pubkeyauthentication",
    "refuseconnection",
];

impl Sshd {
    /// What sshd makes of the user.
    #[must_use]
    pub fn entrance(&self, users: &Users, user: &User) -> Entrance {
        let settings = self.settings.settings(user);
        let first = |keyword| settings.value(keyword).and_then(|arguments| arguments.first());
        let says = |keyword, value: &str| first(keyword).is_some_and(|argument| argument.eq_ignore_ascii_case(value));
        let root = user.uid == Some(0) || user.name == "root";
        let mut conditions = Vec::new();
        let refusal = self
            .absent(users, &user.name)
            .or_else(|| {
                says("pubkeyauthentication", "no").then(|| "sshd takes no keys (PubkeyAuthentication no)".to_owned())
            })
            .or_else(|| {
                let shut = root && says("permitrootlogin", "no");
                shut.then(|| format!("sshd lets {} not in (PermitRootLogin no)", user.name))
            })
            .or_else(|| refused(&settings))
            .or_else(|| methods(&settings, &["publickey"], &mut conditions))
            .or_else(|| lists(&settings, user, &mut conditions));
        conditions.extend(forced(&settings));
        // sshd itself looks for the `!` of a locked account where it does not leave that to PAM.
        if !says("usepam", "yes") && matches!(user.password.state, PasswordState::Locked | PasswordState::None) {
            conditions.push("unless a `!` locks the account, since sshd does without PAM (UsePAM no)".to_owned());
        }
        let doubts = doubts(&settings, DECIDING.into_iter().filter(|keyword| root || *keyword != "permitrootlogin"));
        let commands_only = root && says("permitrootlogin", "forced-commands-only");
        let named = |keyword| first(keyword).filter(|value| !value.eq_ignore_ascii_case("none")).cloned();
        let (command, revoked) = (named("authorizedkeyscommand"), named("revokedkeys"));
        let algorithms = first("pubkeyacceptedalgorithms").cloned();
        let takes_dsa = self.version.as_ref().is_none_or(|own| version::compare(own, "7").is_lt());
        Entrance { refusal, doubts, conditions, command, commands_only, algorithms, revoked, takes_dsa }
    }

    /// Why nobody of that name is let in, whatever the configuration says.
    #[must_use]
    pub fn absent(&self, users: &Users, name: &str) -> Option<String> {
        match (&self.unit, &self.dangling) {
            (None, Some((unit, missing))) if missing == "/dev/null" => {
                Some(format!("sshd cannot start: {unit} is masked"))
            }
            (None, Some((unit, missing))) => {
                Some(format!("sshd cannot start: {unit} leads to {missing}, which is not in the image"))
            }
            (None, None) => Some("there is no sshd in this system (services.openssh.enable)".to_owned()),
            (Some(_), _) if users.known && !users.list.iter().any(|user| user.name == name) => {
                Some(format!("there is no user {name} in this system"))
            }
            _ => None,
        }
    }
}

impl Entrance {
    /// Whether the key opens: the conditions under which it does.
    ///
    /// # Errors
    /// Why it does not.
    pub fn judge(&self, key: &AuthorizedKey) -> Result<Vec<String>, String> {
        let shut = |why: String| Err(told(why, &self.doubts));
        if let Some(refusal) = &self.refusal {
            return shut(refusal.clone());
        }
        let kind = &key.line.key.kind;
        if kind.ends_with(CERTIFICATE) {
            return shut("a certificate in a file of keys lets in nobody".to_owned());
        }
        if let Some(algorithms) = &self.algorithms
            && !accepts(algorithms, kind)
        {
            return shut(format!("sshd takes no {kind} keys (PubkeyAcceptedAlgorithms {algorithms})"));
        }
        if self.algorithms.is_none() && kind == "ssh-dss" && !self.takes_dsa {
            return shut("sshd takes no ssh-dss keys since OpenSSH 7.0".to_owned());
        }
        let mut conditions = self.conditions.clone();
        let mut commanded = false;
        let options = options(&key.line.options);
        if options.iter().any(|option| option.name == "cert-authority") {
            return Err("its line says cert-authority: it counts for the keys that it signs, not itself".into());
        }
        for option in options {
            let value = option.value.unwrap_or_default();
            match option.name.as_str() {
                "command" => {
                    commanded = true;
                    conditions.push(format!("only to run {value:?}, as its line says"));
                }
                "from" => conditions.push(format!("only from {value:?}, as its line says")),
                "expiry-time" => conditions.push(format!("only until {value}, as its line says")),
                "principals" => {
                    return shut("its line names principals, which only that of a cert-authority may".to_owned());
                }
                name if !is_known(name) => {
                    return shut(format!("sshd passes its line over, since it knows no option {name}"));
                }
                _ => {}
            }
        }
        if self.commands_only && !commanded {
            let why = "sshd lets root in for commands only, and its line has none";
            return shut(format!("{why} (PermitRootLogin forced-commands-only)"));
        }
        conditions.extend(self.revoked.iter().map(|file| format!("unless RevokedKeys {file} names it")));
        conditions.extend_from_slice(&self.doubts);
        Ok(conditions)
    }

    /// Whether certificates let the user in: the conditions.
    ///
    /// # Errors
    /// Why not.
    pub fn judge_certificates(&self) -> Result<Vec<String>, String> {
        match &self.refusal {
            Some(refusal) => Err(told(refusal.clone(), &self.doubts)),
            None => Ok(self.conditions.iter().chain(&self.doubts).cloned().collect()),
        }
    }

    /// What may turn the answer round, and the image cannot tell.
    #[must_use]
    pub fn doubts(&self) -> &[String] {
        &self.doubts
    }

    /// The command that may know more keys than the files, where keys let the user in at all.
    #[must_use]
    pub fn command(&self) -> Option<&str> {
        self.command.as_deref().filter(|_| self.refusal.is_none())
    }

    /// Why the user is turned away whatever the key, with all that may turn this round.
    #[must_use]
    pub fn refused(&self) -> Option<String> {
        self.refusal.as_ref().map(|refusal| told(refusal.clone(), &self.doubts))
    }

    /// A sentence that says that a key is nowhere, with all that may know it nevertheless.
    #[must_use]
    pub fn unknown(&self, sentence: String) -> String {
        let command =
            self.command.as_ref().map(|command| format!("AuthorizedKeysCommand {command} may know more keys"));
        told(sentence, self.doubts.iter().chain(&command))
    }
}

/// A sentence, and what may turn it round.
fn told<'d>(sentence: String, doubts: impl IntoIterator<Item = &'d String>) -> String {
    doubts.into_iter().fold(sentence, |sentence, doubt| format!("{sentence}; {doubt}"))
}

/// What `Match` blocks may say of the keywords, and the image cannot tell.
pub(super) fn doubts<'k>(settings: &Settings<'_>, keywords: impl Iterator<Item = &'k str>) -> Vec<String> {
    let shown = |criterion: &str| format!("a `Match {criterion}` block may say otherwise");
    let mut doubts: Vec<String> =
        keywords.flat_map(|keyword| settings.doubts(keyword).into_iter().map(shown).collect::<Vec<_>>()).collect();
    doubts.sort();
    doubts.dedup();
    doubts
}

/// Why nobody is let in (`RefuseConnection`).
pub(super) fn refused(settings: &Settings<'_>) -> Option<String> {
    let value = settings.value("refuseconnection").and_then(|arguments| arguments.first())?;
    value.eq_ignore_ascii_case("yes").then(|| "sshd refuses the connection (RefuseConnection yes)".to_owned())
}

/// The command that is run, whatever the user asks for.
pub(super) fn forced(settings: &Settings<'_>) -> Option<String> {
    let words = settings.value("forcecommand")?;
    let none = words.first().is_none_or(|word| word.eq_ignore_ascii_case("none"));
    (!none).then(|| format!("only to run {:?} (ForceCommand)", words.join(" ")))
}

/// Whether one of these methods alone, or with what else, satisfies `AuthenticationMethods`.
pub(super) fn methods(settings: &Settings<'_>, wanted: &[&str], conditions: &mut Vec<String>) -> Option<String> {
    let lists = settings.value("authenticationmethods")?;
    // A method may name a device: `keyboard-interactive:pam`.
    let is_wanted = |method: &str| {
        let name = method.split(':').next().unwrap_or(method);
        wanted.iter().any(|wanted| name.eq_ignore_ascii_case(wanted))
    };
    if lists.iter().any(|list| is_wanted(list) || list.eq_ignore_ascii_case("any")) {
        return None;
    }
    let what = if wanted.contains(&"publickey") { "keys" } else { "passwords" };
    match lists.iter().find(|list| list.split(',').any(is_wanted)) {
        Some(list) => conditions.push(format!("only together with all of AuthenticationMethods {list}")),
        None => return Some(format!("sshd takes no {what} (AuthenticationMethods {})", lists.join(" "))),
    }
    None
}

/// The four lists, in the order in which sshd asks them.
pub(super) fn lists(settings: &Settings<'_>, user: &User, conditions: &mut Vec<String>) -> Option<String> {
    let name = &user.name;
    let (denied, allowed) = (settings.values("denyusers"), settings.values("allowusers"));
    let plain = |pattern: &&str| !pattern.contains('@') && fits(pattern, name);
    // `user@host` decides for some hosts.
    let from = |pattern: &&str| pattern.rsplit_once('@').is_some_and(|(pattern, _)| fits(pattern, name));
    if denied.iter().any(plain) {
        return Some(format!("sshd turns {name} away (DenyUsers)"));
    }
    if let Some(pattern) = denied.iter().find(|pattern| from(pattern)) {
        conditions.push(format!("not from hosts of DenyUsers {pattern}"));
    }
    if !allowed.is_empty() && !allowed.iter().any(plain) {
        match allowed.iter().find(|pattern| from(pattern)) {
            Some(pattern) => conditions.push(format!("only from hosts of AllowUsers {pattern}")),
            None => return Some(format!("sshd turns {name} away (AllowUsers names others)")),
        }
    }
    let (denied, allowed) = (settings.values("denygroups"), settings.values("allowgroups"));
    if denied.is_empty() && allowed.is_empty() {
        return None;
    }
    let Some(groups) = &user.groups else {
        conditions.push("AllowGroups or DenyGroups may say otherwise: the image does not list groups".to_owned());
        return None;
    };
    let member = |patterns: &[&str]| patterns.iter().any(|pattern| groups.iter().any(|group| fits(pattern, group)));
    if member(&denied) {
        return Some(format!("sshd turns {name} away (DenyGroups)"));
    }
    if !allowed.is_empty() && !member(&allowed) {
        return Some(format!("sshd turns {name} away (AllowGroups names groups of others)"));
    }
    None
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::key::KeyLine;
    use super::*;
    use crate::nixos::made::Made;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAII7ljl4JdLSt+CD7YkmrwvG1TaPi0sfs9pBOFKBqfUvP";

    /// What becomes of root's key with these options under this configuration.
    fn judge(config: &str, options: &str) -> Result<String, String> {
        let unit = ("/s/etc/systemd/system/sshd.service", "[Service]\n");
        let sshd = Sshd::of(&Made::of(&[unit, ("/s/etc/ssh/sshd_config", config)]).system()).unwrap();
        let groups = Some(vec!["root".to_owned(), "wheel".to_owned()]);
        let root = User { uid: Some(0), groups, ..User::implied("root") };
        let users = Users { known: true, list: vec![root.clone()] };
        let line = KeyLine::parse(&format!("{options} {KEY}")).unwrap().unwrap();
        let key = AuthorizedKey { line: Arc::new(line), number: 1, file: b"/keys".as_slice().into() };
        sshd.entrance(&users, &root).judge(&key).map(|conditions| conditions.join("; "))
    }

    #[test]
    fn each_keyword_that_shuts_root_out_does() {
        for (config, refusal) in [
            ("PubkeyAuthentication no", "sshd takes no keys (PubkeyAuthentication no)"),
            ("PermitRootLogin no", "sshd lets root not in (PermitRootLogin no)"),
            ("Match User root\nRefuseConnection yes", "sshd refuses the connection (RefuseConnection yes)"),
            (
                "PermitRootLogin forced-commands-only",
                "sshd lets root in for commands only, and its line has none (PermitRootLogin forced-commands-only)",
            ),
            ("AllowUsers eve nix*", "sshd turns root away (AllowUsers names others)"),
            ("DenyUsers r*", "sshd turns root away (DenyUsers)"),
            ("AllowGroups users", "sshd turns root away (AllowGroups names groups of others)"),
            ("DenyGroups wheel", "sshd turns root away (DenyGroups)"),
            ("AuthenticationMethods password", "sshd takes no keys (AuthenticationMethods password)"),
            (
                "PubkeyAcceptedKeyTypes rsa-*,ssh-rsa",
                "sshd takes no ssh-ed25519 keys (PubkeyAcceptedAlgorithms rsa-*,ssh-rsa)",
            ),
            ("Match Group wheel\nPermitRootLogin no", "sshd lets root not in (PermitRootLogin no)"),
            (
                "PermitRootLogin no\nMatch Address 10.0.0.0/8\nPermitRootLogin yes",
                "sshd lets root not in (PermitRootLogin no); a `Match Address` block may say otherwise",
            ),
        ] {
            assert_eq!(judge(config, ""), Err(refusal.to_owned()), "{config}");
        }
        let refusal = "sshd passes its line over, since it knows no option no-ptty";
        assert_eq!(judge("", "no-ptty"), Err(refusal.to_owned()));
        let refusal = "its line names principals, which only that of a cert-authority may";
        assert_eq!(judge("", "principals=\"ops\""), Err(refusal.to_owned()));
        let refusal = "its line says cert-authority: it counts for the keys that it signs, not itself";
        assert_eq!(judge("", "cert-authority"), Err(refusal.to_owned()));
    }

    #[test]
    fn what_the_image_cannot_tell_is_a_condition() {
        for (config, options, conditions) in [
            ("", "", ""),
            ("AllowGroups wh*\nDenyUsers eve", "restrict", ""),
            ("PermitRootLogin forced-commands-only", "command=\"ls\"", "only to run \"ls\", as its line says"),
            ("ForceCommand internal-sftp -R", "", "only to run \"internal-sftp -R\" (ForceCommand)"),
            ("RevokedKeys /etc/ssh/revoked", "", "unless RevokedKeys /etc/ssh/revoked names it"),
            ("AuthenticationMethods password publickey", "", ""),
            (
                "AuthenticationMethods publickey,password",
                "",
                "only together with all of AuthenticationMethods publickey,password",
            ),
            ("Match Address 10.0.0.0/8\nPermitRootLogin no", "", "a `Match Address` block may say otherwise"),
            ("Match Address 10.0.0.0/8\nX11Forwarding no", "", ""),
            ("AllowUsers root@10.0.0.1", "", "only from hosts of AllowUsers root@10.0.0.1"),
            ("", "from=\"10.0.0.1\"", "only from \"10.0.0.1\", as its line says"),
            ("", "expiry-time=\"20200101\"", "only until 20200101, as its line says"),
        ] {
            assert_eq!(judge(config, options), Ok(conditions.to_owned()), "{config} {options}");
        }
    }

    #[test]
    fn a_unit_that_leads_nowhere_is_not_taken_for_none() {
        let unit = ("/s/etc/systemd/system/sshd.service", "-> /nix/store/e-unit-sshd/sshd.service");
        let sshd = Sshd::of(&Made::of(&[unit]).system()).unwrap();
        let why = "sshd cannot start: /etc/systemd/system/sshd.service leads to /nix, which is not in the image";
        assert_eq!(sshd.absent(&Users::default(), "root").unwrap(), why);
    }
}
