//! A system to test: its users, its files, and the questions about it.

use std::collections::BTreeMap;

/// Addresses of clients. `/etc/hosts` gives them the names in [`HOSTS`].
pub(crate) const ADDRESSES: [&str; 4] = ["127.0.0.1", "10.1.2.3", "192.0.2.7", "fd00::7"];

pub(crate) const HOSTS: &str = "127.0.0.1 localhost\n10.1.2.3 inside.example.org\n192.0.2.7 outside.example.net\n";

/// The password of every user who has one, hashed with few rounds.
pub(crate) const PASSWORD: &str = "Tr0ub4dor";
pub(crate) const HASH: &str = "$6$rounds=1000$abcdefgh$";

/// PAM's file for sshd, as NixOS writes it.
pub(crate) const PAM: &str = "account required pam_unix.so\n\
    auth sufficient pam_unix.so likeauth try_first_pass nodelay\n\
    auth required pam_deny.so\n\
    password sufficient pam_unix.so nullok yescrypt\n\
    session required pam_permit.so\n";

#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) uid: u32,
    /// The primary group comes first.
    pub(crate) groups: Vec<&'static str>,
    /// The field of shadow(5).
    pub(crate) hash: String,
    pub(crate) shell: &'static str,
}

impl Person {
    pub(crate) fn home(&self) -> String {
        if self.name == "root" { "/root".to_owned() } else { format!("/home/{}", self.name) }
    }
}

/// A client's credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Credential {
    /// The key with this name.
    Key(&'static str),
    /// The certificate with this name.
    Certificate(&'static str),
    /// The password. Empty if the field of shadow(5) is empty.
    Password,
}

#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) people: Vec<Person>,
    /// Files below `/etc`, with their modes.
    pub(crate) files: BTreeMap<String, (String, u32)>,
    /// Files below `/etc` that are not text. Everybody may read them.
    pub(crate) bytes: BTreeMap<String, Vec<u8>>,
    /// Owners of the files that do not belong to root.
    pub(crate) owners: BTreeMap<String, u32>,
    /// Addresses of clients. One is enough if the answer does not depend on it.
    pub(crate) addresses: Vec<&'static str>,
    pub(crate) credentials: Vec<Credential>,
}

/// The groups of all cases, with their ids.
pub(crate) const GROUPS: [(&str, u32); 5] = [("root", 0), ("wheel", 1), ("users", 100), ("ops", 101), ("sshd", 998)];

impl Case {
    /// A system with root, eve, bob and zoe, and a configuration of sshd.
    pub(crate) fn new(name: &str, config: &str, hash: &str) -> Self {
        let person = |name: &str, uid, groups: &[&'static str], hash: &str| Person {
            name: name.to_owned(),
            uid,
            groups: groups.to_vec(),
            hash: hash.to_owned(),
            shell: "/bin/sh",
        };
        let people = vec![
            person("root", 0, &["root"], hash),
            person("eve", 1000, &["users", "wheel"], hash),
            person("bob", 1001, &["users", "ops"], "!"),
            person("zoe", 1002, &["ops"], ""),
        ];
        let files = [("ssh/sshd_config", config), ("pam.d/sshd", PAM)];
        let files = files.map(|(path, text)| (path.to_owned(), (text.to_owned(), 0o444)));
        let credentials = vec![Credential::Key("own"), Credential::Password];
        Self {
            name: name.to_owned(),
            people,
            files: files.into(),
            bytes: BTreeMap::new(),
            owners: BTreeMap::new(),
            addresses: vec![ADDRESSES[1]],
            credentials,
        }
    }

    /// Adds a file below `/etc`.
    pub(crate) fn with(mut self, path: &str, text: &str) -> Self {
        self.files.insert(path.to_owned(), (text.to_owned(), 0o444));
        self
    }

    /// Adds a file below `/etc` that is not text.
    pub(crate) fn with_bytes(mut self, path: &str, bytes: Vec<u8>) -> Self {
        self.bytes.insert(path.to_owned(), bytes);
        self
    }

    /// Changes the mode and owner of a file.
    pub(crate) fn with_mode(mut self, path: &str, mode: u32, owner: u32) -> Self {
        self.files.get_mut(path).expect("a file").1 = mode;
        self.owners.insert(path.to_owned(), owner);
        self
    }

    /// All questions: the user, the credential, and the client's address.
    pub(crate) fn questions(&self) -> Vec<(&Person, Credential, &'static str)> {
        let people = self.people.iter();
        let shown = people.flat_map(|person| self.credentials.iter().map(move |credential| (person, *credential)));
        shown
            .flat_map(|(person, credential)| self.addresses.iter().map(move |from| (person, credential, *from)))
            .collect()
    }
}
