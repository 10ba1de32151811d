//! Paths: those of the running system, and of the disc's own tree.

use crate::support::{fixture, program, run};

fn listed(arguments: &[&str], image: &str, path: &str) -> Vec<String> {
    let image = fixture(image).display().to_string();
    let run = run(&[&["ls"], arguments, &[&image, path]].concat());
    assert_eq!((run.code, run.errors.as_str()), (Some(0), ""), "{image} {path}");
    run.out.lines().map(str::to_owned).collect()
}

#[test]
fn the_root_shows_the_disc_and_what_boot_adds() {
    let own = ["/.boot.cat", "/EFI/", "/boot/", "/isolinux/", "/nix-store.squashfs", "/version.txt"];
    assert_eq!(listed(&["-x"], "today/result", "/"), own);
    let mut all = [&own[..], &["/etc", "/nix/", "/run/"]].concat();
    // Entries are in the order of their names, without the slash that marks a directory.
    all.sort_unstable_by_key(|path| path.trim_end_matches('/'));
    assert_eq!(listed(&[], "today/result", "/"), all);
    assert_eq!(listed(&[], "today/result", "/nix"), ["/nix/store/"]);
    assert_eq!(listed(&[], "today/result", "/run"), ["/run/current-system"]);
}

#[test]
fn a_store_of_the_disc_itself_is_shown_with_the_disc() {
    for arguments in [&["-x"][..], &[]] {
        let store = listed(arguments, "era-2008/result", "/nix/store");
        assert_eq!(store.len(), 19);
        assert!(store.iter().all(|path| path.starts_with("/nix/store/")));
    }
}

#[test]
fn the_store_of_a_bare_squashfs_is_shown_where_it_belongs() {
    let archive = "squashfs/nix-store.squashfs";
    assert!(listed(&[], archive, "/").iter().all(|path| !path.contains("-bash-interactive")));
    assert!(listed(&[], archive, "/nix/store").iter().any(|path| path.ends_with("-bash-interactive-5.3p3/")));
    assert!(listed(&["-x"], archive, "/").iter().any(|path| path.ends_with("-bash-interactive-5.3p3/")));
}

#[test]
fn a_path_of_the_running_system_leads_into_the_store() {
    for (image, path, end) in [
        ("today/result", "/etc/os-release", "-etc-os-release"),
        ("today/result", "/run/current-system/sw/bin/nvim", "-neovim-0.11.5/bin/nvim"),
        ("today/result", "/run/../etc/./ssh//sshd_config", "-sshd.conf-final"),
        ("today/result", "/boot/../../../version.txt", "/version.txt"),
        // In the specialisation, the whole of sw/bin is a link.
        ("today/result", "/run/current-system/specialisation/gnome/sw/bin/firefox", "-firefox-145.0/bin/firefox"),
        ("middle/result", "/run/current-system/sw/bin/bash", "/bin/bash"),
        ("era-2014/result", "/run/current-system/sw/bin/bash", "-bash-4.3-p30/bin/bash"),
        ("era-2008/result", "/run/current-system/sw/bin/bash", "-bash-3.2-p39/bin/bash"),
    ] {
        let image = fixture(image).display().to_string();
        let judged = run(&["check", &image, "--file", path]);
        let told = judged.out.lines().nth(1).unwrap_or_default();
        assert!(judged.code == Some(0) && told.ends_with(end), "{image} {path}: {told}");
        let printed = program().args(["cat", &image, path]).output().unwrap();
        assert_eq!((printed.status.code(), printed.stdout.is_empty()), (Some(0), false), "{path}");
    }
}

#[test]
fn a_link_is_shown_itself_in_a_long_listing_and_followed_in_a_short_one() {
    let long = listed(&["-l"], "today/result", "/run/current-system");
    assert!(long[0].starts_with("lrwxrwxrwx ") && long[0].contains(" /run/current-system -> /nix/store/"), "{long:?}");
    assert_eq!(long.len(), 1);
    let short = listed(&[], "today/result", "/run/current-system");
    // As in ls(1), paths begin as they were asked for.
    assert!(short.contains(&"/run/current-system/sw".to_owned()), "{short:?}");
    assert!(short.iter().all(|path| path.starts_with("/run/current-system/")), "{short:?}");
    assert_eq!(listed(&["-l"], "today/result", "/run/current-system/").len(), short.len());
}

#[test]
fn links_never_lead_to_the_host() {
    // Each is there on this machine, and none on the discs.
    for (image, path) in [
        ("today/result", "/dev/null"),
        ("today/result", "/proc/self/exe"),
        ("iso/symlinks-xorriso.iso", "/dev/null"),
        ("iso/symlinks-xorriso.iso", "/root/proc/self/exe"),
        ("iso/symlinks-xorriso.iso", "/folder/far-above/proc/self/exe"),
        ("iso/symlinks-xorriso.iso", "/root/dev/null"),
    ] {
        let image = fixture(image).display().to_string();
        let run = run(&["cat", &image, path]);
        assert_eq!((run.code, run.out.as_str()), (Some(1), ""), "{path}");
        assert!(run.errors.contains("no such file in the image"), "{path}: {}", run.errors);
    }
    let image = "iso/symlinks-xorriso.iso";
    let root = listed(&[], image, "/");
    for asked in ["/root", "/folder/far-above"] {
        let below: Vec<String> = root.iter().map(|path| format!("{asked}{path}")).collect();
        assert_eq!(listed(&[], image, asked), below);
    }
    assert_eq!(listed(&[], image, "/folder/parent"), ["/folder/parent"]);
}

#[test]
fn a_missing_path_or_a_directory_cannot_be_printed() {
    let image = fixture("today/result").display().to_string();
    for (path, code, reason) in [
        ("/etc", 2, "/etc is a directory; list it with ls"),
        ("/nothing", 1, "nixoscope: /nothing: no such file in the image\n"),
        ("/etc/nothing", 1, "no such file in the image"),
        ("/version.txt/more", 2, "/version.txt: not a directory"),
        ("/run/current-system/sw/bin/loop-a", 2, "symbolic link loop"),
    ] {
        let run = run(&["cat", &image, path]);
        assert_eq!((run.code, run.out.as_str(), run.errors.lines().count()), (Some(code), "", 1), "{path}");
        assert!(run.errors.contains(reason), "{path}: {}", run.errors);
    }
}

#[test]
fn each_missing_path_is_reported_and_the_others_are_served() {
    let image = fixture("today/result").display().to_string();
    let missing = "nixoscope: /gone: no such file in the image\nnixoscope: /lost: no such file in the image\n";
    let printed = run(&["cat", &image, "/gone", "/version.txt", "/lost", "/version.txt"]);
    let version = run(&["cat", &image, "/version.txt"]).out;
    assert_eq!((printed.code, printed.out, printed.errors.as_str()), (Some(1), version.repeat(2), missing));
    let listed = run(&["ls", &image, "/gone", "/version.txt", "/lost"]);
    assert_eq!((listed.code, listed.out.as_str(), listed.errors.as_str()), (Some(1), "/version.txt\n", missing));
    let refused = run(&["cat", "--json", &image, "/version.txt"]);
    let message = "nixoscope: cat prints the bytes of files, not JSON; leave out --json\n";
    assert_eq!((refused.code, refused.errors.as_str()), (Some(2), message));
}

#[test]
fn the_disc_is_also_where_stage_1_mounts_it_but_nothing_is_listed_twice() {
    assert_eq!(listed(&[], "today/result", "/iso/version.txt"), ["/iso/version.txt"]);
    assert!(listed(&[], "today/result", "/iso").contains(&"/iso/nix-store.squashfs".to_owned()));
    assert!(!listed(&["-R"], "today/result", "/").iter().any(|path| path == "/iso" || path.starts_with("/iso/")));
}
