//! IMAGE: the argument that all commands take.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use nixoscope::image::Image;

use super::Global;

/// Work that is over before this is not worth a progress bar.
const PATIENCE: Duration = Duration::from_secs(1);

/// The image to look at.
#[derive(clap::Args)]
pub(super) struct ImageArg {
    /// ISO file or device, nix-build result, .iso.zst, .iso.bz2, or squashfs
    #[arg(value_name = "IMAGE")]
    pub(super) path: PathBuf,
}

/// Opens an image, with progress where a person watches.
pub(super) fn open(path: &Path, global: &Global) -> anyhow::Result<Image> {
    let watched = io::stderr().is_terminal() && !global.no_progress && !global.quiet;
    let begun = Instant::now();
    let mut bar: Option<ProgressBar> = None;
    let image = Image::open(path, &mut |done, of| {
        if watched && bar.is_none() && begun.elapsed() > PATIENCE {
            bar = Some(progress_bar(of));
        }
        if let Some(bar) = &bar {
            bar.set_position(done);
        }
    });
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    image.context("cannot open the image")
}

fn progress_bar(of: u64) -> ProgressBar {
    let bar = ProgressBar::new(of);
    let style = "unpacking {wide_bar} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta}";
    if let Ok(style) = ProgressStyle::with_template(style) {
        bar.set_style(style);
    }
    bar
}
