//! `nixoscope services`

use std::io::Write;

use nixoscope::nixos::services::Services;
use nixoscope::report::services::{self, Rows};

use super::open::{ImageArg, about, disc, open};
use super::{Global, Outcome, cause, output, report_troubles};

/// Arguments of `services`.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    image: ImageArg,
    /// List units that start only by hand, too
    #[arg(short, long)]
    all: bool,
}

pub(super) fn run(args: &Args, global: &Global) -> anyhow::Result<Outcome> {
    let image = open(&args.image.path, global)?;
    let (disc, mut troubles) = disc(&image)?;
    let found = match disc.default_system().and_then(|system| Services::of(&disc, system, &mut troubles)) {
        Ok(found) => found,
        Err(error) => return Err(cause(troubles, error)),
    };
    output::unless_closed(|| {
        if global.json {
            let mut out = output::bytes();
            services::json(&mut out, about(&disc, &mut troubles), &found)?;
            out.flush()?;
        } else {
            let mut out = output::results();
            let rows = if args.all { Rows::All } else { Rows::Started };
            services::table(&mut out, &found, rows, output::width())?;
            out.flush()?;
        }
        Ok(())
    })?;
    Ok(report_troubles(&disc, &mut troubles, Outcome::Holds))
}
