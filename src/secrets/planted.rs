//! Two hundred planted secrets of every kind, each in a text, a unit, a program or another suitable file. Each has a near twin
//! that is not a secret: a placeholder, a format string, a public key.

use data_encoding::{BASE64, HEXLOWER};

use super::rules::FileKind;
use super::scanner::{Scanner, Sighting};

/// Planted secrets of every kind.
const MANY: usize = 200;

const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const CRYPT: &[u8] = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const CAPITALS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const BECH32: &[u8] = b"QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L";

/// Marsaglia's xorshift, of 64 bits.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap()
    }

    fn of(&mut self, alphabet: &[u8], length: usize) -> String {
        (0..length).map(|_| char::from(alphabet[self.below(alphabet.len())])).collect()
    }

    fn letters(&mut self, length: usize) -> String {
        self.of(LETTERS, length)
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| u8::try_from(self.below(256)).unwrap()).collect()
    }

    /// A password as people choose them.
    fn password(&mut self) -> String {
        let length = 7 + self.below(12);
        let first = self.letters(1);
        first + &self.of(b"abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789!#&*+,-.;?^_~", length)
    }

    fn user(&mut self) -> String {
        let length = 2 + self.below(8);
        format!("u{}", self.of(b"abcdefghijklmnopqrstuvwxyz0123456789_-", length))
    }

    fn one<'c>(&mut self, choices: &[&'c str]) -> &'c str {
        choices[self.below(choices.len())]
    }
}

type Plant = fn(&mut Random) -> Planted;

/// A file with a secret, and one without.
struct Planted {
    path: String,
    /// The text before the secret, the secret, and the text after it.
    text: [String; 3],
    /// Replaces the secret in the twin.
    twin: String,
    expected: String,
    carrier: Carrier,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Carrier {
    /// The text is the whole file.
    Whole,
    /// The text is some lines of a file.
    Lines,
    /// Anything may surround it.
    Anything,
}

fn anything(secret: String, twin: String, expected: &str) -> Planted {
    let text = [String::new(), secret, String::new()];
    Planted { path: String::new(), text, twin, expected: expected.to_owned(), carrier: Carrier::Anything }
}

fn lines(path: &str, [before, secret, after]: [&str; 3], twin: &str, expected: String) -> Planted {
    let text = [before, secret, after].map(str::to_owned);
    Planted { path: path.to_owned(), text, twin: twin.to_owned(), expected, carrier: Carrier::Lines }
}

fn whole(path: &str, [before, secret, after]: [&str; 3], twin: &str, expected: String) -> Planted {
    Planted { carrier: Carrier::Whole, ..lines(path, [before, secret, after], twin, expected) }
}

fn armour(label: &str, bytes: &[u8]) -> String {
    let digits = BASE64.encode(bytes);
    let body: Vec<&str> = digits.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", body.join("\n"))
}

fn key(random: &mut Random) -> (&'static str, String) {
    let label =
        random.one(&["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "OPENSSH PRIVATE KEY", "DSA PRIVATE KEY"]);
    let start: &[u8] = if label.starts_with("OPENSSH") { b"openssh-key-v1\0" } else { &[0x30] };
    let length = 40 + random.below(1200);
    (label, armour(label, &[start, &random.bytes(length)].concat()))
}

fn armoured(random: &mut Random) -> Planted {
    let (label, key) = key(random);
    let twin = armour("PUBLIC KEY", &random.bytes(40));
    anything(key, twin, &format!("private-key {label}"))
}

fn wrapped(random: &mut Random) -> Planted {
    let (label, key) = key(random);
    let twin = BASE64.encode(armour("CERTIFICATE", &random.bytes(300)).as_bytes());
    let text = ["    client-key-data: ", &BASE64.encode(key.as_bytes()), "\n"];
    lines("/etc/kubernetes/admin.conf", text, &twin, format!("private-key {label} in base64"))
}

fn nebula(random: &mut Random) -> Planted {
    let bytes = random.bytes(32);
    let label = "NEBULA X25519 PRIVATE KEY";
    anything(armour(label, &bytes), armour("NEBULA X25519 PUBLIC KEY", &bytes), &format!("private-key {label}"))
}

fn openvpn(random: &mut Random) -> Planted {
    let digits = HEXLOWER.encode(&random.bytes(256));
    let body: Vec<String> =
        digits.as_bytes().chunks(32).map(|line| String::from_utf8(line.to_vec()).unwrap()).collect();
    let static_key =
        |body: &str| format!("-----BEGIN OpenVPN Static key V1-----\n{body}\n-----END OpenVPN Static key V1-----\n");
    anything(static_key(&body.join("\n")), static_key(&body[0]), "private-key OpenVPN Static key V1")
}

fn age(random: &mut Random) -> Planted {
    let digits = random.of(BECH32, 58);
    anything(format!("AGE-SECRET-KEY-1{digits}"), format!("age1{}", digits.to_lowercase()), "private-key age")
}

fn wireguard(random: &mut Random) -> Planted {
    let secret = BASE64.encode(&random.bytes(32));
    let (name, what) = [("PrivateKey", "WireGuard"), ("PresharedKey", "WireGuard pre-shared key")][random.below(2)];
    let expected = format!("private-key {what}");
    anything(format!("{name} = {secret}\n"), format!("PublicKey = {secret}\n"), &expected)
}

fn signing(random: &mut Random) -> Planted {
    let name = format!("cache-{}:", random.letters(6));
    let [secret, public] = [64, 32].map(|length| BASE64.encode(&random.bytes(length)));
    whole("/nix/store/e-key", [&name, &secret, "\n"], &public, "private-key Nix signing key".to_owned())
}

/// Length of the digest after the salt, for each form of hash.
fn hash(random: &mut Random) -> Planted {
    let forms = [
        ("sha512", "$6$", 86),
        ("sha512", "$6$rounds=5000$", 86),
        ("sha256", "$5$", 43),
        ("yescrypt", "$y$j9T$", 43),
        ("gost-yescrypt", "$gy$j9T$", 43),
        ("sm3-yescrypt", "$sm3y$j9T$", 43),
        ("md5", "$1$", 22),
        ("apr1", "$apr1$", 22),
        ("sha1", "$sha1$40000$", 28),
    ];
    let (name, prefix, digits) = forms[random.below(forms.len())];
    let start = format!("{prefix}{}$", random.of(LETTERS, 8));
    let digest = random.of(CRYPT, digits);
    let user = random.user();
    let before = [
        format!("{user}:"),
        format!("SetCredential=passwd.hashed-password.{user}:"),
        format!("linux /x systemd.set_credential=passwd.hashed-password.{user}:"),
        format!("  users.users.{user}.hashedPassword = \""),
        format!(
            "{{\"hashedPassword\":null,\"name\":\"root\"}},{{\"name\":\"{user}\",\"home\":\"/\",\"hashedPassword\":\""
        ),
    ];
    let at = random.below(before.len());
    let after = ["::\n", "\n", " quiet\n", "\";\n", "\",\"uid\":null}\n"][at];
    // A digest that is too short is not one.
    let twin = format!("{start}{}", &digest[1..]);
    let path = if at == 0 { "/x" } else { "/nix/store/e-text" };
    lines(path, [&before[at], &(start + &digest), after], &twin, format!("password-hash {name} of user {user}"))
}

fn bcrypt(random: &mut Random) -> Planted {
    let digest = random.of(CRYPT, 53);
    let user = random.user();
    let before = format!("{user}:");
    let (secret, twin) = (format!("$2b$05${digest}"), format!("$2b$05${}", &digest[1..]));
    lines("/x", [&before, &secret, "\n"], &twin, format!("password-hash bcrypt of user {user}"))
}

fn account(random: &mut Random) -> Planted {
    let (user, password) = (random.user(), random.password());
    let field = random.one(&["password", "initialPassword"]);
    let before = format!("{{\"users\":[{{\"name\":\"root\",\"{field}\":null}},{{\"hashedPassword\":null,\"{field}\":");
    let after = format!(",\"name\":\"{user}\",\"uid\":1000}}]}}");
    let text = [before.as_str(), &format!("\"{password}\""), &after];
    whole("/nix/store/e-users-groups.json", text, "null", format!("password of user {user}"))
}

fn shadow(random: &mut Random) -> Planted {
    let (user, hash) = (random.user(), random.of(CRYPT, 13));
    let before = format!("root:!:1::::::\n{user}:");
    whole("/etc/shadow", [&before, &hash, ":1::::::\n"], "!", format!("password-hash des of user {user}"))
}

fn record(random: &mut Random) -> Planted {
    let (user, password) = (random.user(), random.password());
    let before =
        format!("eve\nEve\n\nusers\n\n/home/eve\n\n1\nX\n{user}\nBob\n\nusers\nwheel\n/home/bob\n/bin/sh\n1\nX");
    whole("/nix/store/e-users", [&before, &password, "\n"], "", format!("password of user {user}"))
}

fn credential(random: &mut Random) -> Planted {
    let password = random.password();
    let (name, of) = match random.below(2) {
        0 => (format!("token-{}", random.user()), None),
        _ => {
            let user = random.user();
            (format!("passwd.plaintext-password.{user}"), Some(user))
        }
    };
    let expected = match of {
        Some(user) => format!("password of user {user}"),
        None => format!("password credential of a unit of credential {name}"),
    };
    let before = format!("[Service]\nSetCredential={name}:");
    lines("/nix/store/e-unit-a.service/a.service", [&before, &password, "\n"], "", expected)
}

fn parameter(random: &mut Random) -> Planted {
    let password = random.password().replace([',', ';', '&', '#'], "x");
    let user = random.user();
    let forms = [
        ("live.nixos.passwd=".to_owned(), "user nixos".to_owned()),
        ("live.nixos.password=".to_owned(), "user root".to_owned()),
        (format!("systemd.set_credential=passwd.plaintext-password.{user}:"), format!("user {user}")),
        ("systemd.set_credential=wifi.psk:".to_owned(), "credential wifi.psk".to_owned()),
    ];
    let (name, of) = &forms[random.below(forms.len())];
    let menus = ["/boot/grub/grub.cfg", "/isolinux/isolinux.cfg", "/loader/entries/nixos.conf", "/EFI/Linux/nixos.efi"];
    let path = random.one(&menus);
    let before = format!("\n  linux /boot/bzImage init=/x {name}");
    let mut planted =
        lines(path, [&before, &password, " quiet\n"], "<password>", format!("password on a kernel line of {of}"));
    if path.ends_with(".efi") {
        planted.carrier = Carrier::Anything;
    }
    planted
}

fn variable(random: &mut Random) -> Planted {
    let (value, prefix) = (random.password(), random.of(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", 3));
    let (name, kind) =
        [("PASSWORD", "password"), ("SECRET_KEY", "token"), ("API_KEY", "token"), ("TOKEN", "token")][random.below(4)];
    let before = format!("Environment=\"A=b\" \"{prefix}_{name}=");
    let path = random.one(&["/nix/store/e-unit-a.service/a.service", "/nix/store/e-app.env"]);
    lines(path, [&before, &value, "\"\n"], "%d/secret", format!("{kind} in variable {prefix}_{name}"))
}

fn url(random: &mut Random) -> Planted {
    let (password, host) = (random.password(), format!("db-{}.lan", random.letters(5)));
    let scheme = random.one(&["postgres", "https", "amqp", "redis", "smtp"]);
    let before = format!("url = \"{scheme}://app:");
    let after = format!("@{host}/x\"\n");
    let path = random.one(&["/nix/store/e-config.toml", "/srv/app.env", "/nix/store/e-nix.conf", "/etc/app.yaml"]);
    lines(path, [&before, &password, &after], "$PASSWORD", format!("password in a URL of host {host}"))
}

fn network(random: &mut Random) -> Planted {
    let (password, ssid) = (random.letters(8) + &random.password(), format!("net {}", random.letters(4)));
    let forms = [
        ("/etc/wpa_supplicant.conf", format!("network={{\n  ssid=\"{ssid}\"\n  psk=\""), "\"\n}\n", "%s"),
        ("/nix/store/e-home.nmconnection", format!("[wifi]\nssid={ssid}\n[wifi-security]\npsk="), "\n", "$HOME_PSK"),
        ("/etc/hostapd.conf", format!("ssid={ssid}\nwpa_passphrase="), "\n", "@PSK@"),
    ];
    let (path, before, after, twin) = &forms[random.below(forms.len())];
    let what = format!("wifi-password pre-shared key of network {ssid}");
    let (before, secret, twin) = match before.strip_suffix('"') {
        // The quotes belong to the value.
        Some(before) => (before.to_owned(), format!("\"{password}\""), format!("\"{twin}\"")),
        None => (before.clone(), password, (*twin).to_owned()),
    };
    lines(path, [&before, &secret, after.trim_start_matches('"')], &twin, what)
}

fn netrc(random: &mut Random) -> Planted {
    let (password, host) = (random.password(), format!("{}.lan", random.letters(6)));
    let before = format!("machine other.lan login x\nmachine {host}\n  login bob password ");
    lines("/etc/nix/netrc", [&before, &password, "\n"], "${PASSWORD}", format!("password netrc of host {host}"))
}

/// A login of a mail or database client, or of a share.
fn login(random: &mut Random) -> Planted {
    let (user, password) = (random.user(), random.password());
    let forms = [
        ("/etc/msmtprc", format!("account default\nhost smtp.example.org\nuser {user}\npassword "), "\n"),
        ("/etc/my.cnf", format!("[mysqld]\nport = 3306\n[client]\nuser = {user}\npassword = \""), "\"\n"),
        ("/etc/nixos/smb-credentials", format!("username={user}\npassword="), "\ndomain=EXAMPLE\n"),
        ("/etc/ppp/chap-secrets", format!("# client server secret\n\"{user}\" * \""), "\" *\n"),
        ("/etc/davfs2/secrets", format!("https://dav.example.org {user} "), "\n"),
    ];
    let (path, before, after) = &forms[random.below(forms.len())];
    let twin = random.one(&["/run/secrets/password", "${PASSWORD}", "<password>"]);
    whole(path, [before, &password, after], twin, format!("password of user {user}"))
}

fn token(random: &mut Random) -> Planted {
    let mut of = |length| random.letters(length);
    let all = [
        ("GitHub", "ghp_", of(36)),
        ("GitHub", "github_pat_", format!("{}_{}", of(22), of(59))),
        ("GitLab", "glpat-", of(20)),
        ("Slack", "xoxb-", format!("123456789012-123456789012-{}", of(24))),
        ("Stripe", "sk_live_", of(24)),
        ("npm", "npm_", of(36)),
        ("Tailscale", "tskey-auth-", format!("{}-{}", of(17), of(32))),
        ("Anthropic", "sk-ant-api03-", of(95)),
        ("OpenAI", "sk-proj-", of(48)),
        ("Docker Hub", "dckr_pat_", of(27)),
        ("PyPI", "pypi-AgEIcHlwaS5vcmc", of(150)),
        ("Vault", "hvs.", of(90)),
        ("JWT", "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ", format!("{}.{}", of(40), of(43))),
    ];
    let at = random.below(all.len() + 2);
    let Some((name, prefix, rest)) = all.get(at) else {
        return match at - all.len() {
            0 => {
                let secret = random.of(CAPITALS, 16);
                anything(format!("AKIA{secret}"), "AKIAIOSFODNN7EXAMPLE".to_owned(), "token AWS access key id")
            }
            _ => {
                let secret = HEXLOWER.encode(&random.bytes(32));
                anything(format!("dop_v1_{secret}"), format!("dop_v1_{}", "x".repeat(64)), "token DigitalOcean")
            }
        };
    };
    let placeholder: String =
        rest.chars().map(|letter| if letter.is_ascii_alphanumeric() { 'x' } else { letter }).collect();
    anything(format!("{prefix}{rest}"), format!("{prefix}{placeholder}"), &format!("token {name}"))
}

/// Lines of letters, or the strings and zero bytes of a program.
fn noise(random: &mut Random, carrier: Carrier) -> (Vec<u8>, &'static str) {
    let (path, end) =
        [("/nix/store/e-x/lib/x.py", b'\n'), ("/nix/store/e-x/bin/x", 0), ("/etc/x.conf", b'\n')][random.below(3)];
    let end = if carrier == Carrier::Anything { end } else { b'\n' };
    // Long ones put the secret after the boundary between two reads.
    let count = [0, 1, 40, 3000][random.below(4)];
    let words = (0..count).flat_map(|_| {
        let length = random.below(40);
        [random.letters(length).into_bytes(), vec![end]].concat()
    });
    (words.collect(), path)
}

fn found(path: &str, bytes: &[u8], part: usize) -> Vec<Sighting> {
    let mut window = Vec::new();
    let mut scanner = Scanner::new(FileKind::of(std::iter::once(path.as_bytes())), &mut window);
    bytes.chunks(part).for_each(|part| scanner.take(part));
    scanner.finish(&[])
}

fn described(sighting: Sighting) -> String {
    let Sighting { offset, line, kind, what, subject, fingerprint, .. } = sighting;
    let secret = super::Secret { path: Vec::new(), offset, line, kind, what, subject, fingerprint };
    format!("{kind} {}", secret.description())
}

#[test]
fn no_planted_secret_is_missed_and_no_twin_of_one_is_found() {
    let kinds: [(&str, Plant); 21] = [
        ("armoured key", armoured),
        ("key in base64", wrapped),
        ("Nebula", nebula),
        ("OpenVPN", openvpn),
        ("age", age),
        ("WireGuard", wireguard),
        ("Nix signing key", signing),
        ("hash", hash),
        ("bcrypt", bcrypt),
        ("password of an account", account),
        ("shadow", shadow),
        ("user record", record),
        ("credential", credential),
        ("kernel parameter", parameter),
        ("variable", variable),
        ("URL", url),
        ("network", network),
        ("netrc", netrc),
        ("login", login),
        ("token", token),
        ("token again", token),
    ];
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for (name, plant) in kinds {
        for number in 0..MANY {
            let Planted { path, text: [before, secret, after], twin, expected, carrier } = plant(&mut random);
            let (mut around, other) = noise(&mut random, carrier);
            let path = if path.is_empty() { other } else { &path };
            let part = 1 + random.below(70_000);
            if carrier == Carrier::Whole {
                around.clear();
            }
            let end = if around.last() == Some(&0) { "\0" } else { "\n" };
            let file = |value: &str| [&around, format!("{before}{value}{after}{end}").as_bytes(), &around].concat();
            let shown = || format!("{name} {number}: {path} {before}{secret}{after}");
            let there: Vec<String> = found(path, &file(&secret), part).into_iter().map(described).collect();
            assert_eq!(there, [expected], "{}", shown());
            let there: Vec<String> = found(path, &file(&twin), part).into_iter().map(described).collect();
            assert_eq!(there, Vec::<String>::new(), "{} twin {twin}", shown());
        }
    }
}
