//! Certificates: who gets in with a key that an authority has signed (ssh-keygen(1), CERTIFICATES).

use std::sync::Arc;

use super::algorithms::{accepts, accepts_certificates};
use super::keys_file::{AuthorizedKey, KeysFiles};
use super::options::Options;
use super::sshd::{Sshd, expand};
use crate::error::Result;
use crate::nixos::Root;
use crate::nixos::answer::{Caused, Condition};
use crate::nixos::users::User;

/// No file of principals is longer.
const LONGEST: u64 = 1 << 16;

/// Files of authorities for one user.
const MOST_FILES: usize = 16;

/// An authority: with a certificate of it for one of the principals, a user gets in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// Its own key.
    pub key: AuthorizedKey,
    /// The names of which a certificate must have one.
    pub principals: Arc<[String]>,
    /// Whether the image does not tell all of these names.
    pub unsure: bool,
    /// The `Match` block that brings it, if that depends on the connection.
    pub within: Option<Caused<Condition>>,
}

impl Sshd {
    /// The authorities whose certificates let the user in, if anything does: those of `TrustedUserCAKeys`, and those in the
    /// user's own files of keys.
    ///
    /// # Errors
    /// Where a file of them is there but cannot be read.
    pub fn authorities(&self, files: &mut KeysFiles<'_>, user: &User) -> Result<Vec<Authority>> {
        let settings = self.settings.settings(user);
        let set = |keyword| {
            let first = settings.value(keyword).and_then(|arguments| arguments.first());
            first.filter(|value| !value.eq_ignore_ascii_case("none"))
        };
        let list = |keyword| settings.value(keyword).and_then(<[String]>::first);
        // Another list for some connections may leave more.
        let certain = |keyword| settings.perhaps(keyword).next().is_none();
        let algorithms = list("pubkeyacceptedalgorithms").filter(|_| certain("pubkeyacceptedalgorithms"));
        if algorithms.is_some_and(|algorithms| !accepts_certificates(algorithms)) {
            return Ok(Vec::new());
        }
        let signers = list("casignaturealgorithms").filter(|_| certain("casignaturealgorithms"));
        let signs = |key: &AuthorizedKey| signers.is_none_or(|signers| accepts(signers, &key.line.key.kind));
        let mut all = Vec::new();
        for file in self.keys(files, user)? {
            for key in file.keys.iter().flat_map(|keys| keys.iter()) {
                let Ok(options) = Options::of(&key.line.options) else { continue };
                if options.authority && signs(key) {
                    let principals = options.principals.as_deref().unwrap_or(&user.name);
                    let principals = principals.split(',').map(str::to_owned).collect();
                    let within = file.within.clone();
                    all.push(Authority { key: key.clone(), principals, unsure: false, within });
                }
            }
        }
        let perhaps = settings.perhaps("trustedusercakeys").filter_map(|(line, within)| {
            let file = line.arguments.first().filter(|file| !file.eq_ignore_ascii_case("none"))?;
            Some((file.as_str(), Some(within)))
        });
        let trusted: Vec<(&str, Option<Caused<Condition>>)> = set("trustedusercakeys")
            .map(|file| (file.as_str(), None))
            .into_iter()
            .chain(perhaps)
            .take(MOST_FILES)
            .collect();
        if trusted.is_empty() {
            return Ok(all);
        }
        let (principals, known) = match (set("authorizedprincipalsfile"), set("authorizedprincipalscommand")) {
            (None, None) => (vec![user.name.clone()], true),
            (Some(file), command) => (principals(files.root(), &expand(file, user))?, command.is_none()),
            (None, Some(_)) => (Vec::new(), false),
        };
        let otherwise = ["authorizedprincipalsfile", "authorizedprincipalscommand"];
        let unsure = !known || otherwise.iter().any(|keyword| settings.perhaps(keyword).next().is_some());
        if principals.is_empty() && !unsure {
            return Ok(all);
        }
        let principals: Arc<[String]> = principals.into();
        for (file, within) in trusted {
            for key in files.read(file)?.iter().flat_map(|keys| keys.iter()).filter(|key| signs(key)) {
                let (key, principals, within) = (key.clone(), principals.clone(), within.clone());
                all.push(Authority { key, principals, unsure, within });
            }
        }
        Ok(all)
    }
}

/// The names in a file of principals: the last word of each line, after its options.
fn principals(root: &Root<'_>, file: &str) -> Result<Vec<String>> {
    let bytes = root.bytes(file, LONGEST)?.unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default());
    Ok(lines.filter_map(|line| line.split_ascii_whitespace().next_back()).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nixos::made::Made;

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
            (&format!("{trusted}AuthorizedPrincipalsFile /etc/ssh/principals/%u\n"), String::new(), &["ops+all false"]),
            (&format!("{trusted}AuthorizedPrincipalsFile /etc/ssh/absent/%u\n"), String::new(), &[]),
            (
                "Match Address 10.0.0.0/8\nTrustedUserCAKeys /etc/ssh/ca.pub\n",
                String::new(),
                &["eve false only under `Match Address 10.0.0.0/8`"],
            ),
            (&format!("{trusted}CASignatureAlgorithms rsa-sha2-512\n"), String::new(), &[]),
            (&format!("{trusted}PubkeyAcceptedAlgorithms ssh-ed25519\n"), String::new(), &[]),
            ("Match User bob\nTrustedUserCAKeys /etc/ssh/ca.pub\n", String::new(), &[]),
            (&format!("{trusted}AuthorizedPrincipalsCommand /bin/x\n"), String::new(), &[" true"]),
        ] {
            let config = format!("AuthorizedKeysFile /etc/ssh/keys/%u\n{config}");
            let tree = Made::of(&[
                ("/s/etc/ssh/sshd_config", &config),
                ("/s/etc/ssh/keys/eve", &keys),
                ("/s/etc/ssh/ca.pub", &with("")),
                ("/s/etc/ssh/principals/eve", "# who\nops\nfrom=\"10.0.0.1\" all\n"),
            ]);
            let sshd = Sshd::of(&tree.system()).unwrap();
            let found = sshd.authorities(&mut KeysFiles::new(&tree.system()), &User::implied("eve")).unwrap();
            let shown: Vec<_> = found
                .iter()
                .map(|authority| {
                    let within = authority.within.as_ref().map(|within| format!(" {within}")).unwrap_or_default();
                    format!("{} {}{within}", authority.principals.join("+"), authority.unsure)
                })
                .collect();
            assert_eq!(shown, expected, "{config} {keys}");
        }
    }
}
