//! `nixoscope verify`

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use nixoscope::report::About;
use nixoscope::report::verify as report_verify;
use nixoscope::verify::{self, Expectations, Known, Signatures};

use super::open::{ImageArg, disc, open};
use super::progress::Watch;
use super::{Global, Outcome, output};

/// Arguments of `verify`.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    image: ImageArg,
    /// Fail if store paths have no recorded hash, as in images before 18.03
    #[arg(long)]
    require_hashes: bool,
    /// SHA-256 that the image file must have: 64 digits, or a FILE as published
    #[arg(long, value_name = "HEX|FILE")]
    sha256: Option<String>,
    /// What the store must hold: a manifest, the output of nix path-info --json -r, or a registration; several add up
    #[arg(long, value_name = "FILE")]
    against: Vec<PathBuf>,
    /// Public key that must have signed each store path: NAME:BASE64, or a FILE with such keys; several add up
    #[arg(long, value_name = "KEY", requires = "cache")]
    signatures: Vec<String>,
    /// Binary cache with the signatures: a directory, as nix copy --to file://DIR makes it; several add up
    #[arg(long, value_name = "DIR", requires = "signatures")]
    cache: Vec<String>,
}

pub(super) fn run(args: &Args, global: &Global) -> anyhow::Result<Outcome> {
    // A file that cannot be read is an error before the work starts.
    let published = self::published(args.sha256.as_deref())?;
    let closure = self::closure(&args.against)?;
    let signatures = self::signatures(args)?;
    let image = open(&args.image.path, global)?;
    let (disc, troubles) = disc(&image)?;
    let sha256 = published.map(|text| verify::published(&text, image.path())).transpose();
    let sha256 = sha256.map_err(|reason| anyhow!("--sha256: {reason}"))?;
    let expectations = Expectations { sha256, closure, signatures };
    let watch = Watch::new("verifying", global);
    let mut report = verify::run(&disc, &troubles, &expectations, &|done, of| watch.tell(done, of))?;
    watch.finish();
    if args.require_hashes {
        report.require_hashes();
    }
    if global.json {
        let mut out = output::bytes();
        report_verify::json(&mut out, About { image: disc.path(), troubles: &troubles }, &report)?;
        out.flush()?;
    } else {
        let mut out = output::results();
        report_verify::page(&mut out, &report)?;
        out.flush()?;
    }
    Ok(match (report.problems.is_empty(), report.unchecked.is_empty()) {
        (true, true) => Outcome::Holds,
        (true, false) => Outcome::Unsure,
        (false, _) => Outcome::Fails,
    })
}

/// The text with the hash: the argument itself, or the file that it names.
fn published(argument: Option<&str>) -> anyhow::Result<Option<String>> {
    let Some(argument) = argument else { return Ok(None) };
    if argument.len() == 64 && argument.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(Some(argument.to_owned()));
    }
    std::fs::read_to_string(argument).with_context(|| format!("--sha256 {argument}")).map(Some)
}

/// The closure in all files together.
fn closure(files: &[PathBuf]) -> anyhow::Result<Option<Known>> {
    let mut known = Known::default();
    for file in files {
        let context = || format!("--against {}", file.display());
        let text = std::fs::read(file).with_context(context)?;
        known.add(&text).map_err(|reason| anyhow!("{}: {reason}", context()))?;
    }
    Ok(Some(known).filter(|_| !files.is_empty()))
}

/// The keys and caches that are asked for.
fn signatures(args: &Args) -> anyhow::Result<Option<Signatures>> {
    let mut wanted = Signatures::default();
    for argument in &args.signatures {
        // A public key has a colon and no file of that name.
        let text = match argument.contains(':') && !Path::new(argument).exists() {
            true => argument.clone(),
            false => std::fs::read_to_string(argument).with_context(|| format!("--signatures {argument}"))?,
        };
        wanted.keys.add(&text).map_err(|reason| anyhow!("--signatures: {reason}"))?;
    }
    for argument in &args.cache {
        let directory = argument.strip_prefix("file://").unwrap_or(argument);
        if directory.contains("://") {
            bail!("--cache {argument}: only directories are read; copy the paths with nix copy --to file://DIR first");
        }
        if !Path::new(directory).is_dir() {
            bail!("--cache {directory}: not a directory");
        }
        wanted.caches.push(PathBuf::from(directory));
    }
    Ok(Some(wanted).filter(|_| !args.signatures.is_empty()))
}
