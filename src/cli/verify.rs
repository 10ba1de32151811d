//! `nixoscope verify`

use std::io::Write;

use nixoscope::report::verify as report_verify;
use nixoscope::verify;

use super::open::{ImageArg, disc, open};
use super::progress::Watch;
use super::{Global, Outcome, output};

/// Arguments of `verify`.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    image: ImageArg,
    /// Fail where no hashes are recorded, as in images before 18.03
    #[arg(long)]
    require_hashes: bool,
}

pub(super) fn run(args: &Args, global: &Global) -> anyhow::Result<Outcome> {
    let image = open(&args.image.path, global)?;
    let (disc, troubles) = disc(&image)?;
    let watch = Watch::new("verifying", global);
    let mut report = verify::run(&disc, &troubles, &|done, of| watch.tell(done, of))?;
    watch.finish();
    if args.require_hashes {
        report.require_hashes();
    }
    if global.json {
        let mut out = output::bytes();
        report_verify::json(&mut out, &report)?;
        out.flush()?;
    } else {
        let mut out = output::results();
        report_verify::page(&mut out, &report)?;
        out.flush()?;
    }
    Ok(if report.problems.is_empty() { Outcome::Holds } else { Outcome::Fails })
}
