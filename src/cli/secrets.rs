//! `nixoscope secrets`

use std::path::Path;

use anyhow::anyhow;
use nixoscope::report::secrets as report_secrets;
use nixoscope::secrets::{self, Allow};

use super::format::FormatArg;
use super::images::{Form, Images, each};
use super::open::{about, disc, open};
use super::progress::Watch;
use super::{Global, Outcome, output, report_troubles};

/// Arguments of `secrets`.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    images: Images,
    /// Ignore secrets in files matching GLOB
    #[arg(long, value_name = "GLOB")]
    allow: Vec<String>,
    #[command(flatten)]
    format: FormatArg,
}

pub(super) fn run(args: &Args, global: &Global) -> anyhow::Result<Outcome> {
    let allow = Allow::parse(&args.allow).map_err(|reason| anyhow!("--allow {reason}"))?;
    each(&args.images.paths, Form::Page, global, |path| one(path, (args, &allow), global))
}

fn one(path: &Path, (args, allow): (&Args, &Allow), global: &Global) -> anyhow::Result<Outcome> {
    let image = open(path, global)?;
    let (disc, mut troubles) = disc(&image)?;
    let watch = Watch::new("searching", global);
    let mut report = secrets::scan(&disc, allow, &|done, of| watch.tell(done, of))?;
    watch.finish();
    let unsearched = report.troubles.len();
    troubles.append(std::mem::take(&mut report.troubles));
    output::present(
        global,
        |out| Ok(report_secrets::json(out, about(&disc, &mut troubles), &report)?),
        |out| Ok(report_secrets::page(out, &report, unsearched, args.format.layout())?),
    )?;
    let outcome = if report.secrets.is_empty() { Outcome::Holds } else { Outcome::Fails };
    Ok(report_troubles(&disc, &mut troubles, outcome))
}
