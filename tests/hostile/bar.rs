//! The bar: what a command may take at most, whatever the image.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::program::program;

/// Private memory that a command may have, in KiB.
const MEMORY: u64 = 256 << 10;

/// Seconds of CPU for each MiB of image, and for any image.
const SECONDS: u64 = 10;

/// A build without optimization takes so many times as long.
const SLOWER: u64 = if cfg!(debug_assertions) { 6 } else { 1 };

/// What is asked of each image.
pub(crate) const COMMANDS: [&str; 17] = [
    "inspect",
    "packages --json",
    "access",
    "access --json",
    "secrets",
    "verify",
    "ls -R",
    "ls -lR --own",
    "find *",
    "du",
    "manifest",
    "services",
    "sbom",
    "policy",
    "diff IMAGE",
    "check --package hello --forbid foo --no-empty-passwords --file /etc/passwd --boot uefi",
    "why foo",
];

/// What a command may take.
#[derive(Clone, Copy)]
pub(crate) struct Bar {
    pub(crate) memory: u64,
    pub(crate) seconds: u64,
}

impl Bar {
    /// The bar for an image of so many bytes.
    pub(crate) fn of(bytes: usize) -> Self {
        let mebibytes = u64::try_from(bytes).unwrap().div_ceil(1 << 20);
        Self { memory: MEMORY, seconds: SECONDS * (mebibytes + 1) * SLOWER }
    }

    /// Runs a command on an image. Fails if it ends in another way than with an exit code of its own.
    pub(crate) fn run(self, command: &str, image: &Path) -> Result<String, String> {
        let mut words = command.split(' ');
        let mut run = Command::new("sh");
        // The limit for data counts all private memory that can be written to. The mapped image is not in it.
        run.args(["-c", "ulimit -c 0; ulimit -d \"$1\"; ulimit -t \"$2\"; shift 2; exec \"$@\"", "sh"]);
        run.args([self.memory.to_string(), self.seconds.to_string()]);
        run.arg(program().get_program()).args(words.next()).arg(image);
        run.args(words.map(|word| if word == "IMAGE" { image.as_os_str() } else { word.as_ref() }));
        let output = run.stdout(std::process::Stdio::null()).output().map_err(|error| error.to_string())?;
        let errors: String = String::from_utf8_lossy(&output.stderr).chars().take(2_000).collect();
        match output.status.code() {
            Some(0..=2) => Ok(errors),
            _ => Err(format!("{command}: {}, limits {} KiB, {} s\n{errors}", output.status, self.memory, self.seconds)),
        }
    }
}

/// Runs all commands on an image.
pub(crate) fn all_commands(name: &str, bytes: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    keep(&path);
    let bar = Bar::of(bytes.len());
    let failed: Vec<String> = COMMANDS.iter().filter_map(|command| bar.run(command, &path).err()).collect();
    assert!(failed.is_empty(), "{name}, {} bytes: {}", bytes.len(), failed.join("\n"));
}

/// Copies an image to the folder that the environment names, for a closer look.
fn keep(path: &Path) {
    if let Some(folder) = std::env::var_os("NIXOSCOPE_KEEP") {
        let folder = PathBuf::from(folder).join(path.file_stem().unwrap());
        fs::create_dir_all(&folder).unwrap();
        fs::copy(path, folder.join(path.file_name().unwrap())).unwrap();
    }
}
