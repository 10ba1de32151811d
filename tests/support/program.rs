//! The program itself.

use std::ffi::OsStr;
use std::process::Command;

/// The program, undisturbed by the caller's environment.
pub(crate) fn program() -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_nixoscope"));
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "GITHUB_ACTIONS", "COLUMNS", "SOURCE_DATE_EPOCH"] {
        program.env_remove(name);
    }
    // Servers of tests are on this machine.
    program.env("NO_PROXY", "*");
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
