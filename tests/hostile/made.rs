//! Images made to break the bar. Each has one place where sizes multiply.

use std::fmt::Write as _;
use std::io::Write as _;

use super::bar::{self, Bar};
use super::disc::{Disc, SYSTEM};
use super::initrd::Members;

/// A small number for each run, and the full one if the environment asks for it.
fn size(small: usize, full: usize) -> usize {
    if std::env::var_os("NIXOSCOPE_FULL").is_some() { full } else { small }
}

/// A text of numbered parts.
fn numbered(count: usize, part: impl Fn(usize) -> String) -> String {
    (0..count).map(part).collect()
}

fn store(number: usize, name: &str) -> String {
    format!("/nix/store/{number:032}-{name}")
}

fn judge(name: &str, disc: &Disc) {
    bar::all_commands(&format!("{name}.iso"), &disc.image());
}

#[test]
fn the_bar_notices_memory_and_time() {
    let folder = tempfile::tempdir().unwrap();
    let image = Disc::with_system().write(folder.path());
    Bar::of(1).run("inspect", &image).expect("a small image");
    let error = Bar { memory: 600, ..Bar::of(1) }.run("inspect", &image).unwrap_err();
    assert!(error.contains("limits 600 KiB"), "{error}");
    let spinning = numbered(200_000, |n| format!("u{n} ALL=(ALL) ALL\n"));
    let image =
        Disc::with_system().etc("sudoers", &spinning).etc("x", &"glpat-".repeat(4_000_000)).write(folder.path());
    let error = Bar { seconds: 0, ..Bar::of(1) }.run("secrets", &image).unwrap_err();
    assert!(error.contains(", 0 s"), "{error}");
}

#[test]
fn many_harmless_rules_of_sudo() {
    let rules = numbered(size(2_000, 100_000), |n| format!("u{n} ALL=(ALL) ALL\n"));
    judge("rules", &Disc::with_system().etc("sudoers", &format!("{rules}nixos ALL=(ALL) NOPASSWD: ALL\n")));
}

#[test]
fn aliases_of_sudo_that_double() {
    let mut text =
        String::from("User_Alias U0 = nixos, root\nCmnd_Alias C0 = /bin/a, /bin/b\nHost_Alias H0 = ALL, x\n");
    for n in 1..=size(30, 120) {
        let above = n - 1;
        for (kind, letter) in [("User", 'U'), ("Cmnd", 'C'), ("Host", 'H')] {
            writeln!(text, "{kind}_Alias {letter}{n} = {letter}{above}, !{letter}{above}, {letter}{above}").unwrap();
        }
        writeln!(text, "U{n} H{n} = (U{n}) C{n}").unwrap();
    }
    judge("aliases", &Disc::with_system().etc("sudoers", &text));
}

#[test]
fn directories_that_sudo_includes_again_and_again() {
    let text = "@includedir /etc/sudoers.d\n".repeat(size(3_000, 20_000));
    judge("includedir", &Disc::with_system().etc("sudoers", &text).etc("sudoers.d/x", "nixos ALL=(ALL) ALL\n"));
}

#[test]
fn a_match_line_with_many_patterns() {
    let patterns = numbered(size(20_000, 80_000), |n| format!("u{n},"));
    let text = format!("Match User {patterns}nixos\n PasswordAuthentication yes\nMatch all\n");
    judge("match", &Disc::with_system().etc("ssh/sshd_config", &text));
}

#[test]
fn files_that_sshd_includes_again_and_again() {
    let text = "Include /etc/ssh/x/*\n".repeat(size(15_000, 61_000));
    let disc = Disc::with_system().etc("ssh/sshd_config", &text);
    let files = size(20, 200);
    judge("include", &(0..files).fold(disc, |disc, n| disc.etc(&format!("ssh/x/{n}"), "X11Forwarding no\n")));
}

#[test]
fn a_unit_with_many_commands() {
    let text = format!("[Service]\n{}", "ExecStart=/bin/sh -c x\n".repeat(size(15_000, 60_000)));
    judge("commands", &Disc::with_system().unit("many.service", "multi-user.target", &text));
}

#[test]
fn units_that_all_want_each_other() {
    let count = size(300, 4_000);
    let all = numbered(count, |n| format!("u{n}.service "));
    let text = format!("[Unit]\nWants={all}\nAfter={all}\n[Service]\nExecStart=/bin/x\n");
    let disc = Disc::with_system().unit("u0.service", "multi-user.target", &text);
    let folder = format!("/nix/store/{SYSTEM}/etc/systemd/system");
    let alias = |disc: Disc, n| disc.alias(&format!("{folder}/u{n}.service"), &format!("{folder}/u0.service"));
    judge("wants", &(1..count).fold(disc, alias));
}

#[test]
fn loader_entries_that_share_one_long_line() {
    let text = format!("title x\nlinux /boot/bzImage\noptions {}\n", "a=b ".repeat((1 << 18) - 20));
    let disc = Disc::with_system().file("/loader/entries/0.conf", &text);
    let alias = |disc: Disc, n| disc.alias(&format!("/loader/entries/{n}.conf"), "/loader/entries/0.conf");
    judge("entries", &(1..size(60, 1_000)).fold(disc, alias));
}

#[test]
fn menus_that_include_themselves_many_times() {
    let text = "source /EFI/BOOT/grub.cfg\nconfigfile /EFI/BOOT/x.cfg\n".repeat(size(500, 10_000));
    let disc = Disc::with_system();
    judge("menus", &disc.file("/EFI/BOOT/grub.cfg", &text).alias("/EFI/BOOT/x.cfg", "/EFI/BOOT/grub.cfg"));
}

/// The default system, and others that share its files.
fn systems(disc: Disc, count: usize) -> Disc {
    (0..count).fold(disc, |disc, n| {
        let toplevel = store(n, &format!("nixos-system-n{n}-25.11"));
        let own = format!("/nix/store/{SYSTEM}");
        let entry = format!("title n{n}\nlinux /boot/bzImage\noptions init={toplevel}/init\n");
        ["nixos-version", "init", "activate", "etc"]
            .into_iter()
            .fold(disc, |disc, name| disc.alias(&format!("{toplevel}/{name}"), &format!("{own}/{name}")))
            .file(&format!("/loader/entries/n{n}.conf"), &entry)
    })
}

#[test]
fn many_systems_with_many_users() {
    let users = size(1_000, 9_900);
    let passwd = numbered(users, |n| format!("u{n}:x:{n}:100::/home/u{n}:/bin/sh\n"));
    let shadow = numbered(users, |n| format!("u{n}:$6$x{n}:1::::::\n"));
    let members = numbered(users, |n| format!("u{n},"));
    let disc = Disc::with_system().etc("passwd", &passwd).etc("shadow", &shadow);
    judge("systems", &systems(disc.etc("group", &format!("wheel:x:1:{members}nixos\n")), size(60, 900)));
}

#[test]
fn many_packages_of_one_name() {
    let disc = (0..size(3_000, 100_000)).fold(Disc::with_system(), |disc, n| disc.file(&store(n, "foo-1.0"), "x"));
    judge("names", &disc);
}

#[test]
fn directories_that_share_their_entries() {
    let (width, depth) = (size(60, 600), 12);
    let mut disc = Disc::with_system().file(&format!("/d{depth}/x"), "x");
    for level in (0..depth).rev() {
        for n in 0..width {
            disc = disc.alias(&format!("/d{level}/{n}"), &format!("/d{}", level + 1));
        }
    }
    let path = store(1, "foo-1");
    judge("shared", &disc.alias(&path, "/d0"));
}

#[test]
fn directories_in_directories() {
    let path = (0..size(500, 8_000)).fold(String::new(), |path, _| path + "/" + &"d".repeat(150));
    let mut disc = Disc::with_system().file(&format!("{path}/x"), "x");
    for n in 0..size(1_000, 20_000) {
        disc = disc.file(&format!("{path}/{n}"), "");
    }
    judge("deep", &disc);
}

#[test]
fn a_long_file_with_many_names() {
    let text = "password = \"hunter2hunter2\"\n".repeat(1 << 15);
    let first = format!("{}/0", store(1, "foo-1"));
    let disc = Disc::with_system().file(&first, &text);
    judge(
        "links",
        &(1..size(100, 10_000)).fold(disc, |disc, n| disc.alias(&format!("{}/{n}", store(1, "foo-1")), &first)),
    );
}

#[test]
fn a_store_path_that_is_larger_than_registered() {
    let first = format!("{}/0", store(1, "foo-1"));
    let registration = format!("{}\nsha256:{}\n1000\n\n0\n", store(1, "foo-1"), "0".repeat(64));
    let disc = Disc::with_system().bytes(&first, &vec![7; 1 << 20]);
    let disc = disc.file("/nix/store/nix-path-registration", &registration);
    let alias = |disc: Disc, n| disc.alias(&format!("{}/{n}", store(1, "foo-1")), &first);
    judge("bomb", &(1..size(200, 20_000)).fold(disc, alias));
}

#[test]
fn a_long_chain_of_references() {
    let count = size(3_000, 131_000);
    let registration = numbered(count, |n| {
        let references = if n == 0 { String::from("0\n") } else { format!("1\n{}\n", store(n - 1, "a")) };
        format!("{}\nsha256:{}\n1000\n\n{references}", store(n, "a"), "0".repeat(64))
    });
    judge("chain", &Disc::with_system().file("/nix/store/nix-path-registration", &registration));
}

#[test]
fn continuation_areas_that_many_records_share() {
    // Many entries of four bytes: padding (SUSP §5.2).
    let area = b"PD\x04\x01".repeat(500);
    let files = size(3_000, 30_000);
    judge("areas", &(0..files).fold(Disc::with_system(), |disc, n| disc.continued(&format!("/x/{n}"), &area)));
}

#[test]
fn an_image_that_is_mostly_zeros() {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.write_all(&Disc::with_system().image()).unwrap();
    let zeros = vec![0; 1 << 20];
    for _ in 0..size(256, 8_192) {
        encoder.write_all(&zeros).unwrap();
    }
    bar::all_commands("zeros.iso.zst", &encoder.finish().unwrap());
}

#[test]
fn tokens_that_begin_again_and_again() {
    let count = size(40_000, 700_000);
    let parts =
        ["glpat-", "ghp_", "eyJhbGciOi", "-----BEGIN ", "$6$", "password=", "http://a:", "AKIA", "$y$j9T$", "ssh-rsa "];
    let file =
        |disc: Disc, (n, part): (usize, &str)| disc.file(&format!("{}/{n}", store(1, "foo-1")), &part.repeat(count));
    judge("tokens", &parts.into_iter().enumerate().fold(Disc::with_system(), file));
}

#[test]
fn a_file_of_keys_that_all_users_share() {
    let users = size(200, 3_000);
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
    let keys = numbered(size(1_000, 9_000), |n| format!("{key} k{n}\n"));
    let passwd = numbered(users, |n| format!("u{n}:x:{n}:100::/home/u{n}:/bin/sh\n"));
    let disc = Disc::with_system().etc("passwd", &passwd).etc("ssh/authorized_keys.d/u0", &keys);
    let folder = format!("/nix/store/{SYSTEM}/etc/ssh/authorized_keys.d");
    judge("keys", &(1..users).fold(disc, |disc, n| disc.alias(&format!("{folder}/u{n}"), &format!("{folder}/u0"))));
}

#[test]
fn stacks_of_pam_that_double() {
    let mut disc = Disc::with_system();
    for n in 0..30 {
        disc = disc.etc(&format!("pam.d/s{n}"), &format!("auth include s{}\n", n + 1).repeat(size(20, 500)));
    }
    judge("pam", &disc.etc("pam.d/sshd", "auth include s0\n").etc("pam.d/login", "auth substack s0\n"));
}

#[test]
fn links_to_links_in_the_system_path() {
    let mut disc = Disc::with_system();
    for n in 0..39 {
        disc = disc.link(&format!("/l/{n}"), &format!("/l/{}", n + 1));
    }
    for n in 0..size(1_000, 30_000) {
        disc = disc.link(&format!("/nix/store/{SYSTEM}/sw/bin/{n}"), &format!("/l/1/{n}"));
    }
    judge("farm", &disc.program("/l/39/x"));
}

#[test]
fn rules_of_udev_tmpfiles_and_polkit() {
    let count = size(3_000, 60_000);
    let udev = "ACTION==\"add\", TAG+=\"systemd\", ENV{SYSTEMD_WANTS}+=\"sshd.service\"\n".repeat(count);
    let tmpfiles = numbered(count, |n| format!("f+ /root/.ssh/authorized_keys{n} 0600 root root - ssh-ed25519 AAAA\n"));
    let polkit =
        "polkit.addRule(function(a, s) { for (var i in a) { if (a.id == i) { return s.x; } } });\n".repeat(count);
    judge(
        "etc",
        &Disc::with_system()
            .etc("udev/rules.d/x.rules", &udev)
            .etc("tmpfiles.d/x.conf", &tmpfiles)
            .etc("polkit-1/rules.d/x.rules", &polkit)
            .service("polkit", "/bin/polkitd"),
    );
}

#[test]
fn an_initrd_with_links_in_reverse_order() {
    let mut members = Members::default();
    for n in (0..size(4_000, 30_000)).rev() {
        members.link(&format!("l{n}"), &format!("l{}", n + 1));
    }
    members.link("etc/shadow", "../l0").link("root/.ssh/authorized_keys", "/l10");
    judge("reverse", &Disc::with_system().bytes("/boot/initrd", &members.bzip2()));
}

#[test]
fn an_initrd_with_many_emergency_services() {
    let mut members = Members::default();
    for n in 0..size(1_200, 20_000) {
        members.file(&format!("etc/systemd/system/e{n}/emergency.service"), "[Service]\nExecStart=/bin/sh\n");
    }
    members.file("root/.ssh/authorized_keys", "ssh-ed25519 AAAA\n").file("etc/shadow", "root::1::::::\n");
    judge("emergency", &Disc::with_system().bytes("/boot/initrd", &members.bzip2()));
}

#[test]
fn an_initrd_with_many_host_keys() {
    let mut members = Members::default();
    for n in 0..size(4_000, 100_000) {
        let name = format!("{}/ssh_host_{n}_key", "k".repeat(200));
        members.file(&format!("etc/ssh/{name}"), "-----BEGIN OPENSSH PRIVATE KEY-----\n");
        members.file(&format!("root/.ssh/{n}/authorized_keys"), "ssh-ed25519 AAAA\n");
    }
    judge("hostkeys", &Disc::with_system().bytes("/boot/initrd", &members.bzip2()));
}

#[test]
fn an_initrd_that_unpacks_to_much_more() {
    let mut members = Members::default();
    for n in 0..size(60, 2_000) {
        members.file(&format!("zeros{n}"), &"\0".repeat(1 << 20));
    }
    let disc = Disc::with_system().bytes("/boot/initrd", &members.bzip2());
    judge("unpacks", &systems(disc, size(10, 300)));
}
