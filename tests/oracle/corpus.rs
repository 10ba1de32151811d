//! One small tree, packed by every writer in every way that it knows: each image lists as an independent reader lists it, and its files
//! have the bytes that this reader extracts. The first row of each table is the plain one.

use std::ffi::OsStr;
use std::fs::{self, File, FileTimes};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use nixoscope::fs::Tree;
use nixoscope::fs::iso9660::Volume;
use nixoscope::fs::squashfs::Archive;
use nixoscope::fs::walk::Walk;
use nixoscope::image::Image;

use crate::iso;
use crate::listing::{self, Listing, listed};
use crate::squashfs;
use crate::tool::{output, tool};
use crate::volume::same_boot_images;

/// Options of `genisoimage`.
const GENISOIMAGE: &[&str] = &[
    "-R",
    "-r",
    "-iso-level 1",
    "-iso-level 2",
    "-iso-level 3",
    "-iso-level 4 -R",
    "-l",
    "-d",
    "-N -l",
    "-U",
    "-D -R",
    "-R -T",
    "-R -J",
    "-R -J -joliet-long",
    "-R -J -hide hello.txt",
    "-R -J -hide-joliet hello.txt",
    "-R -udf",
    "-R -hfs",
    "-R -apple",
    "-R -hide-rr-moved",
    "-R -split-output",
    "-R -file-mode 0400 -dir-mode 0700 -uid 7 -gid 8",
    "-no-iso-translate",
    "-relaxed-filenames -allow-lowercase -allow-multidot",
    "-R -b boot/floppy.img -c boot/catalog",
    "-R -b boot/loader.img -no-emul-boot -boot-load-size 4 -boot-info-table -c boot/catalog",
    "-R -b boot/loader.img -no-emul-boot -eltorito-alt-boot -e boot/floppy.img -no-emul-boot -c boot/catalog",
];

/// Options of `xorriso -as mkisofs`.
const XORRISO: &[&str] = &[
    "-R",
    "-r",
    "-iso-level 1 --norock",
    "-iso-level 2 --norock",
    "-iso-level 3 --norock",
    "-iso-level 4",
    "-R -J",
    "-R -J -joliet-long",
    "-R -J -joliet-utf16",
    "-R -U",
    "-R -D",
    "-R -l -d -N",
    "-R -hide-list /dev/null",
    "-R --hardlinks",
    "-R --acl --xattr",
    "-R --md5",
    "-R --for_backup",
    "-R --old-exclude nothing",
    "-R -disallow_dir_id_ext",
    "-R --no-emul-toc",
    "-R --emul-toc",
    "-R -untranslated_name_len 96",
    "-R -partition_offset 16",
    "-R -partition_offset 16 -appended_part_as_gpt -append_partition 2 0xef floppy.img",
    "-R -append_partition 2 0xef floppy.img -e --interval:appended_partition_2:all:: -no-emul-boot",
    "-R -hfsplus",
    "-R -efi-boot-part --efi-boot-image -e boot/floppy.img -no-emul-boot",
    "-R -b boot/floppy.img -c boot/catalog",
    "-R -b boot/loader.img -no-emul-boot -boot-load-size 4 -boot-info-table -c boot/catalog",
    "-R -b boot/loader.img -no-emul-boot --grub2-boot-info -c boot/catalog",
];

/// Options of `mksquashfs` that the listing does not show.
const MKSQUASHFS: &[&str] = &[
    "-comp gzip",
    "-comp gzip -Xcompression-level 1",
    "-comp gzip -Xwindow-size 9 -Xstrategy huffman_only,run_length_encoded",
    "-comp lzma",
    "-comp lzo",
    "-comp lzo -Xalgorithm lzo1x_1",
    "-comp lz4",
    "-comp lz4 -Xhc",
    "-comp xz",
    "-comp xz -Xdict-size 50%",
    "-comp xz -Xbcj x86,arm,armthumb,powerpc,sparc,ia64",
    "-comp zstd",
    "-comp zstd -Xcompression-level 22",
    "-b 4K",
    "-b 1M",
    "-noI",
    "-noD",
    "-noF",
    "-noX",
    "-noId",
    "-noI -noD -noF -noX -noId",
    "-no-fragments",
    "-always-use-fragments",
    "-no-duplicates",
    "-no-exports",
    "-no-sparse",
    "-no-xattrs",
    "-no-hardlinks",
    "-nopad",
    "-not-reproducible",
    "-processors 1",
];

/// Options of `gensquashfs`.
const GENSQUASHFS: &[&str] = &[
    "-c gzip",
    "-c gzip -X level=1,window=9,huffman",
    "-c lzma",
    "-c lz4",
    "-c lz4 -X hc",
    "-c xz",
    "-c xz -X dictsize=8192,x86,extreme",
    "-c zstd",
    "-c zstd -X level=19",
    "-b 4096",
    "-b 1M",
    "-e",
    "-T",
    "-j 1",
    "-B 1024",
];

/// Options of `tar2sqfs`.
const TAR2SQFS: &[&str] = &["-c gzip", "-c lz4", "-c xz", "-c zstd", "-e", "-T", "-b 8192", "-x"];

/// Options of `sqfstar`.
const SQFSTAR: &[&str] = &["-comp gzip", "-comp xz", "-comp zstd -b 8K", "-no-fragments", "-nopad"];

/// The tree that is packed, and beside it what else writers take.
struct Source {
    folder: tempfile::TempDir,
}

impl Source {
    fn new() -> Self {
        let source = Self { folder: listing::scratch() };
        let tree = source.tree();
        fs::create_dir_all(tree.join("folder/empty")).unwrap();
        fs::create_dir_all(tree.join("boot")).unwrap();
        let several = (0..40_000_u32).map(|number| format!("{number}\n")).collect::<String>();
        let boot_sector = [&[0xeb, 0x3c, 0x90][..], &[0; 507], &[0x55, 0xaa]].concat();
        for (name, bytes) in [
            ("hello.txt", b"hello\n".as_slice()),
            ("again.txt", b"hello\n"),
            ("empty.txt", b""),
            ("A Longer Name.text", b"spaces\n"),
            ("folder/several.txt", several.as_bytes()),
            ("folder/zeros.img", &[0; 300_000]),
            ("boot/loader.img", &[0x90; 6000]),
            ("boot/floppy.img", &[boot_sector, vec![0; 1440 * 1024 - 512]].concat()),
        ] {
            fs::write(tree.join(name), bytes).unwrap();
        }
        fs::set_permissions(tree.join("hello.txt"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::copy(tree.join("boot/floppy.img"), source.beside("floppy.img")).unwrap();
        std::os::unix::fs::symlink("folder/several.txt", tree.join("link")).unwrap();
        output(tool("find").arg(&tree).args(["-exec", "touch", "-h", "-d", "@1000000000", "{}", "+"]));
        source
    }

    fn tree(&self) -> PathBuf {
        self.beside("tree")
    }

    fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs a writer. Files that its options name are beside the tree.
    fn write(&self, program: &str, arguments: &[&OsStr]) -> Vec<u8> {
        output(tool(program).current_dir(self.folder.path()).args(arguments))
    }

    /// A tar of the tree.
    fn tar(&self) -> PathBuf {
        let tar = self.beside("tree.tar");
        output(tool("tar").arg("-C").arg(self.tree()).arg("-cf").arg(&tar).arg("."));
        tar
    }
}

/// Who wrote an archive.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Writer {
    /// squashfs-tools, which `unsquashfs` belongs to.
    Tools,
    /// squashfs-tools-ng.
    ToolsNg,
}

fn words(options: &str) -> impl Iterator<Item = &OsStr> {
    options.split_whitespace().map(OsStr::new)
}

/// Asserts that a volume is read as `xorriso` reads it. Returns its listing.
fn same_volume(volume: &Path, options: &str, scratch: &Path) -> Listing {
    let ours = iso::same_as_xorriso(volume);
    let folder = scratch.join("extracted");
    iso::extract(volume, &folder);
    let image = Image::open(volume, &|_, _| {}).unwrap();
    listing::same_bytes(volume, &Volume::open(image.region()).unwrap(), &folder);
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
    output(tool("chmod").arg("-R").arg("u+rwX").arg(&folder));
    fs::remove_dir_all(&folder).unwrap();
    assert!(ours.len() >= 10, "{options}: {} files", ours.len());
    ours
}

/// Asserts that an archive is read as `unsquashfs` reads it. Returns its listing.
fn same_archive(archive: &Path, from: Writer, scratch: &Path) -> Listing {
    let ours = listed(archive, &["-x"], "/", squashfs::TIMES);
    // unsquashfs 4.5 does not read the compressor options of LZ4 as squashfs-tools-ng writes them. The twin is compared all the same.
    if from == Writer::ToolsNg && archive.to_string_lossy().contains("lz4") {
        return ours;
    }
    listing::same(archive, &ours, &squashfs::unsquashed(archive));
    let folder = scratch.join("extracted");
    output(tool("unsquashfs").args(["-no-progress", "-quiet", "-d"]).args([&folder, archive]));
    let image = Image::open(archive, &|_, _| {}).unwrap();
    listing::same_bytes(archive, &Archive::open(image.region()).unwrap(), &folder);
    fs::remove_dir_all(&folder).unwrap();
    ours
}

/// Asserts for each row that an archive packed so lists like the first.
fn archives_list_alike(source: &Source, (from, rows): (Writer, &[&str]), pack: impl Fn(&str, &Path)) {
    let mut plain: Option<Listing> = None;
    for (index, options) in rows.iter().enumerate() {
        let archive = source.beside(&format!("{index}{}.squashfs", options.replace([' ', '%', '/'], "_")));
        pack(options, &archive);
        let found = same_archive(&archive, from, source.folder.path());
        listing::same(&archive, &found, plain.get_or_insert_with(|| found.clone()));
        fs::remove_file(&archive).unwrap();
    }
}

#[test]
fn volumes_of_genisoimage_are_read_as_xorriso_reads_them() {
    let source = Source::new();
    for (index, options) in GENISOIMAGE.iter().enumerate() {
        let (volume, tree) =
            (source.beside(&format!("{index}{}.iso", options.replace([' ', '/'], "_"))), source.tree());
        let arguments: Vec<&OsStr> =
            ["LC_ALL=C", "genisoimage", "-quiet"].map(OsStr::new).into_iter().chain(words(options)).collect();
        source.write("env", &[&arguments[..], &["-o".as_ref(), volume.as_ref(), tree.as_ref()]].concat());
        // Large images are written in parts on demand.
        let part = PathBuf::from(format!("{}_00", volume.display()));
        same_volume(if part.exists() { &part } else { &volume }, options, source.folder.path());
    }
}

#[test]
fn volumes_of_xorriso_are_read_as_it_reads_them() {
    let source = Source::new();
    let mut plain: Option<Listing> = None;
    for (index, options) in XORRISO.iter().enumerate() {
        let (volume, tree) =
            (source.beside(&format!("{index}{}.iso", options.replace([' ', '/'], "_"))), source.tree());
        let arguments: Vec<&OsStr> =
            ["-as", "mkisofs", "-quiet"].map(OsStr::new).into_iter().chain(words(options)).collect();
        source.write("xorriso", &[&arguments[..], &["-o".as_ref(), volume.as_ref(), tree.as_ref()]].concat());
        let found = same_volume(&volume, options, source.folder.path());
        let twin = plain.get_or_insert_with(|| found.clone());
        // Where nothing else is added or left out, the tree of Rock Ridge is the same.
        if options.starts_with("-R") && !options.contains(" -c ") && !options.contains("-e ") {
            listing::same(&volume, &found, twin);
        }
    }
}

#[test]
fn the_last_session_of_several_is_read_as_xorriso_reads_it() {
    let source = Source::new();
    let (volume, tree) = (source.beside("sessions.iso"), source.tree());
    let (target, late) = (format!("stdio:{}", volume.display()), source.beside("late.txt"));
    fs::write(&late, "late\n").unwrap();
    let late_time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    File::options().write(true).open(&late).unwrap().set_times(FileTimes::new().set_modified(late_time)).unwrap();
    let session = |map: &[&OsStr]| {
        let begin = ["-dev", target.as_str()].map(OsStr::new);
        source.write("xorriso", &[&begin[..], map, &["-commit".as_ref()]].concat());
        same_volume(&volume, "sessions", source.folder.path())
    };
    let first = session(&["-map".as_ref(), tree.as_ref(), "/".as_ref()]);
    let second = session(&["-map".as_ref(), late.as_ref(), "/late.txt".as_ref()]);
    assert_eq!(second.len(), first.len() + 1);
    let third = session(&["-rm".as_ref(), "/hello.txt".as_ref(), "--".as_ref()]);
    assert_eq!(third.len(), first.len());
    // What a recorder copies is the same volume.
    let copied = source.beside("copied.iso");
    let device = format!("dev=stdio:{}", copied.display());
    let begin = ["-as", "cdrecord", &device, "-tao", "padsize=300k"].map(OsStr::new);
    source.write("xorriso", &[&begin[..], &[volume.as_ref()]].concat());
    listing::same(&copied, &same_volume(&copied, "recorded", source.folder.path()), &third);
}

#[test]
fn archives_of_mksquashfs_are_read_as_unsquashfs_reads_them() {
    let source = Source::new();
    let tree = source.tree();
    archives_list_alike(&source, (Writer::Tools, MKSQUASHFS), |options, archive| {
        let begin = [tree.as_os_str(), archive.as_os_str(), "-no-progress".as_ref()];
        source.write("mksquashfs", &begin.into_iter().chain(words(options)).collect::<Vec<_>>());
    });
}

#[test]
fn archives_that_mksquashfs_changes_are_read_as_unsquashfs_reads_them() {
    let source = Source::new();
    let (tree, archive, from) = (source.tree(), source.beside("changed.squashfs"), Writer::Tools);
    for options in ["-all-root", "-force-uid 7 -force-gid 70000", "-keep-as-directory", "-all-time 0"] {
        let begin = [tree.as_os_str(), archive.as_os_str(), "-no-progress".as_ref()];
        source.write("mksquashfs", &begin.into_iter().chain(words(options)).collect::<Vec<_>>());
        let first = same_archive(&archive, from, source.folder.path());
        // A second run appends to the archive.
        source
            .write("mksquashfs", &[source.beside("floppy.img").as_os_str(), archive.as_ref(), "-no-progress".as_ref()]);
        assert_eq!(same_archive(&archive, from, source.folder.path()).len(), first.len() + 1, "{options}");
        fs::remove_file(&archive).unwrap();
    }
}

#[test]
fn archives_of_squashfs_tools_ng_are_read_as_unsquashfs_reads_them() {
    let source = Source::new();
    let (tree, tar) = (source.tree(), source.tar());
    archives_list_alike(&source, (Writer::ToolsNg, GENSQUASHFS), |options, archive| {
        let begin = ["-q", "-D"].map(OsStr::new).into_iter().chain([tree.as_os_str()]);
        source.write("gensquashfs", &begin.chain(words(options)).chain([archive.as_os_str()]).collect::<Vec<_>>());
    });
    for (program, from, rows) in [("tar2sqfs", Writer::ToolsNg, TAR2SQFS), ("sqfstar", Writer::Tools, SQFSTAR)] {
        archives_list_alike(&source, (from, rows), |options, archive| {
            let mut writer = tool(program);
            writer.args(words(options)).arg(archive).stdin(File::open(&tar).unwrap());
            output(&mut writer);
        });
    }
}

#[test]
fn the_discs_of_debian_packages_are_read_as_xorriso_reads_them() {
    let scratch = listing::scratch();
    for (disc, boot_images) in [
        ("grub-rescue/grub-rescue-cdrom.iso", 1),
        ("ipxe/ipxe.iso", 2),
        ("memtest86+/memtest86+x64.iso", 2),
        ("memtest86+/memtest86+ia32.iso", 2),
    ] {
        let disc = Path::new("/usr/lib").join(disc);
        assert!(disc.exists(), "{} is not there (see .ci/run for the packages)", disc.display());
        iso::same_as_xorriso(&disc);
        let folder = scratch.path().join("extracted");
        iso::extract(&disc, &folder);
        let image = Image::open(&disc, &|_, _| {}).unwrap();
        let volume = Volume::open(image.region()).unwrap();
        listing::same_bytes(&disc, &volume, &folder);
        fs::remove_dir_all(&folder).unwrap();
        // The names that isoinfo finds in the tree of Rock Ridge.
        let found = output(tool("isoinfo").args(["-R", "-f", "-i"]).arg(&disc));
        let mut theirs: Vec<&[u8]> = found.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).collect();
        let visits: Vec<_> = Walk::new(&volume, volume.root(), b"/").map(Result::unwrap).collect();
        let mut ours: Vec<&[u8]> =
            visits.iter().map(|visit| visit.path.as_slice()).filter(|path| *path != b"/").collect();
        theirs.sort_unstable();
        ours.sort_unstable();
        assert_eq!(ours, theirs, "{}", disc.display());
        assert_eq!(same_boot_images(&disc), boot_images, "{}", disc.display());
    }
}
