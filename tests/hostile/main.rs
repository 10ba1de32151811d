//! Images that were damaged, by chance or on purpose: whatever is in them, reading ends, soon and in little memory.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what a helper does not expect fails the test"
)]

mod allocation;
mod bar;
mod documents;
mod every;
mod exploration;
mod hygiene;
mod initrd;
mod limits;
mod made;
mod mutation;
mod texts;

#[allow(dead_code, reason = "not every test program makes all discs")]
#[path = "../support/disc.rs"]
mod disc;
#[path = "../support/fixtures.rs"]
mod fixtures;
#[allow(dead_code, reason = "the text of a run is for other test programs")]
#[path = "../support/program.rs"]
mod program;
#[path = "../support/random.rs"]
mod random;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use fixtures::files;
use mutation::Areas;
use nixoscope::fs::path;
use nixoscope::image::Image;
use nixoscope::nixos::Disc;
use nixoscope::store::graph::Graph;
use nixoscope::store::registration::Registration;
use random::Random;
use texts::Texts;

/// No case may take longer, even where the machine has much else to do. The slowest takes a hundredth of it.
const PATIENCE: Duration = Duration::from_secs(20);

/// Bytes that may be allocated at a time, in all threads together.
const MEMORY: usize = 256 << 20;

/// Discs with spoilt texts.
const SPOILT: usize = 120;

/// Mutations of a small fixture, and of a whole image.
const CASES: [usize; 2] = [60, 60];

#[test]
fn damaged_volumes_are_read_to_an_end() {
    for volume in files("iso", ".iso") {
        damage(&volume, CASES[0]);
    }
}

#[test]
fn damaged_archives_are_read_to_an_end() {
    for archive in files("squashfs", ".squashfs").into_iter().chain(files("access", ".squashfs")) {
        damage(&archive, CASES[0]);
    }
}

#[test]
fn damaged_images_are_read_to_an_end() {
    for image in ["today", "middle", "era-2014", "era-2008"] {
        damage(&files(&format!("{image}/result/iso"), ".iso")[0], CASES[1]);
    }
}

#[test]
fn damaged_disks_are_read_to_an_end() {
    for name in ["disks/extents.img.zst", "disks/map.img.zst", "disks/sd-image", "disks/nixos.qcow2"] {
        let path = fixtures::fixture(name);
        let image = Image::open(&path, &|_, _| {}).unwrap();
        let mut whole = Vec::new();
        image.region().reader().read_to_end(&mut whole).unwrap();
        damage_in(&path, &whole, CASES[1]);
    }
}

#[test]
fn damaged_qcow2_images_and_tarballs_are_read_to_an_end() {
    for name in ["disks/nixos.qcow2", "disks/nixos-kexec-installer-x86_64-linux.tar.gz"] {
        let whole = std::fs::read(fixtures::fixture(name)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image");
        for seed in 0..200 {
            let mut random = Random::new(seed);
            let mut changed = whole.clone();
            for _ in 0..=random.below(6) {
                // The header and the first tables are where most numbers are.
                let within = if random.below(2) == 0 { 1 << 12 } else { whole.len() };
                let at = random.below(within.min(whole.len()));
                changed[at] = u8::try_from(random.below(256)).unwrap();
            }
            std::fs::write(&path, changed).unwrap();
            let Ok(image) = Image::open(&path, &|_, _| {}).and_then(nixoscope::nixos::netboot::unpacked) else {
                continue;
            };
            let _ = Disc::open(&image);
        }
    }
}

#[test]
fn images_cut_off_anywhere_are_read_to_an_end() {
    let mut all = files("iso", ".iso");
    all.extend(files("squashfs", ".squashfs"));
    all.extend(files("today/result/iso", ".iso"));
    for (seed, path) in all.iter().enumerate() {
        let whole = std::fs::read(path).unwrap();
        let mut random = Random::new(seed as u64);
        for _ in 0..40 {
            let length = random.below(whole.len());
            explore(path, whole[..length].to_vec(), &format!("cut to {length}"));
        }
    }
}

#[test]
fn damaged_registrations_are_read_to_an_end() {
    let image = Image::open(&fixtures::fixture("today/result"), &|_, _| {}).unwrap();
    let disc = Disc::open(&image).unwrap();
    let text = path::read(disc.tree(), b"/nix/store/nix-path-registration", 1 << 20).unwrap();
    let lines: Vec<&[u8]> = text.split_inclusive(|&byte| byte == b'\n').collect();
    let (mut read, mut refused) = (0, 0);
    for seed in 0..2000 {
        let mut random = Random::new(seed);
        let mut damaged: Vec<&[u8]> = lines.clone();
        for _ in 0..=random.below(3) {
            let (at, other) = (random.below(damaged.len()), random.below(lines.len()));
            match random.below(5) {
                0 => _ = damaged.remove(at),
                1 => damaged.insert(at, lines[other]),
                2 => damaged[at] = b"18446744073709551615\n",
                3 => damaged[at] = &lines[other][lines[other].len() / 2..],
                _ => damaged[at] = lines[other],
            }
        }
        let registration = Registration::read(&damaged.concat()[..]);
        match &registration.trouble {
            None => read += 1,
            Some(error) => {
                assert!(error.to_string().contains(" nix-path-registration:"), "{seed}: {error}");
                refused += 1;
            }
        }
        let references = registration.records.into_iter().map(|record| record.map(|record| record.references));
        let graph = Graph { references: references.map(Option::unwrap_or_default).collect() };
        // Cycles, and objects that nobody has, are all in a day's work.
        assert_eq!(graph.closure_sizes(&vec![1; registration.paths.len()]).len(), registration.paths.len());
    }
    assert!(read > 100 && refused > 100, "{read} were read, {refused} refused");
}

#[test]
fn damaged_boot_images_are_read_to_an_end() {
    let image = Image::open(&fixtures::fixture("today/result"), &|_, _| {}).unwrap();
    let disc = Disc::open(&image).unwrap();
    let whole = path::read(disc.tree(), b"/boot/efi.img", 1 << 30).unwrap();
    for seed in 0..3000 {
        let mut random = Random::new(seed);
        let mut bytes = whole.clone();
        for _ in 0..=random.below(6) {
            // The boot sector, the tables and the first directories.
            let area = [512, 1 << 13, 1 << 15][random.below(3)];
            let (at, bit) = (random.below(area), random.below(8));
            bytes[at] = [0, 0xff, 1, bytes[at] ^ 1 << bit][random.below(4)];
        }
        read_to_an_end(Path::new("efi.img"), &format!("case {seed}"), move || exploration::explore_fat(bytes));
    }
}

#[test]
fn spoilt_texts_are_read_to_an_end() {
    let texts = Texts::new();
    let first = number("NIXOSCOPE_HOSTILE_SEED").unwrap_or(0u64);
    for seed in (first..).take(number("NIXOSCOPE_HOSTILE_COUNT").unwrap_or(SPOILT)) {
        let (image, changes) = texts.spoilt(&mut Random::new(seed));
        explore(Path::new("texts"), image, &format!("seed {seed}: {changes}"));
    }
}

/// A number in the environment, to look further than CI does.
fn number<N: FromStr>(name: &str) -> Option<N> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

/// Explores a file with a few bytes of its metadata changed, as often as is asked.
fn damage(path: &Path, cases: usize) {
    damage_in(path, &std::fs::read(path).unwrap(), cases);
}

fn damage_in(path: &Path, whole: &[u8], cases: usize) {
    let areas = Areas::of(whole);
    for seed in 0..cases {
        let mut random = Random::new(seed as u64);
        let mut bytes = whole.to_vec();
        let changes = areas.change(&mut bytes, &mut random);
        explore(path, bytes, &format!("case {seed}: {changes}"));
    }
}

/// Reads all of an image.
fn explore(path: &Path, bytes: Vec<u8>, case: &str) {
    read_to_an_end(path, case, move || exploration::explore(bytes));
}

/// Does it in a thread of its own: it must end in time, without a panic, and within the memory.
fn read_to_an_end(path: &Path, case: &str, work: impl FnOnce() + Send + 'static) {
    let (done, ended) = mpsc::channel();
    let work = thread::spawn(move || {
        work();
        // Nobody listens any more if it took too long.
        let _ = done.send(());
    });
    let name = PathBuf::from(path.file_name().unwrap_or_default());
    match ended.recv_timeout(PATIENCE) {
        Ok(()) => work.join().expect("a thread that has ended"),
        Err(mpsc::RecvTimeoutError::Disconnected) => panic!("{} panics, {case}", name.display()),
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("{} takes more than {PATIENCE:?}, {case}", name.display()),
    }
    let peak = allocation::peak();
    assert!(peak <= MEMORY, "{} or a case beside it took {peak} bytes of memory, {case}", name.display());
}
