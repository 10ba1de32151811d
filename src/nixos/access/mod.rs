//! Access: who can log in to a system, how, and from where.

mod autologin;
mod become_root;
mod finding;
mod judge;
mod kernel_line;
mod login;
mod pam;

pub use autologin::Autologin;
pub use become_root::Rule;
pub use finding::{Finding, Severity};
pub use login::{Login, Way};

use super::ssh::{AuthorizedKey, BadLine, KeysFiles, Sshd};
use super::users::{User, Users};
use super::{Disc, Initrd, System};
use crate::error::{Error, Place, Result};
use crate::fs::{Tree, path};

/// No configuration of a service is longer.
const LONGEST: u64 = 4 << 20;

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
    /// The keys that sshd reads for the user.
    pub keys: Vec<GrantedKey>,
    /// How the user can log in.
    pub login: Login,
}

/// A key that sshd reads for a user.
#[derive(Clone, Debug)]
pub struct GrantedKey {
    /// The key, its line and its file.
    pub key: AuthorizedKey,
    /// The conditions under which sshd accepts it, or why it does not.
    pub judged: std::result::Result<Vec<String>, String>,
}

/// What is read of a system before anything is judged.
struct Facts<'d, 'i> {
    disc: &'d Disc<'i>,
    system: &'d System,
    users: Users,
    sshd: Sshd,
    rules: Vec<Rule>,
    autologin: Vec<Autologin>,
    /// Whether the console takes empty passwords; none where the image does not tell.
    console_takes_empty: Option<bool>,
    bad_lines: Vec<BadLine>,
    /// The initrd; none where there is none.
    initrd: Result<Option<Initrd>>,
    /// Files of keys for users who do not exist.
    orphans: Vec<(String, Vec<AuthorizedKey>)>,
}

/// What files say of users.
struct People {
    users: Users,
    sshd: Sshd,
    keys: Vec<Vec<GrantedKey>>,
    orphans: Vec<(String, Vec<AuthorizedKey>)>,
    bad_lines: Vec<BadLine>,
    rules: Vec<Rule>,
}

impl People {
    fn of(tree: &dyn Tree, toplevel: &str) -> Result<Self> {
        let (sshd, users) = (Sshd::of(tree, toplevel)?, Users::of(tree, toplevel)?);
        let mut files = KeysFiles::new(tree);
        let keys = keys(&sshd, &users, &mut files, toplevel)?;
        let orphans = orphans(tree, toplevel, &users, &mut files)?;
        let rules = become_root::rules(tree, toplevel, &users)?;
        Ok(Self { bad_lines: files.malformed().to_vec(), users, sshd, keys, orphans, rules })
    }
}

/// What files say of the machine, whoever uses it.
struct Machine {
    autologin: Vec<Autologin>,
    console_takes_empty: Option<bool>,
    initrd: Result<Option<Initrd>>,
}

impl Machine {
    fn of(tree: &dyn Tree, toplevel: &str) -> Result<Self> {
        Ok(Self {
            autologin: autologin::find(tree, toplevel)?,
            console_takes_empty: pam::takes_empty(tree, toplevel, "login")?,
            // What is wrong with it is told, and the rest all the same.
            initrd: Initrd::of(tree, toplevel),
        })
    }
}

impl Access {
    /// Reads one system.
    ///
    /// # Errors
    /// Where a file that decides is there but cannot be read.
    pub fn of(disc: &Disc<'_>, system: &System) -> Result<Self> {
        let (tree, toplevel) = (disc.tree(), system.path.to_string());
        // Some thirty small files, each in a block of its own: two threads take half the time.
        let (people, machine) = rayon::join(|| People::of(tree, &toplevel), || Machine::of(tree, &toplevel));
        let (People { users, sshd, keys, orphans, bad_lines, rules }, machine) = (people?, machine?);
        let Machine { autologin, console_takes_empty, initrd } = machine;
        let facts =
            Facts { disc, system, users, sshd, rules, autologin, console_takes_empty, bad_lines, initrd, orphans };
        let account = |(user, keys): (&User, Vec<GrantedKey>)| {
            let login = Login::of(&facts, user, &keys);
            Account { user: user.clone(), keys, login }
        };
        let accounts: Vec<Account> = facts.users.list.iter().zip(keys).map(account).collect();
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

/// The keys that sshd reads for each user, judged.
fn keys(sshd: &Sshd, users: &Users, files: &mut KeysFiles<'_>, toplevel: &str) -> Result<Vec<Vec<GrantedKey>>> {
    let mut grants = 0;
    let mut all = Vec::new();
    for user in &users.list {
        let entrance = sshd.entrance(users, user);
        let mut keys: Vec<GrantedKey> = Vec::new();
        for file in sshd.keys(files, user)?.into_iter().filter_map(|file| file.keys) {
            keys.extend(file.iter().map(|key| GrantedKey { key: key.clone(), judged: entrance.judge(key) }));
        }
        grants += keys.len();
        if grants > MOST_GRANTS {
            let place = Place::File(toplevel.as_bytes().to_vec());
            return Err(Error::Limit { what: "100,000 keys of users", place });
        }
        all.push(keys);
    }
    Ok(all)
}

/// Files of keys that NixOS made for users who do not exist.
fn orphans(
    tree: &dyn Tree,
    toplevel: &str,
    users: &Users,
    files: &mut KeysFiles<'_>,
) -> Result<Vec<(String, Vec<AuthorizedKey>)>> {
    let directory = format!("{toplevel}/etc/ssh/authorized_keys.d");
    let Some(found) = path::find(tree, directory.as_bytes())? else { return Ok(Vec::new()) };
    let mut orphans = Vec::new();
    for entry in tree.entries(found.id)? {
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

/// A text of the image; none where it is not there.
fn text(tree: &dyn Tree, file: &str) -> Result<Option<String>> {
    match path::read(tree, file.as_bytes(), LONGEST) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(Error::NotFound { .. } | Error::WrongType { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
