//! `nixoscope inspect`

use std::path::Path;

use clap::ValueEnum;
use nixoscope::nixos::Summary;
use nixoscope::report::inspect;

use super::images::{Form, Images, each};
use super::open::{disc, gather, open};
use super::{Global, Outcome, output, report_troubles};

/// Arguments of `inspect`.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    images: Images,
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
    each(&args.images.paths, Form::Page, global, |path| one(path, args, global))
}

fn one(path: &Path, args: &Args, global: &Global) -> anyhow::Result<Outcome> {
    let image = open(path, global)?;
    let (disc, mut troubles) = disc(&image)?;
    let summary = Summary::of(&disc, &mut troubles);
    gather(&disc, &mut troubles);
    troubles.extend(disc.missing_end());
    output::present(
        global,
        |out| Ok(inspect::json(out, &summary, &troubles)?),
        |out| match args.format {
            Some(Format::Prometheus) => Ok(inspect::prometheus(out, &summary)?),
            Some(Format::Csv) => Ok(inspect::csv(out, &summary)?),
            None => Ok(inspect::page(out, &summary, output::width())?),
        },
    )?;
    Ok(report_troubles(&disc, &mut troubles, Outcome::Holds))
}
