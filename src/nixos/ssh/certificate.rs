//! Certificates: who gets in with a key that a certificate authority has signed (ssh-keygen(1), CERTIFICATES).

use std::sync::Arc;

use super::algorithms::{accepts, accepts_certificates};
use super::entrance::Entrance;
use super::keys_file::{AuthorizedKey, KeysFiles};
use super::modes;
use super::options::Options;
use super::sshd::{Sshd, expand, is_of_image};
use crate::error::Result;
use crate::nixos::Root;
use crate::nixos::answer::{Answer, Cause, Caused, Condition, Doubt};
use crate::nixos::users::User;

/// Limit for a principals file, in bytes.
const LONGEST: u64 = 1 << 16;

/// Limit for authority files for one user.
const MOST_FILES: usize = 16;

/// A certificate authority. A user gets in with a certificate that it has signed for one of the principals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// Its own key.
    pub key: AuthorizedKey,
    /// The principals. A certificate must name one of them.
    pub principals: Arc<[String]>,
    /// Whether the image does not show all of these names.
    pub unsure: bool,
    /// Whether sshd accepts its certificates.
    pub answer: Answer,
}

/// The authorities whose certificates may let a user in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authorities {
    /// The authorities that the image has.
    pub list: Vec<Authority>,
    /// Authority files that are not in the image.
    pub elsewhere: Vec<Caused<Doubt>>,
}

/// The names for which sshd trusts the authorities of `TrustedUserCAKeys`.
struct Trust {
    /// Names under the options of their lines. A certificate must have one of them.
    names: Vec<(Arc<[String]>, Options, Option<Cause>)>,
    /// Why the image does not show all names.
    doubt: Option<Caused<Doubt>>,
}

impl Sshd {
    /// The authorities whose certificates may let the user in: those of `TrustedUserCAKeys`, and those in the user's own
    /// key files.
    ///
    /// # Errors
    /// If an authority file exists but cannot be read.
    pub fn authorities(&self, files: &mut KeysFiles<'_>, user: &User, entrance: &Entrance) -> Result<Authorities> {
        let settings = self.settings.settings(user);
        let list = |keyword| settings.value(keyword).and_then(<[String]>::first);
        // For some connections, another list may leave more.
        let certain = |keyword| settings.perhaps(keyword).next().is_none();
        let algorithms = list("pubkeyacceptedalgorithms").filter(|_| certain("pubkeyacceptedalgorithms"));
        if entrance.accepts_nothing() && certain("pubkeyacceptedalgorithms") {
            return Ok(Authorities::default());
        }
        if algorithms.is_some_and(|algorithms| !accepts_certificates(algorithms)) {
            return Ok(Authorities::default());
        }
        let signers = list("casignaturealgorithms").filter(|_| certain("casignaturealgorithms"));
        let signs = |key: &AuthorizedKey| signers.is_none_or(|signers| accepts(signers, &key.line.key.kind));
        let mut all = self.trusted(files, user, entrance)?;
        all.list.splice(..0, self.listed(files, user, entrance)?);
        all.list.retain(|authority| signs(&authority.key));
        Ok(all)
    }

    /// The authorities in the user's own key files.
    fn listed(&self, files: &mut KeysFiles<'_>, user: &User, entrance: &Entrance) -> Result<Vec<Authority>> {
        let mut all = Vec::new();
        for file in self.keys(files, user)? {
            for key in file.keys.iter().flat_map(|keys| keys.iter()) {
                let Ok(options) = Options::of(&key.line.options) else { continue };
                if !options.authority {
                    continue;
                }
                let principals = options.principals.as_deref().unwrap_or(&user.name);
                let principals = principals.split(',').map(str::to_owned).collect();
                let answer = entrance.judge_authority(key, &options, &file);
                all.push(Authority { key: key.clone(), principals, unsure: false, answer });
            }
        }
        Ok(all)
    }

    /// The authorities of `TrustedUserCAKeys`.
    fn trusted(&self, files: &mut KeysFiles<'_>, user: &User, entrance: &Entrance) -> Result<Authorities> {
        let settings = self.settings.settings(user);
        let is_set = |file: &&String| !file.eq_ignore_ascii_case("none");
        let set = settings.value("trustedusercakeys").and_then(<[String]>::first).filter(is_set);
        let perhaps = settings.perhaps("trustedusercakeys").filter_map(|(line, within)| {
            let file = line.arguments.first().filter(is_set)?;
            Some((file.as_str(), Some(within)))
        });
        let trusted: Vec<(&str, Option<Caused<Condition>>)> =
            set.map(|file| (file.as_str(), None)).into_iter().chain(perhaps).take(MOST_FILES).collect();
        let mut all = Authorities::default();
        if trusted.is_empty() {
            return Ok(all);
        }
        let trust = self.trust(files.root(), user)?;
        if trust.names.is_empty() && trust.doubt.is_none() {
            return Ok(all);
        }
        for (file, within) in trusted {
            let Some(keys) = files.read(file)? else {
                let doubt = settings.caused(Doubt::AuthoritiesFile(file.to_owned()), "trustedusercakeys");
                all.elsewhere.extend((!is_of_image(file)).then_some(doubt));
                continue;
            };
            // sshd reads such a file up to the first line that is not a bare key.
            let broken = files.malformed().iter().filter(|line| keys.first().is_some_and(|key| key.file == line.file));
            let end = broken.map(|line| line.number).min().unwrap_or(u64::MAX);
            let is_read = |key: &&AuthorizedKey| key.number < end && key.line.options.is_empty();
            for key in keys.iter().take_while(is_read) {
                let mut answer = entrance.judge_signer(key);
                answer.conditions.extend(within.clone());
                all.list.extend(trust.authorities(key, &answer));
            }
        }
        Ok(all)
    }

    /// The names for which sshd trusts the authorities of `TrustedUserCAKeys` to let the user in.
    fn trust(&self, root: &Root<'_>, user: &User) -> Result<Trust> {
        let settings = self.settings.settings(user);
        let set = |keyword| {
            let first = settings.value(keyword).and_then(|arguments| arguments.first());
            first.filter(|value| !value.eq_ignore_ascii_case("none"))
        };
        let doubt = |what, keyword| Some(settings.caused(what, keyword));
        let (file, command) = ("authorizedprincipalsfile", "authorizedprincipalscommand");
        let mut trust = Trust { names: Vec::new(), doubt: None };
        match settings.file(file) {
            None if set(command).is_none() => {
                trust.names.push((Arc::from([user.name.clone()]), Options::default(), None));
            }
            None => {}
            Some(pattern) => {
                let path = expand(pattern, user);
                let refusal = modes::refusal(root, &path, user, settings.strictness())?;
                match principals(root, &path)? {
                    Some(names) if refusal.is_none() => trust.names = names,
                    None if !path.starts_with(&user.home) => trust.doubt = doubt(Doubt::PrincipalsFile(path), file),
                    Some(_) | None => {}
                }
            }
        }
        let otherwise = [file, command].iter().any(|keyword| settings.perhaps(keyword).next().is_some());
        if set(command).is_some() || otherwise {
            trust.doubt = doubt(Doubt::Principals, command);
        }
        Ok(trust)
    }
}

impl Trust {
    /// The authority, once for each group of names for which it is trusted.
    fn authorities(&self, key: &AuthorizedKey, of_any: &Answer) -> Vec<Authority> {
        let with = |principals: Arc<[String]>, answer| Authority {
            key: key.clone(),
            principals,
            unsure: self.doubt.is_some(),
            answer,
        };
        let doubted =
            || Answer { doubts: of_any.doubts.iter().chain(&self.doubt).cloned().collect(), ..of_any.clone() };
        let unnamed = self.doubt.iter().map(|_| with(Arc::from([]), doubted()));
        let named = self.names.iter().map(|(names, options, line)| {
            let conditions = options.conditions().map(|what| Caused { what, cause: line.clone() });
            let conditions = of_any.conditions.iter().cloned().chain(conditions).collect();
            with(names.clone(), Answer { conditions, ..of_any.clone() })
        });
        named.chain(unnamed).collect()
    }
}

/// Names that a certificate may have, the options that go with them, and the line that holds both.
type Principals = (Arc<[String]>, Options, Option<Cause>);

/// The names in a principals file, grouped by the options before them. A name is the last word of its line. `None` if the
/// file is not in the image but may exist at boot.
fn principals(root: &Root<'_>, file: &str) -> Result<Option<Vec<Principals>>> {
    let Some(bytes) = root.bytes(file, LONGEST)? else {
        return Ok(is_of_image(file).then(Vec::new));
    };
    let shown: Arc<str> = file.into();
    let text = String::from_utf8_lossy(&bytes);
    let mut plain: Vec<String> = Vec::new();
    let mut names = Vec::new();
    for (number, line) in (1u64..).zip(text.lines()) {
        let line = line.split('#').next().unwrap_or_default().trim_matches([' ', '\t', '\r']);
        let (options, name) = match line.rsplit_once(' ').or_else(|| line.rsplit_once('\t')) {
            Some((options, name)) => (options.trim_end_matches([' ', '\t']), name),
            None => ("", line),
        };
        // sshd ignores a line whose options are malformed.
        let Ok(options) = Options::of(options) else { continue };
        match (name, options.refusal().is_some()) {
            ("", _) | (_, true) => {}
            (name, false) if options.conditions().next().is_none() => plain.push(name.to_owned()),
            (name, false) => {
                let cause = Cause { path: shown.clone(), line: Some(number) };
                names.push((Arc::from([name.to_owned()]), options, Some(cause)));
            }
        }
    }
    if !plain.is_empty() {
        names.insert(0, (plain.into(), Options::default(), None));
    }
    Ok(Some(names))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nixos::made::Made;
    use crate::nixos::users::Users;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAII7ljl4JdLSt+CD7YkmrwvG1TaPi0sfs9pBOFKBqfUvP";

    #[test]
    fn authorities_let_in_those_whom_their_certificates_name() {
        let with = |options: &str| format!("{options}{KEY}\n");
        let trusted = "TrustedUserCAKeys /etc/ssh/ca.pub\n";
        for (config, keys, expected) in [
            ("", with(""), &[][..]),
            ("", with("cert-authority "), &["eve false"]),
            ("", with("cert-authority,principals=\"ops,admin\" "), &["ops+admin false"]),
            (trusted, String::new(), &["eve false"]),
            ("TrustedUserCAKeys none\n", String::new(), &[]),
            ("AuthorizedPrincipalsFile /etc/ssh/principals/%u\n", String::new(), &[]),
            (
                &format!("{trusted}AuthorizedPrincipalsFile /etc/ssh/principals/%u\n"),
                String::new(),
                &["ops false", "all false only from \"10.0.0.1\" (from= in its line)"],
            ),
            (&format!("{trusted}AuthorizedPrincipalsFile /etc/ssh/absent/%u\n"), String::new(), &[]),
            (
                "Match Address 10.0.0.0/8\nTrustedUserCAKeys /etc/ssh/ca.pub\n",
                String::new(),
                &["eve false only under `Match Address 10.0.0.0/8`"],
            ),
            (&format!("{trusted}CASignatureAlgorithms rsa-sha2-512\n"), String::new(), &[]),
            (&format!("{trusted}PubkeyAcceptedAlgorithms ssh-ed25519\n"), String::new(), &[]),
            ("Match User bob\nTrustedUserCAKeys /etc/ssh/ca.pub\n", String::new(), &[]),
            (
                &format!("{trusted}AuthorizedPrincipalsCommand /bin/x\n"),
                String::new(),
                &[" true a command says which names its certificates must have"],
            ),
            (
                &format!("{trusted}AuthorizedPrincipalsFile /run/principals\n"),
                String::new(),
                &[" true /run/principals, which is not in the image, says which names its certificates must have"],
            ),
            ("", with("cert-authority,from=\"10.0.0.1\" "), &["eve false only from \"10.0.0.1\" (from= in its line)"]),
        ] {
            let config = format!("AuthorizedKeysFile /etc/ssh/keys/%u\n{config}");
            let tree = Made::of(&[
                ("/s/etc/ssh/sshd_config", &config),
                ("/s/etc/ssh/keys/eve", &keys),
                ("/s/etc/ssh/ca.pub", &with("")),
                ("/s/etc/ssh/principals/eve", "# who\nops\nfrom=\"10.0.0.1\" all\n"),
            ]);
            let sshd = Sshd::of(&tree.system()).unwrap();
            let (root, eve) = (tree.system(), User::implied("eve"));
            let users = Users { known: true, list: vec![eve.clone()] };
            let found = sshd.authorities(&mut KeysFiles::new(&root), &eve, &sshd.entrance(&users, &eve)).unwrap();
            let shown: Vec<_> = found
                .list
                .iter()
                .map(|authority| {
                    let phrases =
                        authority.answer.phrases().iter().map(|phrase| format!(" {phrase}")).collect::<String>();
                    format!("{} {}{phrases}", authority.principals.join("+"), authority.unsure)
                })
                .collect();
            assert_eq!(shown, expected, "{config} {keys}");
        }
    }
}
