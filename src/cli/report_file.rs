//! `--report FORMAT=FILE`, and what GitHub Actions asks for by its environment.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use anyhow::Context;
use nixoscope::check::Report;
use nixoscope::report::{github, junit, markdown, sarif, tap};

use super::output;

/// A report to write.
#[derive(Clone, Debug)]
pub(super) struct ReportFile {
    format: Format,
    /// `-` is standard output.
    path: PathBuf,
}

#[derive(Clone, Copy, Debug)]
enum Format {
    Junit,
    Sarif,
    Markdown,
    Tap,
}

impl ReportFile {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (format, path) = text.split_once('=').ok_or("write junit=FILE, sarif=FILE, markdown=FILE or tap=FILE")?;
        let format = match format {
            "junit" => Format::Junit,
            "sarif" => Format::Sarif,
            "markdown" => Format::Markdown,
            "tap" => Format::Tap,
            other => return Err(format!("{other} is no format: there are junit, sarif, markdown and tap")),
        };
        if path.is_empty() {
            return Err("a file is needed behind the =".to_owned());
        }
        Ok(Self { format, path: PathBuf::from(path) })
    }

    pub(super) fn write(&self, report: &Report, image: &str) -> anyhow::Result<()> {
        let context = || format!("--report {}", self.path.display());
        let mut out: Box<dyn Write> = if self.path.as_os_str() == "-" {
            Box::new(output::bytes())
        } else {
            Box::new(BufWriter::new(File::create(&self.path).with_context(context)?))
        };
        match self.format {
            Format::Junit => junit::write(&mut out, report, image),
            Format::Sarif => sarif::write(&mut out, report, image),
            Format::Markdown => markdown::write(&mut out, report, image),
            Format::Tap => tap::write(&mut out, report),
        }
        .and_then(|()| out.flush())
        .with_context(context)
    }
}

/// Under GitHub Actions, shows what fails beside the step, and adds the table to the step's summary.
pub(super) fn tell_github(report: &Report, image: &str) -> anyhow::Result<()> {
    if std::env::var_os("GITHUB_ACTIONS").is_none_or(|value| value != "true") {
        return Ok(());
    }
    // On standard error, which the runner reads as well: standard output may be a document.
    let mut errors = std::io::stderr().lock();
    github::write(&mut errors, report)?;
    if let Some(path) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty()) {
        let path = PathBuf::from(path);
        let context = || format!("GITHUB_STEP_SUMMARY {}", path.display());
        let mut file = OpenOptions::new().append(true).create(true).open(&path).with_context(context)?;
        markdown::write(&mut file, report, image).with_context(context)?;
    }
    Ok(())
}
