//! Capabilities of Linux: parts of what root may do (capabilities(7)).

/// The capabilities, in the order of their numbers.
const NAMES: [&str; 41] = [
    "cap_chown",
    "cap_dac_override",
    "cap_dac_read_search",
    "cap_fowner",
    "cap_fsetid",
    "cap_kill",
    "cap_setgid",
    "cap_setuid",
    "cap_setpcap",
    "cap_linux_immutable",
    "cap_net_bind_service",
    "cap_net_broadcast",
    "cap_net_admin",
    "cap_net_raw",
    "cap_ipc_lock",
    "cap_ipc_owner",
    "cap_sys_module",
    "cap_sys_rawio",
    "cap_sys_chroot",
    "cap_sys_ptrace",
    "cap_sys_pacct",
    "cap_sys_admin",
    "cap_sys_boot",
    "cap_sys_nice",
    "cap_sys_resource",
    "cap_sys_time",
    "cap_sys_tty_config",
    "cap_mknod",
    "cap_lease",
    "cap_audit_write",
    "cap_audit_control",
    "cap_setfcap",
    "cap_mac_override",
    "cap_mac_admin",
    "cap_syslog",
    "cap_wake_alarm",
    "cap_block_suspend",
    "cap_audit_read",
    "cap_perfmon",
    "cap_bpf",
    "cap_checkpoint_restore",
];

/// Capabilities that are as good as root: whoever has one of them can get all others.
const AS_ROOT: [&str; 11] = [
    "cap_setuid",
    "cap_setgid",
    "cap_dac_override",
    "cap_dac_read_search",
    "cap_chown",
    "cap_fowner",
    "cap_setfcap",
    "cap_sys_admin",
    "cap_sys_module",
    "cap_sys_ptrace",
    "cap_sys_rawio",
];

/// Whether whoever has this capability can get all others.
pub(super) fn is_as_good_as_root(name: &str) -> bool {
    AS_ROOT.contains(&name)
}

/// A set of capabilities, a bit for each number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Capabilities(pub(super) u64);

impl Capabilities {
    /// The capabilities that a program gets from the attribute of its file (`struct vfs_cap_data`), whoever runs it. Those that are
    /// only inheritable need a user who has them already. Linux ignores a value of another length or version, and one for a user
    /// namespace whose root is not the system's.
    pub(super) fn granted_by(attribute: &[u8]) -> Self {
        let mut words = attribute.chunks(4).filter_map(|word| <[u8; 4]>::try_from(word).ok()).map(u32::from_le_bytes);
        let version = words.next().unwrap_or(0) >> 24;
        let words: Vec<u32> = words.collect();
        match (attribute.len(), version, words.as_slice()) {
            (12, 1, &[low, _]) => Self(u64::from(low)),
            (20, 2, &[low, _, high, _]) | (24, 3, &[low, _, high, _, 0]) => {
                Self(u64::from(high) << 32 | u64::from(low))
            }
            _ => Self::default(),
        }
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The names of the capabilities. One that is newer than this program has its number.
    pub(super) fn names(self) -> Vec<String> {
        let numbers = (0..u64::BITS).filter(|number| self.0 >> number & 1 == 1);
        let name = |number: u32| {
            let known = usize::try_from(number).ok().and_then(|number| NAMES.get(number));
            known.map_or_else(|| format!("capability {number}"), |name| (*name).to_owned())
        };
        numbers.map(name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names in an attribute, given as getfattr(1) shows it.
    fn names(hex: &str) -> String {
        let bytes: Vec<u8> =
            (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
        Capabilities::granted_by(&bytes).names().join(" ")
    }

    #[test]
    fn an_attribute_grants_what_getcap_calls_permitted() {
        for (hex, expected) in [
            ("0100000280000000000000004000000000000000", "cap_setuid cap_perfmon"), // =ep
            ("0000000200200000000000000000000000000000", "cap_net_raw"),            // =p
            ("0000000200000000002000000000000000000000", ""),                       // =i
            ("010000018000000000000000", "cap_setuid"),                             // of Linux 2.6.24
            ("010000038000000000000000000000000000000000000000", "cap_setuid"),
            ("0100000380000000000000000000000000000000e8030000", ""), // for a user namespace
            ("01000002800000000000000040000000", ""),
            ("0100000480000000000000000000000000000000", ""),
            ("0000000200000000000000000002000000000000", "capability 41"),
            ("", ""),
        ] {
            assert_eq!(names(hex), expected, "{hex}");
        }
    }

    #[test]
    fn what_is_as_good_as_root_is_a_capability() {
        assert!(AS_ROOT.iter().all(|name| NAMES.contains(name)));
    }
}
