//! `nixoscope diff`

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use nixoscope::Troubles;
use nixoscope::diff::{Depth, Difference, Manifest, Pair, Reproducibility, Side, Verdict};
use nixoscope::image::Image;
use nixoscope::image::platform::FileTypeExt;
use nixoscope::report::diff::{self, Detail};

use super::open::{Opened, disc, gather, open};
use super::{Global, Outcome, TOLD, advice, output, report_troubles};

/// Arguments of `diff`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The old image, or its manifest
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// The new image, or its manifest
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// Also list rebuilds, store paths, and what every build changes, such as dates
    #[arg(short, long)]
    all: bool,
    /// Compare the files in changed store paths
    #[arg(long)]
    files: bool,
    /// Compare file contents too, text line by line; changes only in store hashes are ignored
    #[arg(long)]
    content: bool,
    /// Report the first layer in which two builds differ: image, disc, packing of the store, contents
    #[arg(long, conflicts_with_all = ["all", "files", "content", "markdown"])]
    reproducible: bool,
    /// Write Markdown for a pull request
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
}

/// An argument.
enum Given {
    Image(Box<Opened>),
    Manifest(Box<Manifest>),
}

/// Length in bytes of the longest manifest. One with 10,000 store paths has about 2 MiB.
const LONGEST: u64 = 256 << 20;

pub(super) fn run(args: &Args, global: &Global) -> anyhow::Result<Outcome> {
    let (given_old, given_new) = (given(&args.old, global)?, given(&args.new, global)?);
    if args.reproducible {
        return reproducible((given_old.image(&args.old)?, given_new.image(&args.new)?), global);
    }
    let depth = match (args.content, args.files) {
        (true, _) => Some(Depth::Content),
        (false, true) => Some(Depth::Metadata),
        (false, false) => None,
    };
    if depth.is_some() {
        // Refuse manifests before anything is read.
        given_old.image(&args.old)?;
        given_new.image(&args.new)?;
    }
    let (old, new) = rayon::join(|| side(&args.old, &given_old), || side(&args.new, &given_new));
    let (mut old, mut new) = (old?, new?);
    let mut difference = Difference::of(Pair { old: &mut old, new: &mut new }, depth);
    for side in [&mut old, &mut new] {
        if let Some(disc) = &side.disc {
            gather(disc, &mut side.troubles);
        }
    }
    let mut messages: Vec<String> = std::mem::take(&mut difference.troubles);
    messages.extend(of_image(&args.old, &old.troubles).chain(of_image(&args.new, &new.troubles)));
    let inside = difference.objects.iter().flat_map(|object| &object.troubles);
    messages.extend(inside.map(|trouble| format!("{trouble}{}", advice(trouble))));
    let messages = once(messages);
    difference.troubles.clone_from(&messages);
    let image = |side: &Side<'_>, argument: &Path| side.manifest.image.as_ref().map_or(argument.into(), PathBuf::from);
    let images = Pair { old: image(&old, &args.old), new: image(&new, &args.new) };
    let detail = if args.all { Detail::All } else { Detail::Main };
    output::unless_closed(|| {
        if global.json {
            let mut out = output::bytes();
            diff::json(&mut out, &difference, Pair { old: &images.old, new: &images.new })?;
            out.flush()?;
        } else if args.markdown {
            let mut out = output::bytes();
            diff::markdown(&mut out, &difference, detail)?;
            out.flush()?;
        } else {
            let mut out = output::results();
            diff::page(&mut out, &difference, detail)?;
            out.flush()?;
        }
        Ok(())
    })?;
    let same = if difference.is_none() { Outcome::Holds } else { Outcome::Fails };
    Ok(outcome(&messages, same))
}

/// Compares two images, as far as their manifests tell.
pub(super) fn between(old: &Path, new: &Path, global: &Global) -> anyhow::Result<Difference> {
    let (given_old, given_new) = (given(old, global)?, given(new, global)?);
    let (old, new) = rayon::join(|| side(old, &given_old), || side(new, &given_new));
    let (mut old, mut new) = (old?, new?);
    Ok(Difference::of(Pair { old: &mut old, new: &mut new }, None))
}

/// Messages about one of the two images, each with its name.
fn of_image<'t>(path: &'t Path, troubles: &'t Troubles) -> impl Iterator<Item = String> + 't {
    let path = path.display().to_string();
    troubles.iter().map(move |trouble| {
        let message = format!("{trouble}{}", advice(trouble));
        if message.starts_with(&path) { message } else { format!("{path}: {message}") }
    })
}

/// Drops repeated messages. A broken block affects many files.
fn once(mut messages: Vec<String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    messages.retain(|message| seen.insert(message.clone()));
    messages
}

/// Prints the troubles. With any, the outcome of the comparison is unsure.
fn outcome(troubles: &[String], compared: Outcome) -> Outcome {
    troubles.iter().take(TOLD).for_each(|trouble| output::complain(trouble));
    if let Some(more @ 1..) = troubles.len().checked_sub(TOLD) {
        output::complain(&format!("{more} more errors"));
    }
    if troubles.is_empty() { compared } else { Outcome::Unsure }
}

/// Compares two images layer by layer.
fn reproducible((old, new): (&Image, &Image), global: &Global) -> anyhow::Result<Outcome> {
    let images = Pair { old: old.path(), new: new.path() };
    let ((old, mut troubles_old), (new, mut troubles_new)) = (disc(old)?, disc(new)?);
    troubles_old.extend(old.missing_end());
    troubles_new.extend(new.missing_end());
    let found = Reproducibility::of(Pair { old: &old, new: &new })?;
    gather(&old, &mut troubles_old);
    gather(&new, &mut troubles_new);
    let inside = found.troubles.iter().map(|trouble| format!("{trouble}{}", advice(trouble)));
    let troubles = of_image(old.path(), &troubles_old).chain(of_image(new.path(), &troubles_new)).chain(inside);
    let troubles = once(troubles.collect());
    let known = if troubles.is_empty() { diff::reproducible::Known::All } else { diff::reproducible::Known::Part };
    output::unless_closed(|| {
        if global.json {
            let mut out = output::bytes();
            diff::reproducible::json(&mut out, &found, images, &troubles)?;
            out.flush()?;
        } else {
            let mut out = output::results();
            diff::reproducible::page(&mut out, &found, known)?;
            out.flush()?;
        }
        Ok(())
    })?;
    let same = if found.verdict == Verdict::Identical { Outcome::Holds } else { Outcome::Fails };
    Ok(outcome(&troubles, same))
}

impl Given {
    /// The image, for questions that a manifest cannot answer.
    fn image(&self, path: &Path) -> anyhow::Result<&Image> {
        match self {
            Self::Image(image) => Ok(image),
            Self::Manifest(_) => {
                let path = path.display();
                Err(anyhow!(
                    "{path}: a manifest has no file contents; --files, --content and --reproducible need two images"
                ))
            }
        }
    }
}

/// Opens the manifest or the image at the path.
fn given(path: &Path, global: &Global) -> anyhow::Result<Given> {
    if let Some(text) = text(path).with_context(|| path.display().to_string())? {
        let manifest =
            Manifest::parse(&text).map_err(|reason| anyhow!("{}: not a manifest: {reason}", path.display()))?;
        return Ok(Given::Manifest(Box::new(manifest)));
    }
    Ok(Given::Image(Box::new(open(path, global)?)))
}

fn side<'i>(path: &Path, given: &'i Given) -> anyhow::Result<Side<'i>> {
    let image = match given {
        Given::Manifest(manifest) => {
            return Ok(Side { manifest: (**manifest).clone(), disc: None, troubles: Troubles::default() });
        }
        Given::Image(image) => image,
    };
    let (disc, mut troubles) = disc(image)?;
    let manifest = Manifest::of(&disc, &mut troubles).map_err(|error| {
        troubles.push(error);
        report_troubles(&disc, &mut troubles, Outcome::Unsure);
        anyhow!("cannot compare {}", path.display())
    })?;
    troubles.extend(disc.missing_end());
    Ok(Side { manifest, disc: Some(disc), troubles })
}

/// The text of a manifest. That is a file that begins with a brace, as no image does, or a pipe, from which no image can be read.
fn text(path: &Path) -> anyhow::Result<Option<Vec<u8>>> {
    let Ok(kind) = std::fs::metadata(path).map(|metadata| metadata.file_type()) else { return Ok(None) };
    if !(kind.is_file() || kind.is_fifo()) {
        return Ok(None);
    }
    let Ok(file) = std::fs::File::open(path) else { return Ok(None) };
    let mut file = BufReader::new(file);
    if kind.is_file() && !file.fill_buf()?.trim_ascii_start().starts_with(b"{") {
        return Ok(None);
    }
    let mut text = Vec::new();
    file.take(LONGEST + 1).read_to_end(&mut text)?;
    if u64::try_from(text.len()).is_ok_and(|length| length > LONGEST) {
        return Err(anyhow!("too long for a manifest"));
    }
    Ok(Some(text))
}
