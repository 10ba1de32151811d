//! `packages`, and what counts as one in `check`.

use serde_json::{Value, json};

use crate::support::{Disc, fixture, run};

/// A store with objects of every kind, and a system that has installed some of them.
fn kinds() -> String {
    fixture("packages/kinds.squashfs").display().to_string()
}

#[test]
fn each_object_has_the_kind_that_its_contents_tell() {
    let document: Value = serde_json::from_str(&run(&["packages", "--json", &kinds()]).out).unwrap();
    let kind = |name: &str| {
        let mut packages = document["packages"].as_array().unwrap().iter();
        packages.find(|package| package["name"] == name).map(|package| package["kind"].as_str().unwrap().to_owned())
    };
    for (name, expected) in [
        ("hello-2.12.2.drv", "derivation"),
        ("hello-2.12.2.tar.gz", "source"),
        ("CVE-2014-8139.diff", "source"),
        ("vim-9.1-src", "source"),
        ("dbus-1", "configuration"),
        ("polkit-1.pam", "configuration"),
        ("etc-10-nixos.rules", "configuration"),
        ("unit-getty-.service", "unit"),
        ("setup-hook-1.0.sh", "other"),
        ("nixos-system-rescue-18-25.11", "system"),
        ("system-path", "system"),
        ("initrd-linux-6.12.57", "system"),
        ("linux-6.12.57", "software"),
        ("vim-9.1", "software"),
        ("library-2.0", "software"),
    ] {
        assert_eq!(kind(name).as_deref(), Some(expected), "{name}");
    }
}

#[test]
fn the_table_shows_software_and_all_shows_every_object_with_its_kind() {
    let first = |arguments: &[&str]| -> Vec<String> {
        let out = run(arguments).out;
        out.lines().map(|line| line.split_whitespace().next().unwrap_or_default().to_owned()).collect()
    };
    let software = first(&["packages", &kinds()]);
    let expected = [
        "NAME",
        "gcc",
        "greeter",
        "greeter-env",
        "library",
        "linux",
        "nvi",
        "openssl",
        "tool",
        "vim",
        "work",
        "",
        "23",
    ];
    assert_eq!(software, expected);
    let all = run(&["packages", &kinds(), "--all"]).out;
    assert_eq!(all.lines().next().unwrap().split_whitespace().nth(3), Some("KIND"));
    assert_eq!(all.lines().count(), 1 + 23 + 2);
}

#[test]
fn a_package_that_is_there_only_as_something_else_is_not_there() {
    let asked = run(&["packages", &kinds(), "hello"]);
    let told = "nixoscope: hello: not in the image as software; only a derivation (hello-2.12.2.drv) and a source \
                (hello-2.12.2.tar.gz) have this name\n";
    assert_eq!((asked.code, asked.errors.as_str()), (Some(1), told));
    assert_eq!(run(&["packages", &kinds(), "hello", "--all"]).code, Some(0));
}

#[test]
fn only_software_counts_as_a_package() {
    let hello = "not in the image as software; only a derivation (hello-2.12.2.drv) and a source (hello-2.12.2.tar.gz) have \
                 this name";
    let configuration = "not in the image as software; only configuration (dbus-1) has this name";
    let beside = "only its documentation or development files are installed";
    for (flag, subject, status, message) in [
        ("--package", "hello", "fail", hello.to_owned()),
        ("--package", "hello@2.12.2", "fail", hello.to_owned()),
        ("--package", "dbus", "fail", configuration.to_owned()),
        ("--package", "vim", "pass", "vim 9.1".to_owned()),
        ("--installed", "hello", "fail", hello.to_owned()),
        ("--installed", "tool", "pass", "tool 1.0".to_owned()),
        // A version that ends in -dev.
        ("--installed", "work", "pass", "work 5.0 (dev)".to_owned()),
        ("--installed", "openssl", "fail", format!("{beside}: openssl 3.5.4 (dev)")),
        ("--installed", "gcc", "fail", format!("{beside}: gcc 14.3.0 (man)")),
        ("--installed", "library", "fail", "a dependency, not in environment.systemPackages: library 2.0".to_owned()),
        ("--installed", "greeter", "pass", "greeter 1.0, through greeter-env".to_owned()),
        (
            "--installed",
            "nvi",
            "unknown",
            "nvi 1.81 is in the image, but the system path takes the programs of that name from vim 9.1; whether it is in \
             environment.systemPackages too, the references do not tell"
                .to_owned(),
        ),
        ("--forbid", "hello", "pass", hello.to_owned()),
        ("--forbid", "dbus", "pass", configuration.to_owned()),
        ("--forbid", "hello-2.12.2.drv", "fail", "in the image: hello 2.12.2.drv".to_owned()),
        ("--forbid", "gcc", "fail", "in the image: gcc 14.3.0 (man)".to_owned()),
    ] {
        let run = run(&["check", "--json", &kinds(), flag, subject]);
        let document: Value = serde_json::from_str(&run.out).unwrap();
        let result = &document["results"][0];
        assert_eq!((&result["status"], &result["message"]), (&json!(status), &json!(message)), "{flag} {subject}");
    }
}

/// Every image among the fixtures that has a store.
fn stores() -> Vec<String> {
    let mut images = Vec::new();
    let mut ahead = vec![fixture("")];
    while let Some(directory) = ahead.pop() {
        for entry in std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
            let name = entry.to_string_lossy().into_owned();
            match entry.is_dir() {
                true => ahead.push(entry),
                false if name.ends_with(".iso") || name.ends_with(".squashfs") => images.push(name),
                false => {}
            }
        }
    }
    images.sort();
    images
}

#[test]
fn the_sizes_on_the_disc_add_up_to_the_bytes_of_the_store_in_every_image() {
    let (mut squashfs, mut directories) = (0, 0);
    for image in stores() {
        let Ok(document) = serde_json::from_str::<Value>(&run(&["packages", "--json", &image]).out) else { continue };
        let disk = &document["disk"];
        let Some(total) = disk["total"].as_u64() else { continue };
        let bytes = |name: &str| disk[name].as_u64().unwrap();
        let parts = ["storePaths", "registration", "otherFiles", "metadata", "unused", "padding"];
        assert_eq!(parts.map(bytes).iter().sum::<u64>(), total, "{image}: {disk}");
        let rows = document["packages"].as_array().unwrap();
        let sum: u64 = rows.iter().map(|package| package["diskSize"].as_u64().unwrap()).sum();
        assert_eq!(sum, bytes("storePaths"), "{image}");
        let about: Value = serde_json::from_str(&run(&["inspect", "--json", &image]).out).unwrap();
        if about["store"]["kind"] == "directory" {
            directories += 1;
            continue;
        }
        squashfs += 1;
        assert_eq!(total - bytes("padding"), about["store"]["bytes"].as_u64().unwrap(), "{image}");
        let path = about["store"]["path"].as_str();
        let length = match path {
            Some(path) => {
                let listed: Value = serde_json::from_str(&run(&["ls", "-l", "--json", &image, path]).out).unwrap();
                listed["entries"][0]["size"].as_u64().unwrap()
            }
            None => std::fs::metadata(&image).unwrap().len(),
        };
        assert_eq!(total, length, "{image}");
        assert_eq!(bytes("unused"), 0, "{image}");
    }
    assert!(squashfs > 20 && directories > 0, "{squashfs} squashfs, {directories} directories");
}

fn names(arguments: &[&str]) -> Vec<String> {
    let out = run(&[&["packages"], arguments].concat()).out;
    let names = out.lines().take_while(|line| !line.is_empty()).skip(1);
    names.map(|line| line.split_whitespace().take(2).collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn the_added_size_of_a_package_is_what_would_go_with_it() {
    let today = fixture("today/result").display().to_string();
    let document: Value = serde_json::from_str(&run(&["packages", "--json", &today]).out).unwrap();
    let mut last = u64::MAX;
    for name in names(&["--sort", "added", &today]).iter().take(12) {
        let (pname, version) = name.split_once(' ').unwrap();
        let row =
            document["packages"].as_array().unwrap().iter().find(|package| {
                package["pname"] == pname && package["version"] == version && package["output"].is_null()
            });
        let Some(row) = row else { continue };
        let added = row["addedSize"].as_u64().unwrap();
        assert!(added <= last, "{name}");
        last = added;
        let reverse = run(&["why", "--json", "--reverse", &today, row["path"].as_str().unwrap()]).out;
        let reverse: Value = serde_json::from_str(&reverse).unwrap();
        assert_eq!(reverse["brings"]["onlySize"], row["addedSize"], "{name}: {}", reverse["brings"]);
    }
}

#[test]
fn the_tree_shows_each_store_path_once_and_counts_what_is_deeper() {
    let today = fixture("today/result").display().to_string();
    let out = run(&["packages", "--tree", "--depth", "1", &today]).out;
    let first = out.lines().nth(1).unwrap();
    assert!(first.ends_with("  nixos-system-nixos-25.11.1234.abcdef"), "{out}");
    assert!(out.lines().skip(2).all(|line| line[36..].starts_with("  ") && !line[38..].starts_with(' ')), "{out}");
    let whole = run(&["packages", "--tree", "--depth", "60", &today]).out;
    let hidden = |out: &str| -> usize {
        out.lines().filter_map(|line| line.strip_suffix(')')?.rsplit_once("(+")?.1.parse::<usize>().ok()).sum()
    };
    assert_eq!(out.lines().count() + hidden(&out), whole.lines().count());
    assert_eq!(hidden(&whole), 0);
}

#[test]
fn the_document_of_the_tree_has_the_lines_of_its_page() {
    let today = fixture("today/result").display().to_string();
    let page = run(&["packages", "--tree", &today]).out;
    let document: Value = serde_json::from_str(&run(&["packages", "--tree", "--json", &today]).out).unwrap();
    assert_eq!(document["schema"], "nixoscope.tree.v1");
    let lines = document["tree"].as_array().unwrap().iter().map(|twig| {
        let name = twig["path"].as_str().unwrap()["/nix/store/".len() + 33..].to_owned();
        let more = twig["deeper"].as_u64().filter(|deeper| *deeper > 0).map(|deeper| format!(" (+{deeper})"));
        let level = usize::try_from(twig["level"].as_u64().unwrap()).unwrap();
        format!("{}{name}{}", "  ".repeat(level), more.unwrap_or_default())
    });
    assert_eq!(lines.collect::<Vec<_>>(), page.lines().skip(1).map(|line| line[36..].to_owned()).collect::<Vec<_>>());
}

#[test]
fn one_version_built_for_two_abis_is_not_several_versions() {
    let file = |digit: &str, name: &str| format!("/nix/store/{}-{name}/bin/tool", digit.repeat(32));
    let disc = Disc::with_system()
        .program(&file("4", "webkitgtk-2.50.3+abi=4.0"))
        .program(&file("5", "webkitgtk-2.50.3+abi=4.1"))
        .program(&file("6", "libsoup-2.74.3"))
        .program(&file("7", "libsoup-3.6.5"));
    let folder = tempfile::tempdir().unwrap();
    let image = disc.write(folder.path()).display().to_string();
    let listed = run(&["packages", "--several", "--path", &image]).out;
    let names: Vec<&str> = listed.lines().map(|line| &line["/nix/store/".len() + 33..]).collect();
    assert_eq!(names, ["libsoup-2.74.3", "libsoup-3.6.5"]);
}

#[test]
fn packages_in_more_than_one_version_can_be_listed_alone() {
    let today = fixture("today/result").display().to_string();
    let expected = [
        "linux 6.12.57",
        "linux 6.12.57",
        "linux 6.17.9",
        "linux 6.17.9",
        "openssl 3.4.3",
        "openssl 3.6.0",
        "openssl 3.6.0",
        "perl 5.42.0",
        "perl 5.42.0-env",
    ];
    assert_eq!(names(&["--several", &today]), expected);
}
