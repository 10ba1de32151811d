//! IMAGE: the argument that all commands take.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use nixoscope::Error;
use nixoscope::image::Image;
use nixoscope::nixos::Disc;

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
    Ok(image?)
}

/// Opens the disc in an image; its troubles are the caller's to report.
pub(super) fn disc(image: &Image) -> anyhow::Result<(Disc<'_>, Vec<Error>)> {
    let mut disc = Disc::open(image).map_err(|error| match error {
        // Which names the image itself.
        error @ Error::NoImage { .. } => anyhow::Error::new(error),
        error => anyhow::Error::new(error).context(format!("cannot read {}", image.path().display())),
    })?;
    let troubles = std::mem::take(&mut disc.troubles);
    Ok((disc, troubles))
}

fn progress_bar(of: u64) -> ProgressBar {
    let bar = ProgressBar::new(of);
    let style = "unpacking {wide_bar} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta}";
    if let Ok(style) = ProgressStyle::with_template(style) {
        bar.set_style(style);
    }
    bar
}
