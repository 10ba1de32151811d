//! The real tools.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

/// A tool in the C.UTF-8 locale, in UTC.
pub(crate) fn tool(name: &str) -> Command {
    let mut tool = Command::new(name);
    tool.env("LC_ALL", "C.UTF-8").env("TZ", "UTC");
    tool
}

/// Runs a tool and returns its output. If it is missing or fails, the test fails.
pub(crate) fn output(tool: &mut Command) -> Vec<u8> {
    let name = Path::new(tool.get_program()).display().to_string();
    let output = match tool.output() {
        Ok(output) => output,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            panic!("{name} is not installed; this test compares with it (see .ci/run for the packages)")
        }
        Err(error) => panic!("{name} does not start: {error}"),
    };
    assert!(output.status.success(), "{name}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// An empty folder for the files of a test.
pub(crate) fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("oracle-{name}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Like [`output`], but as text.
pub(crate) fn text(tool: &mut Command) -> String {
    String::from_utf8(output(tool)).expect("a tool's text")
}
