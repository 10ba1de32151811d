//! Units and the services that start at boot, compared with systemd in its test mode.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use nixoscope::Image;
use nixoscope::nixos::unit::{Lookup, Start, Units};
use nixoscope::nixos::{Disc, Root};

use crate::random::Random;
use crate::tool::{output, scratch, text, tool};

/// Trees of units to compare, unless `NIXOSCOPE_ORACLE_SEED` and `NIXOSCOPE_ORACLE_COUNT` say otherwise. systemd takes
/// a fifth of a second for each.
const TREES: u64 = 40;

/// The facts about a unit: how it loads, whether it starts at boot, and its commands.
#[derive(Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Facts {
    state: String,
    starts: bool,
    commands: Vec<String>,
}

/// Names of services in a tree, each able to start those after it.
const SERVICES: [&str; 8] = [
    "a.service",
    "b-c.service",
    "b-d-e.service",
    "t@one.service",
    "t@two-x.service",
    "alias.service",
    "u@.service",
    "z.service",
];

#[test]
fn units_load_and_start_as_in_systemd() {
    let number = |name: &str| std::env::var(name).ok().map(|value| value.parse::<u64>().expect("a number"));
    let first = number("NIXOSCOPE_ORACLE_SEED").unwrap_or(0);
    let seeds = first..first + number("NIXOSCOPE_ORACLE_COUNT").unwrap_or(TREES);
    let scratch = scratch("units");
    let trees = scratch.join("trees");
    for seed in seeds.clone() {
        make(&trees.join(seed.to_string()), &mut Random::new(seed));
    }
    let image = scratch.join("units.squashfs");
    output(tool("mksquashfs").arg(&trees).arg(&image).args(["-noappend", "-quiet", "-no-progress"]));
    let image = Image::open(&image, &mut |_, _| {}).unwrap();
    let disc = Disc::open(&image).unwrap();
    for seed in seeds {
        let root = Root::new(disc.tree(), format!("/{seed}"));
        let folder = trees.join(seed.to_string()).join("etc/systemd/system");
        let (ours, theirs) = (ours(&root), theirs(&folder));
        for name in names() {
            assert_eq!(ours.get(&name), theirs.get(&name), "{name} of tree {seed}: {}", listing(&folder));
        }
    }
}

/// The services to compare. In systemd, a template has no state of its own.
fn names() -> Vec<String> {
    SERVICES.iter().filter(|name| !name.contains("@.")).map(|name| (*name).to_owned()).collect()
}

/// Writes a tree of units, each with at least one oddity.
fn make(root: &Path, random: &mut Random) {
    let folder = root.join("etc/systemd/system");
    fs::create_dir_all(&folder).unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    for (target, wants) in [
        ("multi-user", "Requires=basic.target"),
        ("basic", "Requires=sysinit.target\nWants=sockets.target timers.target paths.target"),
        ("sysinit", ""),
        ("sockets", ""),
        ("timers", ""),
        ("paths", ""),
        ("shutdown", ""),
    ] {
        write(&format!("{target}.target"), &format!("[Unit]\nDescription={target}\n{wants}\n"));
    }
    symlink("multi-user.target", folder.join("default.target")).unwrap();
    // Units are only loaded if another unit names them.
    write("probe.target", &format!("[Unit]\nDefaultDependencies=no\nAfter={}\n", names().join(" ")));
    fs::create_dir_all(folder.join("multi-user.target.wants")).unwrap();
    symlink("../probe.target", folder.join("multi-user.target.wants/probe.target")).unwrap();
    for (index, name) in SERVICES.iter().enumerate() {
        let later = SERVICES.get(index + 1..).unwrap().iter().find(|_| random.below(3) == 0);
        match (*name, random.below(8)) {
            ("alias.service", 0..4) => symlink("a.service", folder.join(name)).unwrap(),
            (_, 0) => symlink("/dev/null", folder.join(name)).unwrap(),
            (_, 1) => write(name, ""),
            (_, 2) => {}
            _ => write(name, &service(random, name, later.copied())),
        }
        for folder_name in folders(name) {
            if random.below(5) == 0 {
                let file = ["10.conf", "20.conf", "30", ".40.conf"][random.below(4)];
                write(&format!("{folder_name}.d/{file}"), &drop_in(random, "a.service", later.copied()));
            }
        }
        if random.below(3) == 0 && !name.contains("@.") {
            // An early target that wants a service would form an ordering cycle, which systemd breaks at an arbitrary point.
            let owner = ["multi-user.target", "default.target", "z.target"][random.below(3)];
            // If a default target requires a missing unit, systemd boots the rescue target. `.upholds` came with 254.
            let links = folder.join(format!("{owner}.wants"));
            fs::create_dir_all(&links).unwrap();
            symlink(format!("../{name}"), links.join(name)).unwrap();
        }
    }
    write("t@.service", &service(random, "t@.service", Some("z.service")));
    let instance = folder.join("multi-user.target.wants/t@one.service");
    if random.below(2) == 0 && !instance.is_symlink() {
        symlink("../t@.service", instance).unwrap();
    }
}

fn folders(name: &str) -> Vec<String> {
    let mut folders = vec![name.to_owned(), "service".to_owned()];
    if name.starts_with("b-d") {
        folders.extend(["b-.service".to_owned(), "b-d-.service".to_owned()]);
    }
    if name.starts_with("t@") {
        folders.push("t@.service".to_owned());
    }
    folders
}

/// Values of `ExecStart=`, written in every way.
const COMMANDS: [&str; 12] = [
    "/bin/echo one  two",
    "-/bin/echo 'a b' \"c d\" e\"f g\"h",
    "@/bin/echo zero %n %i %I %p %N %%",
    "/bin/echo a \\\n  b \\\n# comment\n  c",
    "/bin/echo \\x41 \\s \\101 \\\"",
    "/bin/echo a\\\\",
    ":/bin/echo ; /bin/echo b",
    "/bin/echo \\; ';'",
    "/bin/echo \"\" ''",
    "+/bin/echo a;b",
    "/bin/echo %j %P x%%y",
    "   /bin/echo padded   ",
];

/// A value. In a unit with an alias, the meaning of specifiers depends on the name that systemd loads first.
fn command(random: &mut Random, name: &str) -> &'static str {
    let command = COMMANDS[random.below(COMMANDS.len())];
    if name == "a.service" && command.contains('%') { COMMANDS[0] } else { command }
}

fn service(random: &mut Random, name: &str, later: Option<&str>) -> String {
    let mut text = "# a comment\n[Unit]\n".to_owned();
    if let Some(later) = later.filter(|_| random.below(2) == 0) {
        let key = ["Wants", "Requires", "BindsTo", "Upholds", "After", "PartOf"][random.below(6)];
        text += &format!("{key}={later}\n");
    }
    text += "[Service]\nType=oneshot\n";
    for _ in 0..=random.below(2) {
        text += &format!("ExecStart={}\n", command(random, name));
    }
    text + "  ; another\n[X-Own]\nExecStart=/bin/echo never\n"
}

fn drop_in(random: &mut Random, name: &str, later: Option<&str>) -> String {
    match (random.below(4), later) {
        (0, Some(later)) => format!("[Unit]\nWants={later}\n"),
        (0 | 1, _) => format!(
            "[Service]\nExecStart = {}\r\n",
            command(random, name).lines().next().unwrap().trim_end_matches('\\')
        ),
        (2, _) => format!("[Service]\nExecStart=\nExecStart={}\n", command(random, name)),
        (_, _) => String::new(),
    }
}

fn ours(root: &Root<'_>) -> BTreeMap<String, Facts> {
    let units = Units::of(root).unwrap();
    let facts = |name: &String| {
        let found = units.get(name).unwrap();
        let state = match &found {
            Lookup::Loaded(_) => "loaded",
            Lookup::Masked(_) => "masked",
            Lookup::Dangling(..) | Lookup::Missing => "not-found",
        };
        let commands = found.unit().map(|unit| unit.commands("ExecStart")).unwrap_or_default();
        let commands = commands.iter().map(|command| command.arguments.join("|")).collect();
        let starts = found.unit().is_some() && units.start(name).unwrap() == Start::Boot;
        (name.clone(), Facts { state: state.to_owned(), starts, commands })
    };
    names().iter().map(facts).collect()
}

/// Runs systemd in its test mode. It prints the units that it has loaded and the jobs of the default target.
fn theirs(folder: &Path) -> BTreeMap<String, Facts> {
    let mut systemd = Command::new("setpriv");
    systemd.args(["--reuid=65534", "--regid=65534", "--clear-groups", "/lib/systemd/systemd", "--test", "--system"]);
    systemd.args(["--no-pager", "--unit=default.target"]).env_clear().env("SYSTEMD_UNIT_PATH", folder);
    let text = text(&mut systemd);
    let (units, jobs) = text.split_once("-> By jobs:").expect("a list of jobs");
    let started: BTreeSet<&str> =
        jobs.lines().filter_map(|line| line.trim().strip_prefix("Action: ")?.strip_suffix(" -> start")).collect();
    let mut facts = BTreeMap::new();
    for block in units.split("-> Unit ").skip(1) {
        let (own, rest) = block.split_once(":\n").unwrap();
        let value = |key: &'static str| rest.lines().filter_map(move |line| line.trim().strip_prefix(key));
        let state = value("Unit Load State: ").next().unwrap().to_owned();
        let commands = value("Command Line: ").map(arguments).collect::<Vec<_>>();
        for name in std::iter::once(own).chain(value("Alias: ")) {
            let (state, starts) = (state.clone(), started.contains(own));
            facts.insert(name.to_owned(), Facts { state, starts, commands: commands.clone() });
        }
    }
    facts
}

/// The arguments of a command as systemd prints it, quoted for a shell, without the program name.
fn arguments(line: &str) -> String {
    let mut shell = Command::new("bash");
    shell.args(["-c", &format!("set -- {line}; shift; IFS='|'; printf %s \"$*\"")]);
    text(&mut shell)
}

/// The files of a tree, printed if something differs.
fn listing(folder: &Path) -> String {
    let mut command = Command::new("sh");
    command.args(["-c", "find . -type l -printf '%p -> %l\\n' -o -type f ! -name '*.target' -exec tail -n +1 {} +"]);
    text(command.current_dir(folder))
}
