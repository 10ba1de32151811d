//! `nixoscope check`

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use nixoscope::check::{self, Demand, Policy};
use nixoscope::report::check as report_check;

use super::asked::Asked;
use super::open::{ImageArg, disc, open};
use super::progress::Watch;
use super::report_file::{Json, ReportFile};
use super::{Global, Outcome, output, report_file, report_troubles};

/// Arguments of `check`.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    image: ImageArg,
    #[command(flatten)]
    asked: Asked,
    /// All that a policy file asks for, TOML or JSON; see nixoscope policy --help
    #[arg(long = "policy", value_name = "FILE")]
    policies: Vec<PathBuf>,
    /// Write a report, too: junit=FILE, sarif=FILE, markdown=FILE or tap=FILE; - in the place of the table
    #[arg(long = "report", value_name = "FORMAT=FILE", value_parser = ReportFile::parse)]
    reports: Vec<ReportFile>,
}

pub(super) fn run(args: &Args, global: &Global) -> anyhow::Result<Outcome> {
    let demands = args.demands()?;
    if demands.is_empty() {
        bail!(
            "nothing to check; assert something with --policy, --package, --installed, --forbid, --command, --file, --key, \
             --no-empty-passwords or --max-size"
        );
    }
    let image = open(&args.image.path, global)?;
    let json = if global.json { Json::Asked } else { Json::No };
    ReportFile::refuse_clashes(&args.reports, image.path(), json)?;
    let (disc, mut troubles) = disc(&image)?;
    let watch = Watch::new("verifying", global);
    let report = check::run(&disc, &demands, &|done, of| watch.tell(done, of));
    watch.finish();
    let table = !args.reports.iter().any(ReportFile::is_standard_output);
    output::unless_closed(|| {
        if global.json {
            let mut out = output::bytes();
            report_check::json(&mut out, &report)?;
            out.flush()?;
        } else if table {
            let mut out = output::results();
            report_check::table(&mut out, &report, output::width())?;
            out.flush()?;
        }
        Ok(())
    })?;
    let image_name = image.path().display().to_string();
    for file in &args.reports {
        output::unless_closed(|| file.write(&report, &image_name))?;
    }
    report_file::tell_github(&report, &image_name)?;
    let outcome = if report.failed() == 0 { Outcome::Holds } else { Outcome::Fails };
    troubles.extend(report.troubles);
    Ok(report_troubles(&disc, &troubles, outcome))
}

impl Args {
    /// What the flags ask for, then what the policies do.
    fn demands(&self) -> anyhow::Result<Vec<Demand>> {
        let mut all: Vec<Demand> = self.asked.assertions()?.into_iter().map(Demand::from).collect();
        for file in &self.policies {
            let text = std::fs::read_to_string(file).with_context(|| format!("--policy {}", file.display()))?;
            let policy = Policy::parse(&text, file)?;
            let folder = file.parent().unwrap_or(Path::new(""));
            let demands = policy.demands(&file.display().to_string(), folder);
            all.extend(demands.map_err(|reason| anyhow!("--policy {}: {reason}", file.display()))?);
        }
        Ok(all)
    }
}
