//! A disc whose texts are spoilt word by word. Everything around them stays whole, so that each reaches its reader.

use crate::disc::{Disc, SYSTEM};
use crate::random::Random;

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHCUWQIwB6q30aqZ6vSHPKtRfh+hU3J3KHEXqJeQCRNL alice@laptop";

/// Texts of the system, below its `/etc` or at their own path.
const TEXTS: [(&str, &str); 35] = [
    (
        "passwd",
        "root:x:0:0:System administrator:/root:/bin/sh\nnixos:x:1000:100::/home/nixos:/bin/sh\nbob::1001:100:,,:/var/empty:/sbin/nologin\n",
    ),
    (
        "shadow",
        "root:!:1::::::\nnixos::1:0:99999:7:::\nbob:$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/:1:::::1:\n",
    ),
    ("group", "root:x:0:\nwheel:x:1:nixos,bob\nusers:x:100:\ndocker:x:131:nixos\n"),
    (
        "ssh/sshd_config",
        "Port 22\nListenAddress [::]:2200\nUsePAM yes\nPasswordAuthentication no\nAuthorizedKeysFile %h/.ssh/authorized_keys /etc/ssh/authorized_keys.d/%u\nInclude /etc/ssh/sshd_config.d/*.conf\nMatch User bob,!nixos Address 10.0.0.0/8\n  PasswordAuthentication yes\n  AuthenticationMethods publickey,password keyboard-interactive\n",
    ),
    (
        "ssh/sshd_config.d/10.conf",
        "PermitRootLogin prohibit-password\nPubkeyAcceptedAlgorithms -ssh-rsa*\nRevokedKeys /etc/ssh/revoked\nTrustedUserCAKeys /etc/ssh/ca.pub\nAuthorizedPrincipalsFile /etc/ssh/principals/%u\nMatch all\nAllowGroups wheel users\n",
    ),
    (
        "ssh/authorized_keys.d/root",
        "restrict,command=\"echo \\\"hello\\\"\",from=\"10.0.0.0/8,!10.1.1.1\",expiry-time=\"20301231\" KEY\ncert-authority,principals=\"a,b\" KEY\n",
    ),
    ("ssh/authorized_keys.d/nixos", "# a comment\nKEY\n"),
    ("ssh/revoked", "KEY\n"),
    ("ssh/principals/bob", "bob,alice\n"),
    (
        "sudoers",
        "Defaults:bob !authenticate\nDefaults env_keep += \"A B\"\nUser_Alias ADMINS = bob, %wheel, #1001\nCmnd_Alias TOOLS = /bin/ls, sha256:YQ== /bin/cat, !/bin/sh\nADMINS ALL = (ALL : ALL) NOPASSWD: SETENV: TOOLS, PASSWD: ALL\n%wheel ALL=(ALL:ALL) NOPASSWD:ALL\n@includedir /etc/sudoers.d\n",
    ),
    ("sudoers.d/extra", "bob host = (root) TIMEOUT=5m /usr/bin/* \\\n  , ^/bin/[a-z]+$\n"),
    (
        "doas.conf",
        "permit nopass keepenv :wheel\npermit persist setenv { A=1 -B } bob as root cmd ls args -l\ndeny nixos\n",
    ),
    (
        "pam.d/sshd",
        "account required pam_unix.so\nauth sufficient pam_unix.so likeauth nullok try_first_pass\nauth [success=1 default=ignore] pam_succeed_if.so user ingroup wheel\nauth required pam_deny.so\n@include common\n",
    ),
    ("pam.d/login", "auth required pam_unix.so nullok\nauth include sshd\naccount required pam_access.so\n"),
    ("pam.d/sudo", "auth sufficient pam_rssh.so\nauth substack login\n"),
    (
        "polkit-1/rules.d/10-nixos.rules",
        "polkit.addAdminRule(function(action, subject) { return [\"unix-group:wheel\"]; });\npolkit.addRule(function(action, subject) {\n  if (action.id.indexOf(\"org.freedesktop.systemd1\") == 0 && subject.isInGroup(\"wheel\") || subject.user == \"bob\") { return polkit.Result.YES; }\n});\n",
    ),
    (
        "nix/nix.conf",
        "trusted-users = root @wheel\nallowed-users = *\n!include /etc/nix/more.conf\naccess-tokens = github.com=ghp_012345678901234567890123456789012345\n",
    ),
    ("nix/more.conf", "extra-trusted-users = bob\n"),
    (
        "tmpfiles.d/keys.conf",
        "f+ /root/.ssh/authorized_keys 0600 root root - KEY\\n\nL+ /etc/x - - - - /nix/store\nC /home/bob - bob users 10d /etc/skel\nd /run/x 1777\n",
    ),
    ("sysusers.d/x.conf", "u bob 1001 \"Bob\" /home/bob /bin/sh\nm bob wheel\ng wheel 1\nr - 500-900\n"),
    (
        "systemd/system/getty@.service",
        "[Unit]\nConditionPathExists=|!/dev/tty0\n[Service]\nExecStart=-/sbin/agetty --autologin nixos --noclear %I $TERM\nType=idle\n",
    ),
    (
        "systemd/system/x.socket",
        "[Socket]\nListenStream=0.0.0.0:9090\nListenDatagram=[::]:53\nAccept=yes\n[Install]\nWantedBy=sockets.target\n",
    ),
    (
        "systemd/system/x@.service",
        "[Service]\nExecStart=\nExecStart=@/bin/tailscaled \"x y\" --ssh \\\n  --port=${PORT}\nUser=%i\nDynamicUser=yes\nEnvironment=A=b \"PASSWORD=hunter2 x\"\nSetCredential=x:y\n",
    ),
    ("systemd/system/y.timer", "[Timer]\nOnCalendar=*-*-* 00:00\nUnit=x@root.service\n"),
    (
        "greetd/config.toml",
        "[default_session]\ncommand = \"agreety --cmd sh\"\nuser = \"greeter\"\n[initial_session]\ncommand = \"sway\"\nuser = \"nixos\"\n",
    ),
    ("sddm.conf.d/auto.conf", "[Autologin]\nUser=nixos\nSession=plasma.desktop\n"),
    ("os-release", "NAME=NixOS\nVERSION_ID=\"25.11\"\nPRETTY_NAME=\"NixOS 25.11 (Xantusia)\"\nBUILD_ID='x'\n"),
    ("crypttab", "root UUID=1 /etc/luks.key luks,discard\n"),
    (
        "fstab",
        "/dev/disk/by-label/nixos / ext4 x-systemd.device-timeout=5 0 1\n//server/x /x cifs username=a,password=b 0 0\n",
    ),
    ("wpa_supplicant.conf", "network={\n  ssid=\"home\"\n  psk=\"secret password\"\n}\n"),
    ("hosts.deny", "ALL: ALL\n"),
    (
        "/EFI/BOOT/grub.cfg",
        "set timeout=10\nif [ \"${grub_platform}\" = \"efi\" ]; then\nmenuentry 'NixOS' --class installer --unrestricted {\n  linux /boot/bzImage ${isoboot} init=/nix/store/SYSTEM/init root=LABEL=nixos-case quiet systemd.set_credential=a:b\n  initrd /boot/initrd\n}\nsubmenu \"more\" --id x {\n menuentry \"Debug\" { linux /boot/bzImage init=/bin/sh\n }\n}\nfi\nsource /boot/grub/more.cfg\n",
    ),
    (
        "/isolinux/isolinux.cfg",
        "DEFAULT case\nUI vesamenu.c32\nMENU TITLE NixOS\nLABEL case\n MENU LABEL ^NixOS\n LINUX /boot/bzImage\n APPEND init=/nix/store/SYSTEM/init quiet rd.systemd.debug_shell\n INITRD /boot/initrd,/boot/initrd\nINCLUDE other.cfg\n",
    ),
    (
        "/loader/entries/nixos.conf",
        "title NixOS\nversion Generation 1\nlinux /boot/bzImage\ninitrd /boot/initrd\noptions init=/nix/store/SYSTEM/init\nmachine-id 1\n",
    ),
    (
        "/boot/limine/limine.conf",
        "timeout: 5\n/+NixOS\n//Default\nprotocol: linux\nkernel_path: boot():/boot/bzImage\ncmdline: init=/nix/store/SYSTEM/init\nmodule_path: boot():/boot/initrd\n",
    ),
];

/// Users as the module writes them.
const USERS: &str = r#"{"mutableUsers":true,"groups":[{"gid":1,"members":["nixos"],"name":"wheel"}],"users":[{"name":"nixos","uid":1000,"group":"users","home":"/home/nixos","initialHashedPassword":"","password":null,"hashedPassword":null,"hashedPasswordFile":null,"initialPassword":null,"isSystemUser":false,"shell":"/run/current-system/sw/bin/bash","createHome":true,"description":"x","expires":"2030-01-01"},{"name":"root","uid":0,"group":"root","home":"/root","initialHashedPassword":null,"password":"root","hashedPassword":"$6$x$y","shell":"/bin/sh"}]}"#;

/// Pieces that readers get wrong.
const ODD: [&[u8]; 30] = [
    b"",
    b" ",
    b"\n",
    b"\\",
    b"\\\n",
    b"\"",
    b"'",
    b"#",
    b"!",
    b"%",
    b"*",
    b"..",
    b"/",
    b"=",
    b"{",
    b"}",
    b"\0",
    b"\r",
    b"\x0b",
    b"\x1b[2J",
    b"\xc2\x85",
    b"\xe2\x80\xae",
    b"\xff",
    b"-1",
    b"18446744073709551616",
    b"0x",
    b"%h",
    b"ALL",
    b"root",
    b"!!",
];

/// The texts before they are spoilt, and what they are made of.
pub(crate) struct Texts {
    texts: Vec<(String, Vec<u8>)>,
    lines: Vec<Vec<u8>>,
    words: Vec<Vec<u8>>,
}

impl Texts {
    pub(crate) fn new() -> Self {
        let filled = |text: &str| text.replace("KEY", KEY).replace("SYSTEM", SYSTEM).into_bytes();
        let mut texts: Vec<_> = TEXTS.iter().map(|(path, text)| (at(path), filled(text))).collect();
        texts.push((format!("/nix/store/{SYSTEM}/users-groups.json"), USERS.as_bytes().to_vec()));
        let parts = |separates: fn(&u8) -> bool| {
            let parts = texts.iter().flat_map(|(_, text)| text.split(separates).map(<[u8]>::to_vec));
            parts.filter(|part| !part.is_empty()).collect()
        };
        Self { lines: parts(|byte| *byte == b'\n'), words: parts(is_between), texts }
    }

    /// A disc with one to three of the texts spoilt, and what was done to which.
    pub(crate) fn spoilt(&self, random: &mut Random) -> (Vec<u8>, String) {
        let mut texts = self.texts.clone();
        let mut changes = String::new();
        for _ in 0..=random.below(3) {
            let which = random.below(texts.len());
            let (path, text) = &mut texts[which];
            for _ in 0..=random.below(4) {
                self.spoil(text, random);
            }
            changes = format!("{changes} {path}: {:?}", String::from_utf8_lossy(text));
        }
        let script = format!("#!/bin/sh\nmkdir -p /root/.ssh\necho {KEY} > /root/.ssh/authorized_keys\n");
        let mut disc =
            Disc::with_system().system("activate", &script).link("/etc", &format!("/nix/store/{SYSTEM}/etc"));
        for (path, text) in &texts {
            disc = disc.bytes(path, text);
        }
        (disc.image(), changes)
    }

    fn spoil(&self, text: &mut Vec<u8>, random: &mut Random) {
        let borders = |of: fn(&u8) -> bool| -> Vec<usize> {
            let inner = text.iter().enumerate().filter(|(_, byte)| of(byte)).map(|(at, _)| at + 1);
            std::iter::once(0).chain(inner).chain([text.len()]).collect()
        };
        let by_line = random.below(2) == 0;
        let borders = if by_line { borders(|byte| *byte == b'\n') } else { borders(is_between) };
        let at = random.below(borders.len() - 1);
        let (start, end) = (borders[at], borders[at + 1]);
        let other = match random.below(4) {
            0 => ODD[random.below(ODD.len())].to_vec(),
            1 => ODD[random.below(ODD.len())].repeat(1 + random.below(2000)),
            2 => self.words[random.below(self.words.len())].clone(),
            _ => [&self.lines[random.below(self.lines.len())][..], b"\n"].concat(),
        };
        match random.below(6) {
            0 => _ = text.drain(start..end),
            1 => {
                let copied = text[start..end].repeat(1 + random.below(300));
                text.splice(start..start, copied);
            }
            2 => text.truncate(end),
            3 => {
                let inside = start + random.below(end - start + 1);
                text.splice(inside..inside, other);
            }
            _ => _ = text.splice(start..end, other),
        }
        // A disc of a few sectors stays one.
        text.truncate(1 << 16);
    }
}

/// Where a text of the table is.
fn at(path: &str) -> String {
    if path.starts_with('/') { path.to_owned() } else { format!("/nix/store/{SYSTEM}/etc/{path}") }
}

/// Whether a byte stands between two words, in any of the languages.
fn is_between(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'=' | b':' | b',' | b'"' | b'(' | b')' | b'[' | b']' | b'{' | b'}' | b';')
}
