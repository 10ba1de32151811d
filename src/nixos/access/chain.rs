//! Who becomes root through somebody else: alice may act as bob, and bob as root.

use std::collections::{BTreeMap, BTreeSet};

use super::become_root::Rules;
use super::rule::{Reach, Rule};

/// The rules that let users act as others who become root. Users who become root directly are left out.
pub(super) fn of(rules: &Rules) -> Vec<Rule> {
    let mut roots: BTreeSet<String> = rules.root_groups.iter().map(|group| format!("%{group}")).collect();
    for rule in rules.free.iter().filter(|rule| rule.makes_root()) {
        // Acting with a group gives its rights, too.
        roots.extend(rule.who.starts_with('%').then(|| rule.who.clone()));
        roots.extend(rule.users.iter().cloned());
    }
    let mut by_target: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, rule) in rules.free.iter().enumerate().filter(|(_, rule)| rule.reach != Reach::Listed) {
        rule.becomes.iter().for_each(|target| by_target.entry(target).or_default().push(at));
    }
    let mut found: BTreeMap<usize, Rule> = BTreeMap::new();
    let mut open: Vec<String> = roots.iter().cloned().collect();
    while let Some(target) = open.pop() {
        // Each rule is followed once.
        for at in by_target.remove(target.as_str()).unwrap_or_default() {
            let Some(rule) = rules.free.get(at).filter(|_| !found.contains_key(&at)) else { continue };
            let users: Vec<String> = rule.users.iter().filter(|user| !roots.contains(*user)).cloned().collect();
            if users.is_empty() {
                continue;
            }
            for user in &users {
                roots.insert(user.clone());
                open.push(user.clone());
            }
            found.insert(at, Rule { users, target: None, through: Some(target.clone()), ..rule.clone() });
        }
    }
    found.into_values().collect()
}

#[cfg(test)]
mod tests {
    use crate::nixos::access::become_root::rules;
    use crate::nixos::made::Made;
    use crate::nixos::{User, Users};

    /// Who becomes root, and through whom.
    fn detours(files: &[(&str, &str)]) -> Vec<String> {
        let user = |name: &str, uid: u64, group: &str| User {
            uid: Some(uid),
            groups: Some(vec![group.to_owned()]),
            ..User::implied(name)
        };
        let list = ["ann", "bob", "eve"].into_iter().zip(1000..).map(|(name, uid)| user(name, uid, "users"));
        let users = Users { known: true, list: list.chain([user("web", 999, "web")]).collect() };
        let found = rules(&Made::of(files).system(), &users).unwrap().free;
        let detour = |rule: &crate::nixos::access::Rule| {
            Some(format!("{} {} by {}", rule.users.join(" "), rule.makes_root(), rule.through.as_ref()?))
        };
        found.iter().filter_map(detour).collect()
    }

    #[test]
    fn who_becomes_somebody_who_becomes_root_becomes_root() {
        let socket = ("/s/etc/systemd/system/docker.socket", "[Socket]\nListenStream=/run/docker.sock\n");
        for (text, expected) in [
            ("ann ALL=(bob) NOPASSWD: ALL\nbob ALL=(root) NOPASSWD: ALL\n", vec!["ann true by bob"]),
            ("ann ALL=(bob) NOPASSWD: ALL\nbob ALL=(root) ALL\n", vec![]),
            ("ann ALL=(bob) ALL\nbob ALL=(root) NOPASSWD: ALL\n", vec![]),
            ("ann ALL=(bob) NOPASSWD: /opt/a\nbob ALL=(root) NOPASSWD: ALL\n", vec![]),
            ("ann ALL=(bob) NOPASSWD: /bin/sh\nbob ALL=(root) NOPASSWD: ALL\n", vec!["ann true by bob"]),
            ("ann ALL=(bob) NOPASSWD: ALL\nbob ALL=(root) NOPASSWD: /opt/a\n", vec![]),
            (
                "ann ALL=(eve) NOPASSWD: ALL\neve ALL=(#1001) NOPASSWD: ALL\nbob ALL=(root) NOPASSWD: ALL\n",
                vec!["ann true by eve", "eve true by bob"],
            ),
            ("ann ALL=(ALL, !root) NOPASSWD: ALL\nbob ALL=(root) NOPASSWD: ALL\n", vec!["ann true by bob"]),
            ("ann ALL=(ALL, !root, !bob) NOPASSWD: ALL\nbob ALL=(root) NOPASSWD: ALL\n", vec![]),
            ("ann ALL=(:docker) NOPASSWD: ALL\n", vec!["ann true by %docker"]),
            ("ann ALL=(:kvm) NOPASSWD: ALL\n", vec![]),
            ("ann ALL=(:wheel) NOPASSWD: ALL\n%wheel ALL=(ALL) NOPASSWD: ALL\n", vec!["ann true by %wheel"]),
            (
                "Defaults runas_default=bob\nann ALL=NOPASSWD: ALL\nbob ALL=(root) NOPASSWD: ALL\n",
                vec!["ann true by bob"],
            ),
            ("ann ALL=(bob) NOPASSWD: ALL\nbob ALL=(ann) NOPASSWD: ALL\n", vec![]),
        ] {
            assert_eq!(detours(&[("/s/etc/sudoers", text), socket]), expected, "{text}");
        }
        assert!(detours(&[("/s/etc/sudoers", "ann ALL=(:docker) NOPASSWD: ALL\n")]).is_empty());
        let doas = ("/s/etc/doas.conf", "permit nopass bob as root\n");
        let sudo = ("/s/etc/sudoers", "ann ALL=(bob) NOPASSWD: ALL\n");
        assert_eq!(detours(&[sudo, doas]), ["ann true by bob"]);
    }
}
