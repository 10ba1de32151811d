//! `nixoscope find`

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::Write;

use anyhow::Context;
use clap::ValueEnum;
use globset::{Glob, GlobBuilder, GlobMatcher};
use nixoscope::fs::walk::{Visit, Walk};
use nixoscope::fs::{Kind, Node, path};
use nixoscope::report::escape;
use nixoscope::report::files;

use super::format::FormatArg;
use super::open::{ImageArg, about, disc, open_before};
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
    /// Ignore case
    #[arg(short, long)]
    ignore_case: bool,
    /// Find only this type; repeat it for several
    #[arg(short = 't', long = "type", value_enum, value_name = "TYPE")]
    types: Vec<Type>,
    /// Print only paths, each ended by a zero byte, as xargs -0 reads them
    #[arg(short = '0', long, conflicts_with_all = ["json", "format"])]
    null: bool,
    #[command(flatten)]
    format: FormatArg,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Type {
    /// Regular files
    F,
    /// Directories
    D,
    /// Symbolic links
    L,
    /// Executable files
    X,
}

impl Type {
    fn admits(self, node: &Node) -> bool {
        match self {
            Self::F => matches!(node.kind, Kind::File { .. }),
            Self::D => node.kind == Kind::Directory,
            Self::L => matches!(node.kind, Kind::Symlink { .. }),
            Self::X => matches!(node.kind, Kind::File { .. }) && node.mode & 0o111 != 0,
        }
    }
}

pub(super) fn run(args: &Args, global: &Global) -> anyhow::Result<Outcome> {
    let mut patterns = args
        .globs
        .iter()
        .map(|glob| Pattern::new(glob, args.ignore_case.into()))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let image = open_before(&args.image.path, args.globs.iter().map(OsStr::new), global)?;
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
                let matching: Vec<&mut Pattern> = here.filter(|pattern| pattern.matches(&visit.path)).collect();
                if matching.is_empty() {
                    return Ok(());
                }
                let node = tree.node(visit.id)?;
                if args.types.is_empty() || args.types.iter().any(|kind| kind.admits(&node)) {
                    matching.into_iter().for_each(|pattern| pattern.found = true);
                    found.push((visit, node));
                }
                Ok(())
            });
            troubles.keep(step);
        }
    }
    if args.null {
        output::unless_closed(|| {
            let mut out = output::bytes();
            for (visit, _) in &found {
                out.write_all(&visit.path)?;
                out.write_all(b"\0")?;
            }
            Ok(out.flush()?)
        })?;
    } else {
        output::present(
            global,
            |out| Ok(files::owned_json(out, about(&disc, &mut troubles), &found)?),
            |out| Ok(args.write(out, &found)?),
        )?;
    }
    let mut outcome = Outcome::Holds;
    for pattern in patterns.iter().filter(|pattern| !pattern.found) {
        outcome = Outcome::Fails;
        if !global.quiet {
            output::complain(&format!("{}: no file matches", pattern.text));
        }
    }
    Ok(report_troubles(&disc, &mut troubles, outcome))
}

impl Args {
    /// Writes a table for people, and paths alone for programs.
    fn write(&self, out: &mut dyn Write, found: &[(Visit, Node)]) -> std::io::Result<()> {
        if self.format.format.is_none() && !output::is_terminal() {
            return found.iter().try_for_each(|(visit, _)| writeln!(out, "{}", escape(&visit.path)));
        }
        files::owned_table(out, found, self.format.layout())
    }
}

/// Whether letters match in both cases.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Case {
    Exact,
    Ignored,
}

impl From<bool> for Case {
    fn from(ignored: bool) -> Self {
        if ignored { Self::Ignored } else { Self::Exact }
    }
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
    fn new(text: &str, case: Case) -> anyhow::Result<Self> {
        let whole_path = text.contains('/');
        let anchored = if whole_path && !text.starts_with(['/', '*']) { format!("**/{text}") } else { text.to_owned() };
        let mut builder = GlobBuilder::new(&anchored);
        let glob: Result<Glob, _> = builder.literal_separator(true).case_insensitive(case == Case::Ignored).build();
        let matcher = glob.with_context(|| format!("invalid pattern {text}"))?.compile_matcher();
        let base = if case == Case::Exact { base(text) } else { b"/".to_vec() };
        Ok(Self { text: text.to_owned(), matcher, whole_path, base, found: false })
    }

    fn matches(&self, path: &[u8]) -> bool {
        use nixoscope::image::platform::OsStrExt;
        let name = if self.whole_path { path } else { path.rsplit(|&byte| byte == b'/').next().unwrap_or_default() };
        self.matcher.is_match(std::ffi::OsStr::from_bytes(name))
    }
}

/// The directories at the start of a pattern, up to the first with a wildcard.
fn base(text: &str) -> Vec<u8> {
    let mut directories: Vec<&str> = text.strip_prefix('/').unwrap_or_default().split('/').collect();
    directories.pop();
    let literal = directories.into_iter().take_while(|name| !name.contains(['*', '?', '[', '{', '\\']));
    literal.fold(b"/".to_vec(), |path, name| path::join(&path, name.as_bytes()))
}
