//! `nixoscope find`

use std::collections::BTreeSet;
use std::io::Write;

use anyhow::Context;
use globset::{Glob, GlobBuilder, GlobMatcher};
use nixoscope::fs::path;
use nixoscope::fs::walk::Walk;
use nixoscope::report::files;

use super::open::{ImageArg, about, disc, open};
use super::{Global, Outcome, output, report_troubles};

/// Arguments of `find`.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    image: ImageArg,
    /// Globs for names, or for whole paths if they contain a / (** matches any number of directories)
    #[arg(required = true, value_name = "GLOB")]
    globs: Vec<String>,
    /// Search only the disc's own tree, without the store and the links that booting adds
    #[arg(short = 'x', long)]
    own: bool,
}

pub(super) fn run(args: &Args, global: &Global) -> anyhow::Result<Outcome> {
    let mut patterns = args.globs.iter().map(|glob| Pattern::new(glob)).collect::<anyhow::Result<Vec<_>>>()?;
    let image = open(&args.image.path, global)?;
    let (disc, mut troubles) = disc(&image)?;
    let tree = if args.own { disc.own_tree() } else { disc.tree() };
    let mut found = Vec::new();
    let bases: BTreeSet<Vec<u8>> = patterns.iter().map(|pattern| pattern.base.clone()).collect();
    for base in bases {
        // A base that leads through links is shown as the pattern has it.
        let Some(directory) = path::find(tree, &base)? else { continue };
        for visit in Walk::new(tree, directory.id, &base) {
            let step = visit.and_then(|visit| {
                // Every pattern is tried, because each has to report whether it matched anything.
                let here = patterns.iter_mut().filter(|pattern| pattern.base == base);
                if here.fold(false, |any, pattern| any | pattern.matches(&visit.path)) {
                    let node = tree.node(visit.id)?;
                    found.push((visit, node));
                }
                Ok(())
            });
            troubles.keep(step);
        }
    }
    output::unless_closed(|| {
        if global.json {
            let mut out = output::bytes();
            files::owned_json(&mut out, about(&disc, &mut troubles), &found)?;
            out.flush()?;
        } else {
            let mut out = output::results();
            files::owned_table(&mut out, &found, output::width())?;
            out.flush()?;
        }
        Ok(())
    })?;
    let mut outcome = Outcome::Holds;
    for pattern in patterns.iter().filter(|pattern| !pattern.found) {
        outcome = Outcome::Fails;
        if !global.quiet {
            output::complain(&format!("{}: no file matches", pattern.text));
        }
    }
    Ok(report_troubles(&disc, &mut troubles, outcome))
}

struct Pattern {
    text: String,
    matcher: GlobMatcher,
    whole_path: bool,
    /// The directory below which it can match.
    base: Vec<u8>,
    found: bool,
}

impl Pattern {
    fn new(text: &str) -> anyhow::Result<Self> {
        let whole_path = text.contains('/');
        let anchored = if whole_path && !text.starts_with(['/', '*']) { format!("**/{text}") } else { text.to_owned() };
        let glob: Result<Glob, _> = GlobBuilder::new(&anchored).literal_separator(true).build();
        let matcher = glob.with_context(|| format!("invalid pattern {text}"))?.compile_matcher();
        Ok(Self { text: text.to_owned(), matcher, whole_path, base: base(text), found: false })
    }

    fn matches(&mut self, path: &[u8]) -> bool {
        use std::os::unix::ffi::OsStrExt;
        let name = if self.whole_path { path } else { path.rsplit(|&byte| byte == b'/').next().unwrap_or_default() };
        let matches = self.matcher.is_match(std::ffi::OsStr::from_bytes(name));
        self.found |= matches;
        matches
    }
}

/// The directories at the start of a pattern, up to the first with a wildcard.
fn base(text: &str) -> Vec<u8> {
    let mut directories: Vec<&str> = text.strip_prefix('/').unwrap_or_default().split('/').collect();
    directories.pop();
    let literal = directories.into_iter().take_while(|name| !name.contains(['*', '?', '[', '{', '\\']));
    literal.fold(b"/".to_vec(), |path, name| path::join(&path, name.as_bytes()))
}
