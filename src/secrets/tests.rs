use super::rules::{FileKind, LONGEST};
use super::scanner::{Scanner, Sighting};

const ED25519: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gt\n-----END OPENSSH PRIVATE KEY-----";

/// `{"alg":"HS256","typ":"JWT"}` and `{"cache":"main","push":true}`.
const JWT_HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";
const JWT_PAYLOAD: &str = "eyJjYWNoZSI6Im1haW4iLCJwdXNoIjp0cnVlfQ";

fn kind(path: &str) -> FileKind {
    FileKind::of(std::iter::once(path.as_bytes()))
}

fn found(path: &str, text: &str) -> Vec<Sighting> {
    let mut window = Vec::new();
    let mut scanner = Scanner::new(kind(path), &mut window);
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

/// A dropbear key: a type, followed by numbers.
fn binary(kind: &str, numbers: usize) -> String {
    format!("\0\0\0\u{7}{kind}{}", "\0\0\0\u{4}abcd".repeat(numbers))
}

/// Five numbers of an RSA key, after its type.
fn dropbear() -> String {
    binary("ssh-rsa", 5)
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
        ("/nix/store/e-users-groups.json", "{\"hashedPassword\":\"aaHaX0Jza1Cbc\"}".to_owned(), "password-hash des"),
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
        (
            "/x",
            format!("AGE-SECRET-KEY-PQ-1{}", "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7LQPZRY9X8GF2TVDW0S3JN54KHCE"),
            "private-key age",
        ),
        (
            "/x.json",
            "{\"privateKey\":\"yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=\"}".to_owned(),
            "private-key WireGuard",
        ),
        (
            "/x.nix",
            "privateKey = \"yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=\";".to_owned(),
            "private-key WireGuard",
        ),
        ("/nix/store/e-wg-key", "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=".to_owned(), "private-key WireGuard"),
        (
            "/wg0.conf",
            "PresharedKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=\n".to_owned(),
            "private-key WireGuard pre-shared key",
        ),
        ("/x", format!("cache.example.org-1:{}==\n", random(86)), "private-key Nix signing key"),
        ("/ssh_host_dss_key", binary("ssh-dss", 5), "private-key dropbear ssh-dss"),
        ("/ssh_host_rsa_key", binary("ssh-rsa", 3), "private-key dropbear ssh-rsa"),
        ("/x", format!("$gy$j9T$salt${}", random(43)), "password-hash gost-yescrypt"),
        ("/client.conf", format!("-----BEGIN OpenVPN Static key V1-----\n{}-----END OpenVPN Static key V1-----\n", format!("{}\n", "0a1b2c3d4e5f6789".repeat(2)).repeat(16)), "private-key OpenVPN Static key V1"),
        (
            "/nebula/host.key",
            "-----BEGIN NEBULA X25519 PRIVATE KEY-----\nyAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=\n-----END NEBULA X25519 PRIVATE KEY-----\n".to_owned(),
            "private-key NEBULA X25519 PRIVATE KEY",
        ),
        (
            "/etc/kubernetes/admin.conf",
            format!("    client-key-data: {}\n", data_encoding::BASE64.encode(format!("{ED25519}\n").as_bytes())),
            "private-key OPENSSH PRIVATE KEY in base64",
        ),
        ("/x", format!("token: {JWT_HEADER}.{JWT_PAYLOAD}.{}\n", random(43)), "token JWT"),
        ("/x", format!("token: {JWT_HEADER}.eyJzdWIiOiIxMjM0NTY3ODkwIn0.{}\n", random(43)), "token JWT"),
        ("/x.dhall", format!("authToken = \"{JWT_HEADER}.eyJqdGkiOiJhYmMifQ.{}\"\n", random(43)), "token JWT"),
        ("/x.ppk", format!("Public-Lines: 1\nAAAA\nPrivate-Lines: 1\n{}\nPrivate-MAC: 00\n", random(48)), "private-key PuTTY"),
        ("/lib/libx.so", format!("{JWT_HEADER}.{JWT_PAYLOAD}.{}\0", random(43)), "token JWT"),
        ("/db.env", "DATABASE_URL=postgres://app:hunter2pw@db.example.org/app\n".to_owned(), "password in a URL"),
        // A directory made for this system, not a package.
        (
            "/nix/store/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-app-secrets/url",
            "DATABASE_URL=postgres://app:hunter2pw@db.example.org/app\n".to_owned(),
            "password in a URL",
        ),
        ("/x", format!("$sm3y$j9T$salt${}", random(43)), "password-hash sm3-yescrypt"),
        ("/x", format!("$6$${crypt}"), "password-hash sha512"),
        ("/etc/shadow", format!("root:aaHaX0Jza1Cbc{}:1::::::\n", random(11)), "password-hash bigcrypt"),
        ("/etc/shadow", "root:_J9..CCCCXBrJUJV154M:1::::::\n".to_owned(), "password-hash bsdi-des"),
        (
            "/isolinux/isolinux.cfg",
            "APPEND init=/x systemd.set_credential=passwd.plaintext-password.root:hunter2pw quiet".to_owned(),
            "password on a kernel line",
        ),
        (
            "/grub.cfg",
            "linux /x \"systemd.set_credential=passwd.plaintext-password.root:two words\"\n".to_owned(),
            "password on a kernel line",
        ),
        (
            "/boot.json",
            "[\"systemd.set_credential_binary=passwd.plaintext-password.root:aHVudGVyMnB3\"]".to_owned(),
            "password on a kernel line",
        ),
        (
            "/grub.cfg",
            format!("linux /x systemd.set_credential=passwd.hashed-password.root:$6$salt${crypt}\n"),
            "password-hash sha512",
        ),
        (
            "/grub.cfg",
            "linux /x systemd.set_credential=passwd.hashed-password.root:aaHaX0Jza1Cbc\n".to_owned(),
            "password-hash des",
        ),
        (
            "/grub.cfg",
            "linux /x systemd.set_credential_binary=passwd.hashed-password.root:JDEkazJYQW5FSEIkZFdaRVVsdmRDemk4Q1hlY3BxQzhmLw==\n"
                .to_owned(),
            "password-hash md5",
        ),
        (
            "/grub.cfg",
            "linux /x systemd.set_credential=wifi.psk:correcthorse\n".to_owned(),
            "password on a kernel line",
        ),
        ("/grub.cfg", "linux /x live.nixos.passwd=pa$$(word\n".to_owned(), "password on a kernel line"),
        ("/x", format!("$7$CU..../....salt${}", random(43)), "password-hash scrypt"),
        ("/x", format!("$5$salt${}", random(43)), "password-hash sha256"),
        ("/x", format!("web:$apr1$salt${}", random(22)), "password-hash apr1"),
        ("/x", format!("$md5,rounds=5000$salt$${}", random(22)), "password-hash sunmd5"),
        ("/x", format!("$sha1$40000$salt${}", random(28)), "password-hash sha1"),
        ("/x", "$3$$8846f7eaee8fb117ad06bdd830b7586c".to_owned(), "password-hash nt"),
        ("/x", format!("$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ${}", random(43)), "password-hash argon2"),
        (
            "/nix/store/e-userborn.json",
            "{\"initialHashedPassword\":\"_J9..CCCCXBrJUJV154M\"}".to_owned(),
            "password-hash bsdi-des",
        ),
        ("/nix/store/e-userborn.json", "{\"initialPassword\":\"a \\\"b\\\"\"}".to_owned(), "password of a user"),
        ("/etc/shadow", "root:aaHaX0Jza1Cbc:1::::::\n".to_owned(), "password-hash des"),
        ("/nix/store/e-password-file", "aaHaX0Jza1Cbc\n".to_owned(), "password-hash des"),
        (
            "/nix/store/e-users",
            "eve\nEve\n\nusers\nwheel\n/home/eve\n/bin/sh\n1\nXsecret\nbob\nBob\n\nusers\n\n/home/bob\n\n1\nX\n"
                .to_owned(),
            "password of a user",
        ),
        ("/d.conf", "SetCredential=network.wireguard.private.wg0:abcd\n".to_owned(), "password credential of a unit"),
        ("/a.service", "Environment=\"DB_PASSWORD=hunter2\" \"A=b\"\n".to_owned(), "password in a variable"),
        ("/srv/.env", "SESSION_SECRET_KEY=9f8e7d6c5b\n".to_owned(), "token in a variable"),
        ("/srv/prod.env", "export OPENAI_API_KEY='abcdefgh1'\n".to_owned(), "token in a variable"),
        ("/etc/hostapd.conf", "wpa_passphrase=correct horse\n".to_owned(), "wifi-password pre-shared key"),
        (
            "/nix/store/e-wpa_supplicant.conf",
            format!("  psk={}\n", "06b4be19da289f47".repeat(4)),
            "wifi-password pre-shared key",
        ),
        ("/etc/wpa_supplicant/nixos.conf", "  psk=\"p@ss \"w0rd\"\"\n".to_owned(), "wifi-password pre-shared key"),
        ("/nix/store/e-wpa_supplicant.conf", "  password=\"of a user\"\n".to_owned(), "wifi-password of a network"),
        (
            "/nix/store/e-wpa_supplicant.conf",
            "  password=hash:0123456789abcdef0123456789abcdef\n".to_owned(),
            "wifi-password of a network",
        ),
        ("/a.nmconnection", "[802-1x]\nidentity=me\npassword=s3cret\n".to_owned(), "wifi-password of a network"),
        ("/a.nmconnection", "psk=pass:$word\n".to_owned(), "wifi-password pre-shared key"),
        ("/nix/store/e-netrc", "machine a\n\tlogin b\n\tpassword\tc\n".to_owned(), "password netrc"),
        ("/x", "AKIAIOSFODNN7ABCDEFG\n".to_owned(), "token AWS access key id"),
        ("/x", format!("github_pat_{}_{}", random(22), random(59)), "token GitHub"),
        ("/x", format!("glpat-{}.01.0a1b2c3d4", random(40)), "token GitLab"),
        ("/x", format!("xoxb-123456789012-123456789012-{}", random(24)), "token Slack"),
        ("/x", format!("key: AIza{}\n", random(35)), "token Google"),
        ("/x", format!("tskey-auth-{}-{}", random(17), random(32)), "token Tailscale"),
        ("/x", format!("sk-ant-api03-{}", random(95)), "token Anthropic"),
        ("/x", format!("sk-proj-{}", random(48)), "token OpenAI"),
        ("/x", format!("dckr_pat_{}", random(27)), "token Docker Hub"),
        ("/x", format!("pypi-AgEIcHlwaS5vcmc{}", random(150)), "token PyPI"),
        ("/x", format!("dop_v1_{}", "06b4be19da289f47".repeat(4)), "token DigitalOcean"),
        ("/x", format!("hvs.{}", random(90)), "token Vault"),
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
        ("/doc", "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----".to_owned()),
        ("/authorized_keys", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHHxQHThDpD9/AMWNqQer3Tg9gXMb2lTZMn0pelo8xyv a@b".to_owned()),
        ("/ssh_host_rsa_key.pub", binary("ssh-rsa", 2)),
        ("/ssh_host_dss_key.pub", binary("ssh-dss", 4)),
        ("/x", "age1qyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqs3290gq".to_owned()),
        ("/wg0.conf", "PublicKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=\nPrivateKey = @network.wireguard.private\n".to_owned()),
        ("/wireguard/public", "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=\n".to_owned()),
        ("/x", "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=\n".to_owned()),
        ("/x", format!("cache.example.org-1:{}=\n", random(43))),
        ("/etc/shadow", "root:!:1::::::\nbin:*:1::::::\nme:x:1::\n!aaHaX0Jza1Cb:\n".to_owned()),
        ("/nix/store/e-userborn.json", "{\"hashedPassword\":\"!\",\"initialHashedPassword\":\"*\",\"password\":null}".to_owned()),
        ("/nix/store/e-users", "eve\nEve\n\nusers\nwheel\n/home/eve\n/bin/sh\n1\nX\n".to_owned()),
        ("/d.conf", "SetCredential=passwd.hashed-password.root:!\nSetCredential=firstboot.locale:C.UTF-8\n".to_owned()),
        ("/d.conf", "SetCredentialEncrypted=token:abcdef\nLoadCredential=passwd.plaintext-password.a:/x\n".to_owned()),
        ("/a.service", "Environment=DB_PASSWORD_FILE=/run/x TOKEN=%d/t PASSWORD=$OTHER TOKEN_TTL=36000000 SECRET=/run/s\n".to_owned()),
        ("/x.c", "DB_PASSWORD=hunter2\n".to_owned()),
        ("/installation-cd-base.nix", "live.nixos.passwd=*)\n`live.nixos.passwd=`\nlive.nixos.password=<secret>\n".to_owned()),
        ("/client.conf", "-----BEGIN OpenVPN Static key V1-----\n0a1b2c3d\n-----END OpenVPN Static key V1-----\n".to_owned()),
        ("/nebula/ca.crt", "-----BEGIN NEBULA CERTIFICATE-----\nCkAKDm5lYnVsYQ==\n-----END NEBULA CERTIFICATE-----\n".to_owned()),
        ("/nebula/host.pub", "-----BEGIN NEBULA X25519 PUBLIC KEY-----\nyAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=\n-----END NEBULA X25519 PUBLIC KEY-----\n".to_owned()),
        (
            "/etc/kubernetes/admin.conf",
            format!("    certificate-authority-data: {}\n", data_encoding::BASE64.encode(b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n")),
        ),
        ("/x", format!("{JWT_HEADER}.{JWT_PAYLOAD}.your-256-bit-secret-{}\n", random(43))),
        ("/x", format!("{JWT_HEADER}.{JWT_PAYLOAD}\n")),
        ("/x", format!("{JWT_HEADER}.eyJzdWIiOiIxMjM0NTY3ODkwIiwiYWRtaW4iOnRydWV9.{}\n", random(43))),
        ("/db.env", "A=postgres://app@db/app B=http://[::1]:80/a@b C=postgres://app:$PASS@db D=redis://:@h\n".to_owned()),
        ("/nix/store/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-x-1.0/share/x.c", "postgres://scott:tiger@localhost/test\n".to_owned()),
        ("/nix/store/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-source/README", "postgres://scott:tiger@localhost/test\n".to_owned()),
        ("/bin/wpa_supplicant", "password=\"%s\"\npsk=%s-and-more\n".to_owned()),
        ("/grub.cfg", "linux /x systemd.set_credential=ssh.authorized_keys.root:ssh-ed25519 quiet\n".to_owned()),
        ("/grub.cfg", "linux /x systemd.set_credential=passwd.hashed-password.root:! systemd.set_credential=tty.token:\n".to_owned()),
        ("/grub.cfg", "linux /x systemd.set_credential_binary=firstboot.locale:Qy5VVEYtOA==\n".to_owned()),
        ("/d.conf", "SetCredential=ssh.authorized_keys.root:ssh-ed25519 AAAA\n".to_owned()),
        ("/bin/systemd", "systemd.set_credential=\0systemd.set_credential_binary=\0SetCredential=\0passwd.plaintext-password.root\0".to_owned()),
        ("/man", "systemd.set_credential=passwd.plaintext-password.root:<password>\n".to_owned()),
        ("/etc/wpa_supplicant.conf", "psk=ext:home\npassword=ext:work\npassword=@PASS@\npassword-flags=1\n".to_owned()),
        ("/a.nmconnection", "psk=$HOME_PSK\npassword=${WORK}\n".to_owned()),
        ("/nix/store/e-wpa_supplicant-2.11/share/doc/wpa_supplicant/wpa_supplicant.conf.example", "\tpsk=\"very secret passphrase\"\n\tpassword=\"foobar\"\n#\tpassword=\"password\"\n".to_owned()),
        ("/bin/wpa_supplicant", "password=\0psk=\"%s\"\0passphrase=abcdefghi\0".to_owned()),
        ("/x", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY AKIAI44QH8DHBEXAMPLE".to_owned()),
        ("/x", "glpat-your-access-token1 hvs.your-vault-token-of-some-length".to_owned()),
        ("/lib/libx.so", format!("AIza{}\0", random(35))),
        ("/nix.conf", "access-tokens = github.com=23ac...b289 gitlab.mycompany.com=PAT:A123Bp_Cd..EfG\n".to_owned()),
        ("/root/.npmrc", "//r/:_authToken=${NPM_TOKEN}\n".to_owned()),
    ] {
        assert_eq!(kinds(path, &text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn a_place_counts_whichever_of_the_paths_of_one_content_has_it() {
    let paths = ["/nix/store/e-source/home", "/etc/wpa_supplicant.conf"].map(str::as_bytes);
    let mut window = Vec::new();
    let of = FileKind::of(paths.into_iter());
    assert_eq!(Scanner::new(of, &mut window).finish(b"psk=\"correct horse\"\n").len(), 1);
    let documentation = ["/nix/store/e/share/doc/x/a", "/nix/store/e-wpa_supplicant.conf"].map(str::as_bytes);
    let of = FileKind::of(documentation.into_iter());
    assert_eq!(Scanner::new(of, &mut window).finish(b"psk=\"secret passphrase\"\n").len(), 1);
}

#[test]
fn every_label_of_a_private_key_is_found_however_it_is_indented_and_escaped() {
    let der = "MC4CAQAwBQYDK2VwBCIEIBn0tMvPDEvTRBb9p0tvPpM1KXp8FHzSt2XCGm0cI0tF";
    let encrypted = format!("Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0011\n\n{der}");
    for (label, body) in [
        ("PRIVATE KEY", der),
        ("ENCRYPTED PRIVATE KEY", der),
        ("RSA PRIVATE KEY", &encrypted),
        ("EC PRIVATE KEY", der),
        ("DSA PRIVATE KEY", der),
        ("PGP PRIVATE KEY BLOCK", "Version: 1\n\nlQOYBGNxabcBCADPxGx0aaaaaaaaaaaaaaaaaaaa\n=abcd"),
        ("OPENSSH PRIVATE KEY", "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gt"),
    ] {
        let plain = format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n");
        let indented = plain.replace('\n', "\r\n      ");
        let json = format!("{{\"a\":\"{}\"}}", plain.replace('\n', "\\n"));
        for text in [plain, indented, json] {
            assert_eq!(kinds("/x", &text), [format!("private-key {label}")], "{text}");
        }
    }
}

#[test]
fn a_secret_is_found_wherever_the_parts_end() {
    let text = format!("{}\n{ED25519}\n{}", "a line\n".repeat(3000), "b\n".repeat(20_000));
    let whole = found("/x", &text);
    assert_eq!((whole.len(), whole[0].offset, whole[0].line), (1, 21_001, Some(3002)));
    for part in [1000, 4096, 10_007, LONGEST, 33_000, 34_000, 36_000, 40_000, 65_536] {
        let mut window = Vec::new();
        let mut scanner = Scanner::new(kind("/x"), &mut window);
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
fn a_login_is_found_in_configuration_and_not_in_code() {
    let text = "user = bob\npassword = hunter2\n";
    for (path, expected) in [
        ("/etc/backup.conf", 1),
        ("/nix/store/11111111111111111111111111111111-etc-backup", 1),
        ("/nix/store/11111111111111111111111111111111-nixos-system-x-25.11/etc/backup.conf", 1),
        ("/nix/store/11111111111111111111111111111111-configuration.nix", 0),
        ("/nix/store/11111111111111111111111111111111-backup-1.0/etc/backup.conf", 0),
        ("/nix/store/11111111111111111111111111111111-nixos-25.11/nixos/backup.conf", 0),
    ] {
        assert_eq!(found(path, text).len(), expected, "{path}");
    }
}

#[test]
fn a_key_in_the_documentation_of_a_package_is_an_example() {
    let digest = "a".repeat(32);
    for (path, known) in [
        ("puma-6.4.0/share/doc/puma/examples/ca.key", true),
        ("puma-6.4.0/etc/ca.key", false),
        // This was written for the system.
        ("my-files/share/doc/ca.key", false),
    ] {
        assert_eq!(found(&format!("/nix/store/{digest}-{path}"), ED25519)[0].known, known, "{path}");
    }
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
    let told = super::redacted(b"/nix/store/e-users-groups.json", json.as_bytes());
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
    assert!(matches!(super::redacted(b"/x", b"nothing"), std::borrow::Cow::Borrowed(b"nothing")));
}

#[test]
fn what_begins_a_secret_again_and_again_is_searched_in_no_time() {
    // A path that is every kind of file at once: `users-groups.json`, a unit, a `netrc`, a wireless network.
    let paths = ["/wpa_supplicant/e-users-groups.json", "/a.service", "/netrc", "/etc/nix.conf", "/npmrc", "/home"];
    let of = FileKind::of(paths.iter().map(|path| path.as_bytes()));
    let further =
        ["systemd.set_credential=a:", "SetCredential=a:", "psk=\"", "password=", "a://b:c", "eyJhbGciOiJI.eyJ"];
    let further = further.into_iter().chain(["LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0t", "access-tokens = a=b c=d "]);
    let mut window = Vec::new();
    for text in super::rules::noticed().chain(further) {
        let bytes = text.repeat((1 << 17) / text.len());
        let start = std::time::Instant::now();
        assert_eq!(Scanner::new(of, &mut window).finish(bytes.as_bytes()).len() / 1001, 0, "{text}");
        let spent = start.elapsed();
        assert!(spent < std::time::Duration::from_secs(10), "{text}: {spent:?}");
    }
}

#[test]
fn a_hole_in_a_file_ends_what_precedes_it_and_counts_in_offsets() {
    let mut window = Vec::new();
    for hole in [1u64, 5_000, 40_000, 1 << 40] {
        let mut scanner = Scanner::new(kind("/x"), &mut window);
        scanner.take(b"-----BEGIN RSA PRIVATE KEY-----\n");
        scanner.skip(hole / 2);
        scanner.skip(hole - hole / 2);
        scanner.take(format!("a\n{ED25519}\n").as_bytes());
        scanner.skip(hole);
        let sightings = scanner.finish(ED25519.as_bytes());
        let offsets: Vec<u64> = sightings.iter().map(|sighting| sighting.offset).collect();
        let second = 32 + hole + 2;
        assert_eq!(offsets, [second, second + ED25519.len() as u64 + 1 + hole], "{hole}");
        assert_eq!(sightings[0].line, None);
    }
}
