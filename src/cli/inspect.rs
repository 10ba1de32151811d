//! `nixoscope inspect`

use std::io::Write;

use clap::ValueEnum;
use nixoscope::nixos::Summary;
use nixoscope::report::inspect;

use super::open::{ImageArg, disc, open};
use super::{Global, Outcome, output, report_troubles};

/// Arguments of `inspect`.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    image: ImageArg,
    /// Write numbers for monitoring instead of a page
    #[arg(long, value_enum, value_name = "FORMAT", conflicts_with = "json")]
    format: Option<Format>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// The text format of Prometheus
    Prometheus,
    /// One number a line
    Csv,
}

pub(super) fn run(args: &Args, global: &Global) -> anyhow::Result<Outcome> {
    let image = open(&args.image.path, global)?;
    let (disc, mut troubles) = disc(&image)?;
    let summary = Summary::of(&disc, &mut troubles);
    troubles.append(disc.take_faults());
    troubles.extend(disc.missing_end());
    if let Some(format) = args.format {
        let mut out = output::bytes();
        match format {
            Format::Prometheus => inspect::prometheus(&mut out, &summary)?,
            Format::Csv => inspect::csv(&mut out, &summary)?,
        }
        out.flush()?;
    } else if global.json {
        let mut out = output::bytes();
        inspect::json(&mut out, &summary, &troubles)?;
        out.flush()?;
    } else {
        let mut out = output::results();
        inspect::page(&mut out, &summary, output::width())?;
        out.flush()?;
    }
    Ok(report_troubles(&disc, &troubles, Outcome::Holds))
}
