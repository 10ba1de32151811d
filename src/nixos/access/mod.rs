//! Access: who can log in to a system, how, and from where.

mod autologin;
mod become_root;
mod doas;
mod emergency;
mod entry;
mod finding;
mod groups;
mod judge;
mod kernel_line;
mod last_match;
mod login;
mod pam;
mod sudoers;
#[cfg(test)]
mod tests;
mod trusted;
mod view;

pub use autologin::Autologin;
pub use become_root::{Condition, Reach, Rule, Tool};
pub use finding::{Finding, Severity};
pub use login::{Login, Way};

use become_root::Rules;

use super::answer::Answer;
use super::menu::MenuEntry;
use super::ssh::{Authority, AuthorizedKey, BadLine, Entrance, KeysFiles, Sshd};
use super::users::{User, Users};
use super::{Disc, Initrd, Root, System, toplevel};
use crate::error::{Error, Place, Result};
use crate::store::version;

/// Since this release libcrypt refuses most old schemes.
const FIRST_WITHOUT_OLD_HASHES: &str = "23.05";

/// Pairs of a user and a key; more than that nobody could read.
const MOST_GRANTS: usize = 100_000;

/// Who can log in to one system.
#[derive(Debug)]
pub struct Access {
    /// Whether the image lists its users. If not, only those whom other files imply are here.
    pub users_known: bool,
    /// The users, by name.
    pub accounts: Vec<Account>,
    /// sshd.
    pub sshd: Sshd,
    /// Rules by which users act as others without a password.
    pub rules: Vec<Rule>,
    /// Users who are logged in at boot.
    pub autologin: Vec<Autologin>,
    /// What follows from all that, the worst first.
    pub findings: Vec<Finding>,
}

/// A user, and how he or she can log in.
#[derive(Clone, Debug)]
pub struct Account {
    /// The user.
    pub user: User,
    /// What sshd knows of the user.
    pub grants: Grants,
    /// How the user can log in.
    pub login: Login,
}

/// What sshd knows of a user.
#[derive(Clone, Debug)]
pub struct Grants {
    /// The keys that it reads for the user.
    pub keys: Vec<GrantedKey>,
    /// The authorities whose certificates may let the user in.
    pub authorities: Vec<Authority>,
    /// Files of keys that may be there at boot: neither in the image nor in a home.
    pub elsewhere: Vec<String>,
    /// What its configuration makes of the user.
    pub entrance: Entrance,
}

/// A key that sshd reads for a user.
#[derive(Clone, Debug)]
pub struct GrantedKey {
    /// The key, its line and its file.
    pub key: AuthorizedKey,
    /// Whether sshd accepts it.
    pub answer: Answer,
}

/// What is read of a system before anything is judged.
struct Facts<'m> {
    /// The menu entries that start it.
    entries: Vec<&'m MenuEntry>,
    users: Users,
    sshd: Sshd,
    rules: Vec<Rule>,
    /// Files that others include and the image does not have.
    unread: Vec<String>,
    /// Lines of rules that break the rules of their files.
    malformed: Vec<become_root::Malformed>,
    autologin: Vec<Autologin>,
    /// Whether the console takes empty passwords, and sshd by PAM; none where the image does not tell.
    console_takes_empty: Option<bool>,
    sshd_takes_empty: Option<bool>,
    /// Whether its libcrypt takes hashes of the old schemes, as it did before 23.05; none where the image does not tell.
    takes_old_hashes: Option<bool>,
    bad_lines: Vec<BadLine>,
    /// The initrd; none where there is none.
    initrd: Result<Option<Initrd>>,
    /// The file by which the emergency shell asks for no password.
    forced_shell: Option<String>,
    /// Files of keys for users who do not exist.
    orphans: Vec<(String, Vec<AuthorizedKey>)>,
}

/// What files say of users.
struct People {
    users: Users,
    sshd: Sshd,
    grants: Vec<Grants>,
    orphans: Vec<(String, Vec<AuthorizedKey>)>,
    bad_lines: Vec<BadLine>,
    rules: Vec<Rule>,
    unread: Vec<String>,
    malformed: Vec<become_root::Malformed>,
}

impl People {
    fn of(root: &Root<'_>) -> Result<Self> {
        let (sshd, users) = (Sshd::of(root)?, Users::of(root)?);
        let mut files = KeysFiles::new(root);
        let grants = grants(&sshd, &users, &mut files, root.toplevel())?;
        let orphans = orphans(root, &users, &mut files)?;
        let Rules { free: rules, mut unread, malformed } = become_root::rules(root, &users)?;
        unread.extend(sshd.unread().iter().cloned());
        Ok(Self { bad_lines: files.malformed().to_vec(), users, sshd, grants, orphans, rules, unread, malformed })
    }
}

/// What files say of the machine, whoever uses it.
struct Machine {
    autologin: Vec<Autologin>,
    console_takes_empty: Option<bool>,
    sshd_takes_empty: Option<bool>,
    takes_old_hashes: Option<bool>,
    initrd: Result<Option<Initrd>>,
    forced_shell: Option<String>,
}

impl Machine {
    fn of(root: &Root<'_>) -> Result<Self> {
        Ok(Self {
            autologin: autologin::find(root)?,
            console_takes_empty: pam::takes_empty(root, "login")?,
            sshd_takes_empty: pam::takes_empty(root, "sshd")?,
            takes_old_hashes: root
                .text(&root.own("nixos-version"))?
                .map(|release| version::compare(release.trim(), FIRST_WITHOUT_OLD_HASHES).is_lt()),
            // What is wrong with it is told, and the rest all the same.
            initrd: Initrd::of(root),
            forced_shell: emergency::forced(root)?,
        })
    }
}

impl Access {
    /// Reads one system.
    ///
    /// # Errors
    /// Where a file that decides is there but cannot be read.
    pub fn of(disc: &Disc<'_>, system: &System) -> Result<Self> {
        let own = |entry: &&MenuEntry| {
            let started = toplevel(disc.tree(), entry).ok().flatten();
            started.is_none_or(|started| started == system.path)
        };
        let entries = disc.menu.iter().filter(|entry| entry.linux.is_some()).filter(own).collect();
        Self::read(&disc.root_of(system), entries)
    }

    fn read(root: &Root<'_>, entries: Vec<&MenuEntry>) -> Result<Self> {
        // Some thirty small files, each in a block of its own: two threads take half the time.
        let (people, machine) = rayon::join(|| People::of(root), || Machine::of(root));
        let (People { users, sshd, grants, orphans, bad_lines, rules, unread, malformed }, machine) =
            (people?, machine?);
        let Machine { autologin, console_takes_empty, sshd_takes_empty, takes_old_hashes, initrd, forced_shell } =
            machine;
        let facts = Facts {
            entries,
            users,
            sshd,
            rules,
            unread,
            malformed,
            autologin,
            console_takes_empty,
            sshd_takes_empty,
            takes_old_hashes,
            bad_lines,
            initrd,
            forced_shell,
            orphans,
        };
        let account = |(user, grants): (&User, Grants)| {
            let login = Login::of(&facts, user, &grants);
            Account { user: user.clone(), grants, login }
        };
        let accounts: Vec<Account> = facts.users.list.iter().zip(grants).map(account).collect();
        let findings = judge::findings(&facts, &accounts);
        let Facts { users, sshd, rules, autologin, .. } = facts;
        Ok(Self { users_known: users.known, accounts, sshd, rules, autologin, findings })
    }

    /// The account of that name.
    #[must_use]
    pub fn account(&self, name: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.user.name == name)
    }
}

/// What sshd knows of each user, judged.
fn grants(sshd: &Sshd, users: &Users, files: &mut KeysFiles<'_>, toplevel: &str) -> Result<Vec<Grants>> {
    let mut count = 0;
    let mut all = Vec::new();
    for user in &users.list {
        let entrance = sshd.entrance(users, user);
        let (mut keys, mut elsewhere): (Vec<GrantedKey>, Vec<String>) = (Vec::new(), Vec::new());
        for file in sshd.keys(files, user)? {
            let of_image = ["/etc/", "/nix/", &user.home].iter().any(|place| file.path.starts_with(place));
            match file.keys {
                Some(own) => {
                    keys.extend(own.iter().map(|key| GrantedKey { key: key.clone(), answer: entrance.judge(key) }));
                }
                None if !of_image => elsewhere.push(file.path),
                None => {}
            }
        }
        let authorities = sshd.authorities(files, user)?;
        count += keys.len() + authorities.len();
        if count > MOST_GRANTS {
            let place = Place::File(toplevel.as_bytes().to_vec());
            return Err(Error::Limit { what: "100,000 keys of users", place });
        }
        all.push(Grants { keys, authorities, elsewhere, entrance });
    }
    Ok(all)
}

/// Files of keys that NixOS made for users who do not exist.
fn orphans(root: &Root<'_>, users: &Users, files: &mut KeysFiles<'_>) -> Result<Vec<(String, Vec<AuthorizedKey>)>> {
    let directory = "/etc/ssh/authorized_keys.d";
    let mut orphans = Vec::new();
    for entry in root.entries(directory)? {
        let name = String::from_utf8_lossy(&entry.name).into_owned();
        let sidecar = [".mode", ".uid", ".gid"].iter().any(|suffix| name.ends_with(suffix));
        if sidecar || !users.known || users.named(&name).is_some() {
            continue;
        }
        let keys = files.keys_at(&format!("{directory}/{name}"))?;
        orphans.extend(keys.map(|keys| (name, keys.to_vec())));
    }
    Ok(orphans)
}
