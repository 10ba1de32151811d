//! The fixtures, hashed with each number of lanes.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::Troubles;
use crate::image::Image;
use crate::nixos::Disc;
use crate::store::hashing::{Pace, Width, run_at};

/// Collects the images below a directory.
fn collect(directory: &Path, images: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        let path = entry.path();
        match path.extension().and_then(|extension| extension.to_str()) {
            _ if entry.file_type().unwrap().is_dir() => collect(&path, images),
            Some("iso" | "squashfs") => images.push(path),
            _ => {}
        }
    }
}

#[test]
fn every_fixture_has_the_same_hashes_and_damages_with_each_number_of_lanes() {
    let mut paths = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures"), &mut paths);
    let mut hashed = 0;
    for path in paths {
        let Ok(image) = Image::open(&path, &|_, _| {}) else { continue };
        let Ok(disc) = Disc::open(&image) else { continue };
        let Some(store) = &disc.store else { continue };
        let Ok(contents) = store.contents(&mut Troubles::default()) else { continue };
        let mut outcomes = |threads, width, fewest| {
            let pace = Pace { threads, width, fewest };
            let mut outcomes = run_at(pace, (store, &contents), &|_| true, &|_, _| {});
            outcomes.sort_by_key(|(object, _)| *object);
            hashed += outcomes.iter().filter(|(_, outcome)| outcome.hash.is_some()).count();
            format!("{outcomes:?}")
        };
        let alone = outcomes(1, Width::One, usize::MAX);
        for width in Width::ALL {
            for (threads, fewest) in [(1, 2), (2, 4)] {
                assert_eq!(outcomes(threads, width, fewest), alone, "{} {width:?} {threads}", path.display());
            }
        }
    }
    assert!(hashed > 0, "no fixture has a store");
}
