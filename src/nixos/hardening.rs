//! How far systemd confines a service (systemd.exec(5)).

use super::unit::{Unit, is_true};

/// What confines a service: one of twelve settings, each counted once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confinement {
    /// `User` or `DynamicUser`: it does not run as root.
    User,
    /// `NoNewPrivileges`: no setuid program makes it root.
    NoNewPrivileges,
    /// `ProtectSystem`: it cannot write to the system.
    ProtectSystem,
    /// `ProtectHome`: it cannot write to homes, or does not see them.
    ProtectHome,
    /// `PrivateTmp`: it has a `/tmp` of its own.
    PrivateTmp,
    /// `PrivateDevices`: it sees no hardware.
    PrivateDevices,
    /// `CapabilityBoundingSet`: it has only some of root's capabilities.
    CapabilityBoundingSet,
    /// `SystemCallFilter`: it may make only some system calls.
    SystemCallFilter,
    /// `RestrictAddressFamilies` or `PrivateNetwork`: it has only some kinds of sockets.
    RestrictAddressFamilies,
    /// `RestrictNamespaces`: it cannot create namespaces.
    RestrictNamespaces,
    /// `ProtectKernelTunables`: it cannot change the kernel's settings.
    ProtectKernelTunables,
    /// `ProtectKernelModules`: it cannot load modules.
    ProtectKernelModules,
}

/// The settings that confine a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hardening(pub Vec<Confinement>);

impl Confinement {
    const ALL: [Self; 12] = [
        Self::User,
        Self::NoNewPrivileges,
        Self::ProtectSystem,
        Self::ProtectHome,
        Self::PrivateTmp,
        Self::PrivateDevices,
        Self::CapabilityBoundingSet,
        Self::SystemCallFilter,
        Self::RestrictAddressFamilies,
        Self::RestrictNamespaces,
        Self::ProtectKernelTunables,
        Self::ProtectKernelModules,
    ];

    /// The name of the setting.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::NoNewPrivileges => "NoNewPrivileges",
            Self::ProtectSystem => "ProtectSystem",
            Self::ProtectHome => "ProtectHome",
            Self::PrivateTmp => "PrivateTmp",
            Self::PrivateDevices => "PrivateDevices",
            Self::CapabilityBoundingSet => "CapabilityBoundingSet",
            Self::SystemCallFilter => "SystemCallFilter",
            Self::RestrictAddressFamilies => "RestrictAddressFamilies",
            Self::RestrictNamespaces => "RestrictNamespaces",
            Self::ProtectKernelTunables => "ProtectKernelTunables",
            Self::ProtectKernelModules => "ProtectKernelModules",
        }
    }

    fn confines(self, unit: &Unit) -> bool {
        let value = unit.value("Service", self.name());
        let holds = |key| unit.holds("Service", key) == Some(true);
        let is_dynamic = holds("DynamicUser");
        // A list of what is denied, or nothing at all, leaves the rest.
        let lists = |list: Option<&str>| list.is_some_and(|list| !list.starts_with('~'));
        match self {
            Self::User => is_dynamic || value.is_some_and(|user| user != "root" && user != "0"),
            // A dynamic user implies these four.
            Self::NoNewPrivileges | Self::PrivateTmp => is_dynamic || holds(self.name()),
            Self::ProtectSystem => {
                is_dynamic || value.is_some_and(|how| is_true(how) || ["full", "strict"].contains(&how))
            }
            Self::ProtectHome => {
                is_dynamic || value.is_some_and(|how| is_true(how) || ["read-only", "tmpfs"].contains(&how))
            }
            Self::PrivateDevices | Self::ProtectKernelTunables | Self::ProtectKernelModules => holds(self.name()),
            // An empty list of capabilities takes all of them.
            Self::CapabilityBoundingSet => {
                let is_empty = || unit.assigned("Service", self.name()) == Some("");
                lists(value) || is_empty()
            }
            Self::SystemCallFilter => value.is_some(),
            Self::RestrictAddressFamilies => lists(value) || holds("PrivateNetwork"),
            Self::RestrictNamespaces => value.is_some_and(is_true) || lists(value.filter(|value| !is_false(value))),
        }
    }
}

impl Hardening {
    /// The settings of a unit. A command with `+` before it ignores all of them.
    pub(super) fn of(unit: &Unit) -> Self {
        let commands = unit.list("Service", "ExecStart");
        let is_free =
            |value: &str| value.chars().take_while(|letter| "@-:+!|".contains(*letter)).any(|letter| letter == '+');
        if commands.iter().any(|setting| is_free(&setting.value)) {
            return Self(Vec::new());
        }
        Self(Confinement::ALL.into_iter().filter(|setting| setting.confines(unit)).collect())
    }

    /// How many of the twelve settings there are, in a word.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self.0.len() {
            0 => "none",
            1..=3 => "low",
            4..=8 => "medium",
            _ => "high",
        }
    }
}

fn is_false(value: &str) -> bool {
    ["0", "no", "n", "false", "f", "off"].iter().any(|no| value.eq_ignore_ascii_case(no))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nixos::made::Made;
    use crate::nixos::unit::{Lookup, Units};

    /// The word, and the settings that count.
    fn of(settings: &str) -> String {
        let unit = format!("[Service]\nExecStart=/x/bin/a\n{settings}\n");
        let made = Made::of(&[("/s/etc/systemd/system/a.service", &unit)]);
        let root = made.system();
        let Lookup::Loaded(unit) = Units::of(&root).unwrap().get("a.service").unwrap() else { panic!("{unit}") };
        let Hardening(all) = Hardening::of(&unit);
        let names: Vec<&str> = all.iter().map(|setting| setting.name()).collect();
        format!("{} {}", Hardening(all).word(), names.join(" ")).trim_end().to_owned()
    }

    #[test]
    fn the_word_counts_the_settings_that_confine() {
        for (settings, expected) in [
            ("", "none"),
            ("User=root\nProtectSystem=no\nProtectHome=false\nRestrictNamespaces=no", "none"),
            ("User=web", "low User"),
            ("ProtectSystem=full\nProtectHome=tmpfs\nPrivateTmp=yes", "low ProtectSystem ProtectHome PrivateTmp"),
            ("DynamicUser=1", "medium User NoNewPrivileges ProtectSystem ProtectHome PrivateTmp"),
            ("CapabilityBoundingSet=", "low CapabilityBoundingSet"),
            ("CapabilityBoundingSet=~CAP_SYS_ADMIN\nRestrictAddressFamilies=~AF_PACKET", "none"),
            ("PrivateNetwork=yes\nRestrictNamespaces=~user", "low RestrictAddressFamilies"),
            ("RestrictNamespaces=net", "low RestrictNamespaces"),
            ("ExecStart=-+/x/bin/b\nUser=web\nPrivateTmp=yes", "none"),
            ("ExecStart=!/x/bin/b\nUser=web\nPrivateTmp=yes", "low User PrivateTmp"),
            (
                "DynamicUser=yes\nPrivateDevices=yes\nCapabilityBoundingSet=CAP_NET_RAW\nSystemCallFilter=@system-service\n\
                 ProtectKernelTunables=yes\nProtectKernelModules=yes",
                "high User NoNewPrivileges ProtectSystem ProtectHome PrivateTmp PrivateDevices CapabilityBoundingSet \
                 SystemCallFilter ProtectKernelTunables ProtectKernelModules",
            ),
        ] {
            assert_eq!(of(settings), expected, "{settings}");
        }
    }
}
