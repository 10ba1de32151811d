//! sshd and passwords: who may log in with one, and what the configuration says as a whole.

use std::collections::BTreeSet;

use super::lists::lists;
use super::methods::{Method, forced, methods, refused};
use super::settings::Settings;
use super::sshd::Sshd;
use crate::nixos::answer::{Answer, Cause, Caused, Condition, Refusal};
use crate::nixos::password::PasswordState;
use crate::nixos::users::{User, Users};
use crate::store::version;

/// The keywords that decide whether a user gets in with a password.
const DECIDING: [&str; 14] = [
    "allowgroups",
    "allowusers",
    "authenticationmethods",
    "denygroups",
    "denyusers",
    "forcecommand",
    "kbdinteractiveauthentication",
    "maxauthtries",
    "pamservicename",
    "passwordauthentication",
    "permitemptypasswords",
    "permitrootlogin",
    "refuseconnection",
    "usepam",
];

/// The PAM service that sshd uses without `PAMServiceName`.
const PAM_SERVICE: &str = "sshd";

/// A method by which sshd asks for a password (sshd_config(5), `AuthenticationMethods`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordMethod {
    /// sshd asks for it.
    Password,
    /// PAM asks for it through sshd.
    KeyboardInteractive,
}

impl Sshd {
    /// Whether the user gets in with a password by this method.
    #[must_use]
    pub fn password(&self, users: &Users, user: &User, method: PasswordMethod) -> Answer {
        let settings = self.settings.settings(user);
        // The configuration cannot change these two.
        if let Some(absent) = self.absent(users, &user.name) {
            return Answer::denied(absent);
        }
        let shut = match user.password.state {
            PasswordState::None => Some(Refusal::NoPassword),
            PasswordState::Locked => Some(Refusal::Locked),
            _ => None,
        };
        if let Some(what) = shut {
            let cause = user.password.source.as_deref().map(|path| Cause { path: path.into(), line: None });
            return Answer::denied(Caused { what, cause });
        }
        if let Some((refusal, doubt)) = self.without_config() {
            return Answer { doubts: vec![doubt], ..Answer::denied(refusal) };
        }
        let mut conditions: Vec<Caused<Condition>> = self.through().into_iter().collect();
        let refusal = self
            .passwords_off(&settings, user, method)
            .or_else(|| refused(&settings))
            .or_else(|| methods(&settings, Method::Password(method), &mut conditions))
            .or_else(|| lists(&settings, user, &mut conditions));
        conditions.extend(forced(&settings));
        let keywords = DECIDING.into_iter().filter(|keyword| match *keyword {
            "permitrootlogin" => user.is_root(),
            "pamservicename" => settings.says("usepam", "yes"),
            "passwordauthentication" => method == PasswordMethod::Password,
            "kbdinteractiveauthentication" | "usepam" => method == PasswordMethod::KeyboardInteractive,
            _ => true,
        });
        Answer { refusal, conditions, doubts: settings.doubts(keywords) }
    }

    /// Why sshd does not accept passwords, or not this user's.
    fn passwords_off(&self, settings: &Settings<'_>, user: &User, method: PasswordMethod) -> Option<Caused<Refusal>> {
        let off = |line| Refusal::KeyboardInteractiveOff(line);
        match method {
            PasswordMethod::Password if settings.says("passwordauthentication", "no") => {
                return Some(settings.caused(Refusal::PasswordsOff, "passwordauthentication"));
            }
            // On Linux, only PAM asks this way.
            PasswordMethod::KeyboardInteractive if !settings.says("usepam", "yes") => {
                return Some(settings.caused(off("UsePAM no"), "usepam"));
            }
            PasswordMethod::KeyboardInteractive if settings.says("kbdinteractiveauthentication", "no") => {
                let refusal = off("KbdInteractiveAuthentication no");
                return Some(settings.caused(refusal, "kbdinteractiveauthentication"));
            }
            PasswordMethod::Password | PasswordMethod::KeyboardInteractive => {}
        }
        if user.password.state == PasswordState::Empty && !settings.says("permitemptypasswords", "yes") {
            return Some(settings.caused(Refusal::EmptyPasswordsOff, "permitemptypasswords"));
        }
        let permit = self.permit_root_login_of(settings.first("permitrootlogin"));
        (user.is_root() && permit != "yes").then(|| {
            let refusal = Refusal::RootPassword { user: user.name.clone(), permit };
            settings.caused(refusal, "permitrootlogin")
        })
    }

    /// The PAM service that sshd uses for a user (`PAMServiceName`, OpenSSH 9.8 and later).
    #[must_use]
    pub fn pam_service(&self, user: &User) -> &str {
        self.settings.settings(user).first("pamservicename").unwrap_or(PAM_SERVICE)
    }

    /// The PAM services that sshd uses for anybody.
    pub fn pam_services(&self) -> BTreeSet<&str> {
        let lines = self.settings.lines.iter().filter(|line| line.keyword == "pamservicename");
        lines.filter_map(|line| line.arguments.first()).map(String::as_str).chain([PAM_SERVICE]).collect()
    }

    /// The methods other than keys and passwords that the configuration turns on for anybody: the keyword, and its line.
    #[must_use]
    pub fn further_methods(&self) -> Vec<(&'static str, &Cause)> {
        const METHODS: [(&str, &str); 3] = [
            ("hostbasedauthentication", "HostbasedAuthentication"),
            ("gssapiauthentication", "GSSAPIAuthentication"),
            ("kerberosauthentication", "KerberosAuthentication"),
        ];
        let on = |keyword: &str| {
            self.settings.first_wherever(keyword, |value| value.eq_ignore_ascii_case("yes")).map(|line| &line.cause)
        };
        METHODS.into_iter().filter_map(|(keyword, shown)| Some((shown, on(keyword)?))).collect()
    }

    /// Whether sshd leaves the user's passwords to PAM.
    #[must_use]
    pub fn uses_pam(&self, user: &User) -> bool {
        self.settings.settings(user).says("usepam", "yes")
    }

    /// The criteria of the `Match` blocks under which somebody may log in with a password.
    #[must_use]
    pub fn password_blocks(&self) -> Vec<String> {
        if self.pam_refuses_passwords {
            return Vec::new();
        }
        let keywords = ["passwordauthentication", "kbdinteractiveauthentication"].into_iter();
        let within = keywords.flat_map(|keyword| self.settings.within(keyword, None));
        let mut blocks: Vec<String> =
            within.filter(|(value, _)| value.eq_ignore_ascii_case("yes")).map(|(_, block)| block).collect();
        blocks.sort();
        blocks.dedup();
        blocks
    }

    /// Other values of `PermitRootLogin` under `Match` blocks that apply or may apply to root, with their criteria.
    #[must_use]
    pub fn permit_root_login_blocks(&self) -> Vec<(String, String)> {
        let root = User { uid: Some(0), ..User::implied("root") };
        let within = self.settings.within("permitrootlogin", Some(&root)).into_iter();
        within.map(|(value, block)| (self.permit_root_login_of(Some(value)), block)).collect()
    }

    /// `PermitRootLogin` of the global part, or sshd's default if it is not set.
    #[must_use]
    pub fn permit_root_login(&self) -> String {
        let set = self.settings.global("permitrootlogin").find_map(<[String]>::first);
        self.permit_root_login_of(set.map(String::as_str))
    }

    fn permit_root_login_of(&self, set: Option<&str>) -> String {
        let value = match set {
            Some(set) => set.to_ascii_lowercase(),
            // The default was `yes` up to OpenSSH 6.9 (its release notes, 2015).
            None if self.version.as_ref().is_some_and(|own| version::compare(own, "7").is_lt()) => "yes".to_owned(),
            None => "prohibit-password".to_owned(),
        };
        // The older name of the value.
        if value == "without-password" { "prohibit-password".to_owned() } else { value }
    }

    /// Whether somebody may log in with a password by either method, whatever `Match` blocks say.
    #[must_use]
    pub fn takes_passwords(&self) -> bool {
        if self.pam_refuses_passwords {
            return false;
        }
        let says = |keyword: &str, value: &str| {
            let set = self.settings.global(keyword).find_map(<[String]>::first);
            set.is_some_and(|argument| argument.eq_ignore_ascii_case(value))
        };
        !says("passwordauthentication", "no") || says("usepam", "yes") && !says("kbdinteractiveauthentication", "no")
    }

    /// `AuthorizedKeysFile` of the global part, or the default.
    #[must_use]
    pub fn authorized_keys_files(&self) -> Vec<String> {
        let set = self.settings.global("authorizedkeysfile").next();
        set.map_or_else(
            || [".ssh/authorized_keys", ".ssh/authorized_keys2"].map(str::to_owned).to_vec(),
            <[String]>::to_vec,
        )
    }

    /// The ports that sshd listens on, or those of the socket that starts it. Empty without sshd.
    #[must_use]
    pub fn ports(&self) -> Vec<u16> {
        if self.unit.is_none() {
            return Vec::new();
        }
        if self.socket && !self.socket_ports.is_empty() {
            return self.socket_ports.clone();
        }
        let own = self.settings.global("port").filter_map(|arguments| arguments.first()?.parse().ok());
        let mut own: Vec<u16> = own.collect();
        if own.is_empty() {
            own.push(22);
        }
        // sshd listens at each `Port` on an address without a port.
        let addresses = self.settings.global("listenaddress").filter_map(|arguments| arguments.first());
        let listened: Vec<Option<u16>> = addresses.map(|address| port(address)).collect();
        let mut ports: Vec<u16> = listened.iter().flatten().copied().collect();
        if listened.is_empty() || listened.contains(&None) {
            ports.extend(own);
        }
        ports.sort_unstable();
        ports.dedup();
        ports
    }
}

/// The port of `ADDRESS:PORT` or `[ADDRESS]:PORT`. `None` for a bare address.
fn port(address: &str) -> Option<u16> {
    let (host, port) = address.rsplit_once(':')?;
    let bare_ipv6 = host.contains(':') && !host.ends_with(']');
    (!bare_ipv6).then(|| port.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nixos::answer::Verdict;
    use crate::nixos::made::Made;
    use crate::nixos::password::Password;

    const UNIT: (&str, &str) = ("/s/etc/systemd/system/sshd.service", "[Service]\nExecStart=/x/bin/sshd -D\n");

    fn sshd(config: &str) -> Sshd {
        Sshd::of(&Made::of(&[UNIT, ("/s/etc/ssh/sshd_config", config)]).system()).unwrap()
    }

    fn user(name: &str, hash: &str) -> User {
        User { password: Password::of_hash("hashedPassword", hash, "/x"), ..User::implied(name) }
    }

    #[test]
    fn a_password_opens_where_nothing_is_against_it() {
        let users = Users::default();
        for (config, name, hash, expected) in [
            ("", "eve", "$6$a$b", Ok("")),
            ("", "eve", "!", Err("the password is locked")),
            ("", "eve", "", Err("sshd does not accept empty passwords (PermitEmptyPasswords no)")),
            ("PermitEmptyPasswords yes", "eve", "", Ok("")),
            (
                "PasswordAuthentication no",
                "eve",
                "$6$a$b",
                Err("sshd does not accept passwords (PasswordAuthentication no)"),
            ),
            ("PasswordAuthentication no\nUsePAM yes", "eve", "$6$a$b", Ok("")),
            (
                "PasswordAuthentication no\nUsePAM yes\nKbdInteractiveAuthentication no",
                "eve",
                "$6$a$b",
                Err("sshd does not accept passwords (PasswordAuthentication no)"),
            ),
            (
                "",
                "root",
                "$6$a$b",
                Err("sshd does not let root in with a password (PermitRootLogin prohibit-password)"),
            ),
            (
                "PermitRootLogin without-password",
                "root",
                "$6$a$b",
                Err("sshd does not let root in with a password (PermitRootLogin prohibit-password)"),
            ),
            ("PermitRootLogin yes", "root", "$6$a$b", Ok("")),
            ("AllowUsers bob", "eve", "$6$a$b", Err("sshd does not let eve in (not in AllowUsers)")),
            (
                "AuthenticationMethods publickey",
                "eve",
                "$6$a$b",
                Err("sshd does not accept passwords (AuthenticationMethods publickey)"),
            ),
            (
                "Match Address 10.0.0.0/8\nPasswordAuthentication no",
                "eve",
                "$6$a$b",
                Ok("a `Match Address` block may say otherwise"),
            ),
        ] {
            let (sshd, user) = (sshd(config), user(name, hash));
            let ask = |method| sshd.password(&users, &user, method);
            let answer = Some(ask(PasswordMethod::KeyboardInteractive)).filter(Answer::opens);
            let answer = answer.unwrap_or_else(|| ask(PasswordMethod::Password));
            let judged = answer.refused().map_or_else(|| Ok(answer.phrases().join("; ")), Err);
            assert_eq!(judged, expected.map(str::to_owned).map_err(str::to_owned), "{config} {name} {hash}");
        }
    }

    #[test]
    fn what_blocks_say_otherwise_is_told() {
        let config = "PasswordAuthentication no\nPermitRootLogin no\nMatch Address 10.0.0.0/8\nPasswordAuthentication yes\n\
                      PermitRootLogin without-password\nMatch User eve\nPermitRootLogin yes\n";
        let sshd = sshd(config);
        assert!(!sshd.takes_passwords());
        assert_eq!(sshd.password_blocks(), ["Address 10.0.0.0/8"]);
        let expected = ("prohibit-password".to_owned(), "Address 10.0.0.0/8".to_owned());
        assert_eq!(sshd.permit_root_login_blocks(), [expected]);
        let users = Users { known: false, list: Vec::new() };
        let answer = sshd.password(&users, &user("eve", "$6$a$b"), PasswordMethod::Password);
        assert_eq!(answer.verdict(), Verdict::Unknown);
        assert_eq!(
            answer.doubts.iter().map(Caused::to_string).collect::<Vec<_>>(),
            ["a `Match Address` block may say otherwise"]
        );
    }

    #[test]
    fn old_versions_let_root_in_by_default() {
        let unit = |version: &str| {
            format!("[Service]\nExecStart=/nix/store/{}-openssh-{version}/bin/sshd -D\n", "a".repeat(32))
        };
        for (version, permit) in
            [("6.2p2", "yes"), ("6.9p1", "yes"), ("7.0p1", "prohibit-password"), ("10.2p1", "prohibit-password")]
        {
            let sshd = Sshd::of(&Made::of(&[(UNIT.0, &unit(version))]).system()).unwrap();
            assert_eq!((sshd.version.as_deref(), sshd.permit_root_login().as_str()), (Some(version), permit));
        }
    }

    #[test]
    fn ports_are_those_of_the_socket_or_of_the_configuration() {
        for (config, ports) in [
            ("", vec![22]),
            ("Port 2222\nPort 22", vec![22, 2222]),
            ("ListenAddress 0.0.0.0:2200\nListenAddress [::]:2201\nListenAddress ::1", vec![22, 2200, 2201]),
            ("Port 22\nListenAddress 0.0.0.0:2200", vec![2200]),
        ] {
            assert_eq!(sshd(config).ports(), ports, "{config}");
        }
        let socket = Made::of(&[
            ("/s/etc/systemd/system/sshd.socket", "[Socket]\nListenStream=0.0.0.0:2022\nListenStream=23\nAccept=yes\n"),
            ("/s/etc/systemd/system/sshd@.service", "[Service]\nExecStart=-/x/bin/sshd -i\n"),
            ("/s/etc/systemd/system/sockets.target.wants/sshd.socket", "-> ../sshd.socket"),
        ]);
        let sshd = Sshd::of(&socket.system()).unwrap();
        assert_eq!((sshd.socket, sshd.starts, sshd.ports()), (true, true, vec![2022, 23]));
    }
}
