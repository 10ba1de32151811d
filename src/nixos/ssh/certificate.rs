//! Certificates: who gets in with a key that an authority has signed (ssh-keygen(1), CERTIFICATES).

use std::sync::Arc;

use super::keys_file::{AuthorizedKey, KeysFiles};
use super::options::options;
use super::sshd::{Sshd, expand};
use crate::error::Result;
use crate::nixos::Root;
use crate::nixos::users::User;

/// No file of principals is longer.
const LONGEST: u64 = 1 << 16;

/// An authority: with a certificate of it for one of the principals, a user gets in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// Its own key.
    pub key: AuthorizedKey,
    /// The names of which a certificate must have one.
    pub principals: Arc<[String]>,
    /// Whether the image does not tell all of these names.
    pub unsure: bool,
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
        let mut all = Vec::new();
        for key in self.keys(files, user)?.into_iter().filter_map(|file| file.keys).flat_map(|keys| keys.to_vec()) {
            let options = options(&key.line.options);
            if options.iter().any(|option| option.name == "cert-authority") {
                let principals =
                    options.iter().find(|option| option.name == "principals").and_then(|option| option.value);
                let principals =
                    principals.unwrap_or(&user.name).split(',').map(|name| name.trim().to_owned()).collect();
                all.push(Authority { key: key.clone(), principals, unsure: false });
            }
        }
        let Some(trusted) = set("trustedusercakeys") else { return Ok(all) };
        let (principals, unsure) = match (set("authorizedprincipalsfile"), set("authorizedprincipalscommand")) {
            (None, None) => (vec![user.name.clone()], false),
            (Some(file), command) => (principals(files.root(), &expand(file, user))?, command.is_some()),
            (None, Some(_)) => (Vec::new(), true),
        };
        if principals.is_empty() && !unsure {
            return Ok(all);
        }
        let principals: Arc<[String]> = principals.into();
        for key in files.read(trusted)?.iter().flat_map(|keys| keys.iter()) {
            all.push(Authority { key: key.clone(), principals: principals.clone(), unsure });
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
                .map(|authority| format!("{} {}", authority.principals.join("+"), authority.unsure))
                .collect();
            assert_eq!(shown, expected, "{config} {keys}");
        }
    }
}
