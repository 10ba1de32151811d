//! Random configurations of sshd: every keyword, quoted in every way, in any order, included, under any `Match`.

use super::case::{ADDRESSES, Case, Credential};
use super::judge::Keys;
use crate::random::Random;

/// Keywords that decide who gets in, with values. `|` separates the words of a value. They may be under a `Match`.
const DECIDING: [(&str, &[&str]); 26] = [
    ("AllowGroups", &["wheel", "users", "ops|root", "w*", "nobody", "!ops|*"]),
    (
        "AllowUsers",
        &[
            "eve",
            "eve|root",
            "*",
            "e*|r*",
            "eve@10.*",
            "bob|zoe",
            "*@192.0.2.0/24",
            "!bob|*",
            "root@inside.example.org",
        ],
    ),
    (
        "AuthenticationMethods",
        &[
            "any",
            "publickey",
            "password",
            "publickey,password",
            "password|publickey",
            "keyboard-interactive:pam",
            "publickey,publickey",
        ],
    ),
    (
        "AuthorizedKeysFile",
        &[
            "/etc/ssh/keys/%u",
            "/etc/ssh/keys/%u|/etc/ssh/more/%u",
            "/etc/ssh/more/%u",
            "none",
            ".ssh/authorized_keys",
            "%h/../../etc/ssh/keys/%u",
            "/etc/ssh/a b/%u",
            "/etc/ssh/keys/%U",
            "/etc/ssh/../ssh/keys/%u",
        ],
    ),
    ("AuthorizedKeysCommand", &["none"]),
    ("AuthorizedPrincipalsFile", &["none", "/etc/ssh/principals/%u", "/etc/ssh/missing/%u"]),
    ("CASignatureAlgorithms", &["ssh-ed25519", "rsa-sha2-512", "-ssh-ed25519", "+ssh-rsa"]),
    ("DenyGroups", &["ops", "wheel|nobody", "*", "!users|*", "u?ers"]),
    ("DenyUsers", &["bob", "eve", "nobody", "*@10.1.2.3", "r*", "eve@192.0.2.*|zoe", "!eve"]),
    ("ForceCommand", &["none", "/bin/true", "internal-sftp", "/bin/echo|a"]),
    ("HostbasedAuthentication", &["yes", "no"]),
    ("KbdInteractiveAuthentication", &["yes", "no"]),
    ("MaxAuthTries", &["6", "1", "2", "0"]),
    ("PasswordAuthentication", &["yes", "no", "no", "yes"]),
    ("PermitEmptyPasswords", &["yes", "no"]),
    ("PermitRootLogin", &["yes", "no", "prohibit-password", "without-password", "forced-commands-only"]),
    (
        "PubkeyAcceptedAlgorithms",
        &[
            "ssh-ed25519",
            "ssh-rsa",
            "rsa-sha2-512,ssh-ed25519",
            "-ssh-ed25519",
            "-*",
            "+ssh-rsa",
            "^ecdsa*",
            "*",
            "ssh-ed25519-cert-v01@openssh.com",
            "*cert*",
        ],
    ),
    ("PubkeyAuthentication", &["yes", "no"]),
    ("RevokedKeys", &["none", "/etc/ssh/revoked"]),
    ("TrustedUserCAKeys", &["none", "/etc/ssh/ca.pub", "/etc/ssh/cas"]),
    ("AllowTcpForwarding", &["yes", "no", "local", "remote", "all"]),
    ("Banner", &["none", "/etc/issue"]),
    ("ClientAliveInterval", &["0", "60", "1m"]),
    ("PermitTTY", &["yes", "no"]),
    ("X11Forwarding", &["yes", "no"]),
    ("LogLevel", &["INFO", "VERBOSE", "QUIET"]),
];

/// Keywords that are only allowed in the global part.
const GLOBAL: [(&str, &[&str]); 27] = [
    ("AddressFamily", &["any", "inet"]),
    ("Ciphers", &["aes128-ctr,aes256-gcm@openssh.com", "^aes256-ctr"]),
    ("Compression", &["yes", "no", "delayed"]),
    ("FingerprintHash", &["sha256", "md5"]),
    ("GSSAPIAuthentication", &["no"]),
    ("HostKeyAlgorithms", &["ssh-ed25519", "+ssh-rsa"]),
    ("HostKey", &["/etc/ssh/hostkey"]),
    ("IgnoreRhosts", &["yes", "no", "shosts-only"]),
    ("IgnoreUserKnownHosts", &["yes", "no"]),
    ("KerberosAuthentication", &["no"]),
    ("ListenAddress", &["0.0.0.0", "127.0.0.1", "0.0.0.0:2200", "127.0.0.1:22"]),
    ("LoginGraceTime", &["120", "2m", "30"]),
    ("MACs", &["hmac-sha2-256,hmac-sha2-512"]),
    ("PermitUserEnvironment", &["no", "yes"]),
    ("Port", &["22", "2222"]),
    ("PrintMotd", &["no", "yes"]),
    ("PrintLastLog", &["no"]),
    ("PubkeyAuthOptions", &["none", "touch-required"]),
    ("RequiredRSASize", &["1024", "2048", "3072"]),
    ("StrictModes", &["yes", "no"]),
    ("Subsystem", &["sftp|/usr/lib/openssh/sftp-server", "sftp|internal-sftp|-l|INFO"]),
    ("SyslogFacility", &["AUTH", "DAEMON"]),
    ("TCPKeepAlive", &["yes", "no"]),
    ("UseDNS", &["yes", "no"]),
    ("UsePAM", &["yes", "yes", "yes", "no"]),
    ("ChallengeResponseAuthentication", &["yes", "no"]),
    ("PubkeyAcceptedKeyTypes", &["ssh-ed25519,ssh-rsa", "ecdsa*"]),
];

/// Lines that prevent sshd from starting.
const BROKEN: [&str; 15] = [
    "PermitRootLogin maybe",
    "PasswordAuthentication nope",
    "NoSuchKeyword yes",
    "PubkeyAuthentication yes no",
    "PermitRootLogin",
    "AuthenticationMethods any publickey",
    "AuthenticationMethods publickey any",
    "Match Nobody eve",
    "Match User",
    "Match all User eve",
    "Port 0x16",
    "Port 70000",
    "MaxAuthTries many",
    "Banner \"/etc/issue",
    "LogLevel LOUD",
];

/// Criteria of `Match`.
const CRITERIA: [(&str, &[&str]); 8] = [
    ("User", &["eve", "bob,zoe", "e*,!eve", "root", "!root,*", "*"]),
    ("Group", &["wheel", "ops", "users,!wheel", "*"]),
    ("Address", &["10.0.0.0/8", "192.0.2.7", "!10.1.2.3,*", "127.0.0.1,::1", "fd00::/8"]),
    ("Host", &["inside.example.org", "*.example.net", "127.*"]),
    ("LocalAddress", &["127.0.0.1", "10.0.0.0/8", "::1"]),
    ("LocalPort", &["22", "2222"]),
    ("RDomain", &["blue"]),
    ("all", &[]),
];

/// A case. It depends only on the numbers.
pub(crate) fn case(seed: u64, number: u64, keys: &Keys) -> Case {
    let mut random = Random::new(seed.wrapping_mul(1_000_003).wrapping_add(number));
    let mut files = Vec::new();
    let mut lines = Vec::new();
    if random.below(8) > 0 {
        lines.push("AuthorizedKeysFile /etc/ssh/keys/%u".to_owned());
    }
    if random.below(3) > 0 {
        lines.push("UsePAM yes".to_owned());
    }
    for _ in 0..random.below(7) {
        lines.push(line(&mut random, &DECIDING));
    }
    for _ in 0..random.below(4) {
        lines.push(line(&mut random, &GLOBAL));
    }
    shuffle(&mut random, &mut lines);
    for _ in 0..[0, 0, 1, 1, 2, 3][random.below(6)] {
        lines.push(criteria(&mut random));
        for _ in 0..=random.below(3) {
            lines.push(format!("{}{}", ["", "  ", "\t"][random.below(3)], line(&mut random, &DECIDING)));
        }
    }
    if random.below(12) == 0 {
        let at = random.below(lines.len() + 1);
        lines.insert(at, one(&mut random, &BROKEN).to_owned());
    }
    if lines.len() > 1 && random.below(3) == 0 {
        let start = random.below(lines.len() - 1);
        let end = start + 1 + random.below(lines.len() - start);
        let included: Vec<String> = lines.splice(start..end, []).collect();
        let cut = random.below(included.len() + 1);
        let (one_file, other) = included.split_at(cut);
        files.push(("ssh/conf.d/10-one.conf", one_file.join("\n") + "\n"));
        files.push(("ssh/conf.d/20-other.conf", other.join("\n") + "\n"));
        let forms = [
            "Include conf.d/*.conf",
            "Include /etc/ssh/conf.d/*0-*.conf",
            "Include \"conf.d/10-one.conf\" conf.d/20*",
            "include=conf.d/??-*.conf",
            "Include /etc/ssh/conf.d/10-one.conf /etc/ssh/conf.d/20-other.conf /etc/ssh/absent",
        ];
        lines.insert(start, one(&mut random, &forms).to_owned());
    }
    let end = ["\n", "\r\n", " \n", "\n\n# comment \"\n", "\t\n"][[0, 0, 0, 1, 2, 3, 4][random.below(7)]];
    let config = lines.iter().map(|line| format!("{line}{end}")).collect::<String>();
    let hash = ["!", &keys.hash, &keys.hash, ""][random.below(4)];
    let mut case = Case::new(&format!("{seed}:{number}"), &config, hash);
    for (path, text) in files {
        case = case.with(path, &text);
    }
    let listed = ["own", "rsa", "ecdsa"].map(|name| keys.public(name)).join("\n") + "\n";
    for name in ["root", "eve", "bob", "1000"] {
        let folder = ["keys", "more", "a b"][[0, 0, 0, 1, 2][random.below(5)]];
        case = case.with(&format!("ssh/{folder}/{name}"), &listed);
    }
    case = case.with("ssh/ca.pub", &(keys.public("ca") + "\n"));
    case = case.with("ssh/cas", &format!("# authorities\n{}\n\n{}\n", keys.public("stranger"), keys.public("ca")));
    case = case.with("ssh/principals/eve", "# names\nops\n");
    case = case.with("ssh/principals/bob", "bob\nfrom=\"10.0.0.0/8\" ops # tail\n");
    case = case.with("ssh/revoked", &(keys.public("ecdsa") + "\n"));
    case = varied(&mut Random::new(seed.wrapping_mul(7_000_003).wrapping_add(number)), case, keys);
    let files = case.files.iter().filter(|(path, _)| path.contains("conf"));
    let text: String = files.map(|(_, (text, _))| text.as_str()).collect();
    let text = text.to_ascii_lowercase();
    if ["match", "@", "principals"].iter().any(|word| text.contains(word)) {
        case.addresses = ADDRESSES[..3].to_vec();
    }
    // One of the types, so that no case takes longer than the others.
    case.credentials = vec![Credential::Key(["own", "own", "rsa", "ecdsa"][random.below(4)]), Credential::Password];
    if text.contains("trustedusercakeys") {
        case.credentials.push(Credential::Certificate(["named", "ops", "anybody", "strange"][random.below(4)]));
    }
    case
}

/// Stacks of PAM for sshd, the usual one not among them.
const STACKS: [&str; 9] = [
    "account required pam_unix.so\nauth required pam_deny.so\n",
    "account required pam_deny.so\nauth sufficient pam_unix.so\nauth required pam_deny.so\n",
    "account required pam_unix.so\nauth sufficient pam_unix.so likeauth nullok try_first_pass\nauth required pam_deny.so\n",
    "account required pam_permit.so\nauth required pam_permit.so\n",
    "account required pam_unix.so\naccount required pam_shells.so\nauth sufficient pam_unix.so\nauth required pam_deny.so\n",
    "account required pam_succeed_if.so user ingroup wheel\nauth required pam_unix.so\n",
    "account sufficient pam_succeed_if.so uid = 1000\naccount required pam_deny.so\nauth required pam_unix.so\n",
    "account required pam_unix.so\nauth required pam_env.so\nauth [success=1 default=ignore] pam_unix.so nullok\n\
     auth requisite pam_deny.so\nauth required pam_permit.so\n",
    "account required pam_unix.so\n",
];

/// Lists of revoked keys. `{}` is a key.
const REVOKED: [&str; 4] = ["", "# none\n", "{}\n", "nonsense\n"];

/// The case with other modes and owners of files of keys, another list of revoked keys, or another stack of PAM.
fn varied(random: &mut Random, mut case: Case, keys: &Keys) -> Case {
    if random.below(3) == 0 {
        let stack = one(random, &STACKS);
        case = case.with("pam.d/sshd", &format!("{stack}session required pam_permit.so\n"));
    }
    case = case.with("shells", "/bin/bash\n/bin/sh\n");
    if random.below(3) == 0 {
        let list = one(random, &REVOKED).replace("{}", &keys.public(["own", "rsa", "ca"][random.below(3)]));
        case = case.with("ssh/revoked", &list);
    }
    let files: Vec<String> = case.files.keys().filter(|path| path.starts_with("ssh/keys/")).cloned().collect();
    for path in files.into_iter().filter(|_| random.below(4) == 0).collect::<Vec<_>>() {
        // Not writable by the group alone: unlike OpenSSH, Debian tolerates that if the group is the user's own.
        let mode = [0o600, 0o644, 0o640, 0o446, 0o666, 0o400][random.below(6)];
        case = case.with_mode(&path, mode, [0, 1000, 1001][random.below(3)]);
    }
    if random.below(8) == 0 {
        case.people.iter_mut().filter(|person| person.name != "root").for_each(|person| person.shell = "/bin/dash");
    }
    case
}

fn one<'t>(random: &mut Random, of: &[&'t str]) -> &'t str {
    of[random.below(of.len())]
}

fn shuffle(random: &mut Random, lines: &mut [String]) {
    for at in (1..lines.len()).rev() {
        lines.swap(at, random.below(at + 1));
    }
}

/// A line with a keyword of the table, written in one of the ways that sshd accepts.
fn line(random: &mut Random, table: &[(&str, &[&str])]) -> String {
    let (keyword, values) = loop {
        let (keyword, values) = table[random.below(table.len())];
        if !values.is_empty() {
            break (keyword, values);
        }
    };
    let value = one(random, values);
    let keyword = match random.below(4) {
        0 => keyword.to_ascii_lowercase(),
        1 => keyword.to_ascii_uppercase(),
        _ => keyword.to_owned(),
    };
    let between = one(random, &[" ", " ", " ", "\t", "=", " = ", "  "]);
    let words: Vec<String> = value.split('|').map(|word| quoted(random, word)).collect();
    let tail = one(random, &["", "", "", "", " # comment", " "]);
    format!("{keyword}{between}{}{tail}", words.join(one(random, &[" ", "\t", "  "])))
}

fn quoted(random: &mut Random, word: &str) -> String {
    match random.below(if word.contains(' ') { 4 } else { 8 }) {
        0 | 1 => format!("\"{word}\""),
        2 => format!("'{word}'"),
        3 => word.replace(' ', "\\ "),
        _ => word.to_owned(),
    }
}

fn criteria(random: &mut Random) -> String {
    let mut line = "Match".to_owned();
    for count in 0..=random.below(2) {
        let (name, values) = CRITERIA[random.below(CRITERIA.len() - count)];
        line.push_str(one(random, &[" ", " ", "\t"]));
        line.push_str(&if random.below(4) == 0 { name.to_ascii_lowercase() } else { name.to_owned() });
        if values.is_empty() {
            break;
        }
        line.push_str(one(random, &[" ", " ", "  "]));
        let value = one(random, values);
        line.push_str(&if random.below(5) == 0 { format!("\"{value}\"") } else { value.to_owned() });
    }
    line
}
