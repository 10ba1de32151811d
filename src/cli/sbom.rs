//! `nixoscope sbom`

use std::path::Path;

use clap::ValueEnum;
use nixoscope::Error;
use nixoscope::fs::digest;
use nixoscope::nixos::bill::Bill;
use nixoscope::report::sbom::{self, Cpes};

use super::file::OutputArg;
use super::images::{Form, Images, each};
use super::open::{disc, open, software};
use super::{Global, Outcome, report_troubles};

/// Arguments of `sbom`.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    images: Images,
    /// The format to write
    #[arg(long, value_enum, default_value_t = Format::Cyclonedx, value_name = "FORMAT")]
    format: Format,
    #[command(flatten)]
    output: OutputArg,
    /// Add CPEs, which are guessed from package names and marked as guesses
    #[arg(long)]
    cpe: bool,
    /// Add the SHA-256 of the image file, which reads all of it
    #[arg(long)]
    hash: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// CycloneDX 1.6, JSON
    Cyclonedx,
    /// SPDX 2.3, JSON
    Spdx,
    /// One line per store path
    Csv,
}

pub(super) fn run(args: &Args, global: &Global) -> anyhow::Result<Outcome> {
    anyhow::ensure!(!(global.json && args.format == Format::Csv), "--format csv writes no JSON; leave out --json");
    let several = args.images.paths.len() > 1;
    anyhow::ensure!(
        !(several && args.output.is_file()),
        "--output takes the bill of one image; give one image at a time"
    );
    each(&args.images.paths, Form::Document, global, |path| one(path, args, global))
}

fn one(path: &Path, args: &Args, global: &Global) -> anyhow::Result<Outcome> {
    let image = open(path, global)?;
    args.output.refuse_image(image.path())?;
    let (disc, mut troubles) = disc(&image)?;
    let software = software(&disc, &mut troubles, global)?;
    let mut bill = Bill::of(&disc, &software, &mut troubles)?;
    if args.hash {
        let hash = digest::sha256(&mut image.region().reader());
        bill.subject.sha256 = Some(hash.map_err(|error| Error::from_read(error, disc.path()))?);
    }
    let cpes = if args.cpe { Cpes::Guessed } else { Cpes::None };
    args.output.write(|out| {
        match args.format {
            Format::Cyclonedx => sbom::cyclonedx::write(out, &bill, cpes)?,
            Format::Spdx => sbom::spdx::write(out, &bill, cpes)?,
            Format::Csv => sbom::csv(out, &bill)?,
        }
        Ok(())
    })?;
    Ok(report_troubles(&disc, &mut troubles, Outcome::Holds))
}
