//! `nixoscope diff`

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use nixoscope::Error;
use nixoscope::diff::{Difference, Manifest};
use nixoscope::report::diff::{self, Told};

use super::open::{disc, open};
use super::{Global, Outcome, TOLD, advice, output};

/// Arguments of `diff`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The image before, or its manifest
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// The image after, or its manifest
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// List rebuilds and store paths one by one
    #[arg(short, long)]
    all: bool,
}

pub(super) fn run(args: &Args, global: &Global) -> anyhow::Result<Outcome> {
    let mut troubles = Vec::new();
    let old = side(&args.old, global, &mut troubles)?;
    let new = side(&args.new, global, &mut troubles)?;
    let difference = Difference::between(&old, &new);
    output::unless_closed(|| {
        if global.json {
            let mut out = output::bytes();
            diff::json(&mut out, &difference)?;
            out.flush()?;
        } else {
            let mut out = output::results();
            diff::page(&mut out, &difference, if args.all { Told::All } else { Told::Main })?;
            out.flush()?;
        }
        Ok(())
    })?;
    for trouble in troubles.iter().take(TOLD) {
        output::complain(&format!("{trouble}{}", advice(trouble)));
    }
    Ok(match (troubles.is_empty(), difference.is_none()) {
        (false, _) => Outcome::Unsure,
        (true, true) => Outcome::Holds,
        (true, false) => Outcome::Fails,
    })
}

/// The manifest at the path, or that of the image there.
fn side(path: &Path, global: &Global, troubles: &mut Vec<Error>) -> anyhow::Result<Manifest> {
    if path.is_file() && starts_like_json(path) {
        let text = std::fs::read(path).with_context(|| path.display().to_string())?;
        return Manifest::parse(&text).map_err(|reason| anyhow!("{}: no manifest: {reason}", path.display()));
    }
    let image = open(path, global)?;
    let (disc, mut of_disc) = disc(&image)?;
    let manifest = Manifest::of(&disc, troubles);
    troubles.append(&mut of_disc);
    manifest.with_context(|| format!("cannot compare {}", path.display()))
}

/// No image begins with a brace.
fn starts_like_json(path: &Path) -> bool {
    let mut first = [0];
    std::fs::File::open(path).and_then(|mut file| std::io::Read::read_exact(&mut file, &mut first)).is_ok()
        && first == *b"{"
}
