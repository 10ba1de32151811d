//! `nixoscope du`

use std::cmp::Reverse;
use std::ffi::OsString;

use clap::ValueEnum;
use nixoscope::Error;
use nixoscope::image::platform::OsStrExt;
use nixoscope::nixos::du::Du;
use nixoscope::nixos::hints;
use nixoscope::report::du;

use super::open::{ImageArg, about, disc, open, open_before, software};
use super::{Global, Outcome, cause, output, report_troubles};

/// Arguments of `du`.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    image: ImageArg,
    /// Directory or store path
    #[arg(value_name = "PATH", default_value = "/")]
    directory: OsString,
    /// Levels below PATH to show
    #[arg(short, long, visible_alias = "max-depth", value_name = "N", default_value_t = 1)]
    depth: u8,
    /// Show only the total, as du -s does
    #[arg(short, long, conflicts_with = "depth")]
    summarize: bool,
    /// Sort order
    #[arg(long, value_enum, value_name = "KEY", default_value = "disk")]
    sort: Sort,
    /// Show what the image could do without instead, and the bytes that it would save
    #[arg(long, conflicts_with_all = ["directory", "depth", "summarize", "sort"])]
    hints: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Sort {
    /// Largest on the disc (compressed) first
    Disk,
    /// Largest contents first
    Size,
    /// Most files first
    Files,
    /// By path
    Name,
}

pub(super) fn run(args: &Args, global: &Global) -> anyhow::Result<Outcome> {
    if args.hints {
        return hints(args, global);
    }
    let image = open_before(&args.image.path, [args.directory.as_os_str()], global)?;
    let (disc, mut troubles) = disc(&image)?;
    let depth = if args.summarize { 0 } else { usize::from(args.depth) };
    let mut found = match Du::of(&disc, args.directory.as_bytes(), depth, &mut troubles) {
        Ok(found) => found,
        Err(error @ Error::NotFound { .. }) if troubles.is_empty() => {
            output::complain(&error.to_string());
            return Ok(Outcome::Fails);
        }
        Err(error) => return Err(cause(troubles, error)),
    };
    match args.sort {
        Sort::Disk => found.below.sort_by_key(|branch| Reverse(branch.disk_size)),
        Sort::Size => found.below.sort_by_key(|branch| Reverse(branch.size)),
        Sort::Files => found.below.sort_by_key(|branch| Reverse(branch.files)),
        Sort::Name => {}
    }
    output::present(
        global,
        |out| Ok(du::json(out, about(&disc, &mut troubles), &found)?),
        |out| Ok(du::table(out, &found)?),
    )?;
    Ok(report_troubles(&disc, &mut troubles, Outcome::Holds))
}

fn hints(args: &Args, global: &Global) -> anyhow::Result<Outcome> {
    let image = open(&args.image.path, global)?;
    let (disc, mut troubles) = disc(&image)?;
    let software = software(&disc, &mut troubles, global)?;
    let found = hints::hints(&disc, &software, &mut troubles)?;
    output::present(
        global,
        |out| Ok(du::hints_json(out, about(&disc, &mut troubles), &found, &software)?),
        |out| Ok(du::hints(out, &found, &software)?),
    )?;
    Ok(report_troubles(&disc, &mut troubles, Outcome::Holds))
}
