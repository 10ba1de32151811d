//! `nixoscope services`

use std::path::Path;

use nixoscope::nixos::services::Services;
use nixoscope::report::services::{self, Rows};

use super::format::FormatArg;
use super::images::{Form, Images, each};
use super::open::{about, disc, open};
use super::{Global, Outcome, cause, output, report_troubles};

/// Arguments of `services`.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    images: Images,
    /// List units that start only by hand, too
    #[arg(short, long)]
    all: bool,
    #[command(flatten)]
    format: FormatArg,
}

pub(super) fn run(args: &Args, global: &Global) -> anyhow::Result<Outcome> {
    each(&args.images.paths, Form::Page, global, |path| one(path, args, global))
}

fn one(path: &Path, args: &Args, global: &Global) -> anyhow::Result<Outcome> {
    let image = open(path, global)?;
    let (disc, mut troubles) = disc(&image)?;
    let found = match disc.default_system().and_then(|system| Services::of(&disc, system, &mut troubles)) {
        Ok(found) => found,
        Err(error) => return Err(cause(troubles, error)),
    };
    let rows = if args.all { Rows::All } else { Rows::Started };
    output::present(
        global,
        |out| Ok(services::json(out, about(&disc, &mut troubles), &found)?),
        |out| Ok(services::table(out, &found, rows, args.format.layout())?),
    )?;
    Ok(report_troubles(&disc, &mut troubles, Outcome::Holds))
}
