//! Several images on one command line.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};

use nixoscope::image::PACKED;
use nixoscope::image::platform::OsStrExt;
use nixoscope::report::{self, STRONG, escape};

use super::{Global, Outcome, explain, output};

/// The images to look at.
#[derive(clap::Args)]
pub(super) struct Images {
    /// ISO file or device, nix-build result, compressed image, squashfs, netboot initrd, https:// address, or - for
    /// standard input; several are read one after the other
    #[arg(value_name = "IMAGE", required = true)]
    pub(super) paths: Vec<PathBuf>,
}

/// Whether an argument can only be an image, where names of packages may stand too: these have no slash and no such ending. Only
/// the argument decides, not whether such a file exists, so that a command line means the same in every directory.
pub(super) fn is_image(argument: &OsStr) -> bool {
    let bytes = argument.as_bytes();
    let plain = PACKED.iter().find_map(|ending| bytes.strip_suffix(ending.as_bytes())).unwrap_or(bytes);
    bytes.contains(&b'/') || plain.ends_with(b".iso")
}

/// What a command writes to standard output for each image.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A page, or a document with `--json`.
    Page,
    /// A document for another program.
    Document,
}

/// Runs `one` for each image in turn, so that memory does not grow with their number. Several images have a heading each, or a
/// JSON document, and a summary. One that cannot be read does not stop the others.
pub(super) fn each(
    paths: &[PathBuf],
    form: Form,
    global: &Global,
    mut one: impl FnMut(&Path) -> anyhow::Result<Outcome>,
) -> anyhow::Result<Outcome> {
    if let [path] = paths {
        return one(path);
    }
    let page = form == Form::Page && !global.json;
    let mut tally = Tally::default();
    for (index, path) in paths.iter().enumerate() {
        let name = output::about(path);
        if page {
            let gap = if index > 0 { "\n" } else { "" };
            line(format_args!("{gap}{STRONG}==> {} <=={STRONG:#}", escape(name.as_bytes())))?;
        }
        let outcome = one(path).or_else(|error| unread(&error, &name, global));
        tally.count(outcome?);
    }
    output::about_all();
    if page && !global.quiet {
        line(format_args!("\n{tally}"))?;
    }
    Ok(tally.worst())
}

/// Says why an image could not be read, also in JSON, so that there is one document for each image.
fn unread(error: &anyhow::Error, name: &str, global: &Global) -> anyhow::Result<Outcome> {
    if global.json {
        output::unless_closed(|| {
            let mut out = output::bytes();
            report::unreadable(&mut out, name, &super::told(error))?;
            Ok(out.flush()?)
        })?;
    }
    Ok(explain(error))
}

fn line(text: std::fmt::Arguments<'_>) -> anyhow::Result<()> {
    output::unless_closed(|| {
        let mut out = output::results();
        writeln!(out, "{text}")?;
        Ok(out.flush()?)
    })
}

/// How the images fared.
#[derive(Default)]
struct Tally {
    holds: usize,
    fails: usize,
    unsure: usize,
}

impl Tally {
    fn count(&mut self, outcome: Outcome) {
        *match outcome {
            Outcome::Holds => &mut self.holds,
            Outcome::Fails => &mut self.fails,
            Outcome::Unsure => &mut self.unsure,
        } += 1;
    }

    fn worst(&self) -> Outcome {
        match (self.fails, self.unsure) {
            (0, 0) => Outcome::Holds,
            (0, _) => Outcome::Unsure,
            _ => Outcome::Fails,
        }
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} images", self.holds + self.fails + self.unsure)?;
        let counts = [(self.holds, "fine"), (self.fails, "failed"), (self.unsure, "could not be read in full")];
        for (index, (count, word)) in counts.into_iter().filter(|(count, _)| *count > 0).enumerate() {
            write!(out, "{} {count} {word}", if index == 0 { ":" } else { "," })?;
        }
        Ok(())
    }
}
