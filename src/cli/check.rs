//! `nixoscope check`

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use nixoscope::Error;
use nixoscope::check::{self, Acceptance, Accepted, Answer, Demand, Policy, Report};
use nixoscope::report::{About, check as report_check};

use super::asked::{self, Asked};
use super::format::FormatArg;
use super::images::{Form, Images, each};
use super::open::{disc, gather, open};
use super::progress::Watch;
use super::report_file::{Inputs, Json, ReportFile};
use super::{Global, Outcome, explain, output, report_file, report_troubles};

/// Arguments of `check`.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    images: Images,
    #[command(flatten)]
    asked: Asked,
    /// Check everything in a policy file, TOML or JSON; see nixoscope policy --help
    #[arg(long = "policy", value_name = "FILE")]
    policies: Vec<PathBuf>,
    /// Also write a report: json=FILE, junit=FILE, sarif=FILE, markdown=FILE or tap=FILE; `-` writes it instead of the table
    #[arg(long = "report", value_name = "FORMAT=FILE", value_parser = ReportFile::parse)]
    reports: Vec<ReportFile>,
    #[command(flatten)]
    format: FormatArg,
}

pub(super) fn run(args: &Args, global: &Global) -> anyhow::Result<Outcome> {
    let (demands, acceptances) = args.demands()?;
    let today = std::env::var("SOURCE_DATE_EPOCH").ok();
    let today = check::accept::today(today.as_deref()).map_err(anyhow::Error::msg)?;
    if demands.is_empty() {
        bail!("nothing to check; assert something with --policy, {} or --key", asked::flags_with_commas());
    }
    let inputs = Inputs { images: &args.images.paths, policies: &args.policies };
    ReportFile::refuse_clashes(&args.reports, &inputs, if global.json { Json::Asked } else { Json::No })?;
    let accepted = &|| Accepted::on(today, acceptances.clone());
    let mut checks = Checks { args, global, demands: &demands, accepted, reports: Vec::new() };
    let outcome = each(&args.images.paths, checks.form(), global, |path| checks.one(path));
    // Without a report, the image could not be opened, and the error says why.
    if !checks.reports.is_empty() {
        for file in &args.reports {
            output::unless_closed(|| file.write(&checks.reports))?;
        }
    }
    outcome
}

fn outcome(report: &Report) -> Outcome {
    match report.answer() {
        Answer::Holds => Outcome::Holds,
        Answer::Fails => Outcome::Fails,
        Answer::Unknown => Outcome::Unsure,
    }
}

/// The same demands on one image after the other.
struct Checks<'c> {
    args: &'c Args,
    global: &'c Global,
    demands: &'c [Demand],
    /// What the policies accept, counted for each image on its own.
    accepted: &'c dyn Fn() -> Accepted,
    /// The name of each image, and its report.
    reports: Vec<(String, Report)>,
}

impl Checks<'_> {
    /// A report on standard output replaces the tables.
    fn form(&self) -> Form {
        if self.args.reports.iter().any(ReportFile::is_standard_output) { Form::Document } else { Form::Page }
    }

    fn one(&mut self, path: &Path) -> anyhow::Result<Outcome> {
        let image = match open(path, self.global) {
            Ok(image) => image,
            Err(error) => return self.unreadable(path, error),
        };
        let (disc, mut troubles) = match disc(&image) {
            Ok(opened) => opened,
            Err(error) => return self.unreadable(path, error),
        };
        let watch = Watch::new("verifying", self.global);
        let mut report = check::run_accepting(&disc, self.demands, (self.accepted)(), &|done, of| watch.tell(done, of));
        watch.finish();
        troubles.append(std::mem::take(&mut report.troubles));
        report.troubles = troubles;
        gather(&disc, &mut report.troubles);
        let outcome = outcome(&report);
        self.present(image.path(), report)?;
        let reported = self.reports.last_mut();
        let told = reported.map(|(_, report)| report_troubles(&disc, &mut report.troubles, outcome));
        // A failure stays one, whatever else could not be read.
        Ok(if outcome == Outcome::Fails { outcome } else { told.unwrap_or(outcome) })
    }

    /// Writes the verdicts on one image, and keeps them for the reports.
    fn present(&mut self, image: &Path, report: Report) -> anyhow::Result<()> {
        let form = self.form();
        output::present(
            self.global,
            |out| Ok(report_check::json(out, About { image, troubles: &report.troubles }, &report)?),
            |out| match form {
                Form::Page => Ok(report_check::table(out, &report, self.args.format.layout())?),
                Form::Document => Ok(()),
            },
        )?;
        let name = image.display().to_string();
        report_file::tell_github(&report, &name)?;
        self.reports.push((name, report));
        Ok(())
    }

    /// Every assertion about an image that is damaged from the start is unknown. A single image that is not there is wrong usage;
    /// one of several is unknown, too, so that the reports contain it.
    fn unreadable(&mut self, path: &Path, error: anyhow::Error) -> anyhow::Result<Outcome> {
        let several = self.args.images.paths.len() > 1;
        let damaged = error.chain().find_map(|cause| cause.downcast_ref::<Error>()).filter(|cause| match cause {
            Error::Malformed { .. } | Error::Truncated { .. } | Error::Unsupported { .. } | Error::Limit { .. } => true,
            Error::NoImage { .. } => several || path.is_file(),
            _ => several,
        });
        let Some(damaged) = damaged else { return Err(error) };
        self.present(path, Report::unreadable(self.demands, damaged))?;
        Ok(explain(&error))
    }
}

impl Args {
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
