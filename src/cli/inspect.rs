//! `nixoscope inspect`

use std::io::Write;

use nixoscope::nixos::Summary;
use nixoscope::report::inspect;

use super::open::{ImageArg, disc, gather, open};
use super::{Global, Outcome, output, report_troubles};

/// Arguments of `inspect`.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    image: ImageArg,
}

pub(super) fn run(args: &Args, global: &Global) -> anyhow::Result<Outcome> {
    let image = open(&args.image.path, global)?;
    let (disc, mut troubles) = disc(&image)?;
    let summary = Summary::of(&disc, &mut troubles);
    gather(&disc, &mut troubles);
    troubles.extend(disc.missing_end());
    if global.json {
        let mut out = output::bytes();
        inspect::json(&mut out, &summary, &troubles)?;
        out.flush()?;
    } else {
        let mut out = output::results();
        inspect::page(&mut out, &summary, output::width())?;
        out.flush()?;
    }
    Ok(report_troubles(&disc, &mut troubles, Outcome::Holds))
}
