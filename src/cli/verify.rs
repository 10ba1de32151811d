//! `nixoscope verify`

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use nixoscope::image::Image;
#[cfg(feature = "remote")]
use nixoscope::image::is_address;
use nixoscope::report::verify as report_verify;
use nixoscope::store::Closure;
use nixoscope::verify::{self, Expectations, Signatures};

use super::images::{Form, Images, each};
use super::open::{about, disc, open};
use super::progress::Watch;
use super::{Global, Outcome, output};

/// Arguments of `verify`.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    images: Images,
    /// Fail if store paths have no recorded hash, as in images before 18.03
    #[arg(long)]
    require_hashes: bool,
    /// SHA-256 that the image file must have: hexadecimal digits, sha256:…, sha256-…, or a FILE as published
    #[arg(long, value_name = "HASH|FILE")]
    sha256: Option<String>,
    /// What the store must hold, and nothing else: a manifest, the output of nix path-info --json -r, or a registration;
    /// several add up
    #[arg(long, value_name = "FILE")]
    against: Vec<PathBuf>,
    /// Public key that must have signed each store path: NAME:BASE64, or a FILE with such keys; several add up
    #[arg(long, value_name = "KEY", requires = "cache")]
    signatures: Vec<String>,
    /// Binary cache with the signatures: an https:// address, or a directory as nix copy --to file://DIR makes it;
    /// several add up
    #[arg(long, value_name = "DIR|URL", requires = "signatures")]
    cache: Vec<String>,
}

pub(super) fn run(args: &Args, global: &Global) -> anyhow::Result<Outcome> {
    // What cannot be read is an error before the work starts.
    let sha256 = args.sha256.as_deref();
    let published = self::published(sha256)?;
    let closure = self::closure(&args.against)?;
    let signatures = self::signatures(args)?;
    let mut expectations = Expectations { sha256: None, closure, signatures };
    each(&args.images.paths, Form::Page, global, |path| {
        let image = open(path, global)?;
        let digest = published.as_ref().map(|text| verify::published(text, image.path())).transpose();
        let digest = digest.map_err(|reason| anyhow!("--sha256 {}: {reason}", sha256.unwrap_or_default()))?;
        expectations.sha256 = digest;
        one(&image, args, &expectations, global)
    })
}

fn one(image: &Image, args: &Args, expectations: &Expectations, global: &Global) -> anyhow::Result<Outcome> {
    let (disc, mut troubles) = disc(image)?;
    let watch = Watch::new("verifying", global);
    let mut report = verify::run(&disc, &troubles, expectations, &|done, of| watch.tell(done, of))?;
    watch.finish();
    if args.require_hashes {
        report.require_hashes();
    }
    output::present(
        global,
        |out| Ok(report_verify::json(out, about(&disc, &mut troubles), &report)?),
        |out| Ok(report_verify::page(out, &report)?),
    )?;
    Ok(match (report.problems.is_empty(), report.unchecked.is_empty()) {
        (true, true) => Outcome::Holds,
        (true, false) => Outcome::Unsure,
        (false, _) => Outcome::Fails,
    })
}

/// The text with the hash: the argument itself, or the contents of the file that it names.
fn published(argument: Option<&str>) -> anyhow::Result<Option<Vec<u8>>> {
    let Some(argument) = argument else { return Ok(None) };
    if verify::is_published(argument) {
        return Ok(Some(argument.as_bytes().to_vec()));
    }
    match std::fs::read(argument) {
        Ok(text) => Ok(Some(text)),
        // The reason is what is wrong with it as a hash, unless it looks like a path.
        Err(error) if error.kind() == ErrorKind::NotFound && !argument.contains(['/', '.']) => {
            let reason = verify::published(argument.as_bytes(), Path::new(""));
            bail!("--sha256 {argument}: {}", reason.err().unwrap_or_default())
        }
        Err(error) => Err(error).with_context(|| format!("--sha256 {argument}")),
    }
}

/// The closure in all files together.
fn closure(files: &[PathBuf]) -> anyhow::Result<Option<Closure>> {
    let mut closure = Closure::default();
    for file in files {
        let context = || format!("--against {}", file.display());
        let text = std::fs::read(file).with_context(context)?;
        closure.add(&text).map_err(|reason| anyhow!("{}: {reason}", context()))?;
        if closure.iter().all(|(_, member)| member.nar_hash.is_none()) {
            bail!("{}: it lists paths without hashes; nixoscope check --closure checks that they are there", context());
        }
    }
    Ok(Some(closure).filter(|_| !files.is_empty()))
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
        #[cfg(feature = "remote")]
        if is_address(Path::new(argument)) {
            wanted.caches.push(PathBuf::from(argument));
            continue;
        }
        let directory = argument.strip_prefix("file://").unwrap_or(argument);
        if directory.contains("://") {
            bail!("--cache {argument}: copy the paths to a directory first: nix copy --to file://DIR");
        }
        if !Path::new(directory).is_dir() {
            bail!("--cache {directory}: not a directory");
        }
        wanted.caches.push(PathBuf::from(directory));
    }
    Ok(Some(wanted).filter(|_| !args.signatures.is_empty()))
}
