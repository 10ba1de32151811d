//! The same files for nixoscope and for the real programs.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use nixoscope::nixos::Disc;
use nixoscope::nixos::access::People;
use nixoscope::{Image, StorePath};

use crate::listing::scratch;
use crate::tool::{output, tool};

/// Files of `/etc`, by their names in it.
pub(crate) type Files = Vec<(String, String)>;

/// The users of all configurations.
pub(crate) const PASSWD: &str = "root:x:0:0::/root:/bin/sh\nann:x:1000:100::/home/ann:/bin/sh\n\
    bob:x:1001:100::/home/bob:/bin/sh\neve:x:1002:100::/home/eve:/bin/sh\nweb:x:1003:101::/home/web:/bin/sh\n";
pub(crate) const GROUP: &str = "root:x:0:\nwheel:x:1:eve\nusers:x:100:\nweb:x:101:\nstaff:x:1006:bob\n";
pub(crate) const SHADOW: &str = "root:!:1::::::\nann:!:1::::::\nbob:!:1::::::\neve:!:1::::::\nweb:!:1::::::\n";

/// A question to a real program: user, target, command.
pub(crate) type Probe = (&'static str, &'static str, &'static str);

/// Systems per image.
const BATCH: usize = 250;

/// A number from the environment.
pub(crate) fn number(name: &str, default: usize) -> usize {
    std::env::var(name).ok().map_or(default, |value| value.parse().ok().unwrap_or_else(|| panic!("{name}={value}")))
}

/// Who gets in with each configuration, as nixoscope reads it from an image with one system per configuration.
pub(crate) fn accesses(configurations: &[Files]) -> Vec<People> {
    configurations.chunks(BATCH).flat_map(batch).collect()
}

fn batch(configurations: &[Files]) -> Vec<People> {
    let scratch = scratch();
    let tree = scratch.path().join("tree");
    for (index, files) in configurations.iter().enumerate() {
        let toplevel = tree.join(&toplevel(index)[1..]);
        let known = [("passwd", PASSWD), ("group", GROUP), ("shadow", SHADOW), ("hostname", "nixos\n")];
        // Systems with the same entries would count as one.
        for (name, contents) in [("init", ""), ("sw", ""), ("nixos-version", "25.11"), (&format!("own-{index}"), "")] {
            write(&toplevel.join(name), contents);
        }
        known.iter().for_each(|(name, contents)| write(&toplevel.join("etc").join(name), contents));
        files.iter().for_each(|(name, contents)| write(&toplevel.join("etc").join(name), contents));
    }
    let archive = scratch.path().join("image.squashfs");
    output(tool("mksquashfs").args([&tree, &archive]).args(["-quiet", "-no-progress", "-comp", "gzip"]));
    let image = Image::open(&archive, &mut |_, _| {}).unwrap();
    let disc = Disc::open(&image).unwrap();
    let access = |index: usize| {
        let path = StorePath::from_path(toplevel(index).as_bytes()).unwrap();
        let system = disc.systems.iter().find(|system| system.path == path).unwrap();
        People::of(&disc, system).unwrap_or_else(|error| panic!("{index}: {error}"))
    };
    (0..configurations.len()).map(access).collect()
}

fn toplevel(index: usize) -> String {
    format!("/nix/store/{:0>32}-nixos-system-{index}", index)
}

fn write(file: &Path, contents: &str) {
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, contents).unwrap();
}

/// The verdicts of a judge on the configurations, one per line. The judge is a shell script in its own namespaces.
pub(crate) fn judged(judge: &str, configurations: &[(Files, Vec<Probe>)]) -> BTreeSet<String> {
    // Two judges run at a time, each with its own files.
    let half = configurations.len().div_ceil(2).max(1);
    std::thread::scope(|scope| {
        let judges: Vec<_> = configurations
            .chunks(half)
            .enumerate()
            .map(|(part, configurations)| scope.spawn(move || part_judged(judge, part * half, configurations)))
            .collect();
        judges.into_iter().flat_map(|judge| judge.join().unwrap()).collect()
    })
}

fn part_judged(judge: &str, first: usize, configurations: &[(Files, Vec<Probe>)]) -> BTreeSet<String> {
    let scratch = scratch();
    let work = scratch.path();
    for (name, contents) in [("passwd", PASSWD), ("group", GROUP), ("shadow", SHADOW)] {
        write(&work.join("users").join(name), contents);
    }
    for (index, (files, probes)) in configurations.iter().enumerate() {
        let configuration = work.join(format!("configurations/{:05}", first + index));
        files.iter().for_each(|(name, contents)| write(&configuration.join("etc").join(name), contents));
        let lines = probes.iter().map(|(user, target, command)| format!("{user} {target} {command}\n"));
        write(&configuration.join("probes"), &lines.collect::<String>());
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/rights").join(judge);
    let judged = tool("unshare").args(["-m", "-u", "-n", "sh"]).arg(script).arg(work).output().unwrap();
    let errors = String::from_utf8_lossy(&judged.stderr);
    assert!(judged.status.success(), "{judge}: {errors}");
    eprint!("{errors}");
    String::from_utf8(judged.stdout).unwrap().lines().map(str::to_owned).collect()
}
