use super::rules::LONGEST;
use super::scanner::{Scanner, Sighting};

const ED25519: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gt\n-----END OPENSSH PRIVATE KEY-----";

fn found(path: &str, text: &str) -> Vec<Sighting> {
    let mut window = Vec::new();
    let mut scanner = Scanner::new(path, &mut window);
    scanner.take(text.as_bytes());
    scanner.finish(&[])
}

fn kinds(path: &str, text: &str) -> Vec<String> {
    found(path, text).into_iter().map(|sighting| format!("{} {}", sighting.kind, sighting.what)).collect()
}

/// Letters and digits that look random.
fn random(length: usize) -> String {
    "k3Jx9QvT2mZp7RwB5nLc8HdY1sGf4KuE".chars().cycle().take(length).collect()
}

/// Five numbers of an RSA key, behind its type.
fn dropbear() -> String {
    let numbers = ["\u{3}", "abc", "defg", "hij", "klm"]
        .map(|text| format!("\0\0\0{}{text}", char::from(u8::try_from(text.len()).unwrap())));
    format!("\0\0\0\u{7}ssh-rsa{}", numbers.concat())
}

#[test]
fn every_sort_of_secret_is_found() {
    let json = format!("\"key\": \"{}\"", ED25519.replace('\n', "\\n"));
    let crypt = random(86);
    for (path, text, expected) in [
        ("/x", ED25519.to_owned(), "private-key OPENSSH PRIVATE KEY"),
        ("/x.json", json, "private-key OPENSSH PRIVATE KEY"),
        (
            "/x",
            format!("AGE-SECRET-KEY-1{}", "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7LQPZRY9X8GF2TVDW0S3JN54KHCE"),
            "private-key age",
        ),
        ("/wg.conf", "PrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=\n".to_owned(), "private-key WireGuard"),
        ("/x", format!("root:$6$salt${crypt}:1::"), "password-hash sha512"),
        ("/x", format!("root:$6$rounds=5000$salt${crypt}:1::"), "password-hash sha512"),
        ("/x", format!("\"$y$j9T$salt${}\"", random(43)), "password-hash yescrypt"),
        ("/x", format!("$2b$05${}", random(53)), "password-hash bcrypt"),
        ("/x", format!("$1$salt${}", random(22)), "password-hash md5"),
        (
            "/nix/store/e-users-groups.json",
            "{\"password\":\"bar\",\"hashedPassword\":null}".to_owned(),
            "password of a user",
        ),
        ("/nix/store/e-users-groups.json", "{\"hashedPassword\":\"aaHaX0Jza1Cbc\"}".to_owned(), "password-hash DES"),
        ("/d.conf", "SetCredential=passwd.plaintext-password.web:secret\n".to_owned(), "password of a user"),
        ("/isolinux/isolinux.cfg", "APPEND live.nixos.passwd=secret quiet".to_owned(), "password on a kernel line"),
        ("/etc/wpa_supplicant.conf", "psk=\"correct horse\"\n".to_owned(), "wifi-password pre-shared key"),
        ("/home.nmconnection", "psk=correcthorse\n".to_owned(), "wifi-password pre-shared key"),
        ("/x", format!("token = ghp_{}\n", random(36)), "token GitHub"),
        ("/x", format!("glpat-{}", random(20)), "token GitLab"),
        ("/x", format!("AKIAIOSFODNN7ABCDEFG\naws_secret_access_key = {}\n", random(40)), "token AWS"),
        ("/x", format!("hf_{}", "kJxQvTmZpRwBnLcHdYsGfKuEaIoWqXyUtS"), "token Hugging Face"),
        ("/x", format!("sk_live_{}", random(24)), "token Stripe"),
        ("/x", format!("npm_{}", random(36)), "token npm"),
        (
            "/etc/NetworkManager/system-connections/wg0",
            "private-key=yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=\n".to_owned(),
            "private-key WireGuard",
        ),
        ("/var/lib/iwd/home.psk", "Passphrase=correct horse\n".to_owned(), "wifi-password pre-shared key"),
        ("/root/.npmrc", format!("//r/:_authToken={}", random(36)), "token npm"),
        ("/etc/nix/nix.conf", format!("access-tokens = git.example.org={} github.com=x\n", random(24)), "token of Nix"),
        ("/netrc", "machine a login b password c\n".to_owned(), "password netrc"),
        ("/ssh_host_rsa_key", dropbear(), "private-key dropbear ssh-rsa"),
    ] {
        assert_eq!(kinds(path, &text), [expected], "{text}");
    }
}

#[test]
fn what_only_looks_like_a_secret_is_none() {
    for (path, text) in [
        ("/doc", "-----BEGIN OPENSSH PRIVATE KEY-----\n...\n-----END OPENSSH PRIVATE KEY-----".to_owned()),
        ("/doc", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----".to_owned()),
        ("/bin", "-----BEGIN RSA PRIVATE KEY-----\0-----END RSA PRIVATE KEY-----".to_owned()),
        ("/doc", format!("ghp_{}", "x".repeat(36))),
        ("/x", format!("Aghp_{}", random(36))),
        ("/x", format!("ghp_{}", random(37))),
        ("/sh", "echo $1$2 $5$6 $6$salt$short".to_owned()),
        ("/x", format!("$1$salt${}", random(23))),
        ("/x.json", "{\"password\":\"bar\"}".to_owned()),
        ("/nix/store/e-users-groups.json", "{\"password\":null,\"initialPassword\":\"\"}".to_owned()),
        ("/etc/wpa_supplicant.conf", "psk=ext:home\npsk=\"@PSK@\"\n".to_owned()),
        ("/wg.conf", "PrivateKey = AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n".to_owned()),
        ("/x", "AKIAIOSFODNN7EXAMPLE".to_owned()),
        ("/lib/netrc.py", "machine a login b password c\n".to_owned()),
        ("/x", format!("behind {}", dropbear())),
    ] {
        assert_eq!(kinds(path, &text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn a_secret_is_found_wherever_the_parts_end() {
    let text = format!("{}\n{ED25519}\n{}", "a line\n".repeat(3000), "b\n".repeat(20_000));
    let whole = found("/x", &text);
    assert_eq!((whole.len(), whole[0].offset, whole[0].line), (1, 21_001, Some(3002)));
    for part in [1000, 4096, 10_007, LONGEST, 33_000, 34_000, 36_000, 40_000, 65_536] {
        let mut window = Vec::new();
        let mut scanner = Scanner::new("/x", &mut window);
        text.as_bytes().chunks(part).for_each(|part| scanner.take(part));
        assert_eq!(scanner.finish(&[]), whole, "{part}");
    }
}

#[test]
fn keys_that_nixpkgs_ships_for_its_tests_are_known_by_their_contents() {
    let key = "-----BEGIN EC PRIVATE KEY-----\n    MHcCAQEEIHQf/khLvYrQ8IOika5yqtWvI0oquHlpRLTZiJy5dRJmoAoGCCqGSM49\n    AwEHoUQDQgAEKF0DYGbBwbj06tA3fd/+yP44cvmwmHBWXZCKbS+RQlAKvLXMWkpN\n    r1lwMyJZoSGgBHoUahoYjTh9/sJL7XLJtA==\n    -----END EC PRIVATE KEY-----";
    assert!(found("/ssh-keys.nix", key)[0].known);
    assert!(!found("/x", ED25519)[0].known);
}

#[test]
fn a_password_has_no_fingerprint_and_a_random_secret_has() {
    assert_eq!(found("/netrc", "machine a login b password secret\n")[0].fingerprint, None);
    assert_eq!(found("/x", ED25519)[0].fingerprint.as_ref().map(String::len), Some(12));
}

#[test]
fn a_secret_behind_thousands_of_known_keys_is_found() {
    let known = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIHQf/khLvYrQ8IOika5yqtWvI0oquHlpRLTZiJy5dRJmoAoGCCqGSM49\nAwEHoUQDQgAEKF0DYGbBwbj06tA3fd/+yP44cvmwmHBWXZCKbS+RQlAKvLXMWkpN\nr1lwMyJZoSGgBHoUahoYjTh9/sJL7XLJtA==\n-----END EC PRIVATE KEY-----\n";
    let text = format!("{}{ED25519}", known.repeat(3000));
    assert_eq!(found("/x", &text).iter().filter(|sighting| !sighting.known).count(), 1);
}

#[test]
fn a_text_of_nothing_but_beginnings_is_searched_in_no_time() {
    let text = "-----BEGIN RSA PRIVATE KEY-----".repeat(30_000);
    let start = std::time::Instant::now();
    assert_eq!(found("/x", &text), []);
    assert!(start.elapsed() < std::time::Duration::from_secs(20), "{:?}", start.elapsed());
}

#[test]
fn what_is_secret_is_replaced_by_what_it_is() {
    let json =
        format!("{{\"a\":1,\"hashedPassword\":\"$6$salt${}\",\"password\":\"word\",\"b\":2}}\n{ED25519}\n", random(86));
    let told = super::redacted("/nix/store/e-users-groups.json", json.as_bytes());
    let told = String::from_utf8(told.into_owned()).unwrap();
    for gone in ["$6$", ":\"word", "b3BlbnNzaC1rZXk"] {
        assert!(!told.contains(gone), "{told}");
    }
    for there in [
        "{\"a\":1,\"hashedPassword\":\"[password-hash sha512 ",
        ",[password of a user]\",\"b\":2}",
        "\n[private-key OPENSSH PRIVATE KEY ",
    ] {
        assert!(told.contains(there), "{told}");
    }
    assert!(matches!(super::redacted("/x", b"nothing"), std::borrow::Cow::Borrowed(b"nothing")));
}
