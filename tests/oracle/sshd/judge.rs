//! The real sshd, in its own root.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::case::{Case, Credential, GROUPS, HASH, HOSTS, PASSWORD, Person};
use crate::tool::{text, tool};

/// Keys for clients, made anew for each run.
pub(crate) struct Keys {
    folder: tempfile::TempDir,
    /// The hash of the password.
    pub(crate) hash: String,
}

/// The keys: name, type and bits. `ca` signs the certificates of `certified`, `stranger` signs others.
const KEYS: [(&str, &str, &str); 8] = [
    ("own", "ed25519", "256"),
    ("rsa", "rsa", "2048"),
    ("short", "rsa", "1024"),
    ("ecdsa", "ecdsa", "256"),
    ("dsa", "dsa", "1024"),
    ("ca", "ed25519", "256"),
    ("stranger", "rsa", "2048"),
    ("certified", "ed25519", "256"),
];

/// Certificates: name, signer, principals, and further arguments of ssh-keygen(1).
pub(crate) const CERTIFICATES: [(&str, &str, &str, &[&str]); 6] = [
    ("named", "ca", "root,eve,bob", &[]),
    ("ops", "ca", "ops", &[]),
    ("anybody", "ca", "", &[]),
    ("expired", "ca", "root,eve,bob", &["-V", "20000101:20000102"]),
    ("forced", "ca", "root,eve,bob", &["-O", "force-command=/bin/true"]),
    ("strange", "stranger", "root,eve,bob", &[]),
];

impl Keys {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder for keys");
        let keygen = || {
            let mut keygen = tool("ssh-keygen");
            keygen.current_dir(folder.path()).arg("-q");
            keygen
        };
        for (name, kind, bits) in KEYS {
            text(keygen().args(["-N", "", "-C", name, "-t", kind, "-b", bits, "-f", name]));
        }
        for (name, authority, principals, further) in CERTIFICATES {
            fs::copy(folder.path().join("certified.pub"), folder.path().join(format!("{name}.pub"))).expect("a copy");
            let named: &[&str] = if principals.is_empty() { &[] } else { &["-n", principals] };
            text(keygen().args(["-s", authority, "-I", name]).args(named).args(further).arg(format!("{name}.pub")));
        }
        let askpass = folder.path().join("askpass");
        fs::write(&askpass, "#!/bin/sh\nprintf '%s\\n' \"$WORD\"\n").expect("a script");
        fs::set_permissions(&askpass, fs::Permissions::from_mode(0o755)).expect("its mode");
        let hash = text(tool("perl").args(["-e", "print crypt($ARGV[0], $ARGV[1])", PASSWORD, HASH]));
        Self { folder, hash }
    }

    /// The line of a `.pub` file, without the line end.
    pub(crate) fn public(&self, name: &str) -> String {
        let line = fs::read_to_string(self.path().join(format!("{name}.pub"))).expect("a public key");
        line.trim_end().to_owned()
    }

    /// A binary list of what the lines name (ssh-keygen(1), KEY REVOCATION LISTS). An authority signed the certificates.
    pub(crate) fn revocation_list(&self, lines: &str, authority: Option<&str>) -> Vec<u8> {
        let (lines_at, list_at) = (self.path().join("lines"), self.path().join("list"));
        fs::write(&lines_at, lines).expect("a file of lines");
        let of = authority.map(|name| ["-s".into(), self.path().join(format!("{name}.pub"))]);
        text(tool("ssh-keygen").arg("-qkf").arg(&list_at).args(of.iter().flatten()).arg(&lines_at));
        fs::read(&list_at).expect("a list")
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// The behaviour of the real sshd.
#[derive(Clone, Debug, Default)]
pub(crate) struct Theirs {
    /// Why it does not start.
    pub(crate) broken: Option<String>,
    pub(crate) ports: Vec<u16>,
    /// For each user and credential, whether it opens from each address. Users who get in without one are left out.
    pub(crate) open: BTreeMap<(String, Credential), Vec<bool>>,
}

/// Asks the real sshd.
pub(crate) fn ask(case: &Case, keys: &Keys) -> Theirs {
    let root = root(case, keys);
    let questions = case.questions();
    let mut lines = String::new();
    for (number, (person, credential, from)) in questions.iter().enumerate() {
        let shown = match credential {
            Credential::Key(name) => format!("key {name}"),
            Credential::Certificate(name) => format!("certificate {name}"),
            Credential::Password if person.hash.is_empty() => "password -".to_owned(),
            Credential::Password => format!("password {PASSWORD}"),
        };
        writeln!(lines, "{number} {} {from} {shown}", person.name).unwrap();
    }
    let mut judge = tool("unshare");
    judge.args(["--mount", "--net", "--pid", "--fork", "--kill-child"]).arg(script()).arg(root.path()).arg(keys.path());
    judge.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = judge.spawn().expect("unshare of util-linux (this test needs root)");
    // If sshd does not start, the judge may end without reading them.
    _ = running.stdin.take().unwrap().write_all(lines.as_bytes());
    let output = running.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let log = || fs::read_to_string(root.path().join("tmp/log")).unwrap_or_default();
    assert!(
        output.status.success(),
        "{}: the judge failed: {}\n{told}\n{}",
        case.name,
        String::from_utf8_lossy(&output.stderr),
        log()
    );
    if std::env::var_os("NIXOSCOPE_ORACLE_LOG").is_some() {
        eprintln!("{}:\n{}", case.name, log());
    }
    let mut theirs = Theirs::default();
    let mut opens: Vec<Option<String>> = vec![None; questions.len()];
    for line in told.lines() {
        match line.split_once(' ').unwrap_or((line, "")) {
            ("broken", message) => theirs.broken = Some(message.trim().to_owned()),
            ("ports", ports) => theirs.ports = ports.split(' ').filter_map(|port| port.parse().ok()).collect(),
            (number, answer) => opens[number.parse::<usize>().expect("a number")] = Some(answer.to_owned()),
        }
    }
    let mut otherwise = Vec::new();
    for ((person, credential, _), answer) in questions.iter().zip(opens) {
        // A sshd that does not start lets no one in.
        let answer = answer.unwrap_or_else(|| {
            assert!(theirs.broken.is_some(), "{}: a question without an answer\n{told}", case.name);
            "no".to_owned()
        });
        let question = (person.name.clone(), *credential);
        if answer == "otherwise" {
            otherwise.push(question.clone());
        }
        theirs.open.entry(question).or_default().push(answer == "yes");
    }
    theirs.open.retain(|question, _| !otherwise.contains(question));
    theirs
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/sshd/judge.sh")
}

/// The etc and homes of the system, in a root where programs of this machine can be mounted.
fn root(case: &Case, keys: &Keys) -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a root");
    fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let at = |path: &str| root.path().join(path.trim_start_matches('/'));
    for directory in ["usr", "dev", "run", "tmp", "etc", "home", "var/empty"] {
        fs::create_dir_all(at(directory)).unwrap();
    }
    for link in ["bin", "sbin", "lib", "lib64"] {
        symlink(format!("usr/{link}"), at(link)).unwrap();
    }
    let (mut passwd, mut shadow) = (String::new(), String::new());
    for person in &case.people {
        let Person { name, uid, hash, shell, .. } = person;
        let gid = GROUPS.iter().find(|(name, _)| *name == person.groups[0]).expect("a group").1;
        writeln!(passwd, "{name}:x:{uid}:{gid}::{}:{shell}", person.home()).unwrap();
        writeln!(shadow, "{name}:{hash}:1::::::").unwrap();
        fs::create_dir_all(at(&person.home())).unwrap();
        fs::set_permissions(at(&person.home()), fs::Permissions::from_mode(0o700)).unwrap();
        chown(at(&person.home()), Some(*uid), Some(gid)).expect("root, whom this test needs");
    }
    passwd.push_str("sshd:x:998:998::/var/empty:/usr/sbin/nologin\n");
    let mut group = String::new();
    for (name, gid) in GROUPS {
        let members = case.people.iter().filter(|person| person.groups.iter().skip(1).any(|group| *group == name));
        let members: Vec<&str> = members.map(|person| person.name.as_str()).collect();
        writeln!(group, "{name}:x:{gid}:{}", members.join(",")).unwrap();
    }
    for (path, text) in [
        ("etc/passwd", passwd.as_str()),
        ("etc/shadow", shadow.as_str()),
        ("etc/group", group.as_str()),
        ("etc/hosts", HOSTS),
        ("etc/nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\nhosts: files\n"),
    ] {
        fs::write(at(path), text).unwrap();
    }
    for (path, (text, mode)) in &case.files {
        let path = at(&format!("etc/{path}"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(*mode)).unwrap();
    }
    for (path, bytes) in &case.bytes {
        fs::write(at(&format!("etc/{path}")), bytes).unwrap();
    }
    for (path, owner) in &case.owners {
        chown(at(&format!("etc/{path}")), Some(*owner), None).expect("root, whom this test needs");
    }
    fs::copy(keys.path().join("ca"), at("etc/ssh/hostkey")).unwrap();
    root
}
