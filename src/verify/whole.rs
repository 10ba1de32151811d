//! Hashes the image as a whole: its embedded MD5, and the SHA-256 that it was published with.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::{Problem, file, implanted};
use crate::error::Result;
use crate::image::Progress;
use crate::nixos::Disc;

/// The results.
pub(super) struct Whole {
    /// Whether the embedded MD5 matches. `None` if there is none.
    pub(super) implanted: Result<Option<Option<Problem>>>,
    /// Whether the file is the published one. `None` if no hash was given.
    pub(super) file: Option<Result<Option<Problem>>>,
}

impl Whole {
    fn of(disc: &Disc<'_>, expected: Option<&[u8; 32]>, progress: Progress<'_>) -> Self {
        let implanted = implanted::check(disc, progress);
        Self { implanted, file: expected.map(|expected| file::check(disc, expected, progress)) }
    }

    /// Hashes the image on a thread of its own while `store` runs: both are busy for about as long, and read the same bytes. With one
    /// thread, `store` runs first. `None` if `store` fails.
    pub(super) fn beside(
        disc: &Disc<'_>,
        expected: Option<&[u8; 32]>,
        progress: Progress<'_>,
        store: impl FnOnce() -> Result<()>,
    ) -> Result<Option<Self>> {
        if rayon::current_num_threads() == 1 {
            return store().map(|()| Some(Self::of(disc, expected, progress)));
        }
        let last = AtomicBool::new(false);
        let mut whole = None;
        let stored = thread::scope(|scope| {
            scope.spawn(|| {
                // One progress at a time: that of the store, as long as it lasts.
                let progress = |done, total| {
                    if last.load(Ordering::Relaxed) {
                        progress(done, total);
                    }
                };
                whole = Some(Self::of(disc, expected, &progress));
            });
            let stored = store();
            last.store(true, Ordering::Relaxed);
            stored
        });
        stored.map(|()| whole)
    }
}
