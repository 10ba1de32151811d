//! squashfs archives, as `unsquashfs` reads them.

use std::path::{Path, PathBuf};

use nixoscope::fs::squashfs::Archive;
use nixoscope::fs::walk::Walk;
use nixoscope::fs::{Device, Kind, Tree};
use nixoscope::image::Image;

use crate::listing::{self, Listing, Row, listed, mode};
use crate::support::{files, fixture};
use crate::tool::{output, tool};

/// The time format of `unsquashfs -lln`, to the minute.
pub(crate) const TIMES: &str = "%Y-%m-%d %H:%M";

/// Images whose store is a squashfs on the disc.
const STORES: [&str; 3] = ["today/result", "middle/result", "era-2014/result"];

#[test]
fn archives_list_as_unsquashfs_lists_them() {
    for archive in files("squashfs", ".squashfs") {
        let theirs = unsquashed(&archive);
        // A store is listed at /nix/store, not in the root. `-x` lists the archive as it is.
        listing::same(&archive, &listed(&archive, &["-x"], "/", TIMES), &theirs);
    }
}

#[test]
fn the_store_of_an_image_lists_as_unsquashfs_lists_its_squashfs() {
    for name in STORES {
        let (scratch, image) = (listing::scratch(), fixture(name));
        let archive = store(&image, scratch.path());
        listing::same(&image, &listed(&image, &[], "/nix/store", TIMES), &unsquashed(&archive));
    }
}

#[test]
fn device_numbers_are_those_of_unsquashfs() {
    let mut devices = 0;
    for archive in files("squashfs", ".squashfs") {
        let image = Image::open(&archive, &|_, _| {}).unwrap();
        let tree = Archive::open(image.region()).unwrap();
        let theirs = parse(&output(tool("unsquashfs").args(["-lln", "-UTC"]).arg(&archive)));
        for visit in Walk::new(&tree, tree.root(), b"/").map(Result::unwrap) {
            let (Kind::CharDevice(device) | Kind::BlockDevice(device)) = tree.node(visit.id).unwrap().kind else {
                continue;
            };
            let printed = theirs.iter().find(|line| line.path == visit.path).map(|line| line.device);
            let right = [Some(Some((device.major, device.minor))), Some(Some(as_printed(device)))];
            assert!(right.contains(&printed), "{} {device:?} {printed:?}", visit.path.escape_ascii());
            devices += 1;
        }
    }
    assert!(devices >= 40, "{devices} devices were compared");
}

#[test]
fn files_have_the_bytes_that_unsquashfs_extracts() {
    let scratch = listing::scratch();
    let mut archives = files("squashfs", ".squashfs");
    for (index, name) in STORES.iter().enumerate() {
        let folder = scratch.path().join(format!("store-{index}"));
        std::fs::create_dir(&folder).unwrap();
        archives.push(store(&fixture(name), &folder));
    }
    for (index, archive) in archives.iter().enumerate() {
        let folder = scratch.path().join(index.to_string());
        // Creating devices takes a privilege, so they are not compared here.
        output(tool("unsquashfs").args(["-no-progress", "-quiet", "-no-exit-code", "-d"]).args([&folder, archive]));
        let image = Image::open(archive, &|_, _| {}).unwrap();
        listing::same_bytes(archive, &Archive::open(image.region()).unwrap(), &folder);
    }
}

/// `unsquashfs` before 4.6 mistakes the upper bits of the minor number for bits of the major number.
fn as_printed(device: Device) -> (u32, u32) {
    let recorded = device.minor & 0xff | device.major << 8 | (device.minor & !0xff) << 12;
    (recorded >> 8, recorded & 0xff)
}

/// Extracts the squashfs from an image with a tool.
fn store(image: &Path, folder: &Path) -> PathBuf {
    let archive = folder.join("nix-store.squashfs");
    let iso = listing::only_file(&image.join("iso"));
    let mut xorriso = tool("xorriso");
    output(xorriso.args(["-osirrox", "on", "-indev"]).arg(iso).args(["-extract", "/nix-store.squashfs"]).arg(&archive));
    archive
}

pub(crate) fn unsquashed(archive: &Path) -> Listing {
    let lines = parse(&output(tool("unsquashfs").args(["-lln", "-UTC"]).arg(archive)));
    lines.into_iter().filter(|line| !line.path.is_empty()).map(|line| (line.path, line.row)).collect()
}

struct Line {
    /// Relative to the root. Empty for the root itself.
    path: Vec<u8>,
    row: Row,
    device: Option<(u32, u32)>,
}

/// The lines of `-lln`: `-rw-r--r-- 1000/100   11393 2001-09-09 01:46 squashfs-root/blocks.txt`. Links have
/// ` -> ` and the target, and devices have two numbers instead of the size. A name may contain a line break.
fn parse(listing: &[u8]) -> Vec<Line> {
    let text = listing.strip_suffix(b"\n").unwrap_or(listing);
    let mut lines: Vec<Vec<u8>> = Vec::new();
    for line in text.split(|&byte| byte == b'\n') {
        let begins = line.len() > 10 && b"-dlcbps".contains(&line[0]) && line[10] == b' ' && find(line, ROOT).is_some();
        match lines.last_mut() {
            Some(last) if !begins => {
                last.push(b'\n');
                last.extend_from_slice(line);
            }
            _ => lines.push(line.to_vec()),
        }
    }
    lines.iter().map(|line| parse_line(line)).collect()
}

/// The columns before each path.
const ROOT: &[u8] = b" squashfs-root";

fn parse_line(line: &[u8]) -> Line {
    let at = find(line, ROOT).expect("a path");
    let columns = std::str::from_utf8(&line[11..at]).expect("columns").replace(',', " ");
    let columns: Vec<&str> = columns.split_ascii_whitespace().collect();
    let [owner, numbers @ .., day, time] = &columns[..] else { panic!("{columns:?}") };
    let owner = owner.split_once('/').expect("owner and group");
    let number = |text: &str| text.parse::<u32>().expect(text);
    let letter = char::from(line[0]);
    let rest = &line[at + ROOT.len()..];
    let (path, target) = match (letter, find(rest, b" -> ")) {
        ('l', Some(arrow)) => (&rest[..arrow], Some(rest[arrow + 4..].to_vec())),
        _ => (rest, None),
    };
    Line {
        path: path.to_vec(),
        row: Row {
            letter,
            mode: mode(&line[1..10]),
            owner: (number(owner.0), number(owner.1)),
            size: (letter == '-').then(|| numbers[0].parse().expect("a size")),
            time: format!("{day} {time}"),
            target,
        },
        device: (numbers.len() == 2).then(|| (number(numbers[0]), number(numbers[1]))),
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
