//! `nixoscope inspect`

use std::path::Path;

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
}

pub(super) fn run(args: &Args, global: &Global) -> anyhow::Result<Outcome> {
    each(&args.images.paths, Form::Page, global, |path| one(path, global))
}

fn one(path: &Path, global: &Global) -> anyhow::Result<Outcome> {
    let image = open(path, global)?;
    let (disc, mut troubles) = disc(&image)?;
    let summary = Summary::of(&disc, &mut troubles);
    gather(&disc, &mut troubles);
    troubles.extend(disc.missing_end());
    output::present(
        global,
        |out| Ok(inspect::json(out, &summary, &troubles)?),
        |out| Ok(inspect::page(out, &summary, output::width())?),
    )?;
    Ok(report_troubles(&disc, &mut troubles, Outcome::Holds))
}
