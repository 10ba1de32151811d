//! Signature algorithms (sshd_config(5), PubkeyAcceptedAlgorithms).

use super::key::CERTIFICATE;
use super::pattern::listed;

/// The algorithms that sshd accepts by default (sshd_config(5)). Those for certificates have the same names with a suffix.
const DEFAULTS: [&str; 8] = [
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "rsa-sha2-512",
    "rsa-sha2-256",
];

/// Whether a list that removes algorithms leaves none. sshd then ignores it.
fn takes_all<'p>(patterns: impl Iterator<Item = &'p str> + Clone) -> bool {
    let of_certificate = |algorithm: &str| match algorithm.split_once('@') {
        Some((name, _)) => format!("{name}{CERTIFICATE}"),
        None => format!("{algorithm}{CERTIFICATE}"),
    };
    DEFAULTS
        .iter()
        .all(|algorithm| listed(patterns.clone(), algorithm) && listed(patterns.clone(), &of_certificate(algorithm)))
}

/// Whether a list under a `Match` leaves no algorithm. There sshd does not ignore a list that removes them all.
pub(super) fn leaves_nothing(list: &str) -> bool {
    list.strip_prefix('-').is_some_and(|patterns| takes_all(patterns.split(',')))
}

/// Whether a key of that type can sign with an algorithm that `PubkeyAcceptedAlgorithms` leaves. A list that begins with
/// `+` or `^` adds to sshd's own list; one that begins with `-` removes from it.
pub(super) fn accepts(list: &str, kind: &str) -> bool {
    let own = [kind];
    let (signed, by_default): (&[&str], &[&str]) = match kind.strip_suffix(CERTIFICATE).unwrap_or(kind) {
        "ssh-rsa" if kind == "ssh-rsa" => {
            (&["ssh-rsa", "rsa-sha2-256", "rsa-sha2-512"], &["rsa-sha2-256", "rsa-sha2-512"])
        }
        "ssh-dss" => (&own, &[]),
        _ => (&own, &own),
    };
    let patterns = || list.trim_start_matches(['+', '-', '^']).split(',');
    let named = |algorithm: &&str| listed(patterns(), algorithm);
    match list.chars().next() {
        Some('+' | '^') => !by_default.is_empty() || signed.iter().any(named),
        Some('-') if takes_all(patterns()) => !by_default.is_empty(),
        Some('-') => by_default.iter().any(|algorithm| !named(algorithm)),
        _ => signed.iter().any(named),
    }
}

/// Whether a list leaves any certificate algorithm.
pub(super) fn accepts_certificates(list: &str) -> bool {
    let kinds = DEFAULTS.iter().map(|kind| kind.split('@').next().unwrap_or(kind));
    kinds.chain(["ssh-rsa", "ssh-dss"]).any(|kind| accepts(list, &format!("{kind}{CERTIFICATE}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_may_leave_no_certificates() {
        for (list, expected) in [
            ("ssh-ed25519,ssh-rsa", false),
            ("*cert*", true),
            ("ssh-ed25519-cert-v01@openssh.com", true),
            ("-*cert*", false),
            ("-ssh-ed25519", true),
            ("+ssh-rsa", true),
        ] {
            assert_eq!(accepts_certificates(list), expected, "{list}");
        }
    }

    #[test]
    fn a_list_of_algorithms_replaces_adds_or_takes_away() {
        for (list, kind, expected) in [
            ("rsa-sha2-512", "ssh-rsa", true),
            ("ssh-rsa", "ssh-rsa", true),
            ("ssh-ed25519", "ssh-rsa", false),
            ("-ssh-rsa", "ssh-rsa", true),
            ("-*rsa*", "ssh-rsa", false),
            ("-ssh-ed25519", "ssh-ed25519", false),
            ("-*", "ssh-ed25519", true),
            ("-*", "ssh-dss", false),
            ("-ssh-*,ecdsa-*,rsa-*,sk-*", "ssh-ed25519", true),
            ("-ssh-*,ecdsa-*,rsa-*", "ssh-ed25519", false),
            ("+ssh-rsa", "ssh-ed25519", true),
            ("+ssh-rsa", "ssh-dss", false),
            ("+ssh-dss", "ssh-dss", true),
            ("^ecdsa*", "ssh-ed25519", true),
            ("ecdsa-*", "ecdsa-sha2-nistp256", true),
        ] {
            assert_eq!(accepts(list, kind), expected, "{list} {kind}");
        }
    }
}
