//! Credentials of systemd (systemd.system-credentials(7)): what each one does according to its name, and whether its value
//! is a secret.

/// A credential, classified by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Credential<'n> {
    /// The password of a user, in clear text.
    Password(&'n str),
    /// The hash of a user's password.
    PasswordHash(&'n str),
    /// Public keys that let a user in over SSH.
    Keys(&'n str),
    /// Another secret, such as a passphrase or a private key.
    Secret,
    /// A setting that anyone may know, such as a locale or a public key.
    Setting,
}

/// Parts of names whose values are public although other parts suggest a secret.
const PUBLIC: [&str; 2] = ["authorized_keys", "public"];

/// Parts of names whose values are secrets, in lower case.
const SECRET: [&str; 8] = ["passw", "passphrase", "secret", "token", "private", "psk", "key", "-pin"];

impl<'n> Credential<'n> {
    /// The credential with this name.
    pub(crate) fn named(name: &'n str) -> Self {
        if let Some(user) = name.strip_prefix("passwd.plaintext-password.") {
            return Self::Password(user);
        }
        if let Some(user) = name.strip_prefix("passwd.hashed-password.") {
            return Self::PasswordHash(user);
        }
        if let Some(user) = name.strip_prefix("ssh.authorized_keys.") {
            return Self::Keys(user);
        }
        if name.starts_with("passwd.") {
            return Self::Setting;
        }
        let name = name.to_ascii_lowercase();
        let has = |part: &&str| name.contains(part);
        if SECRET.iter().any(has) && !PUBLIC.iter().any(has) { Self::Secret } else { Self::Setting }
    }

    /// Whether its value must stay secret.
    pub(crate) fn is_secret(self) -> bool {
        !matches!(self, Self::Setting | Self::Keys(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_what_a_credential_does() {
        for (name, expected) in [
            ("passwd.plaintext-password.root", Credential::Password("root")),
            ("passwd.hashed-password.bob", Credential::PasswordHash("bob")),
            ("cryptsetup.passphrase", Credential::Secret),
            ("cryptsetup.tpm2-pin", Credential::Secret),
            ("network.wireguard.private.wg0", Credential::Secret),
            ("wifi.PSK", Credential::Secret),
            ("github-token", Credential::Secret),
            ("ssh.authorized_keys.root", Credential::Keys("root")),
            ("network.wireguard.public.wg0", Credential::Setting),
            ("firstboot.locale", Credential::Setting),
            ("passwd.shell.root", Credential::Setting),
        ] {
            assert_eq!(Credential::named(name), expected, "{name}");
        }
    }
}
