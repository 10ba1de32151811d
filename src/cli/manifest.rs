//! `nixoscope manifest`

use nixoscope::diff::Manifest;
use nixoscope::report::manifest;

use super::file::OutputArg;
use super::open::{ImageArg, disc, gather, open};
use super::{Global, Outcome, TOLD, cause, report_troubles};

/// Arguments of `manifest`.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    image: ImageArg,
    #[command(flatten)]
    output: OutputArg,
}

pub(super) fn run(args: &Args, global: &Global) -> anyhow::Result<Outcome> {
    let image = open(&args.image.path, global)?;
    args.output.refuse_image(image.path())?;
    let (disc, mut troubles) = disc(&image)?;
    let mut found = match Manifest::of(&disc, &mut troubles) {
        Ok(found) => found,
        Err(error) => return Err(cause(troubles, error)),
    };
    found.read_rest(&disc, &mut troubles);
    gather(&disc, &mut troubles);
    troubles.extend(disc.missing_end());
    found.incomplete = troubles.iter().take(TOLD).map(ToString::to_string).collect();
    args.output.write(|out| Ok(manifest::json(out, &found, &troubles)?))?;
    Ok(report_troubles(&disc, &mut troubles, Outcome::Holds))
}
