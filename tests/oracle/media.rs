//! Failing media. A library that the program preloads makes a file a block device with bad sectors.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::listing;
use crate::support::{files, program};
use crate::tool::{output, tool};

/// The bytes of a sector.
const SECTOR: u64 = 2048;

/// An image on a device, which the test may scratch.
struct Medium {
    folder: tempfile::TempDir,
    image: PathBuf,
}

impl Medium {
    fn new() -> Self {
        let folder = listing::scratch();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/media/bad_sectors.c");
        let library = folder.path().join("bad_sectors.so");
        output(tool("cc").args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]).args([&library, &source]));
        Self { folder, image: files("today/result/iso", ".iso").remove(0) }
    }

    /// Runs a command on the device. The bytes from the first to the second of `bad` cannot be read.
    fn run(&self, bad: (u64, u64), command: &[&str]) -> Run {
        Run::new(&self.command(bad, command).output().expect("nixoscope starts"))
    }

    fn command(&self, bad: (u64, u64), command: &[&str]) -> Command {
        let (name, rest) = command.split_first().expect("a command");
        let mut program = program();
        program.env("LD_PRELOAD", self.folder.path().join("bad_sectors.so"));
        program.env("BAD_DEVICE", &self.image).env("BAD_BYTES", format!("{}-{}", bad.0, bad.1));
        program.arg(name).arg(&self.image).args(rest);
        program
    }

    /// Where the contents of a file begin: its text occurs only there.
    fn find(&self, text: &[u8]) -> u64 {
        let bytes = std::fs::read(&self.image).unwrap();
        bytes.windows(text.len()).position(|window| window == text).expect("the text") as u64
    }
}

#[derive(Debug, PartialEq)]
struct Run {
    code: Option<i32>,
    out: String,
    errors: String,
}

impl Run {
    fn new(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let run = Self { code: output.status.code(), out: text(&output.stdout), errors: text(&output.stderr) };
        assert!(matches!(run.code, Some(0..=2)), "{:?}: {}", output.status, run.errors);
        run
    }

    /// Where the device failed, as the messages and the results say.
    fn offsets(&self) -> Vec<u64> {
        let lines = self.out.lines().chain(self.errors.lines()).filter(|line| line.contains("os error 5"));
        let offset = |line: &str| {
            let (_, at) = line.split_once("(os error 5) at 0x").unwrap_or_else(|| panic!("no offset: {line}"));
            let digits = at.find(|letter: char| !letter.is_ascii_hexdigit()).unwrap_or(at.len());
            u64::from_str_radix(&at[..digits], 16).expect("an offset")
        };
        lines.map(offset).collect()
    }
}

/// Commands that read an image.
const COMMANDS: [&[&str]; 16] = [
    &["inspect"],
    &["ls", "-lR"],
    &["cat", "/version.txt"],
    &["find", "*"],
    &["packages"],
    &["why", "git"],
    &["services"],
    &["du"],
    &["access"],
    &["check", "--package", "git", "--no-empty-passwords"],
    &["secrets"],
    &["verify"],
    &["manifest"],
    &["sbom", "--format", "cyclonedx"],
    &["report"],
    &["policy"],
];

#[test]
fn a_device_without_bad_sectors_is_read_like_a_file() {
    let medium = Medium::new();
    for command in COMMANDS {
        let (name, rest) = command.split_first().unwrap();
        let of_file = Run::new(&program().arg(name).arg(&medium.image).args(rest).output().unwrap());
        assert_eq!(medium.run((0, 0), command), of_file, "{command:?}");
    }
}

#[test]
fn a_bad_sector_ends_no_command_without_a_message_that_says_where() {
    let medium = Medium::new();
    let length = std::fs::metadata(&medium.image).unwrap().len();
    // The volume descriptors; directories; eight places in files; the tables of the squashfs; everything.
    let tables = medium.find(b"hsqs") + 688 * 1024 - 2 * SECTOR;
    let spread = (1..9).map(|step| step * length / 9 / SECTOR * SECTOR).map(|start| (start, start + SECTOR));
    let bad = [(0x8000, 0x8800), (20 * SECTOR, 21 * SECTOR), (tables, tables + SECTOR), (0, length)];
    let bad: Vec<(u64, u64)> = bad.into_iter().chain(spread).collect();
    for command in COMMANDS {
        let whole = medium.run((0, 0), command);
        for &(start, end) in &bad {
            let run = medium.run((start, end), command);
            let offsets = run.offsets();
            assert!(offsets.iter().all(|at| (start..end).contains(at)), "{command:?} {start:#x}: {run:?}");
            // Without a message, the result is that of a device in order.
            if offsets.is_empty() {
                assert_eq!(run, whole, "{command:?} {start:#x}");
            } else {
                assert_ne!(run.code, Some(0), "{command:?} {start:#x}: {run:?}");
            }
        }
    }
}

#[test]
fn a_device_that_cannot_be_read_at_all_is_named_once() {
    let medium = Medium::new();
    for command in COMMANDS {
        let run = medium.run((0, 1 << 40), command);
        let image = medium.image.display();
        let expected = format!("nixoscope: {image}: Input/output error (os error 5) at 0x0\n");
        assert_eq!((run.code, run.errors), (Some(2), expected), "{command:?}");
    }
    // The volume descriptors are read when the image is already open.
    let run = medium.run((0x8000, 0x8800), &["ls"]);
    let expected = format!("nixoscope: {}: Input/output error (os error 5) at 0x8001\n", medium.image.display());
    assert_eq!((run.code, run.errors), (Some(2), expected));
}

#[test]
fn files_beside_a_bad_sector_are_extracted_and_the_file_in_it_is_not() {
    let medium = Medium::new();
    let start = medium.find(b"hsqs") / SECTOR * SECTOR + 64 * SECTOR;
    let target = medium.folder.path().join("extracted");
    let folder = target.to_str().unwrap();
    let command = ["extract", "/nix-store.squashfs", "/version.txt", "/isolinux", "-o", folder];
    let run = medium.run((start, start + SECTOR), &command);
    assert_eq!((run.code, run.offsets()), (Some(2), vec![start]), "{run:?}");
    let mut found: Vec<String> =
        std::fs::read_dir(&target).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    found.sort();
    assert_eq!(found, ["isolinux", "version.txt"]);
}

#[test]
fn nothing_unfinished_is_left_after_an_interrupt() {
    let medium = Medium::new();
    let start = medium.find(b"hsqs") / SECTOR * SECTOR + 64 * SECTOR;
    for (name, path, format) in [("files", "/nix-store.squashfs", None), ("nar", "/nix-store.squashfs", Some("--nar"))]
    {
        let folder = medium.folder.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        let to = if format.is_some() { folder.join("a.nar") } else { folder.clone() };
        let mut command = medium.command((start, start + SECTOR), &["extract", path, "-o", to.to_str().unwrap()]);
        let mut child = command.args(format).env("BAD_WAITS", "1").stderr(Stdio::null()).spawn().unwrap();
        let files = || std::fs::read_dir(&folder).unwrap().count();
        // The program is in the middle of the file once that is there.
        let begun = std::time::Instant::now();
        while files() == 0 {
            assert!(begun.elapsed().as_secs() < 60, "{name}: no file is begun");
            std::thread::yield_now();
        }
        output(tool("kill").args(["-INT", &child.id().to_string()]));
        assert_eq!((child.wait().unwrap().code(), files()), (Some(130), 0), "{name}");
    }
}
