//! The layers of the source: a module names those below its own, and none above or beside it.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "what a helper does not expect fails the test")]

use std::fs;
use std::path::{Path, PathBuf};

/// From the top down. Modules of one row do not name each other. The command line is above them, in the binary.
const LAYERS: [&[&str]; 10] = [
    &["report"],
    &["check"],
    &["diff", "verify"],
    &["secrets"],
    &["nixos"],
    &["store"],
    &["fs"],
    &["image"],
    &["parse"],
    &["error"],
];

/// What the crate's root re-exports from `error`.
const ROOT: [&str; 3] = ["Error", "Place", "Result"];

/// File systems that do not know each other.
const FILE_SYSTEMS: [&str; 5] = ["cpio", "ext4", "fat", "iso9660", "squashfs"];

/// Names that say nothing about the contents.
const EMPTY_NAMES: [&str; 4] = ["common", "helpers", "types", "util"];

/// A source file of the library, without its comments.
struct File {
    /// Below `src`: `fs/iso9660/mod.rs`.
    path: PathBuf,
    code: String,
}

impl File {
    /// The names of modules from the root on: `fs`, `iso9660`.
    fn modules(&self) -> Vec<String> {
        let path = self.path.with_extension("");
        let mut names: Vec<String> = path.iter().map(|name| name.to_string_lossy().into_owned()).collect();
        if names.last().is_some_and(|name| name == "mod") {
            names.pop();
        }
        names
    }
}

#[test]
fn every_module_has_a_layer() {
    for file in library() {
        let modules = file.modules();
        assert!(modules[0] == "lib" || layer(&modules[0]).is_some(), "{} is in no layer", file.path.display());
    }
}

#[test]
fn a_module_names_only_those_below_its_own_layer() {
    let mut seen = 0;
    for file in library().iter().filter(|file| file.path != Path::new("lib.rs")) {
        let modules = file.modules();
        let own = layer(&modules[0]).expect("a layer");
        for name in named(file) {
            let other = if ROOT.contains(&name.as_str()) { "error" } else { &name };
            let below = layer(other).is_some_and(|other| other > own);
            assert!(below || other == modules[0], "{} names {name}, which is not below it", file.path.display());
            seen += 1;
        }
    }
    assert!(seen > 100, "{seen} names were seen");
}

#[test]
fn the_file_systems_do_not_name_each_other() {
    for file in library() {
        let modules = file.modules();
        let Some(own) = FILE_SYSTEMS.iter().find(|&&system| modules.get(1).is_some_and(|name| name == system)) else {
            continue;
        };
        for other in FILE_SYSTEMS.iter().filter(|other| *other != own) {
            assert!(!words(&file.code).any(|word| word == *other), "{} names {other}", file.path.display());
        }
    }
}

/// Files of some rooms do not contain these words.
const APART: [(&[&str], &[&str], &str); 4] = [
    (&["store/"], &["hashing"], "the hasher reads stores, and nothing that it reads knows it"),
    (&["check/kind/"], &["policy", "Policy", "Demand", "KINDS"], "an assertion does not know who asks for it"),
    (&["check/policy/"], &["Subject", "Judgement"], "a policy asks and does not judge"),
    (&["secrets/rules/"], &["Disc", "Archive", "Tree", "rayon"], "a rule sees bytes"),
];

#[test]
fn rooms_of_one_layer_keep_their_distance() {
    for (rooms, words, why) in APART {
        let inside = |file: &&File| rooms.iter().any(|room| file.path.starts_with(room));
        let all = library();
        let files: Vec<&File> = all.iter().filter(inside).collect();
        assert!(!files.is_empty(), "{rooms:?}");
        for file in files.into_iter().filter(|file| !file.modules().iter().any(|name| words.contains(&name.as_str()))) {
            // Modules are declared and re-exported by their parent.
            let declared = file.path.ends_with("mod.rs");
            let code = production(&file.code).lines().filter(|line| !(declared && is_of_a_parent(line)));
            for line in code {
                let named = self::words(line).find(|word| words.contains(word));
                assert!(named.is_none(), "{} names {}: {why}", file.path.display(), named.unwrap_or_default());
            }
        }
    }
}

/// Whether a line declares a module or its own table.
fn is_of_a_parent(line: &str) -> bool {
    let line = line.trim_start();
    ["mod ", "pub mod ", "pub use ", "pub const KINDS"].iter().any(|begin| line.starts_with(begin))
}

/// These rooms ask a `Root` for files, so that all of them see the same `/etc`.
const OF_A_ROOT: [&str; 5] = ["nixos/access/", "nixos/answer/", "nixos/password/", "nixos/unit/", "nixos/users/"];

#[test]
fn files_of_a_system_are_read_through_its_root() {
    for file in library().iter().filter(|file| OF_A_ROOT.iter().any(|room| file.path.starts_with(room))) {
        for call in ["path::read(", "path::find(", "path::resolve("] {
            assert!(!production(&file.code).contains(call), "{} calls {call}", file.path.display());
        }
    }
}

/// Words of the outside world, each with the one file that may know it.
const HOMES: [(&str, &str); 9] = [
    ("authorized_keys.d", "nixos/ssh/declared.rs"),
    ("\"$y$\"", "nixos/password/scheme.rs"),
    ("\"$6$\"", "nixos/password/scheme.rs"),
    ("\"$sm3y$\"", "nixos/password/scheme.rs"),
    ("\"boot.shell_on_fail\"", "nixos/kernel_line.rs"),
    ("\"boot.debug1\"", "nixos/kernel_line.rs"),
    ("\"systemd.run\"", "nixos/kernel_line.rs"),
    ("\"live.nixos.passwordHash\"", "nixos/kernel_line.rs"),
    ("\"contents of 4 TiB\"", "store/hashing/mod.rs"),
];

#[test]
fn each_word_of_the_outside_world_has_one_home() {
    let all = library();
    for (word, home) in HOMES {
        let tests = |file: &&File| {
            let of_tests = file.path.parent().is_some_and(|folder| folder.ends_with("tests"));
            of_tests || ["tests.rs", "made.rs", "planted.rs"].iter().any(|name| file.path.ends_with(name))
        };
        let homes = all.iter().filter(|file| !tests(file) && production(&file.code).contains(word));
        let homes: Vec<String> = homes.map(|file| file.path.display().to_string()).collect();
        assert_eq!(homes, [home], "{word}");
    }
}

/// The code of a file without its unit tests.
fn production(code: &str) -> &str {
    code.find("#[cfg(test)]\nmod tests").and_then(|tests| code.get(..tests)).unwrap_or(code)
}

#[test]
fn the_library_names_no_crate_of_the_feature_cli() {
    let crates = crates_of_the_command_line();
    assert!(crates.len() > 4, "{crates:?}");
    // The one module of the library that the feature brings.
    let tables = Path::new("report/table.rs");
    for file in library().iter().filter(|file| file.path != tables) {
        for name in &crates {
            assert!(!words(&file.code).any(|word| word == name), "{} names {name}", file.path.display());
        }
    }
}

/// The tests are built with Unicode tables, which the program has not: there, a pattern that needs them would find nothing.
#[test]
fn every_pattern_is_one_of_bytes() {
    let mut seen = 0;
    for file in library() {
        let tests = file.code.find("#[cfg(test)]").unwrap_or(file.code.len());
        let mut rest = &file.code[..tests];
        while let Some(at) = rest.find("Regex::new(") {
            rest = &rest[at + "Regex::new(".len()..];
            let pattern = rest.trim_start().trim_start_matches("&format!(").trim_start_matches(['r', '#']);
            assert!(pattern.starts_with("\"(?-u)"), "{}: {}", file.path.display(), &pattern[..40]);
            seen += 1;
        }
        assert!(!words(&file.code[..tests]).any(|word| word == "RegexSet"), "{}", file.path.display());
    }
    assert!(seen > 3, "{seen} patterns were seen");
}

#[test]
fn no_module_has_a_name_that_says_nothing() {
    let mut all = Vec::new();
    collect(Path::new("src"), &mut all);
    for path in all {
        let parts = path.with_extension("");
        let empty = parts.iter().find(|part| EMPTY_NAMES.iter().any(|name| part == name));
        assert!(empty.is_none(), "{}", path.display());
    }
}

/// The crates that the feature `cli` adds, as code names them.
fn crates_of_the_command_line() -> Vec<String> {
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).expect("a manifest");
    let (_, features) = manifest.split_once("\ncli = [").expect("the feature");
    let (feature, _) = features.split_once(']').expect("its end");
    let names = feature.split('"').filter_map(|part| part.strip_prefix("dep:"));
    names.map(|name| name.replace('-', "_")).collect()
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|row| row.contains(&module))
}

/// The top modules that a file names, through `crate::` and through `super::` up to the root.
fn named(file: &File) -> Vec<String> {
    let mut names = Vec::new();
    for (at, _) in file.code.match_indices("crate::") {
        if !follows_a_name(&file.code, at) {
            names.extend(heads(&file.code[at + "crate::".len()..]));
        }
    }
    let climb = "super::".repeat(file.modules().len());
    for (at, _) in file.code.match_indices(&climb) {
        if !follows_a_name(&file.code, at) {
            // Tests are one module deeper, and begin one step further up.
            let behind = &file.code[at + climb.len()..];
            let reached = heads(behind.strip_prefix("super::").unwrap_or(behind));
            names.extend(reached.into_iter().filter(|name| layer(name).is_some()));
        }
    }
    names
}

fn follows_a_name(code: &str, at: usize) -> bool {
    code[..at].ends_with(|letter: char| letter.is_alphanumeric() || letter == '_' || letter == ':' || letter == '$')
}

/// The first name of a path, or of each path in braces.
fn heads(text: &str) -> Vec<String> {
    let head = |text: &str| -> String {
        text.trim_start().chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect()
    };
    let Some(list) = text.strip_prefix('{') else { return vec![head(text)] };
    let (mut depth, mut names, mut begins) = (0, vec![head(list)], None);
    for (at, letter) in list.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => begins = Some(at + 1),
            _ => {}
        }
        if let Some(start) = begins.take() {
            names.push(head(&list[start..]));
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|letter: char| !letter.is_alphanumeric() && letter != '_')
}

/// All of `src` except the binary.
fn library() -> Vec<File> {
    let mut all = Vec::new();
    collect(Path::new("src"), &mut all);
    let below = all.iter().map(|path| path.strip_prefix("src").expect("below src").to_owned());
    let library = below.filter(|path| path != Path::new("main.rs") && !path.starts_with("cli"));
    let file = |path: PathBuf| File { code: code(&Path::new("src").join(&path)), path };
    library.map(file).collect()
}

/// The code of a file: comments may speak of anything.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("a source file");
    let lines = text.lines().map(|line| line.split_once("//").map_or(line, |(code, _)| code));
    lines.collect::<Vec<_>>().join("\n")
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for entry in fs::read_dir(root.join(folder)).expect("a folder of sources") {
        let path = folder.join(entry.expect("an entry").file_name());
        if root.join(&path).is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
}
