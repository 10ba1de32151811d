//! Hashes the NARs of all store objects in parallel, straight from the image.
//!
//! A block is hashed on the core that has just decompressed it. `plan` decides the order of the objects, and which blocks they
//! share. `crew` runs the threads. A thread without an object decompresses blocks for the others (`ahead`). Blocks that several
//! files share are kept (`fragments`, `copies`) until the last of these files is hashed.

mod ahead;
mod copies;
mod crew;
mod fragments;
mod hasher;
mod lanes;
mod object;
mod plan;

pub use object::{Damage, Outcome};

use super::contents::Object;
use super::{Contents, Store};
use crate::error::{Error, Place};
use crate::image::Progress;
use crew::Crew;
pub(crate) use crew::Pace;
pub(crate) use lanes::Width;
use plan::Plan;

/// Limit for the bytes of contents that are read from one image. Real images hold less: this takes most of an hour. Metadata that
/// compress to nothing can ask for millions of times as much.
pub(crate) const LARGEST: u64 = 4 << 40;

/// The error for an image whose contents exceed the limit.
pub(crate) fn too_much() -> Error {
    Error::Limit { what: "contents of 4 TiB", place: Place::File(super::STORE.as_bytes().to_vec()) }
}

/// Reads the NARs of the registered objects that are present, and hashes those that `wanted` accepts. The outcomes are in no
/// particular order, each with the index of its object in [`Contents::objects`]. `progress` receives bytes of NARs.
#[must_use]
pub fn run(
    store: &Store<'_>,
    contents: &Contents,
    wanted: &(dyn Fn(&Object) -> bool + Sync),
    progress: Progress<'_>,
) -> Vec<(usize, Outcome)> {
    let width = Width::of_machine();
    let pace = Pace { threads: rayon::current_num_threads(), width, fewest: width.fewest() };
    run_at(pace, (store, contents), wanted, progress)
}

/// As [`run`], with so many objects at once.
pub(crate) fn run_at(
    pace: Pace,
    (store, contents): (&Store<'_>, &Contents),
    wanted: &(dyn Fn(&Object) -> bool + Sync),
    progress: Progress<'_>,
) -> Vec<(usize, Outcome)> {
    let mut plan = Plan::of(store, contents, wanted, pace.threads.saturating_mul(pace.width.lanes()));
    let refused = std::mem::take(&mut plan.refused).into_iter();
    let refused = refused.map(|(object, damage)| (object, Outcome { damages: vec![damage], ..Outcome::default() }));
    Crew::new(store, plan, pace, progress).run().into_iter().chain(refused).collect()
}
