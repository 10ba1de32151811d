//! `--report FORMAT=FILE`, and what GitHub Actions asks for by its environment.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use nixoscope::check::Report;
use nixoscope::image;
use nixoscope::report::{About, check, github, junit, markdown, sarif, tap};

use super::file::{self, is_same};
use super::output;

/// A report to write.
#[derive(Clone, Debug)]
pub(super) struct ReportFile {
    format: Format,
    /// `-` is standard output.
    path: PathBuf,
}

/// Whether a JSON document goes to standard output.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Json {
    Asked,
    No,
}

/// The files that a run reads, which it must not write over.
pub(super) struct Inputs<'a> {
    pub(super) images: &'a [PathBuf],
    pub(super) policies: &'a [PathBuf],
}

impl Inputs<'_> {
    /// What the file at `path` is, if it is one of them.
    fn which(&self, path: &Path) -> Option<&'static str> {
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let is = |input: &Path| is_same(path, input) || real(path) == real(input);
        if self.images.iter().any(|name| is(&image::find(name).unwrap_or_else(|_| name.clone()))) {
            return Some("the image");
        }
        self.policies.iter().any(|policy| is(policy)).then_some("the policy")
    }
}

#[derive(Clone, Copy, Debug)]
enum Format {
    Junit,
    Sarif,
    Markdown,
    Tap,
    Json,
}

impl ReportFile {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (format, path) =
            text.split_once('=').ok_or("write json=FILE, junit=FILE, sarif=FILE, markdown=FILE or tap=FILE")?;
        let format = match format {
            "junit" => Format::Junit,
            "sarif" => Format::Sarif,
            "markdown" => Format::Markdown,
            "tap" => Format::Tap,
            "json" => Format::Json,
            other => return Err(format!("unknown format {other}; use json, junit, sarif, markdown or tap")),
        };
        if path.is_empty() {
            return Err("a file is needed after the =".to_owned());
        }
        Ok(Self { format, path: PathBuf::from(path) })
    }

    /// Refuses reports that would write over each other, over the document, or over an input.
    pub(super) fn refuse_clashes(reports: &[Self], inputs: &Inputs<'_>, json: Json) -> anyhow::Result<()> {
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        for (index, report) in reports.iter().enumerate() {
            let path = report.path.display();
            if reports.iter().take(index).any(|other| real(&other.path) == real(&report.path)) {
                bail!("two reports cannot be written to {path}; give each its own file");
            }
            if report.is_standard_output() && json == Json::Asked {
                bail!("--json and a report cannot both be written to standard output; give the report a file");
            }
            if let Some(input) = inputs.which(&report.path) {
                bail!("--report {path}: that is {input}");
            }
        }
        if let Some(path) = step_summary()
            && let Some(input) = inputs.which(&path)
        {
            bail!("GITHUB_STEP_SUMMARY {}: that is {input}", path.display());
        }
        Ok(())
    }

    /// Whether the report replaces the table.
    pub(super) fn is_standard_output(&self) -> bool {
        self.path.as_os_str() == "-"
    }

    /// Writes the reports on all images, each with the name of its image.
    pub(super) fn write(&self, reports: &[(String, Report)]) -> anyhow::Result<()> {
        let context = || format!("--report {}", self.path.display());
        if self.is_standard_output() {
            let mut out = output::bytes();
            self.format.write(&mut out, reports)?;
            return out.flush().with_context(context);
        }
        file::replace(&self.path, |out| self.format.write(out, reports)).with_context(context)
    }
}

impl Format {
    fn write(self, out: &mut dyn Write, reports: &[(String, Report)]) -> anyhow::Result<()> {
        match self {
            Self::Junit => junit::write(out, reports)?,
            Self::Sarif => sarif::write(out, reports, &root()?)?,
            Self::Markdown => markdown::write_all(out, reports)?,
            Self::Tap => tap::write(out, reports)?,
            // One document on each line, as `--json` prints them.
            Self::Json => {
                for (image, report) in reports {
                    check::json(out, About { image: Path::new(image), troubles: &report.troubles }, report)?;
                }
            }
        }
        Ok(())
    }
}

/// The folder of the sources: the checkout of a workflow, or the current folder.
fn root() -> anyhow::Result<PathBuf> {
    match std::env::var_os("GITHUB_WORKSPACE").filter(|path| !path.is_empty()) {
        Some(path) => Ok(PathBuf::from(path)),
        None => std::env::current_dir().context("the current folder"),
    }
}

/// Whether the program runs in a step of GitHub Actions.
fn is_github() -> bool {
    std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true")
}

/// The file with the summary of the step, under GitHub Actions.
fn step_summary() -> Option<PathBuf> {
    let path = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty());
    path.filter(|_| is_github()).map(PathBuf::from)
}

/// Under GitHub Actions, shows what fails beside the step, and adds the table to the step's summary.
pub(super) fn tell_github(report: &Report, image: &str) -> anyhow::Result<()> {
    if !is_github() {
        return Ok(());
    }
    // On standard error, which the runner reads as well: standard output may be a document.
    let mut errors = std::io::stderr().lock();
    github::write(&mut errors, report, &root()?)?;
    if let Some(path) = step_summary() {
        let context = || format!("GITHUB_STEP_SUMMARY {}", path.display());
        let mut file = OpenOptions::new().append(true).create(true).open(&path).with_context(context)?;
        markdown::write(&mut file, report, image).with_context(context)?;
    }
    Ok(())
}
