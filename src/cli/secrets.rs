//! `nixoscope secrets`

use std::io::Write;

use anyhow::anyhow;
use nixoscope::report::secrets as report_secrets;
use nixoscope::secrets::{self, Allow};

use super::open::{ImageArg, about, disc, open};
use super::progress::Watch;
use super::{Global, Outcome, output, report_troubles};

/// Arguments of `secrets`.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    image: ImageArg,
    /// Ignore secrets in files matching GLOB
    #[arg(long, value_name = "GLOB")]
    allow: Vec<String>,
}

pub(super) fn run(args: &Args, global: &Global) -> anyhow::Result<Outcome> {
    let allow = Allow::parse(&args.allow).map_err(|reason| anyhow!("--allow {reason}"))?;
    let image = open(&args.image.path, global)?;
    let (disc, mut troubles) = disc(&image)?;
    let watch = Watch::new("searching", global);
    let mut report = secrets::scan(&disc, &allow, &|done, of| watch.tell(done, of))?;
    watch.finish();
    let unsearched = report.troubles.len();
    troubles.append(std::mem::take(&mut report.troubles));
    if global.json {
        let mut out = output::bytes();
        report_secrets::json(&mut out, about(&disc, &mut troubles), &report)?;
        out.flush()?;
    } else {
        let mut out = output::results();
        report_secrets::page(&mut out, &report, unsearched, output::width())?;
        out.flush()?;
    }
    let outcome = if report.secrets.is_empty() { Outcome::Holds } else { Outcome::Fails };
    Ok(report_troubles(&disc, &mut troubles, outcome))
}
