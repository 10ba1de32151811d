//! Fields of `/etc/shadow`, compared with pam_unix and crypt(3).

use nixoscope::nixos::access::{Entrance, People};
use nixoscope::nixos::answer::Verdict;

use super::generator::Generator;
use super::world::{Files, PASSWD, Probe, accesses, judged, number};
use crate::tool::{text, tool};

/// Fields per run, unless the environment says otherwise.
const COUNT: usize = 80;

/// Passwords of the fields that open: one for each length that bigcrypt distinguishes.
const PASSWORDS: [&str; 2] = ["secret", "secretsecret"];

const PROBES: [Probe; 3] = [("eve", "-", "enter"), ("eve", "-", PASSWORDS[0]), ("eve", "-", PASSWORDS[1])];

/// Salts and parameters of every scheme. The last one is DES.
const SETTINGS: [&str; 13] = [
    "$y$j75$abcdefghijklmnop$",
    "$gy$j75$abcdefghijklmnop$",
    "$7$CU..../....abcdefgh$",
    "$2b$04$abcdefghijklmnopqrstuu",
    "$2y$04$abcdefghijklmnopqrstuu",
    "$6$saltsalt$",
    "$6$rounds=1000$saltsalt$",
    "$5$saltsalt$",
    "$sha1$100$saltsalt$",
    "$md5$saltsalt$",
    "$1$saltsalt$",
    "_J9..CCCC",
    "ab",
];

/// The second field of passwd, and what follows the name in shadow. `HASH` stands for a hash of the first password.
const LINES: [(&str, &str); 26] = [
    ("x", "HASH:1::::::"),
    ("x", ":1::::::"),
    ("x", "!:1::::::"),
    ("", "HASH:1::::::"),
    ("", "!:1::::::"),
    ("HASH", "!:1::::::"),
    ("HASH", ":1::::::"),
    ("*", "HASH:1::::::"),
    ("!", ":1::::::"),
    ("##eve", "HASH:1::::::"),
    ("##eve", "!:1::::::"),
    // The sixth number is the day on which the account expires.
    ("x", "HASH:1:::::2:"),
    ("x", "HASH:1:::::0:"),
    ("x", "HASH:1:::::99999:"),
    ("x", ":1:::::2:"),
    ("HASH", "!:1:::::99999:"),
    // Lines that the C library skips.
    ("x", "HASH"),
    ("x", "HASH:"),
    ("x", "HASH:1::"),
    ("x", "HASH\n:1::::::"),
    ("x", "\n:1::::::"),
    ("x", "HASH:x::::::"),
    ("x", "HASH:1:::::::"),
    // Hashes of the empty text, and of nothing.
    ("x", "EMPTY:1::::::"),
    ("EMPTY", "!:1::::::"),
    ("x", "$6$:1::::::"),
];

#[test]
fn lines_of_passwd_and_shadow_of_every_form_open_what_pam_unix_opens() {
    let crypt = "print map { crypt($_, q($6$saltsalt$)) . \"\\n\" } @ARGV";
    let hashes = text(tool("perl").args(["-e", crypt, PASSWORDS[0], ""]));
    let hashes: Vec<&str> = hashes.lines().collect();
    let with = |text: &str| text.replace("HASH", hashes[0]).replace("EMPTY", hashes[1]);
    let pam = "auth sufficient pam_unix.so nodelay nullok\nauth required pam_deny.so\naccount required pam_unix.so\n";
    let files = |(passwd, shadow): &(&str, &str)| -> Files {
        let passwd = PASSWD.replace("eve:x:", &format!("eve:{}:", with(passwd)));
        let shadow = format!("root:!:1::::::\nbob:!:1::::::\neve:{}\n", with(shadow));
        [("passwd", passwd), ("shadow", shadow), ("pam.d/login", pam.to_owned())]
            .map(|(name, text)| (name.to_owned(), text))
            .to_vec()
    };
    let wrong = disagreements(&LINES.iter().map(files).collect::<Vec<_>>());
    let told = wrong.iter().map(|(index, what)| format!("{what} {:?}", LINES[*index])).collect::<Vec<_>>();
    assert!(told.is_empty(), "{}", told.join("\n"));
}

/// The configurations about which PAM disagrees.
fn disagreements(configurations: &[Files]) -> Vec<(usize, &'static str)> {
    let asked: Vec<(Files, Vec<Probe>)> = configurations.iter().map(|files| (files.clone(), PROBES.to_vec())).collect();
    let open = judged("pam.sh", &asked);
    let mut wrong = Vec::new();
    for (index, people) in accesses(configurations).iter().enumerate() {
        let theirs = PROBES.iter().any(|(user, _, typed)| open.contains(&format!("{index:05} {user} - {typed}")));
        if opens(people) != theirs {
            wrong.push((index, if theirs { "MISSED" } else { "FALSE ALARM" }));
        }
    }
    wrong
}

#[test]
fn random_fields_of_shadow_open_what_pam_unix_opens() {
    let seed = number("NIXOSCOPE_ORACLE_SEED", 1) as u64;
    let count = number("NIXOSCOPE_ORACLE_COUNT", COUNT);
    let hashes = hashes();
    let fields: Vec<String> = (0..count as u64).map(|index| field(&hashes, seed << 32 | index)).collect();
    let files = |field: &String| -> Files {
        let shadow = format!("root:!:1::::::\neve:{field}:1::::::\n");
        let pam =
            "auth sufficient pam_unix.so nodelay nullok\nauth required pam_deny.so\naccount required pam_permit.so\n";
        [("shadow", shadow.as_str()), ("pam.d/login", pam)]
            .map(|(name, text)| (name.to_owned(), text.to_owned()))
            .to_vec()
    };
    let configurations: Vec<Files> = fields.iter().map(files).collect();
    let wrong = disagreements(&configurations);
    let wrong: Vec<String> = wrong.iter().map(|(index, what)| format!("{what} {:?}", fields[*index])).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether some password opens the account. It does not matter whether NixOS's libcrypt still has the scheme.
fn opens(people: &People) -> bool {
    let eve = people.account("eve").unwrap();
    eve.entrances.iter().any(|grant| grant.entrance == Entrance::Console && grant.verdict() != Verdict::Denied)
}

/// The hashes of the passwords by all schemes.
fn hashes() -> Vec<String> {
    let crypt = "print map { crypt($ARGV[0], $_) . \"\\n\" } @ARGV[1..$#ARGV]";
    let all = text(tool("perl").args(["-e", crypt, PASSWORDS[0]]).args(SETTINGS));
    let mut hashes: Vec<String> = all.lines().map(str::to_owned).collect();
    assert_eq!(hashes.len(), SETTINGS.len());
    assert!(hashes.iter().all(|hash| !hash.is_empty() && !hash.starts_with('*')), "{hashes:?}");
    // bigcrypt hashes each further eight letters with the first two characters of the previous hash as salt.
    let big = "my $h = crypt(substr($ARGV[0], 0, 8), 'ab'); \
        print $h . substr(crypt(substr($ARGV[0], 8), substr($h, 2, 2)), 2)";
    hashes.push(text(tool("perl").args(["-e", big, PASSWORDS[1]])));
    hashes
}

fn field(hashes: &[String], seed: u64) -> String {
    let mut generator = Generator::new(seed);
    let hash = generator.of(&hashes.iter().map(String::as_str).collect::<Vec<_>>()).to_owned();
    let cut = |count: usize| hash.get(..hash.len() - count).unwrap_or_default().to_owned();
    match generator.of(&[0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]) {
        0 => hash,
        1 => cut(1),
        2 => cut(hash.len() / 2),
        3 => format!("{hash}a"),
        4 => format!("{hash}abcdefghij"),
        5 => format!("!{hash}"),
        6 => hash.replacen(
            "$6$",
            generator.of(&["$6$rounds=999$", "$6$rounds=0$", "$6$rounds=x$", "$6$rounds=05000$"]),
            1,
        ),
        7 => hash.replacen('$', generator.of(&["$x", "$9", "#"]), 1),
        8 => cut(3),
        _ => generator
            .of(&["", "!", "*", "x", "!!", "*0", "*1", "$6$", "$y$", "secret", "$", "$$", "ab", "!*"])
            .to_owned(),
    }
}
