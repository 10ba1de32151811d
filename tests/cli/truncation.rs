//! An image that was not copied whole.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{files, run};

struct Truncated {
    whole: Vec<u8>,
    file: PathBuf,
}

impl Truncated {
    fn new(folder: &Path) -> Self {
        let whole = fs::read(files("today/result/iso", ".iso").remove(0)).unwrap();
        Self { whole, file: folder.join("truncated.iso") }
    }

    fn to(&self, length: usize) -> &str {
        fs::write(&self.file, &self.whole[..length]).unwrap();
        self.file.to_str().unwrap()
    }
}

/// Where the directories of the image have ended, Joliet's too; the contents of files follow.
const BEHIND_DIRECTORIES: usize = 100_000;

/// Where the contents of all files have ended; padding and a copy of the partition table follow.
const BEHIND_FILES: usize = 1045 * 2048;

#[test]
fn a_truncated_image_ends_with_2_and_a_line_for_each_problem() {
    let folder = tempfile::tempdir().unwrap();
    let image = Truncated::new(folder.path());
    let length = image.whole.len();
    let steps = (0..24).map(|step| step * length / 24 + step * 7);
    let lengths = [1, 2047, 0x8000, 0x8001, 0x8006, 0x8800, 0x9000, 0xa000, 0xa022, BEHIND_FILES - 2049];
    for length in steps.chain(lengths).filter(|&length| length > 0 && length < BEHIND_FILES - 2048) {
        let path = image.to(length);
        for command in [
            &["ls", "-R"][..],
            &["ls", "-R", "--json"],
            &["inspect", "--json"],
            &["packages"],
            &["check", "--command", "vim"],
        ] {
            let run = run(&[command, &[path]].concat());
            let lines: Vec<&str> = run.errors.lines().collect();
            assert_eq!(run.code, Some(2), "{length} {command:?}: {}", run.errors);
            assert!((1..=2).contains(&lines.len()), "{length} {command:?}: {}", run.errors);
            assert!(lines.iter().all(|line| line.starts_with("nixoscope: ")), "{length} {command:?}: {}", run.errors);
        }
    }
}

#[test]
fn an_image_that_lacks_no_file_can_still_be_read_whole() {
    let folder = tempfile::tempdir().unwrap();
    let image = Truncated::new(folder.path());
    for length in [BEHIND_FILES, image.whole.len() - 1] {
        let run = run(&["check", image.to(length), "--command", "vim", "--package", "git"]);
        assert_eq!((run.code, run.errors.as_str()), (Some(0), ""), "{length}");
    }
}

#[test]
fn the_directories_of_a_truncated_image_are_listed() {
    let folder = tempfile::tempdir().unwrap();
    let image = Truncated::new(folder.path());
    let whole = run(&["ls", "-R", "-x", image.to(image.whole.len())]);
    assert_eq!((whole.code, whole.errors.as_str()), (Some(0), ""));
    for length in [BEHIND_DIRECTORIES, 500_000, 1_000_000, 2_000_000] {
        let cut = run(&["ls", "-R", "-x", image.to(length)]);
        assert_eq!((cut.code, cut.out), (Some(2), whole.out.clone()), "{length}");
        let missing = format!("volume at 0x0: truncated, needs {} bytes, {length} are there", image.whole.len());
        let advice = "the image is cut off: copy or download it again";
        assert_eq!(cut.errors, format!("nixoscope: {}: {missing}; {advice}\n", image.file.display()));
    }
}

#[test]
fn files_before_the_missing_end_are_printed() {
    let folder = tempfile::tempdir().unwrap();
    let image = Truncated::new(folder.path());
    let whole = run(&["cat", image.to(image.whole.len()), "/isolinux/isolinux.cfg"]).out;
    assert!(whole.contains("LABEL"));
    let cut = run(&["cat", image.to(image.whole.len() - 400_000), "/isolinux/isolinux.cfg"]);
    assert_eq!(cut.out, whole);
}
