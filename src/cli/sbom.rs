//! `nixoscope sbom`

use std::io::Write;

use clap::ValueEnum;
use nixoscope::Error;
use nixoscope::fs::digest;
use nixoscope::nixos::bill::Bill;
use nixoscope::report::sbom::{self, Cpes};

use super::open::{ImageArg, disc, open, software};
use super::{Global, Outcome, output, report_troubles};

/// Arguments of `sbom`.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    image: ImageArg,
    /// The format to write
    #[arg(long, value_enum, default_value_t = Format::Cyclonedx, value_name = "FORMAT")]
    format: Format,
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
    let image = open(&args.image.path, global)?;
    let (disc, mut troubles) = disc(&image)?;
    let software = software(&disc, &mut troubles)?;
    let mut bill = Bill::of(&disc, &software, &mut troubles)?;
    if args.hash {
        let hash = digest::sha256(&mut image.region().reader());
        bill.subject.sha256 = Some(hash.map_err(|error| Error::from_read(error, disc.path()))?);
    }
    let cpes = if args.cpe { Cpes::Guessed } else { Cpes::None };
    output::unless_closed(|| {
        let mut out = output::bytes();
        match args.format {
            Format::Cyclonedx => sbom::cyclonedx::write(&mut out, &bill, cpes)?,
            Format::Spdx => sbom::spdx::write(&mut out, &bill, cpes)?,
            Format::Csv => sbom::csv(&mut out, &bill)?,
        }
        Ok(out.flush()?)
    })?;
    Ok(report_troubles(&disc, &mut troubles, Outcome::Holds))
}
