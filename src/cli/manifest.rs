//! `nixoscope manifest`

use std::io::Write;

use nixoscope::diff::Manifest;
use nixoscope::report::manifest;

use super::open::{ImageArg, disc, gather, open};
use super::{Global, Outcome, TOLD, cause, output, report_troubles};

/// Arguments of `manifest`.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    image: ImageArg,
}

pub(super) fn run(args: &Args, global: &Global) -> anyhow::Result<Outcome> {
    let image = open(&args.image.path, global)?;
    let (disc, mut troubles) = disc(&image)?;
    let mut found = match Manifest::of(&disc, &mut troubles) {
        Ok(found) => found,
        Err(error) => return Err(cause(troubles, error)),
    };
    found.read_rest(&disc, &mut troubles);
    gather(&disc, &mut troubles);
    troubles.extend(disc.missing_end());
    found.incomplete = troubles.iter().take(TOLD).map(ToString::to_string).collect();
    let mut out = output::bytes();
    manifest::json(&mut out, &found, &troubles)?;
    out.flush()?;
    Ok(report_troubles(&disc, &mut troubles, Outcome::Holds))
}
