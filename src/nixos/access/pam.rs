//! PAM: whether a service lets somebody in with an empty password (pam.conf(5), pam_unix(8)).

use crate::error::Result;
use crate::nixos::Root;

/// Whether the service takes empty passwords; none where the image does not tell.
pub(super) fn takes_empty(root: &Root<'_>, service: &str) -> Result<Option<bool>> {
    let Some(text) = root.text(&format!("/etc/pam.d/{service}"))? else { return Ok(None) };
    let rules = text.lines().map(|line| line.split_ascii_whitespace().collect::<Vec<_>>());
    let is_auth = |rule: &Vec<&str>| rule.first().is_some_and(|kind| kind.trim_start_matches('-') == "auth");
    let rules: Vec<Vec<&str>> = rules.filter(is_auth).collect();
    let opens = |rule: &Vec<&str>| rule.iter().any(|word| word.contains("pam_unix")) && rule.contains(&"nullok");
    // NixOS writes each service out; what another file says is not read.
    let elsewhere = |rule: &Vec<&str>| rule.get(1).is_some_and(|control| matches!(*control, "include" | "substack"));
    if rules.iter().any(opens) {
        return Ok(Some(true));
    }
    Ok((!rules.iter().any(elsewhere)).then_some(false))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nixos::made::Made;

    #[test]
    fn a_service_takes_empty_passwords_where_its_module_says_so() {
        for (text, takes) in [
            ("auth sufficient /nix/store/x/lib/security/pam_unix.so likeauth nullok try_first_pass # unix\n", true),
            ("auth sufficient pam_unix.so try_first_pass\n", false),
            ("# auth sufficient pam_unix.so nullok\npassword sufficient pam_unix.so nullok yescrypt\n", false),
        ] {
            let tree = Made::of(&[("/s/etc/pam.d/login", text)]);
            assert_eq!(takes_empty(&tree.system(), "login").unwrap(), Some(takes), "{text}");
        }
        let elsewhere = Made::of(&[("/s/etc/pam.d/login", "auth include system-auth\n")]);
        assert_eq!(takes_empty(&elsewhere.system(), "login").unwrap(), None);
        assert_eq!(takes_empty(&Made::of(&[]).system(), "login").unwrap(), None);
    }
}
