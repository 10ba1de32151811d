//! `nixoscope ls`

use std::ffi::OsString;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;

use anyhow::Context;
use nixoscope::Result;
use nixoscope::fs::walk::{Visit, Walk};
use nixoscope::fs::{FileType, Kind, Node, Tree, path};
use nixoscope::report::files;

use super::open::{ImageArg, disc, open};
use super::{Global, Outcome, output, report_troubles};

/// Arguments of `ls`.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    image: ImageArg,
    /// Where to begin
    #[arg(default_value = "/")]
    paths: Vec<OsString>,
    /// Show mode, owner, size and time
    #[arg(short, long)]
    long: bool,
    /// Show all that lies below
    #[arg(short = 'R', long)]
    recursive: bool,
    /// Show a directory itself, not what is in it
    #[arg(short, long, conflicts_with = "recursive")]
    directory: bool,
    /// Only the disc's own tree, without the store and what boot would add
    #[arg(short = 'x', long)]
    own: bool,
}

pub(super) fn run(args: &Args, global: &Global) -> anyhow::Result<Outcome> {
    let image = open(&args.image.path, global)?;
    let (disc, mut troubles) = disc(&image)?;
    let tree = if args.own { disc.own_tree() } else { disc.tree() };
    let visits = listing(tree, args)?;
    let nodes = visits.filter_map(|visit| match with_node(tree, visit) {
        Ok(entry) => Some(entry),
        Err(error) => {
            troubles.push(error);
            None
        }
    });
    if global.json {
        let mut out = output::bytes();
        files::json(&mut out, "nixoscope.ls.v1", nodes)?;
        out.flush()?;
    } else {
        let mut out = output::bytes();
        let line = if args.long { files::long_line } else { files::short_line };
        for (visit, node) in nodes {
            line(&mut out, &visit, &node)?;
        }
        out.flush()?;
    }
    Ok(report_troubles(&disc, &troubles, Outcome::Holds))
}

fn with_node(tree: &dyn Tree, visit: Result<Visit>) -> Result<(Visit, Node)> {
    let visit = visit?;
    let node = tree.node(visit.id)?;
    Ok((visit, node))
}

/// What the arguments ask for, one path after the other.
fn listing<'t>(tree: &'t dyn Tree, args: &Args) -> anyhow::Result<Box<dyn Iterator<Item = Result<Visit>> + 't>> {
    let mut all: Box<dyn Iterator<Item = Result<Visit>>> = Box::new(std::iter::empty());
    for asked in &args.paths {
        let asked = asked.as_bytes();
        let shown = || format!("cannot list {}", nixoscope::report::escape(asked));
        // As ls(1): a link named on the command line is shown itself in a long listing, and followed in a short one.
        let link = path::resolve_link(tree, asked).with_context(shown)?;
        let followed = if args.directory || args.long && !asked.ends_with(b"/") {
            link
        } else {
            path::resolve(tree, asked).with_context(shown)?
        };
        let node = tree.node(followed.id).with_context(shown)?;
        let single = args.directory || node.kind != Kind::Directory;
        let visits: Box<dyn Iterator<Item = Result<Visit>>> = if single {
            Box::new(std::iter::once(Ok(Visit {
                path: followed.path,
                id: followed.id,
                file_type: node.kind.file_type(),
            })))
        } else if args.recursive {
            Box::new(Walk::new(tree, followed.id, &followed.path))
        } else {
            Box::new(Level(Walk::new(tree, followed.id, &followed.path)))
        };
        all = Box::new(all.chain(visits));
    }
    Ok(all)
}

/// One directory, without those below it.
struct Level<'t>(Walk<'t>);

impl Iterator for Level<'_> {
    type Item = Result<Visit>;

    fn next(&mut self) -> Option<Self::Item> {
        let visit = self.0.next()?;
        if visit.as_ref().is_ok_and(|visit| visit.file_type == FileType::Directory) {
            self.0.prune();
        }
        Some(visit)
    }
}
