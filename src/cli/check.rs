//! `nixoscope check`

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use nixoscope::Error;
use nixoscope::check::{self, Acceptance, Accepted, Answer, Demand, Policy, Report};
use nixoscope::report::{About, check as report_check};

use super::asked::{self, Asked};
use super::open::{ImageArg, disc, gather, open};
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
    /// Check everything in a policy file, TOML or JSON; see nixoscope policy --help
    #[arg(long = "policy", value_name = "FILE")]
    policies: Vec<PathBuf>,
    /// Also write a report: junit=FILE, sarif=FILE, markdown=FILE or tap=FILE; `-` writes it instead of the table
    #[arg(long = "report", value_name = "FORMAT=FILE", value_parser = ReportFile::parse)]
    reports: Vec<ReportFile>,
}

pub(super) fn run(args: &Args, global: &Global) -> anyhow::Result<Outcome> {
    let (demands, acceptances) = args.demands()?;
    let today = std::env::var("SOURCE_DATE_EPOCH").ok();
    let today = check::accept::today(today.as_deref()).map_err(anyhow::Error::msg)?;
    let accepted = Accepted::on(today, acceptances);
    if demands.is_empty() {
        bail!("nothing to check; assert something with --policy, {} or --key", asked::flags_with_commas());
    }
    let json = if global.json { Json::Asked } else { Json::No };
    let image = match open(&args.image.path, global) {
        Ok(image) => image,
        Err(error) => {
            ReportFile::refuse_clashes(&args.reports, &args.image.path, json)?;
            return args.unreadable(&demands, error, global);
        }
    };
    ReportFile::refuse_clashes(&args.reports, image.path(), json)?;
    let (disc, mut troubles) = match disc(&image) {
        Ok(opened) => opened,
        Err(error) => return args.unreadable(&demands, error, global),
    };
    let watch = Watch::new("verifying", global);
    let mut report = check::run_accepting(&disc, &demands, accepted, &|done, of| watch.tell(done, of));
    watch.finish();
    troubles.append(std::mem::take(&mut report.troubles));
    report.troubles = troubles;
    gather(&disc, &mut report.troubles);
    args.present(&report, image.path(), global)?;
    let outcome = outcome(&report);
    let told = report_troubles(&disc, &mut report.troubles, outcome);
    // A failure stays one, whatever else could not be read.
    Ok(if outcome == Outcome::Fails { outcome } else { told })
}

fn outcome(report: &Report) -> Outcome {
    match report.answer() {
        Answer::Holds => Outcome::Holds,
        Answer::Fails => Outcome::Fails,
        Answer::Unknown => Outcome::Unsure,
    }
}

impl Args {
    /// Writes the verdicts wherever they are asked for.
    fn present(&self, report: &Report, image: &Path, global: &Global) -> anyhow::Result<()> {
        let table = !self.reports.iter().any(ReportFile::is_standard_output);
        output::unless_closed(|| {
            if global.json {
                let mut out = output::bytes();
                report_check::json(&mut out, About { image, troubles: &report.troubles }, report)?;
                out.flush()?;
            } else if table {
                let mut out = output::results();
                report_check::table(&mut out, report, output::width())?;
                out.flush()?;
            }
            Ok(())
        })?;
        let name = image.display().to_string();
        for file in &self.reports {
            output::unless_closed(|| file.write(report, &name))?;
        }
        report_file::tell_github(report, &name)
    }

    /// Every assertion about an image that is damaged from the start is unknown. An image that is not there is wrong usage.
    fn unreadable(&self, demands: &[Demand], error: anyhow::Error, global: &Global) -> anyhow::Result<Outcome> {
        let damaged = error.chain().find_map(|cause| cause.downcast_ref::<Error>()).filter(|cause| match cause {
            Error::Malformed { .. } | Error::Truncated { .. } | Error::Unsupported { .. } | Error::Limit { .. } => true,
            Error::NoImage { .. } => self.image.path.is_file(),
            _ => false,
        });
        let Some(damaged) = damaged else { return Err(error) };
        self.present(&Report::unreadable(demands, damaged), &self.image.path, global)?;
        Err(error)
    }

    /// What the flags ask for, then what the policies do; and what the policies accept.
    fn demands(&self) -> anyhow::Result<(Vec<Demand>, Vec<Acceptance>)> {
        let mut all: Vec<Demand> = self.asked.assertions()?.into_iter().map(Demand::from).collect();
        let mut accepted = Vec::new();
        for file in &self.policies {
            let text = std::fs::read_to_string(file).with_context(|| format!("--policy {}", file.display()))?;
            let policy = Policy::parse(&text, file)?;
            let folder = file.parent().unwrap_or(Path::new(""));
            let name = file.display().to_string();
            all.extend(policy.demands(&name, folder)?);
            accepted.extend(policy.acceptances(&name));
        }
        Ok((all, accepted))
    }
}
