//! The owners and modes of the files that sshd reads for a user (sshd_config(5), `StrictModes`).

use super::sshd::is_of_image;
use crate::error::Result;
use crate::fs::path;
use crate::nixos::Root;
use crate::nixos::answer::Refusal;
use crate::nixos::users::User;

/// Write permission for group or others.
const OTHERS_WRITE: u32 = 0o022;

/// Read permission for the group, and for others.
const GROUP_READS: u32 = 0o040;
const OTHERS_READ: u32 = 0o004;

/// The group of root, which files have that are given no other.
const GROUP_OF_ROOT: &str = "root";

/// Stage 2 of NixOS makes the store writable for its group, nixbld.
const STORE_MODE: &str = "1775 /nix/store";

/// Whether sshd checks owners and modes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strictness {
    /// `StrictModes yes`, the default.
    Strict,
    /// `StrictModes no`: a file only has to be readable.
    Lax,
}

/// A file or directory as it is on the running system.
struct Owned {
    path: String,
    mode: u32,
    /// `None` if the image does not show it.
    uid: Option<u64>,
    /// Whether its group is that of root.
    is_of_root: bool,
}

impl Owned {
    /// Whether a user who does not own it may read it. Of another group than root's, the user may be a member.
    fn lets_read(&self, user: &User) -> bool {
        let is_member = || user.groups.as_ref().is_none_or(|groups| groups.iter().any(|group| group == GROUP_OF_ROOT));
        self.mode & OTHERS_READ != 0 || self.mode & GROUP_READS != 0 && (!self.is_of_root || is_member())
    }
}

/// Why sshd does not use a user's key or principals file: its owner and mode, or those of the directories above.
///
/// # Errors
/// If a file that decides this exists but cannot be read.
pub(super) fn refusal(root: &Root<'_>, file: &str, user: &User, strictness: Strictness) -> Result<Option<Refusal>> {
    let owned = match copied(root, file)? {
        Some(copied) => vec![copied],
        None => match root.find(file)? {
            None => return Ok(None),
            Some(found) if found.path.starts_with(b"/nix/store/") => {
                return Ok(if strictness == Strictness::Strict { in_store(root, file)? } else { None });
            }
            Some(found) => above(root, &found.path)?,
        },
    };
    let is_own = |owned: &Owned| owned.uid == user.uid || owned.uid.is_none();
    if let Some(own) = owned.first()
        && !user.is_root()
        && !is_own(own)
        && !own.lets_read(user)
    {
        return Ok(Some(Refusal::UnreadableKeys { file: file.to_owned(), mode: own.mode }));
    }
    if strictness == Strictness::Lax {
        return Ok(None);
    }
    for one in owned {
        if one.mode & OTHERS_WRITE != 0 {
            return Ok(Some(Refusal::LooseMode { file: file.to_owned(), path: one.path }));
        }
        if one.uid != Some(0) && !is_own(&one) {
            return Ok(Some(Refusal::ForeignOwner { file: file.to_owned(), path: one.path }));
        }
    }
    Ok(None)
}

/// A file of `environment.etc` that NixOS copies because it has a mode.
fn copied(root: &Root<'_>, file: &str) -> Result<Option<Owned>> {
    if !is_of_image(file) {
        return Ok(None);
    }
    let beside = |what: &str| root.text(&format!("{file}.{what}"));
    let Some(mode) = beside("mode")?.and_then(|mode| u32::from_str_radix(mode.trim(), 8).ok()) else {
        return Ok(None); // `symlink`, or not copied
    };
    let number = |what: &str| -> Result<Option<u64>> {
        Ok(match beside(what)?.as_deref().map(|id| id.trim().trim_start_matches('+')) {
            None | Some("" | "root") => Some(0),
            Some(id) => id.parse().ok(),
        })
    };
    let (uid, is_of_root) = (number("uid")?, number("gid")? == Some(0));
    Ok(Some(Owned { path: file.to_owned(), mode: mode & 0o7777, uid, is_of_root }))
}

/// A file in the store belongs to root and is read-only, but the store itself is writable for its group.
fn in_store(root: &Root<'_>, file: &str) -> Result<Option<Refusal>> {
    let is_writable = root.text(&root.own("init"))?.is_some_and(|init| init.contains(STORE_MODE));
    let refusal = || Refusal::LooseMode { file: file.to_owned(), path: "/nix/store".to_owned() };
    Ok(is_writable.then(refusal))
}

/// A file and the directories above it, as they are in the image.
fn above(root: &Root<'_>, file: &[u8]) -> Result<Vec<Owned>> {
    let tree = root.tree();
    let mut owned = Vec::new();
    let mut path = Some(file);
    while let Some(own) = path.filter(|path| !path.is_empty()) {
        if let Some(found) = path::find(tree, own)? {
            let node = tree.node(found.id)?;
            let mode = u32::from(node.mode) & 0o7777;
            let path = String::from_utf8_lossy(own).into_owned();
            owned.push(Owned { path, mode, uid: Some(node.uid.into()), is_of_root: node.gid == 0 });
        }
        path = own.iter().rposition(|&byte| byte == b'/').and_then(|at| own.get(..at));
    }
    Ok(owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nixos::made::Made;

    #[test]
    fn a_file_that_others_may_write_or_the_user_may_not_read_does_not_count() {
        let eve = User { uid: Some(1000), groups: Some(vec!["users".to_owned()]), ..User::implied("eve") };
        let admin = User { groups: Some(vec!["root".to_owned()]), ..eve.clone() };
        let root = User::implied("root");
        let init = ("/s/init", "chown -f 0:30000 /nix/store\nchmod -f 1775 /nix/store\n");
        let file = "/etc/ssh/keys/eve";
        let unreadable = "sshd cannot read /etc/ssh/keys/eve as the user: its mode is 0600 and it belongs to another";
        let loose = |path: &str| format!("sshd ignores /etc/ssh/keys/eve: others than the owner may write to {path}");
        for (mode, uid, user, strictness, expected) in [
            ("0444", "+0", &eve, Strictness::Strict, None),
            ("0600", "+0", &eve, Strictness::Strict, Some(unreadable.to_owned())),
            ("0600", "+0", &eve, Strictness::Lax, Some(unreadable.to_owned())),
            ("0600", "+0", &root, Strictness::Strict, None),
            ("0600", "1000", &eve, Strictness::Strict, None),
            ("0640", "+0", &eve, Strictness::Strict, Some(unreadable.replace("0600", "0640"))),
            ("0640", "+0", &admin, Strictness::Strict, None),
            ("0644", "+0", &eve, Strictness::Strict, None),
            ("0464", "+0", &eve, Strictness::Strict, Some(loose(file))),
            ("0464", "+0", &eve, Strictness::Lax, None),
            (
                "0444",
                "2000",
                &eve,
                Strictness::Strict,
                Some(
                    "sshd ignores /etc/ssh/keys/eve: /etc/ssh/keys/eve belongs to neither root nor the user".to_owned(),
                ),
            ),
            ("symlink", "+0", &eve, Strictness::Strict, Some(loose("/nix/store"))),
            ("symlink", "+0", &eve, Strictness::Lax, None),
        ] {
            let made = Made::of(&[
                init,
                ("/s/etc/ssh/keys/eve", "-> /nix/store/e-keys"),
                ("/s/etc/ssh/keys/eve.mode", mode),
                ("/s/etc/ssh/keys/eve.uid", uid),
                ("/nix/store/e-keys", ""),
            ]);
            let told = refusal(&made.system(), file, user, strictness).unwrap().map(|refusal| refusal.to_string());
            assert_eq!(told, expected, "{mode} {uid} {}", user.name);
        }
    }
}
