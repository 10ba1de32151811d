//! Groups whose members are root in all but name, because a service does for them what only root may do.

use super::become_root::Rules;
use super::rule::{Rule, Tool};
use crate::error::Result;
use crate::nixos::unit::{Lookup, Units};
use crate::nixos::{Root, Users};

/// The file that lists the groups.
pub(super) const FILE: &str = "/etc/group";

/// A group and its units. Its members are root only if one of the units exists. `kvm` is left out: it opens only `/dev/kvm`.
const GROUPS: [(&str, Tool, &[&str]); 7] = [
    ("docker", Tool::Docker, &["docker.service", "docker.socket"]),
    ("podman", Tool::Podman, &["podman.service", "podman.socket"]),
    ("libvirtd", Tool::Libvirt, &["libvirtd.service", "libvirtd.socket"]),
    ("incus-admin", Tool::Incus, &["incus.service", "incus.socket"]),
    ("lxd", Tool::Lxd, &["lxd.service", "lxd.socket"]),
    // Members read and write the disks directly.
    ("disk", Tool::Disk, &[]),
    ("kmem", Tool::Memory, &[]),
];

/// The groups, and rules for those with members.
pub(super) fn read(root: &Root<'_>, users: &Users) -> Result<Rules> {
    let mut rules = Rules::default();
    for (group, tool, units) in GROUPS {
        let source = match units {
            [] => Some(FILE.to_owned()),
            units => first(root, units)?,
        };
        let Some(source) = source else { continue };
        rules.root_groups.push(group.to_owned());
        let is_member = |groups: &Vec<String>| groups.iter().any(|own| own == group);
        let members = users.list.iter().filter(|user| !user.is_root() && user.groups.as_ref().is_some_and(is_member));
        let members: Vec<String> = members.map(|user| user.name.clone()).collect();
        if !members.is_empty() {
            rules.free.push(Rule::to_root(tool, format!("%{group}"), members, (&source, 1)));
        }
    }
    Ok(rules)
}

/// The file of the first unit that can start.
fn first(root: &Root<'_>, names: &[&str]) -> Result<Option<String>> {
    let units = Units::of(root)?;
    for name in names {
        if let Lookup::Loaded(unit) = units.get(name)? {
            return Ok(Some(unit.path.clone()));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nixos::User;
    use crate::nixos::made::Made;

    #[test]
    fn groups_are_root_where_the_service_is_there() {
        let unit = ("/s/etc/systemd/system/docker.socket", "[Socket]\nListenStream=/run/docker.sock\n");
        for (group, files, expected) in [
            ("docker", &[unit][..], vec!["docker"]),
            ("docker", &[], vec![]),
            ("kvm", &[unit], vec![]),
            ("disk", &[], vec!["disk"]),
        ] {
            let eve = User { uid: Some(1000), groups: Some(vec![group.to_owned()]), ..User::implied("eve") };
            let users = Users { known: true, list: vec![eve] };
            let rules = read(&Made::of(files).system(), &users).unwrap().free;
            assert_eq!(rules.iter().map(|rule| rule.tool.name()).collect::<Vec<_>>(), expected, "{group}");
        }
    }
}
