//! An image on a medium with a bad sector, as on a worn stick.

use super::{Expectations, ProblemKind, run};
use crate::error::Troubles;
use crate::fs::Tree;
use crate::fs::walk::Walk;
use crate::image::Image;
use crate::nixos::Disc;
use crate::store::Carrier;

const IMAGE: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/today/result/iso/nixos-minimal-25.11.1234.abcdef-x86_64-linux.iso");

/// The bytes of each data block or fragment block of the image, once for each of its files.
fn blocks(bytes: &[u8]) -> Vec<(String, std::ops::Range<u64>)> {
    let image = Image::memory(bytes.to_vec());
    let disc = Disc::open(&image).unwrap();
    let store = disc.store.as_ref().unwrap();
    let Carrier::Squashfs { archive, .. } = &store.carrier else { unreachable!("a squashfs") };
    let mut blocks = Vec::new();
    for visit in Walk::new(store.tree(), archive.root(), b"/nix/store") {
        let visit = visit.unwrap();
        let Ok(data) = archive.blocks(visit.id) else { continue };
        let fragment = data.fragment.map(|fragment| archive.fragment(fragment.number).unwrap());
        for stored in data.blocks.map(|block| block.unwrap().stored).chain(fragment).filter(|stored| stored.length > 0)
        {
            let crate::Place::Byte(start) = archive.place(stored.start) else { unreachable!("a byte") };
            blocks.push((String::from_utf8_lossy(&visit.path).into_owned(), start..start + u64::from(stored.length)));
        }
    }
    blocks
}

#[test]
fn a_bad_sector_is_a_problem_of_the_files_that_lie_there_and_the_rest_is_verified() {
    let bytes = std::fs::read(IMAGE).unwrap();
    let blocks = blocks(&bytes);
    // Without the registration nothing can be verified.
    let of_registration = |block| blocks.iter().any(|(path, other)| path.ends_with("-registration") && other == block);
    let others: Vec<_> = blocks.iter().filter(|(_, block)| !of_registration(block)).collect();
    assert!(others.len() > 5, "{}", others.len());
    for (_, block) in others {
        let middle = block.start + (block.end - block.start) / 2;
        let image = Image::scratched(bytes.clone(), middle..middle + 1);
        let disc = Disc::open(&image).unwrap();
        let report = run(&disc, &Troubles::default(), &Expectations::default(), &|_, _| {}).unwrap();
        let last = block.end - 1;
        let range = format!("bytes {:#x} to {last:#x} of the image", block.start);
        // A damaged kernel is also a problem of the menu.
        let in_store = report.problems.iter().filter(|problem| problem.path.starts_with(b"/nix/store"));
        let in_store: Vec<_> = in_store.filter(|problem| !problem.message.contains("menu entry")).collect();
        assert!(!in_store.is_empty());
        for problem in &in_store {
            assert_eq!(problem.kind, ProblemKind::Unreadable);
            assert!(problem.message.contains("the medium is scratched at 0x"), "{}", problem.message);
            assert!(problem.message.contains(&range), "{}", problem.message);
            let path = String::from_utf8_lossy(&problem.path).into_owned();
            assert!(blocks.iter().any(|(file, other)| *file == path && other == block), "{path}");
        }
        let paths: std::collections::BTreeSet<_> =
            report.problems.iter().map(|problem| problem.path.split(|&byte| byte == b'/').nth(3)).collect();
        assert_eq!(report.verified, report.registered - paths.len());
    }
}

#[test]
fn a_medium_that_has_lost_its_tables_is_said_to_be_unreadable_and_nothing_else() {
    let bytes = std::fs::read(IMAGE).unwrap();
    // The last data block is before the tables.
    let tables = blocks(&bytes).iter().map(|(_, block)| block.end).max().unwrap();
    let image = Image::scratched(bytes, tables..tables + 200_000);
    let disc = Disc::open(&image).unwrap();
    let report = run(&disc, &disc.troubles, &Expectations::default(), &|_, _| {}).unwrap();
    let kinds: Vec<_> = report.problems.iter().map(|problem| problem.kind).collect();
    assert!(!kinds.is_empty() && kinds.iter().all(|&kind| kind == ProblemKind::Unreadable), "{:?}", report.problems);
}
