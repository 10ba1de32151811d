//! Access: who can log in to a system, how, and from where.

mod autologin;
mod become_root;
mod capability;
mod chain;
mod command;
mod disguise;
mod doas;
mod early;
mod emergency;
mod entry;
mod finding;
mod grants;
mod groups;
mod judge;
mod kernel_line;
mod last_match;
mod later;
mod login;
mod modes;
mod pam;
mod please;
mod polkit;
mod rule;
mod services;
mod su;
mod sudoers;
#[cfg(test)]
mod tests;
mod trusted;
mod view;
mod words;
mod wrappers;

pub use autologin::Autologin;
pub use finding::{Finding, FindingId, Severity};
pub use grants::{Entrance, Grant, Needs};
pub use login::Way;
pub use modes::modes;
pub use rule::{Condition, Reach, Rule, Tool};

use std::collections::{BTreeSet, HashMap};

use become_root::{Rules, Unread};
use pam::{Secret, Service, Services};

use super::answer::{Answer, Caused, Doubt, Verdict};
use super::menu::MenuEntry;
use super::ssh::{
    Authorities, Authority, AuthorizedKey, BadLine, Entrance as OfSshd, KeysFiles, Sshd, Writer, declared,
};
use super::users::{User, Users};
use super::{Disc, Initrd, Root, System, toplevel};
use crate::error::{Error, Place, Result};
use crate::store::version;

/// From this release on, libcrypt refuses most old schemes.
const FIRST_WITHOUT_OLD_HASHES: &str = "23.05";

/// Limit for pairs of a user and a key. Nobody could read more.
const MOST_GRANTS: usize = 25_000;

/// Limit for the users of all systems that are held at once. A system has some 50.
const MOST_HELD: usize = 20_000;

/// The directory of the system's programs.
const SYSTEM_PATH: &str = "/run/current-system/sw/bin";

/// Who can log in to one system, and what follows from that.
#[derive(Debug)]
pub struct Access {
    /// Who can log in.
    pub people: People,
    /// The findings that follow, the worst first.
    pub findings: Vec<Finding>,
    /// Limits that files are over. What the rest of these files says is unknown.
    pub over_limits: Vec<Error>,
}

/// Who can log in to one system.
#[derive(Debug)]
pub struct People {
    /// Whether the image lists its users. If not, only users that other files imply are here.
    pub users_known: bool,
    /// The users, by name.
    pub accounts: Vec<Account>,
    /// sshd.
    pub sshd: Sshd,
    /// Rules that let users act as others without a password.
    pub rules: Vec<Rule>,
    /// Users who are logged in at boot.
    pub autologin: Vec<Autologin>,
}

/// A user, and the answer for every entrance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The user.
    pub user: User,
    /// What sshd reads for the user.
    pub ssh: SshSources,
    /// What further daemons read for the user, in the order of [`Sshd::others`].
    pub other_ssh: Vec<SshSources>,
    /// Every entrance, in order.
    pub entrances: Vec<Grant>,
    /// What logs the user in at boot: `getty@.service`.
    pub logged_in_by: Vec<String>,
}

/// What sshd reads for a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshSources {
    /// The unit that runs this sshd.
    pub unit: Option<String>,
    /// The files that sshd searches for keys of the user.
    pub files: Vec<String>,
    /// The keys in these files.
    pub keys: Vec<GrantedKey>,
    /// The authorities whose certificates may let the user in.
    pub authorities: Vec<Authority>,
    /// Files of keys that may exist at boot. They are neither in the image nor in a home.
    pub elsewhere: Vec<String>,
    /// Files of keys of which the image shows only a part.
    pub untold: Vec<String>,
    /// Files of authorities that are not in the image.
    pub authorities_elsewhere: Vec<Caused<Doubt>>,
    /// Lines of scripts and units that may write such files at boot.
    pub writers: Vec<Writer>,
    /// The decisions of its configuration.
    pub entrance: OfSshd,
}

/// A key that sshd reads for a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantedKey {
    /// The key, its line and its file.
    pub key: AuthorizedKey,
    /// Whether sshd accepts it.
    pub answer: Answer,
}

/// What the files of a system say about who can log in.
struct Facts {
    users: Users,
    sshd: Sshd,
    rules: Vec<Rule>,
    /// Files that may let in more people.
    unread: Vec<Unread>,
    /// Lines of rules that break the rules of their files.
    malformed: Vec<become_root::Malformed>,
    autologin: Vec<Autologin>,
    /// Whom PAM accepts at the console.
    pam_of_console: Service,
    /// Whom it accepts through each sshd, in the order of [`Sshd::all`].
    pam_of_sshd: Vec<Services>,
    /// Users' shells that are not in the image, although the directories on their paths are.
    missing_shells: BTreeSet<String>,
    /// Whether its libcrypt accepts hashes of the old schemes, as it did before 23.05. `None` if the image does not say.
    takes_old_hashes: Option<bool>,
    bad_lines: Vec<BadLine>,
    /// Files of keys for users who do not exist.
    orphans: Vec<(String, Vec<AuthorizedKey>)>,
    /// Lines of the initrd that may set passwords.
    passwords_written: Vec<Caused<Doubt>>,
}

/// What the files of users, sshd and programs like sudo say.
struct Declared {
    users: Users,
    sshd: Sshd,
    pam_of_sshd: Vec<Services>,
    missing_shells: BTreeSet<String>,
    sources: Vec<Vec<SshSources>>,
    orphans: Vec<(String, Vec<AuthorizedKey>)>,
    bad_lines: Vec<BadLine>,
    rules: Vec<Rule>,
    unread: Vec<Unread>,
    malformed: Vec<become_root::Malformed>,
}

impl Declared {
    fn of(root: &Root<'_>) -> Result<Self> {
        let sshd = Sshd::of(root)?;
        let users = match Users::of(root) {
            Err(over @ Error::Limit { .. }) => {
                root.cut(over);
                Users::implied(root)?
            }
            users => users?,
        };
        let mut files = KeysFiles::new(root);
        let sources = sources(&sshd, &users, &mut files, root)?;
        let orphans = orphans(root, &users, &mut files)?;
        let Rules { free: rules, mut unread, malformed, .. } = become_root::rules(root, &users)?;
        let missing: BTreeSet<&String> = sshd.all().flat_map(Sshd::unread).collect();
        unread.extend(missing.into_iter().cloned().map(Unread::missing));
        let pam_of_sshd: Result<Vec<Services>> =
            sshd.all().map(|sshd| Services::of(root, &sshd.pam_services())).collect();
        Ok(Self {
            pam_of_sshd: pam_of_sshd?,
            missing_shells: missing_shells(root, &users)?,
            bad_lines: files.malformed().to_vec(),
            users,
            sshd,
            sources,
            orphans,
            rules,
            unread,
            malformed,
        })
    }
}

/// What files say about the machine, regardless of the user.
struct Machine {
    passwords_written: Vec<Caused<Doubt>>,
    autologin: Vec<Autologin>,
    pam_of_console: Service,
    takes_old_hashes: Option<bool>,
}

/// Shells that open before anybody logs in, and programs that let somebody in.
struct Shells {
    initrd: std::result::Result<Option<Initrd>, String>,
    forced: Option<String>,
    /// What other programs open.
    others: Vec<Finding>,
}

impl Machine {
    fn of(root: &Root<'_>) -> Result<Self> {
        Ok(Self {
            passwords_written: early::passwords(root),
            autologin: autologin::find(root)?,
            pam_of_console: Service::of(root, "login")?,
            takes_old_hashes: root
                .release()?
                .map(|release| version::compare(&release, FIRST_WITHOUT_OLD_HASHES).is_lt()),
        })
    }
}

impl Shells {
    fn of(root: &Root<'_>) -> Result<Self> {
        // A broken initrd is a finding: the rest of the system can still be judged.
        let mut others = services::findings(root)?;
        others.extend(wrappers::findings(root)?);
        let initrd = root.initrd().map(Option::<&Initrd>::cloned).map_err(str::to_owned);
        Ok(Self { initrd, forced: emergency::forced(root)?, others })
    }
}

impl Access {
    /// Reads one system.
    ///
    /// # Errors
    /// If a file that decides exists but cannot be read.
    pub fn of(disc: &Disc<'_>, system: &System) -> Result<Self> {
        let own = |entry: &&MenuEntry| {
            let started = toplevel(disc.tree(), entry).ok().flatten();
            started.is_none_or(|started| started == system.path)
        };
        let root = disc.root_of(system);
        if let Some(unread) = disc.own_users()? {
            root.cut(unread);
        }
        if !disc.menu.iter().any(|entry| entry.linux.is_some()) {
            // Without a menu, as in a netboot image, the parameters come from whatever boots the system.
            let own = MenuEntry::of_system(&root)?;
            return Self::read(&root, own.iter().collect());
        }
        let entries = disc.menu.iter().filter(|entry| entry.linux.is_some()).filter(own).collect();
        Self::read(&root, entries)
    }

    fn read(root: &Root<'_>, entries: Vec<&MenuEntry>) -> Result<Self> {
        // Decompressing the initrd takes the longest, so it begins first.
        let rest = || rayon::join(|| Facts::of(root), || Shells::of(root));
        let ((facts, shells), _) = rayon::join(rest, || root.initrd().is_ok());
        let ((facts, sources), shells) = (facts?, shells?);
        let accounts = facts.accounts(sources);
        let over_limits = root.take_cut();
        let doors = judge::Doors { entries, shells, over_limits: &over_limits };
        let findings = judge::findings(&facts, &accounts, &doors);
        Ok(Self { people: facts.into_people(accounts), findings, over_limits })
    }
}

impl Access {
    /// Counts the users with those of the systems that are held already.
    ///
    /// # Errors
    /// If there are too many of all systems together.
    pub fn hold(&self, system: &System, held: &mut usize) -> Result<()> {
        *held = held.saturating_add(self.people.accounts.len());
        if *held <= MOST_HELD {
            return Ok(());
        }
        let place = Place::File(system.path.to_string().into_bytes());
        Err(Error::Limit { what: "20,000 users of all systems", place })
    }

    /// Adds findings about the whole store, by severity.
    #[must_use]
    pub fn with(mut self, findings: &[Finding]) -> Self {
        self.findings.extend_from_slice(findings);
        self.findings.sort_by_key(|finding| finding.severity);
        self
    }

    /// Whether another system lets in the same people in the same ways.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        let findings = self.findings.iter().zip(&other.findings);
        self.people.is_like(&other.people)
            && self.findings.len() == other.findings.len()
            && findings.into_iter().all(|(own, other)| own.is_like(other))
    }
}

impl People {
    fn is_like(&self, other: &Self) -> bool {
        self.users_known == other.users_known
            && self.accounts == other.accounts
            && self.rules == other.rules
            && self.autologin == other.autologin
            && self.sshd == other.sshd
    }

    /// Reads who can log in to one system.
    ///
    /// # Errors
    /// If a file that decides exists but cannot be read.
    pub fn of(disc: &Disc<'_>, system: &System) -> Result<Self> {
        let (facts, sources) = Facts::of(&disc.root_of(system))?;
        let accounts = facts.accounts(sources);
        Ok(facts.into_people(accounts))
    }

    /// Reads who can log in, including a user that no file mentions.
    ///
    /// # Errors
    /// If a file that decides exists but cannot be read.
    pub fn with_user(root: &Root<'_>, name: &str) -> Result<Self> {
        let (mut facts, mut sources) = Facts::of(root)?;
        let user = User::implied(name);
        let users = Users { known: false, list: vec![user.clone()] };
        sources.extend(self::sources(&facts.sshd, &users, &mut KeysFiles::new(root), root)?);
        facts.users.list.push(user);
        facts.judge_passwords();
        let accounts = facts.accounts(sources);
        Ok(facts.into_people(accounts))
    }

    /// The account with that name.
    #[must_use]
    pub fn account(&self, name: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.user.name == name)
    }
}

impl Facts {
    fn of(root: &Root<'_>) -> Result<(Self, Vec<Vec<SshSources>>)> {
        // Some thirty small files, each in its own block: two threads halve the time.
        let (declared, machine) = rayon::join(|| Declared::of(root), || Machine::of(root));
        let (declared, machine) = (declared?, machine?);
        let Declared { users, sshd, sources, orphans, bad_lines, rules, unread, malformed, .. } = declared;
        let Declared { pam_of_sshd, missing_shells, .. } = declared;
        let Machine { passwords_written, autologin, pam_of_console, takes_old_hashes } = machine;
        let mut facts = Self {
            users,
            sshd,
            rules,
            unread,
            malformed,
            autologin,
            pam_of_console,
            pam_of_sshd,
            missing_shells,
            takes_old_hashes,
            bad_lines,
            orphans,
            passwords_written,
        };
        facts.judge_passwords();
        Ok((facts, sources))
    }

    /// The answers for every user. `sources` has a list for each user, with an item for each sshd.
    fn accounts(&self, sources: Vec<Vec<SshSources>>) -> Vec<Account> {
        // Both lists can be long, since each rule names its users once.
        let mut rules: HashMap<&str, Vec<&Rule>> = HashMap::new();
        for rule in self.rules.iter().filter(|rule| rule.makes_root()) {
            for name in &rule.users {
                rules.entry(name).or_default().push(rule);
            }
        }
        let account = |(user, mut sources): (&User, Vec<SshSources>)| {
            let rules = rules.get(user.name.as_str()).map(Vec::as_slice).unwrap_or_default();
            let own = self.autologin.iter().filter(|login| login.user == user.name);
            let logged_in_by = own.map(|login| login.by.clone()).collect();
            let entrances = grants::of(self, user, &mut sources, rules);
            let mut sources = sources.into_iter();
            let (ssh, other_ssh) = (sources.next()?, sources.collect());
            Some(Account { user: user.clone(), entrances, ssh, other_ssh, logged_in_by })
        };
        self.users.list.iter().zip(sources).filter_map(account).collect()
    }

    /// Finds out through which sshd PAM lets nobody in with a password.
    fn judge_passwords(&mut self) {
        let root = User { uid: Some(0), ..User::implied("root") };
        let refuses = |(sshd, pam): (&Sshd, &Services)| {
            let mut users = self.users.list.iter().chain(std::iter::once(&root));
            users.all(|user| {
                let pam = pam.named(sshd.pam_service(user));
                sshd.uses_pam(user) && pam.opens(user, Secret::Password).verdict == Verdict::Denied
            })
        };
        let refused: Vec<bool> = self.sshd.all().zip(&self.pam_of_sshd).map(refuses).collect();
        let Some((first, others)) = refused.split_first() else { return };
        self.sshd.pam_refuses_passwords = *first;
        self.sshd.others.iter_mut().zip(others).for_each(|(sshd, refused)| sshd.pam_refuses_passwords = *refused);
    }

    fn into_people(self, accounts: Vec<Account>) -> People {
        let Self { users, sshd, rules, autologin, .. } = self;
        People { users_known: users.known, accounts, sshd, rules, autologin }
    }
}

impl Account {
    /// What each sshd reads for the user.
    pub fn all_ssh(&self) -> impl Iterator<Item = &SshSources> {
        std::iter::once(&self.ssh).chain(&self.other_ssh)
    }

    /// The keys that any sshd reads for the user.
    pub fn keys(&self) -> impl Iterator<Item = &GrantedKey> {
        self.all_ssh().flat_map(|sources| &sources.keys)
    }
}

/// How many more keys a system may grant.
struct Room<'r> {
    root: &'r Root<'r>,
    left: usize,
}

impl Room<'_> {
    /// Reports that there are more.
    fn end(&self) {
        let place = Place::File(self.root.toplevel().as_bytes().to_vec());
        self.root.cut(Error::Limit { what: "25,000 keys of users", place });
    }
}

/// What each sshd reads for each user.
fn sources(sshd: &Sshd, users: &Users, files: &mut KeysFiles<'_>, root: &Root<'_>) -> Result<Vec<Vec<SshSources>>> {
    let mut room = Room { root, left: MOST_GRANTS };
    let of_user = |user| sshd.all().map(|sshd| SshSources::of(sshd, (users, user), files, &mut room)).collect();
    users.list.iter().map(of_user).collect()
}

impl SshSources {
    /// What an sshd reads for a user, and what it decides about each key.
    fn of(sshd: &Sshd, (users, user): (&Users, &User), files: &mut KeysFiles<'_>, room: &mut Room<'_>) -> Result<Self> {
        let entrance = sshd.entrance(users, user);
        let (mut paths, mut keys, mut elsewhere) = (Vec::new(), Vec::new(), Vec::new());
        let (mut untold, mut writers): (Vec<String>, Vec<Writer>) = (Vec::new(), Vec::new());
        for file in sshd.keys(files, user)? {
            let of_image = ["/etc/", "/nix/", &user.home].iter().any(|place| file.path.starts_with(place));
            let judge = |key| entrance.judge(key, &file);
            let own = file.keys.iter().flat_map(|keys| keys.iter());
            let is_over = own.clone().count() > room.left;
            let own = own.take(room.left).map(|key| GrantedKey { key: key.clone(), answer: judge(key) });
            let before = keys.len();
            keys.extend(own);
            room.left -= keys.len() - before;
            if is_over {
                room.end();
            }
            file.writers.into_iter().for_each(|writer| keep_one(&mut writers, writer));
            if file.untold || is_over {
                untold.push(file.path.clone());
            } else if file.keys.is_none() && !of_image {
                elsewhere.push(file.path.clone());
            }
            paths.push(file.path);
        }
        let Authorities { list: mut authorities, elsewhere: authorities_elsewhere } =
            sshd.authorities(files, user, &entrance)?;
        if authorities.len() + writers.len() > room.left {
            authorities.truncate(room.left);
            writers.truncate(room.left - authorities.len());
            room.end();
        }
        room.left -= authorities.len() + writers.len();
        let (unit, files) = (sshd.unit.clone(), paths);
        Ok(Self { unit, files, keys, authorities, elsewhere, untold, authorities_elsewhere, writers, entrance })
    }
}

/// Keeps one line of each unit or script: the one that names the file most exactly.
fn keep_one(writers: &mut Vec<Writer>, writer: Writer) {
    match writers.iter_mut().find(|known| known.by == writer.by) {
        Some(known) if writer.path.len() > known.path.len() => *known = writer,
        Some(_) => {}
        None => writers.push(writer),
    }
}

/// Users' shells that are not in the image: `shell = pkgs.zsh` does not install zsh.
fn missing_shells(root: &Root<'_>, users: &Users) -> Result<BTreeSet<String>> {
    // Every NixOS has bash. Without it, this is only a part of a system and says nothing about its other programs.
    let is_whole = root.find(&format!("{SYSTEM_PATH}/bash"))?.is_some();
    let mut missing = BTreeSet::new();
    for shell in users.list.iter().filter_map(|user| user.shell.as_ref()) {
        // Activation creates other paths, such as /bin/sh.
        let is_of_image = shell.starts_with("/nix/store/") || is_whole && shell.starts_with(&format!("{SYSTEM_PATH}/"));
        if is_of_image && !missing.contains(shell) && root.find(shell)?.is_none() {
            missing.insert(shell.clone());
        }
    }
    Ok(missing)
}

/// Files of keys that NixOS made for users who do not exist.
fn orphans(root: &Root<'_>, users: &Users, files: &mut KeysFiles<'_>) -> Result<Vec<(String, Vec<AuthorizedKey>)>> {
    let mut orphans = Vec::new();
    if !users.known {
        return Ok(orphans);
    }
    for name in declared::users(root)?.into_iter().filter(|name| users.named(name).is_none()) {
        let keys = files.keys_at(&declared::file_of(&name))?;
        orphans.extend(keys.map(|keys| (name, keys.to_vec())));
    }
    Ok(orphans)
}
