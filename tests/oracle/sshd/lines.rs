//! Lines of `authorized_keys`, each in the file of its own user: random lines, and lines that were once misread.

use super::case::{Case, Credential, Person};
use super::judge::Keys;
use crate::random::Random;

/// Text before a key, between its parts and after it. `K` is the key, `T` its type, `B` its base64.
const FORMS: [&str; 34] = [
    "K",
    "K comment with blanks",
    "  K",
    "\tK\t",
    "T\tB comment",
    "T   B",
    "K\r",
    "K\x0c",
    "K\x0b comment",
    "#K",
    " # K",
    "\"K",
    "T",
    "TB",
    "ssh-rsa B",
    "rsa-sha2-512 B",
    "ssh-unheard-of B",
    "SSH-ED25519 B",
    "T =B",
    "T B=",
    "T B==== comment",
    "T <B",
    "K\0junk",
    "\x0cK",
    "restrict K # tail",
    "restrict  T  B",
    "restrict, K",
    ",restrict K",
    "restrict K K",
    "no such option K",
    "x K",
    "T\nB",
    "restrict\nK",
    "\nK",
];

/// Valid and invalid options.
const OPTIONS: [&str; 60] = [
    "restrict",
    "Restrict",
    "no-pty",
    "NO-PTY",
    "pty",
    "no-pty=1",
    "no-ptty",
    "no-restrict",
    "no-verify-required",
    "no-touch-required",
    "verify-required",
    "user-rc",
    "no-user-rc",
    "port-forwarding",
    "no-port-forwarding",
    "no-agent-forwarding,no-x11-forwarding",
    "cert-authority",
    "no-cert-authority",
    "command=\"/bin/true\"",
    "command=\"a b\"",
    "command=\"\"",
    "command=true",
    "command='true'",
    "command",
    "command=",
    "command=\"a\",command=\"b\"",
    "COMMAND=\"x\"",
    "command=\"a\\\"b\"",
    "command=\"a\\\\\"",
    "command=\"a,b\",restrict",
    "command=\"a\" ",
    "from=\"10.1.2.3\"",
    "from=\"10.*\"",
    "from=\"10.0.0.0/8\"",
    "from=\"10.1.2.3/8\"",
    "from=\"!10.1.2.3,*\"",
    "from=\"192.0.2.7\"",
    "from=\"\"",
    "from=\"*\",from=\"*\"",
    "from=10.1.2.3",
    "expiry-time=\"20990101\"",
    "expiry-time=\"20000101\"",
    "expiry-time=\"209901011200\"",
    "expiry-time=\"20990101Z\"",
    "expiry-time=\"2099-01-01\"",
    "expiry-time=\"tomorrow\"",
    "expiry-time=\"20990101\",expiry-time=\"20000101\"",
    "principals=\"eve\"",
    "environment=\"A=b\"",
    "environment=\"A\"",
    "environment=\"A b=c\"",
    "permitopen=\"host:22\"",
    "permitopen=\"host\"",
    "permitopen=\"[::1]:22\"",
    "permitlisten=\"8080\"",
    "permitlisten=\"localhost:8080\"",
    "tunnel=\"0\"",
    "tunnel=\"any\"",
    "tunnel=\"x\"",
    "restrict,pty",
];

/// A system whose users have one line each: every form and option once, then combinations.
pub(crate) fn case(seed: u64, count: usize, keys: &Keys) -> Case {
    let mut random = Random::new(seed);
    let config = "AuthorizedKeysFile /etc/ssh/keys/%u\nUsePAM yes\nMaxSessions 100\n";
    let mut case = Case::new("lines", config, "!");
    case.people.clear();
    case.credentials = vec![Credential::Key("own")];
    let line = keys.public("own");
    let line = line.rsplit_once(' ').expect("a comment").0;
    let (kind, base64) = line.split_once(' ').expect("a type");
    let filled = |form: &str| form.replace('K', "T B").replace('T', kind).replace('B', base64);
    let options = OPTIONS.iter().map(|options| format!("{options} K"));
    let mut forms: Vec<String> = FORMS.iter().map(ToString::to_string).chain(options).collect();
    while forms.len() < count {
        let mut option = || OPTIONS[random.below(OPTIONS.len())];
        let (one, other, third) = (option(), option(), option());
        forms.push(match random.below(4) {
            0 => format!("{one},{other} K"),
            1 => format!("{one},{other},{third} K comment"),
            // A valid line may follow an invalid one.
            2 => format!("{one} K\n{other} K"),
            _ => format!("{one}\t{}", FORMS[random.below(FORMS.len())]),
        });
    }
    for (number, form) in (0u32..).zip(forms) {
        // Letters of the options must not be mistaken for the key.
        let text: String = match form.split_once('K') {
            Some((before, after)) => format!("{before}{line}{}", after.replace('K', line)),
            None => filled(&form),
        };
        let name = format!("u{number}");
        let person = Person {
            name: name.clone(),
            uid: 2000 + number,
            groups: vec!["users"],
            hash: "*".into(),
            shell: "/bin/sh",
        };
        case.people.push(person);
        case = case.with(&format!("ssh/keys/{name}"), &(text + "\n"));
    }
    case
}
