//! ISO 9660 volumes, compared with `xorriso`.

use std::path::{Path, PathBuf};

use nixoscope::fs::iso9660::Volume;
use nixoscope::fs::walk::Walk;
use nixoscope::fs::{Device, FileType, Kind, Tree};
use nixoscope::image::Image;

use crate::listing::{self, Listing, Row, listed, mode};
use crate::support::{files, fixture};
use crate::tool::{output, tool};

/// The time formats of `lsdl`: for the last half year, and for all other times.
const TIMES: &str = "%b %e %H:%M|%b %e %Y";

/// `many-components` in this volume is beyond repair. nixoscope reports that, `xorriso` does not.
const DAMAGED: &str = "symlinks-damaged.iso";

/// A name in the tree of an enhanced descriptor: as `xorriso` shows it, which takes it for ASCII, and as it is.
const MISREAD: [&str; 2] = ["/folder/gr__n__________.txtecf7a96430cc5753429c0ca70fe406d4", "/folder/grün-日本語.txt"];

/// The undamaged volumes.
pub(crate) fn volumes() -> Vec<PathBuf> {
    let mut all = files("iso", ".iso");
    all.retain(|path| !path.ends_with(DAMAGED));
    for name in ["today", "middle", "era-2014", "era-2008"] {
        all.push(listing::only_file(&fixture(&format!("{name}/result/iso"))));
    }
    all
}

#[test]
fn volumes_list_as_xorriso_lists_them() {
    for volume in volumes() {
        same_as_xorriso(&volume);
    }
}

/// Asserts that a volume lists as `xorriso` lists it, and returns its listing.
pub(crate) fn same_as_xorriso(volume: &Path) -> Listing {
    let mut theirs: Listing = lsdl(volume).into_iter().map(|line| (line.path, line.row)).collect();
    let mut ours = listed(volume, &["-x"], "/", TIMES);
    theirs.sort_by(|one, other| one.0.cmp(&other.0));
    ours.sort_by(|one, other| one.0.cmp(&other.0));
    for ((_, ours), (_, theirs)) in ours.iter_mut().zip(&theirs) {
        if ours.time.split('|').any(|time| time == theirs.time) {
            ours.time.clone_from(&theirs.time);
        }
    }
    listing::same(volume, &ours, &theirs);
    ours
}

#[test]
fn files_have_the_bytes_and_times_that_xorriso_extracts() {
    let scratch = listing::scratch();
    for (index, volume) in volumes().iter().enumerate() {
        let folder = scratch.path().join(index.to_string());
        extract(volume, &folder);
        let image = Image::open(volume, &|_, _| {}).unwrap();
        let tree = Volume::open(image.region()).unwrap();
        listing::same_bytes(volume, &tree, &folder);
        for visit in Walk::new(&tree, tree.root(), b"/").map(Result::unwrap) {
            if visit.file_type == FileType::File {
                let ours = tree.node(visit.id).unwrap().mtime;
                let extracted = std::fs::metadata(listing::below(&folder, &visit.path)).unwrap();
                let theirs = std::os::unix::fs::MetadataExt::mtime(&extracted);
                assert_eq!(ours, theirs, "{}: time of {}", volume.display(), visit.path.escape_ascii());
            }
        }
    }
}

#[test]
fn device_numbers_are_those_of_xorriso() {
    let mut devices = 0;
    for volume in volumes() {
        let image = Image::open(&volume, &|_, _| {}).unwrap();
        let tree = Volume::open(image.region()).unwrap();
        let theirs = lsdl(&volume);
        for visit in Walk::new(&tree, tree.root(), b"/").map(Result::unwrap) {
            if let Kind::CharDevice(device) | Kind::BlockDevice(device) = tree.node(visit.id).unwrap().kind {
                let printed = theirs.iter().find(|line| line.path == visit.path).and_then(|line| line.device);
                let name = visit.path.escape_ascii();
                let right = [(device.major, device.minor), taken_for_one(device)].map(Some);
                assert!(right.contains(&printed), "{}: {name} {device:?} {printed:?}", volume.display());
                devices += 1;
            }
        }
    }
    assert!(devices > 0, "no device was compared");
}

#[test]
fn the_damaged_volume_is_listed_as_far_as_it_is_whole() {
    let volume = fixture("iso").join(DAMAGED);
    let list = |form: &str| crate::support::run(&["ls".as_ref(), form.as_ref(), "-x".as_ref(), volume.as_os_str()]);
    // The damaged link is listed with the part before the fault, and the fault is reported.
    let long = list("-lR");
    assert_eq!((long.code, long.out.contains("/many-components -> folder/folder/")), (Some(2), true));
    assert_eq!(long.errors, "nixoscope: symbolic link at 0xca08: invalid component\n");
    let listed = list("-R");
    assert_eq!(listed.code, Some(0));
    let mut ours: Vec<&str> = listed.out.lines().map(|line| line.trim_end_matches('/')).collect();
    let lines = lsdl(&volume);
    let mut theirs: Vec<&str> = lines.iter().map(|line| std::str::from_utf8(&line.path).unwrap()).collect();
    theirs.sort_unstable();
    ours.sort_unstable();
    assert_eq!(ours, theirs);
}

/// `xorriso` records a device as one number. It also reads the two numbers of other writers as one.
fn taken_for_one(device: Device) -> (u32, u32) {
    let number = u64::from(device.major) << 32 | u64::from(device.minor);
    let major = number >> 8 & 0xfff | number >> 32 & !0xfff;
    let minor = number & 0xff | number >> 12 & !0xff;
    (u32::try_from(major).unwrap(), u32::try_from(minor & 0xffff_ffff).unwrap())
}

pub(crate) fn extract(volume: &Path, folder: &Path) {
    let mut xorriso = tool("xorriso");
    output(xorriso.args(["-osirrox", "on", "-indev"]).arg(volume).args(["-extract", "/"]).arg(folder));
    let [misread, name] = MISREAD.map(|path| listing::below(folder, path.as_bytes()));
    if misread.exists() {
        std::fs::rename(misread, name).unwrap();
    }
}

/// A line of `lsdl` output.
pub(crate) struct Line {
    pub(crate) path: Vec<u8>,
    pub(crate) row: Row,
    pub(crate) device: Option<(u32, u32)>,
}

/// Everything in a volume except its root: `-rw-r--r--    1 1000     100            8893 Sep  9  2001 '/folder/a' -> 'target'`.
/// Devices have two numbers instead of the size.
pub(crate) fn lsdl(volume: &Path) -> Vec<Line> {
    let mut xorriso = tool("xorriso");
    let listing =
        output(xorriso.args(["-report_about", "SORRY", "-indev"]).arg(volume).args(["-find", "/", "-exec", "lsdl"]));
    let mut rest = &listing[..];
    let mut lines = Vec::new();
    while !rest.is_empty() {
        let quote = rest.iter().position(|&byte| byte == b'\'').expect("a quoted path");
        let columns: Vec<&str> = std::str::from_utf8(&rest[..quote]).expect("columns").split_whitespace().collect();
        let [letters, _links, uid, gid, size, month, day, year] = &columns[..] else { panic!("{columns:?}") };
        rest = &rest[quote..];
        let mut path = quoted(&mut rest);
        if path == MISREAD[0].as_bytes() {
            path = MISREAD[1].as_bytes().to_vec();
        }
        let target = rest.strip_prefix(b" -> ").map(|behind| {
            rest = behind;
            quoted(&mut rest)
        });
        rest = rest.strip_prefix(b"\n").expect("the end of a line");
        let device = size.split_once(',').map(|(major, minor)| (number(major), number(minor)));
        // `e` means the boot catalog.
        let file_type = char::from(letters.as_bytes()[0]);
        let file_type = if file_type == 'e' { '-' } else { file_type };
        let row = Row {
            letter: file_type,
            mode: mode(&letters.as_bytes()[1..]),
            owner: (number(uid), number(gid)),
            size: (file_type == '-').then(|| size.parse().expect("a size")),
            time: format!("{month} {day:>2} {year}"),
            target,
        };
        lines.push(Line { path, row, device });
    }
    lines.retain(|line| line.path != b"/");
    lines
}

/// Takes a word quoted for a shell: `'it'"'"'s'`.
fn quoted(rest: &mut &[u8]) -> Vec<u8> {
    let mut word = Vec::new();
    while let Some(&mark @ (b'\'' | b'"')) = rest.first() {
        let length = rest[1..].iter().position(|&byte| byte == mark).expect("the end of a quote");
        word.extend_from_slice(&rest[1..=length]);
        *rest = &rest[length + 2..];
    }
    word
}

fn number(text: &str) -> u32 {
    text.parse().expect(text)
}
