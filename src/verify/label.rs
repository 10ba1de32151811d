//! The name of the volume, by which stage 1 and other programs find the disc.

use std::collections::BTreeSet;

use super::problem::{Problem, ProblemKind};
use super::{Remark, own_path};
use crate::nixos::{Disc, Medium};

/// The longest volume identifier, in characters (ECMA-119 §8.4.6).
const LONGEST: usize = 32;

/// Checks that the volume has the name that kernel parameters look for. Stage 1 waits for that name, then gives up.
pub(super) fn check(disc: &Disc<'_>) -> Vec<Problem> {
    let Medium::Volume(volume) = &disc.carrier else { return Vec::new() };
    let id = &volume.descriptors().primary.volume;
    let mut known = BTreeSet::new();
    let mut problems = Vec::new();
    for entry in &disc.menu {
        let Some(wanted) = entry.params.iter().find_map(|param| label(param)).filter(|wanted| wanted != id) else {
            continue;
        };
        // One entry of each menu is enough.
        if !known.insert((&entry.file, wanted.clone())) {
            continue;
        }
        let length = match wanted.chars().count() {
            ..=LONGEST => "",
            _ => "; a volume identifier has at most 32 characters",
        };
        let message = format!(
            "the menu entry \"{}\" looks for the volume {wanted}, but this one is called {id}{length}",
            entry.title
        );
        let problem = Problem::new(ProblemKind::Boot, entry.file.as_slice(), message);
        problems.push(problem.expected(wanted).actual(id.as_str()));
    }
    problems
}

/// The name that a kernel parameter looks for.
fn label(param: &str) -> Option<String> {
    let device = param.strip_prefix("root=")?;
    match device.strip_prefix("/dev/disk/by-label/") {
        Some(name) => Some(decoded(name)),
        None => Some(device.strip_prefix("LABEL=")?.trim_matches('"').to_owned()),
    }
}

/// A name in `/dev/disk/by-label`, where udev writes unusual bytes as `\x20`.
fn decoded(name: &str) -> String {
    let mut parts = name.split("\\x");
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let digits = part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (digits, part.get(2..)) {
            (Some(byte), Some(rest)) => {
                bytes.push(byte);
                bytes.extend_from_slice(rest.as_bytes());
            }
            _ => bytes.extend_from_slice(format!("\\x{part}").as_bytes()),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Notes a name that libosinfo does not recognize as a NixOS installer.
pub(super) fn known(disc: &Disc<'_>) -> Option<Remark> {
    let Medium::Volume(volume) = &disc.carrier else { return None };
    let id = &volume.descriptors().primary.volume;
    if disc.systems.is_empty() || is_known(id) {
        return None;
    }
    let message = format!(
        "the volume is called {id}; libosinfo expects nixos-EDITION-RELEASE-PLATFORM, so GNOME Boxes and virt-install do not recognize the image"
    );
    Some(Remark::new(own_path(disc), message))
}

/// Whether libosinfo recognizes the name as a NixOS installer. It has known `nixos-minimal-25.11-x86_64` and the like since 20.03.
fn is_known(id: &str) -> bool {
    let Some(rest) = id.strip_prefix("nixos-") else { return false };
    let mut parts = rest.rsplitn(3, '-');
    let (Some(platform), Some(release), Some(edition)) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let numbers = release.split_once('.').filter(|(year, month)| year.len() == 2 && month.len() == 2);
    let numbers = numbers.and_then(|(year, month)| Some((year.parse().ok()?, month.parse().ok()?)));
    !platform.is_empty() && !edition.is_empty() && numbers.is_some_and(|numbers: (u8, u8)| numbers >= (20, 3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_that_is_looked_for_is_decoded() {
        for (param, name) in [
            ("root=LABEL=nixos-minimal-25.11-x86_64", Some("nixos-minimal-25.11-x86_64")),
            ("root=/dev/disk/by-label/My\\x20disc\\x2fa", Some("My disc/a")),
            ("root=/dev/disk/by-label/a\\xzz", Some("a\\xzz")),
            ("root=fstab", None),
            ("boot=LABEL=x", None),
        ] {
            assert_eq!(label(param).as_deref(), name, "{param}");
        }
    }

    #[test]
    fn libosinfo_knows_the_names_of_releases_since_20_03() {
        for id in ["nixos-minimal-25.11-x86_64", "nixos-plasma5-20.03-i686", "nixos-my-own-99.05-aarch64"] {
            assert!(is_known(id), "{id}");
        }
        for id in ["NIXOS_ISO", "nixos-minimal-19.09-x86_64", "nixos-25.11-x86_64", "nixos-minimal-25-x86_64", "nixos-"]
        {
            assert!(!is_known(id), "{id}");
        }
    }
}
