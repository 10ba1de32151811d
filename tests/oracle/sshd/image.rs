//! The same systems in an image, read by nixoscope.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use nixoscope::image::Image;
use nixoscope::nixos::Disc;
use nixoscope::nixos::access::{Access, Account, Entrance};
use nixoscope::nixos::answer::{Answer, Verdict};
use nixoscope::nixos::ssh::KeyLine;
use serde_json::json;

use super::case::{Case, Credential};
use super::judge::{CERTIFICATES, Keys};
use crate::tool::{output, tool};

/// nixoscope's answers about a system.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ours {
    pub(crate) mistakes: Vec<String>,
    pub(crate) ports: Vec<u16>,
    /// For each user and credential, the verdict and the reasons for it.
    pub(crate) says: BTreeMap<(String, Credential), Says>,
}

/// A short answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Says {
    Yes,
    /// Under conditions, or unknown.
    Perhaps(String),
    No(String),
}

impl Says {
    fn of(answer: &Answer) -> Self {
        match answer.verdict() {
            Verdict::Granted if answer.is_free() => Self::Yes,
            Verdict::Granted => Self::Perhaps(answer.phrases().join("; ")),
            Verdict::Unknown => Self::Perhaps(answer.refused().unwrap_or_default()),
            Verdict::Denied => Self::No(answer.refused().unwrap_or_default()),
        }
    }

    /// The more open one.
    fn or(self, other: Self) -> Self {
        match (&self, &other) {
            (Self::Yes, _) | (Self::Perhaps(_), Self::No(_)) => self,
            (_, Self::Yes | Self::Perhaps(_)) => other,
            (Self::No(_), Self::No(_)) => self,
        }
    }
}

/// Asks nixoscope. An image has a system for each case.
pub(crate) fn ask(cases: &[Case], keys: &Keys) -> Vec<Ours> {
    // An image with more systems is refused.
    cases.chunks(500).flat_map(|cases| ask_image(cases, keys)).collect()
}

fn ask_image(cases: &[Case], keys: &Keys) -> Vec<Ours> {
    let folder = tempfile::tempdir().expect("a folder for an image");
    let path = image(cases, folder.path());
    let image = Image::open(&path, &mut |_, _| {}).expect("the image");
    let disc = Disc::open(&image).expect("the disc");
    let systems: BTreeMap<String, _> = disc.systems.iter().map(|system| (system.path.to_string(), system)).collect();
    let ours = |(number, case): (usize, &Case)| {
        let system = systems[&format!("/nix/store/{}", toplevel(number))];
        match Access::of(&disc, system) {
            Ok(access) => of(case, &access, keys),
            Err(error) => panic!("{}: {error}\n{:?}", case.name, case.files),
        }
    };
    cases.iter().enumerate().map(ours).collect()
}

fn of(case: &Case, access: &Access, keys: &Keys) -> Ours {
    let mistakes = access.people.sshd.mistakes().iter();
    let mistakes = mistakes.map(|mistake| format!("{}:{}: {}", mistake.file, mistake.line, mistake.message));
    let mut says = BTreeMap::new();
    for person in &case.people {
        let account = access.people.accounts.iter().find(|account| account.user.name == person.name).expect("a user");
        for credential in &case.credentials {
            let answer = match credential {
                Credential::Key(name) => key(account, &keys.public(name)),
                Credential::Certificate(name) => certificate(account, name, keys),
                Credential::Password => password(account),
            };
            says.insert((person.name.clone(), *credential), answer);
        }
    }
    Ours { mistakes: mistakes.collect(), ports: access.people.sshd.ports(), says }
}

/// Whether the key lets the user in.
fn key(account: &Account, line: &str) -> Says {
    let key = KeyLine::parse(line).unwrap().unwrap().key;
    let listed = account.keys().filter(|granted| granted.key.line.key == key);
    let answers = listed.map(|granted| Says::of(&granted.answer));
    let doubts = account.all_ssh().flat_map(|sources| sources.entrance.doubts_of_absence());
    let elsewhere: Vec<String> = doubts.map(ToString::to_string).collect();
    let nowhere = match elsewhere.is_empty() {
        true => Says::No("no file lists the key".to_owned()),
        false => Says::Perhaps(elsewhere.join("; ")),
    };
    answers.fold(nowhere, Says::or)
}

/// Whether the password lets the user in, in either way that sshd asks for it.
fn password(account: &Account) -> Says {
    let ways = [Entrance::SshPassword, Entrance::SshKeyboardInteractive];
    let grants = account.entrances.iter().filter(|grant| ways.contains(&grant.entrance));
    let answers = grants.map(|grant| Says::of(&grant.answer));
    answers.reduce(Says::or).expect("an answer for passwords")
}

/// Whether the certificate lets the user in, by the authorities.
fn certificate(account: &Account, name: &str, keys: &Keys) -> Says {
    let (_, authority, principals, _) = CERTIFICATES.iter().find(|(known, ..)| *known == name).expect("a certificate");
    let signer = KeyLine::parse(&keys.public(authority)).unwrap().unwrap().key;
    let names = |principal: &String| principals.split(',').any(|own| own == principal);
    let trusted = account.all_ssh().flat_map(|sources| &sources.authorities).any(|authority| {
        // A certificate without names matches none, whichever are asked for.
        let unsure = authority.unsure && !principals.is_empty();
        authority.key.line.key == signer && (unsure || authority.principals.iter().any(names))
    });
    match trusted {
        true => {
            // These grants have the conditions of an authority.
            let grants = account.entrances.iter().filter(|grant| grant.entrance == Entrance::SshCertificate);
            grants.map(|grant| Says::of(&grant.answer)).reduce(Says::or).expect("an answer for certificates")
        }
        false => Says::No("no authority that is trusted for the user has signed it".to_owned()),
    }
}

/// The base name of a case's toplevel. Digits are letters of Nix32.
fn toplevel(number: usize) -> String {
    format!("{number:032}-nixos-system-case-25.11")
}

/// A bare squashfs with a toplevel for each case.
pub(crate) fn image(cases: &[Case], folder: &Path) -> PathBuf {
    let stage = folder.join("stage");
    for (number, case) in cases.iter().enumerate() {
        let base = toplevel(number);
        let at = |path: &str| stage.join(&base).join(path);
        fs::create_dir_all(at("etc/systemd/system/multi-user.target.wants")).unwrap();
        let users = format!("{number:031}z-users-groups.json");
        for (path, text) in [
            ("init", "#!/bin/sh\n"),
            ("nixos-version", "25.11"),
            ("activate", &format!("perl -w /nix/store/{users}\n")),
            (
                "etc/systemd/system/sshd.service",
                "[Service]\nExecStart=/nix/store/00000000000000000000000000000000-openssh-10.2p1/bin/sshd -D -f /etc/ssh/sshd_config\n",
            ),
        ] {
            fs::write(at(path), text).unwrap();
        }
        symlink("../sshd.service", at("etc/systemd/system/multi-user.target.wants/sshd.service")).unwrap();
        fs::create_dir(at("sw")).unwrap();
        fs::write(stage.join(users), accounts(case)).unwrap();
        for (path, bytes) in &case.bytes {
            let file = at(&format!("etc/{path}"));
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, bytes).unwrap();
        }
        for (path, (text, mode)) in &case.files {
            let file = at(&format!("etc/{path}"));
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, text).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o444)).unwrap();
            // environment.etc of NixOS stores the mode of a copy like this.
            fs::write(at(&format!("etc/{path}.mode")), format!("{mode:04o}\n")).unwrap();
            if let Some(owner) = case.owners.get(path) {
                fs::write(at(&format!("etc/{path}.uid")), format!("+{owner}\n")).unwrap();
            }
        }
    }
    fs::write(stage.join("nix-path-registration"), "").unwrap();
    let image = folder.join("store.squashfs");
    let mut squash = tool("mksquashfs");
    squash.arg(&stage).arg(&image).args(["-quiet", "-no-progress", "-no-xattrs", "-all-root", "-noD", "-noF"]);
    output(&mut squash);
    image
}

/// The users, in the format of `users-groups.json`.
fn accounts(case: &Case) -> String {
    let users: Vec<_> = case
        .people
        .iter()
        .map(|person| {
            json!({
                "name": person.name, "uid": person.uid, "group": person.groups[0], "home": person.home(),
                "homeMode": "700", "hashedPassword": person.hash, "shell": person.shell, "isSystemUser": false,
            })
        })
        .collect();
    let groups: Vec<_> = super::case::GROUPS
        .iter()
        .map(|(name, gid)| {
            let members = case.people.iter().filter(|person| person.groups.contains(name));
            json!({ "name": name, "gid": gid, "members": members.map(|person| &person.name).collect::<Vec<_>>() })
        })
        .collect();
    json!({ "users": users, "groups": groups, "mutableUsers": false }).to_string()
}
