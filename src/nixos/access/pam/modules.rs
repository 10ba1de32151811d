//! What PAM modules say about a user.

use super::Secret;
use super::stack::Kind;
use crate::nixos::User;

/// What a module says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Says {
    Success,
    Failure,
    Ignore,
    /// The image does not say.
    Unknown,
}

/// Who asks to be let in.
pub(super) struct Subject<'s> {
    pub(super) user: &'s User,
    pub(super) secret: Secret,
    /// The kind of rule that is followed.
    pub(super) kind: Kind,
    /// Who runs the program that asks PAM, if not root.
    pub(super) asker: Option<&'s User>,
    /// Files by path; `None` if the image does not have one.
    pub(super) files: &'s [(String, Option<String>)],
}

/// The shells that users may have (shells(5)).
pub(super) const SHELLS: &str = "/etc/shells";

/// Modules that require something which the image alone gives nobody: a key, a token, a finger, another password.
const OTHERS: [&str; 20] = [
    "pam_u2f",
    "pam_fprintd",
    "pam_ssh_agent_auth",
    "pam_rssh",
    "pam_oath",
    "pam_google_authenticator",
    "pam_ldap",
    "pam_sss",
    "pam_krb5",
    "pam_usb",
    "pam_yubico",
    "pam_p11",
    "pam_howdy",
    "pam_duo",
    "pam_mysql",
    "pam_otpw",
    "pam_radius_auth",
    "pam_winbind",
    "pam_kanidm",
    "pam_pkcs11",
];

/// Modules that do something else, and let nobody in.
const BESIDES: [&str; 24] = [
    "pam_env",
    "pam_faildelay",
    "pam_gnome_keyring",
    "pam_kwallet",
    "pam_kwallet5",
    "pam_mount",
    "pam_nologin",
    "pam_securetty",
    "pam_ecryptfs",
    "pam_fscrypt",
    "pam_zfs_key",
    "pam_systemd",
    "pam_systemd_home",
    "pam_group",
    "pam_lastlog",
    "pam_limits",
    "pam_motd",
    "pam_tally2",
    "pam_warn",
    "pam_echo",
    "pam_issue",
    "pam_cap",
    "pam_gnupg",
    "pam_intune",
];

/// Modules that do not handle accounts; an account rule that calls one fails.
const NOT_OF_ACCOUNTS: [&str; 7] =
    ["pam_env", "pam_faildelay", "pam_group", "pam_limits", "pam_motd", "pam_issue", "pam_systemd"];

impl Subject<'_> {
    pub(super) fn ask(&self, module: &str, arguments: &[String]) -> Says {
        let has = |name: &str| arguments.iter().any(|argument| argument == name);
        let of = |is: bool| if is { Says::Success } else { Says::Failure };
        match module {
            "pam_permit" | "pam_localuser" => Says::Success,
            "pam_rootok" => of(self.asker.is_none_or(User::is_root)),
            "pam_deny" => Says::Failure,
            "pam_unix" | "pam_unix_auth" | "pam_unix_acct" | "pam_unix2" | "pam_pwdb" => match self.secret {
                Secret::Password => Says::Success,
                Secret::Empty if has("nullok") => Says::Success,
                // A Debian option; other systems do not know it.
                Secret::Empty if has("nullok_secure") => Says::Unknown,
                Secret::Empty | Secret::Nothing => Says::Failure,
            },
            "pam_faillock" => of(!has("authfail")),
            "pam_succeed_if" => self.succeed_if(arguments),
            "pam_listfile" => self.listfile(arguments),
            "pam_shells" => self.has_declared_shell(),
            // The asker is the logged-in user, whom only programs run by users know.
            "pam_wheel" if has("deny") || self.asker.is_none() => Says::Unknown,
            "pam_wheel" => {
                let group = arguments.iter().find_map(|argument| argument.strip_prefix("group=")).unwrap_or("wheel");
                let asker = self.asker.unwrap_or(self.user);
                match (is_in(asker, group), has("trust")) {
                    (Some(true), true) => Says::Success,
                    (Some(true), false) => Says::Ignore,
                    (Some(false), true) => Says::Ignore,
                    (Some(false), false) => Says::Failure,
                    (None, _) => Says::Unknown,
                }
            }
            module if self.kind == Kind::Account && NOT_OF_ACCOUNTS.contains(&module) => Says::Failure,
            // The right password is not their secret.
            module if OTHERS.contains(&module) => Says::Failure,
            module if BESIDES.contains(&module) => Says::Ignore,
            _ => Says::Unknown,
        }
    }

    /// Whether `/etc/shells` lists the user's shell (pam_shells(8)). Nobody passes without that file.
    fn has_declared_shell(&self) -> Says {
        let Some(shell) = self.user.shell.as_deref() else { return Says::Unknown };
        let text = self.files.iter().find(|(path, _)| path == SHELLS).and_then(|(_, text)| text.as_deref());
        match text.is_some_and(|text| text.split('\n').any(|line| line == shell)) {
            true => Says::Success,
            false => Says::Failure,
        }
    }

    /// All conditions must hold (pam_succeed_if(8)). Without conditions it fails.
    fn succeed_if(&self, arguments: &[String]) -> Says {
        const FLAGS: [&str; 6] = ["debug", "quiet", "quiet_fail", "quiet_success", "audit", "use_uid"];
        if arguments.iter().any(|argument| argument == "use_uid") {
            return Says::Unknown; // the user who asks, which is root for most services
        }
        let words: Vec<&str> =
            arguments.iter().map(String::as_str).filter(|argument| !FLAGS.contains(argument)).collect();
        if words.is_empty() {
            return Says::Failure;
        }
        let mut all = Says::Success;
        for condition in words.chunks(3) {
            let [field, operator, value] = condition else { return Says::Unknown };
            match self.holds(field, operator, value) {
                Some(true) => {}
                Some(false) => return Says::Failure,
                None => all = Says::Unknown,
            }
        }
        all
    }

    /// Whether a condition holds. `None` if the image does not say.
    fn holds(&self, field: &str, operator: &str, value: &str) -> Option<bool> {
        let user = self.user;
        let number = match field {
            "uid" => Some(user.uid),
            "gid" => Some(None),
            _ => None,
        };
        if let Some(number) = number {
            let (own, value): (u64, u64) = (number?, value.parse().ok()?);
            return Some(match operator {
                "eq" | "=" => own == value,
                "ne" | "!=" => own != value,
                "lt" | "<" => own < value,
                "le" | "<=" => own <= value,
                "gt" | ">" => own > value,
                "ge" | ">=" => own >= value,
                _ => return None,
            });
        }
        let own = match field {
            "user" => user.name.as_str(),
            "shell" => user.shell.as_deref()?,
            "home" => user.home.as_str(),
            _ => return None,
        };
        Some(match operator {
            "=" => own == value,
            "!=" => own != value,
            "in" => value.split(':').any(|one| one == own),
            "notin" => !value.split(':').any(|one| one == own),
            "ingroup" if field == "user" => {
                let mut known = value.split(':').map(|group| is_in(user, group));
                known.try_fold(false, |any, is| Some(any | is?))?
            }
            "notingroup" if field == "user" => {
                let mut known = value.split(':').map(|group| is_in(user, group));
                !known.try_fold(false, |any, is| Some(any | is?))?
            }
            _ => return None,
        })
    }

    /// Whether the file lists the user (pam_listfile(8)).
    fn listfile(&self, arguments: &[String]) -> Says {
        let value = |name: &str| arguments.iter().find_map(|argument| argument.strip_prefix(name));
        let (Some(path), Some(sense)) = (value("file="), value("sense=")) else { return Says::Unknown };
        let known = self.files.iter().find(|(known, _)| known == path).and_then(|(_, text)| text.as_deref());
        let Some(text) = known else { return Says::Unknown };
        let mut lines = text.lines().map(str::trim_end);
        let listed = match value("item=") {
            Some("user") => lines.any(|line| line == self.user.name),
            Some("group") => match &self.user.groups {
                Some(groups) => lines.any(|line| groups.iter().any(|group| group == line)),
                None => return Says::Unknown,
            },
            Some("shell") => lines.any(|line| Some(line) == self.user.shell.as_deref()),
            _ => return Says::Unknown,
        };
        if listed == (sense == "allow") { Says::Success } else { Says::Failure }
    }
}

/// Whether a user is in a group. `None` if the image does not list groups.
fn is_in(user: &User, group: &str) -> Option<bool> {
    user.groups.as_ref().map(|groups| groups.iter().any(|own| own == group))
}
