//! FAT volumes, compared with mtools.

use std::collections::BTreeMap;
use std::path::Path;

use nixoscope::fs::walk::Walk;
use nixoscope::fs::{FileType, Kind, Tree, fat, path};
use nixoscope::image::Image;

use crate::listing::scratch;
use crate::tool::{output, text, tool};

/// Widths of a table entry in bits, each with a size in KiB that requires it, and the sectors per cluster.
const SHAPES: [(&str, u64, &str); 5] =
    [("12", 720, "1"), ("12", 4096, "4"), ("16", 8192, "1"), ("16", 65_536, "4"), ("32", 40_960, "1")];

#[test]
fn a_fat_volume_is_read_as_mtools_reads_it() {
    for (width, size, cluster) in SHAPES {
        let scratch = scratch();
        let image = scratch.path().join("fat.img");
        std::fs::File::create(&image).unwrap().set_len(size << 10).unwrap();
        output(tool("mkfs.vfat").args(["-F", width, "-s", cluster, "-n", "EFIBOOT"]).arg(&image));
        fill(scratch.path(), &image);
        let image_bytes = Image::open(&image, &|_, _| {}).unwrap();
        let volume = fat::Volume::open(image_bytes.region()).unwrap();
        let mut ours = BTreeMap::new();
        for visit in Walk::new(&volume, volume.root(), b"/") {
            let visit = visit.unwrap();
            let name = String::from_utf8(visit.path.clone()).unwrap();
            if visit.file_type == FileType::Directory {
                ours.insert(format!("{name}/"), None);
                continue;
            }
            let contents = path::read(&volume, &visit.path, 1 << 30).unwrap();
            let theirs = output(tool("mtype").arg("-i").arg(&image).arg(format!("::{name}")));
            assert_eq!(contents, theirs, "FAT{width}: {name}");
            let Kind::File { size } = volume.node(visit.id).unwrap().kind else { panic!("no file") };
            ours.insert(name, Some(size));
        }
        let listing = text(tool("mdir").args(["-/", "-b", "-a", "-i"]).arg(&image).arg("::"));
        let theirs: Vec<_> = listing.lines().map(|line| line.trim_start_matches("::").to_owned()).collect();
        let mut ours: Vec<_> = ours.into_keys().collect();
        let mut theirs: Vec<_> = theirs.into_iter().filter(|name| name != "/").collect();
        ours.sort();
        theirs.sort();
        assert_eq!(ours, theirs, "FAT{width}");
        assert!(ours.len() > 100);
    }
}

/// Short, long and mixed names, folders of several clusters, and files of various sizes, from empty to many clusters in two pieces.
fn fill(scratch: &Path, image: &Path) {
    let copy = |name: &str, contents: &[u8]| {
        let file = scratch.join("file");
        std::fs::write(&file, contents).unwrap();
        output(tool("mcopy").args(["-o", "-i"]).arg(image).arg(&file).arg(format!("::{name}")));
    };
    for folder in ["EFI", "EFI/BOOT", "many", "a folder with a long name"] {
        output(tool("mmd").arg("-i").arg(image).arg(format!("::{folder}")));
    }
    copy("EFI/BOOT/BOOTX64.EFI", &[7; 70_000]);
    copy("EFI/BOOT/grub.cfg", b"menuentry\n");
    copy("lower.cfg", b"");
    copy("MiXed.Txt", &[1; 511]);
    copy("gap", &[2; 30_000]);
    copy("a folder with a long name/a name of exactly more than thirteen letters é.conf", &[3; 4097]);
    for number in 0..120 {
        copy(&format!("many/file-number-{number}.conf"), format!("{number}").as_bytes());
    }
    output(tool("mdel").arg("-i").arg(image).arg("::gap"));
    // Partly in the space of deleted entries, partly after all other files.
    copy("pieces", &(0..90_000u32).map(|byte| u8::try_from(byte % 251).unwrap()).collect::<Vec<u8>>());
}
