//! The fixtures, and the program itself.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The fixture at a path below `fixtures/`.
pub(crate) fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(path)
}

/// The files below a folder of `fixtures/` whose names end in `suffix`, in order.
pub(crate) fn files(folder: &str, suffix: &str) -> Vec<PathBuf> {
    let listing = std::fs::read_dir(fixture(folder)).expect("a folder of fixtures");
    let mut found: Vec<PathBuf> = listing
        .map(|entry| entry.expect("an entry of a folder").path())
        .filter(|path| path.to_string_lossy().ends_with(suffix))
        .collect();
    found.sort();
    assert!(!found.is_empty(), "no {suffix} in fixtures/{folder}");
    found
}

/// The program, undisturbed by the caller's environment.
pub(crate) fn program() -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_nixoscope"));
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "GITHUB_ACTIONS"] {
        program.env_remove(name);
    }
    program
}

/// How a run of the program ended, and what it said.
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) errors: String,
}

/// Runs the program to its end. It never dies of a panic, and says what it says in lines of its own.
pub(crate) fn run(arguments: &[impl AsRef<OsStr>]) -> Run {
    let output = program().args(arguments).output().expect("nixoscope starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).map_err(|error| error.utf8_error()).expect("text");
    let run = Run { code: output.status.code(), out: text(output.stdout), errors: text(output.stderr) };
    assert!(matches!(run.code, Some(0..=2)), "{:?}: {}", run.code, run.errors);
    run
}
