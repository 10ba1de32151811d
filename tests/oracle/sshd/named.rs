//! Systems that were once judged wrongly, each with a nearly identical twin that opens.

use serde_json::Value;

use super::case::{ADDRESSES, Case, Credential};
use super::image::{self, Says};
use super::judge::{self, Keys};
use super::{ask_sshd, differences};
use crate::support::run;

const KEY: Credential = Credential::Key("own");
const NAMED: Credential = Credential::Certificate("named");

/// The difference of a twin: lines of the configuration, and a file below `/etc/ssh`.
struct Twin {
    config: &'static str,
    /// Name, text with the names of keys in braces, mode and owner.
    file: Option<(&'static str, &'static str, u32, u32)>,
}

/// A twin with different lines.
const fn lines(config: &'static str) -> Twin {
    Twin { config, file: None }
}

/// A twin whose file of eve's keys has another mode and owner.
const fn keys(mode: u32, owner: u32) -> Twin {
    Twin { config: "", file: Some(("keys/eve", "{own}", mode, owner)) }
}

/// A twin with a different text in a file.
const fn file(config: &'static str, name: &'static str, text: &'static str) -> Twin {
    Twin { config, file: Some((name, text, 0o444, 0)) }
}

const REVOKED: &str = "RevokedKeys /etc/ssh/revoked\n";
const TRUSTED: &str = "TrustedUserCAKeys /etc/ssh/ca.pub\n";
const PRINCIPALS: &str = "TrustedUserCAKeys /etc/ssh/ca.pub\nAuthorizedPrincipalsFile /etc/ssh/principals\n";

/// A list in binary form that revokes nothing. Its comment is the newline that ends every file here.
const EMPTY_KRL: &str = "SSHKRL\n\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01";

/// The same list, but its comment is longer than the file.
const CUT_KRL: &str = "SSHKRL\n\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02";

/// For eve: the credential, the twin that keeps her out, and the twin that lets her in.
const TWINS: [(&str, Credential, Twin, Twin); 23] = [
    ("a file that only root reads", KEY, keys(0o600, 0), keys(0o644, 0)),
    ("a file that its owner reads", KEY, keys(0o600, 0), keys(0o600, 1000)),
    ("a file that a group may write", KEY, keys(0o464, 0), keys(0o444, 0)),
    ("a file of somebody else", KEY, keys(0o444, 1001), keys(0o444, 1000)),
    (
        "loose modes",
        KEY,
        keys(0o666, 0),
        Twin { config: "StrictModes no\n", file: Some(("keys/eve", "{own}", 0o666, 0)) },
    ),
    ("a revoked key", KEY, file(REVOKED, "revoked", "{own}"), file(REVOKED, "revoked", "{rsa}")),
    ("a malformed list", KEY, file(REVOKED, "revoked", "nonsense"), file(REVOKED, "revoked", "# comment")),
    ("a revoked key with options", KEY, file(REVOKED, "revoked", "no-pty {rsa}"), file(REVOKED, "revoked", "{rsa}")),
    ("a malformed KRL", KEY, file(REVOKED, "revoked", CUT_KRL), file(REVOKED, "revoked", EMPTY_KRL)),
    ("a missing list", KEY, lines(REVOKED), lines("RevokedKeys none\n")),
    (
        "no list under Match",
        KEY,
        lines("Match User eve\nRevokedKeys none\n"),
        lines("RevokedKeys none\nMatch User eve\n"),
    ),
    (
        "any beside lists",
        KEY,
        lines("Match User eve\nAuthenticationMethods publickey any\n"),
        lines("Match User bob\nAuthenticationMethods publickey any\n"),
    ),
    (
        "no algorithms under Match",
        KEY,
        lines("Match all\nPubkeyAcceptedAlgorithms -*\n"),
        lines("PubkeyAcceptedAlgorithms -*\n"),
    ),
    ("no tries", KEY, lines("MaxAuthTries 0\n"), lines("MaxAuthTries 1\n")),
    (
        "an expired key",
        KEY,
        file("", "keys/eve", "expiry-time=\"20000101\" {own}"),
        file("", "keys/eve", "expiry-time=\"20990101\" {own}"),
    ),
    (
        "another address",
        KEY,
        file("", "keys/eve", "from=\"10.1.2.3/8\" {own}"),
        file("", "keys/eve", "from=\"10.0.0.0/8\" {own}"),
    ),
    ("a certificate", NAMED, lines(""), file(TRUSTED, "ca.pub", "{ca}")),
    (
        "no principals under Match",
        NAMED,
        file("TrustedUserCAKeys /etc/ssh/ca.pub\nMatch User eve\nAuthorizedPrincipalsFile none\n", "ca.pub", "{ca}"),
        file("TrustedUserCAKeys /etc/ssh/ca.pub\nAuthorizedPrincipalsFile none\n", "ca.pub", "{ca}"),
    ),
    (
        "expired principals",
        NAMED,
        file(PRINCIPALS, "principals", "expiry-time=\"20000101\" eve"),
        file(PRINCIPALS, "principals", "expiry-time=\"20990101\" eve"),
    ),
    (
        "a malformed line before an authority",
        NAMED,
        file(TRUSTED, "ca.pub", "nonsense\n{ca}"),
        file(TRUSTED, "ca.pub", "# comment\n{ca}\nnonsense"),
    ),
    ("options of an authority", NAMED, file(TRUSTED, "ca.pub", "no-pty {ca}"), file(TRUSTED, "ca.pub", "{ca}")),
    (
        "principals of another name",
        NAMED,
        file("", "keys/eve", "cert-authority,principals=\"ops\" {ca}"),
        file("", "keys/eve", "cert-authority,principals=\"ops,eve\" {ca}"),
    ),
    ("a revoked authority", NAMED, file("", "revoked", "{ca}"), file("", "revoked", "{rsa}")),
];

/// A system with this twin.
fn case(name: &str, credential: Credential, twin: &Twin, keys: &Keys) -> Case {
    let trusted = if name == "a revoked authority" {
        "TrustedUserCAKeys /etc/ssh/ca.pub\nRevokedKeys /etc/ssh/revoked\n"
    } else {
        ""
    };
    let config = format!("AuthorizedKeysFile /etc/ssh/keys/%u\nUsePAM yes\n{trusted}{}", twin.config);
    let mut case = Case::new(name, &config, "!");
    let own = if credential == KEY { keys.public("own") } else { String::new() };
    case = case.with("ssh/keys/eve", &format!("{own}\n")).with("ssh/ca.pub", &format!("{}\n", keys.public("ca")));
    if let Some((file, text, mode, owner)) = twin.file {
        let names = ["own", "rsa", "ca"].into_iter();
        let text = names.fold(text.to_owned(), |text, name| text.replace(&format!("{{{name}}}"), &keys.public(name)));
        let path = format!("ssh/{file}");
        case = case.with(&path, &format!("{text}\n")).with_mode(&path, mode, owner);
    }
    case.addresses = vec![ADDRESSES[1]];
    case.credentials = vec![credential];
    case
}

#[test]
fn of_two_systems_that_are_nearly_equal_one_shuts_out_and_one_lets_in() {
    let keys = Keys::new();
    let twins = TWINS.iter().flat_map(|(name, credential, shut, open)| {
        [(case(name, *credential, shut, &keys), false), (case(name, *credential, open, &keys), true)]
    });
    let (cases, opens): (Vec<Case>, Vec<bool>) = twins.unzip();
    let ours = image::ask(&cases, &keys);
    let theirs = ask_sshd(&cases, &keys);
    let mut wrong = Vec::new();
    for (((case, ours), theirs), opens) in cases.iter().zip(&ours).zip(&theirs).zip(opens) {
        let eve = ("eve".to_owned(), case.credentials[0]);
        if theirs.broken.is_some() || theirs.open.get(&eve) != Some(&vec![opens]) {
            wrong.push(format!("{} ({opens}): sshd says {theirs:?}", case.name));
        }
        let says = &ours.says[&eve];
        if matches!(says, Says::No(_)) == opens {
            wrong.push(format!("{} ({opens}): nixoscope says {says:?}", case.name));
        }
        wrong.extend(
            differences(case, ours, theirs).into_iter().map(|difference| format!("{}: {difference}", case.name)),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_command_says_of_a_key_what_sshd_does() {
    let keys = Keys::new();
    let key = keys.public("own");
    for (name, credential, shut, open) in TWINS.iter().filter(|(_, credential, ..)| *credential == KEY) {
        for (twin, opens) in [(shut, false), (open, true)] {
            let case = case(name, *credential, twin, &keys);
            let theirs = judge::ask(&case, &keys);
            assert_eq!(theirs.open[&("eve".to_owned(), KEY)], [opens], "{name}");
            let folder = tempfile::tempdir().expect("a folder for an image");
            let image = image::image(std::slice::from_ref(&case), folder.path()).display().to_string();
            let check = run(&["check", "--json", &image, "--key", &key, "--user", "eve"]);
            assert_eq!(check.code, Some(i32::from(!opens)), "{name} {opens}: {}", check.out);
            let access = run(&["access", "--json", &image]);
            let document: Value = serde_json::from_str(&access.out).expect("a document");
            let users = document["users"].as_array().expect("users");
            let eve = users.iter().find(|user| user["name"] == "eve").expect("eve");
            let grants = eve["entrances"].as_array().expect("entrances");
            let verdicts: Vec<&Value> =
                grants.iter().filter(|grant| grant["entrance"] == "ssh-key").map(|grant| &grant["verdict"]).collect();
            assert_eq!(verdicts, [if opens { "granted" } else { "denied" }], "{name} {opens}");
        }
    }
}

/// Lists in binary form: the lines, the authority of their certificates, the credential, and whether eve gets in.
const LISTS: [(&str, Option<&str>, Credential, bool); 11] = [
    ("key: {own}", None, KEY, false),
    ("key: {rsa}", None, KEY, true),
    ("sha1: {own}", None, KEY, false),
    ("sha1: {rsa}", None, KEY, true),
    ("sha256: {own}", None, KEY, false),
    ("sha256: {rsa}", None, KEY, true),
    ("id: named", Some("ca"), NAMED, false),
    ("id: named", Some("stranger"), NAMED, true),
    ("serial: 1-9", Some("ca"), NAMED, true),
    ("key: {ca}", None, NAMED, false),
    ("key: {certified}", None, NAMED, false),
];

#[test]
fn a_binary_list_of_revoked_keys_shuts_out_whom_sshd_shuts_out() {
    let keys = Keys::new();
    let case = |(lines, authority, credential, _): &(&str, Option<&str>, Credential, bool)| {
        let names = ["own", "rsa", "ca", "certified"].into_iter();
        let lines =
            names.fold((*lines).to_owned(), |text, name| text.replace(&format!("{{{name}}}"), &keys.public(name)));
        let config = format!("AuthorizedKeysFile /etc/ssh/keys/%u\nUsePAM yes\n{TRUSTED}{REVOKED}");
        let case = Case::new(&lines, &config, "!").with("ssh/keys/eve", &format!("{}\n", keys.public("own")));
        let case = case.with("ssh/ca.pub", &format!("{}\n", keys.public("ca")));
        let list = keys.revocation_list(&format!("{lines}\n"), *authority);
        Case { credentials: vec![*credential], ..case.with_bytes("ssh/revoked", list) }
    };
    let cases: Vec<Case> = LISTS.iter().map(case).collect();
    let ours = image::ask(&cases, &keys);
    let theirs = ask_sshd(&cases, &keys);
    let mut wrong = Vec::new();
    for (((case, ours), theirs), (.., opens)) in cases.iter().zip(&ours).zip(&theirs).zip(LISTS) {
        let eve = ("eve".to_owned(), case.credentials[0]);
        if theirs.open.get(&eve) != Some(&vec![opens]) {
            wrong.push(format!("{} ({opens}): sshd says {theirs:?}", case.name));
        }
        wrong.extend(
            differences(case, ours, theirs).into_iter().map(|difference| format!("{}: {difference}", case.name)),
        );
        // Only what names this very authority leaves its certificates open.
        let is_of_other = case.name == "id: named" && opens;
        if is_of_other && ours.says[&eve] != Says::Yes {
            wrong.push(format!("{}: nixoscope says {:?}", case.name, ours.says[&eve]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
