//! `nixoscope ls`

use std::cmp::Reverse;
use std::ffi::OsString;
use std::io::Write;
use std::path::Path;

use clap::ArgAction;
use nixoscope::fs::walk::{Visit, Walk};
use nixoscope::fs::{FileType, Kind, Node, Tree, path};
use nixoscope::image::platform::OsStrExt;
use nixoscope::report::files::{self, Sizes};
use nixoscope::{Error, Result, Troubles};

use super::open::{ImageArg, disc, is_image_here, open_before, shown_name};
use super::{Global, Outcome, output, report_troubles};

/// Arguments of `ls`.
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(super) struct Args {
    #[command(flatten)]
    image: ImageArg,
    /// Files or directories to list
    #[arg(default_value = "/")]
    paths: Vec<OsString>,
    /// Show mode, owner, size and time
    #[arg(short, long)]
    long: bool,
    /// List subdirectories too
    #[arg(short = 'R', long)]
    recursive: bool,
    /// List a directory itself, not its contents
    #[arg(short, long, conflicts_with = "recursive")]
    directory: bool,
    /// List only the disc's own tree, without the store and the links that booting adds
    #[arg(short = 'x', long)]
    own: bool,
    /// Show sizes in binary units
    #[arg(short = 'h', long)]
    human_readable: bool,
    /// Sort by size, largest first
    #[arg(short = 'S')]
    by_size: bool,
    /// Sort by time, newest first
    #[arg(short = 't', conflicts_with = "by_size")]
    by_time: bool,
    /// Accepted as by ls: names that begin with a dot are always shown
    #[arg(short = 'a', long = "all")]
    _all: bool,
    /// Accepted as by ls: there is always one name a line
    #[arg(short = '1')]
    _one: bool,
    /// Print help
    #[arg(long, action = ArgAction::Help)]
    _help: Option<bool>,
}

pub(super) fn run(args: &Args, global: &Global) -> anyhow::Result<Outcome> {
    let image = open_before(&args.image.path, args.paths.iter().map(OsString::as_os_str), global)?;
    let (disc, mut troubles) = disc(&image)?;
    let tree = if args.own { disc.own_tree() } else { disc.tree() };
    let mut visits: Box<dyn Iterator<Item = Result<Visit>>> = Box::new(std::iter::empty());
    let mut missing = Vec::new();
    for asked in &args.paths {
        match listing(tree, args, &shown_name(tree, asked.as_bytes())) {
            Ok(listed) => visits = Box::new(visits.chain(listed)),
            // What is broken elsewhere on the disc may be why it is not found.
            Err(error @ Error::NotFound { .. }) if troubles.is_empty() => missing.push(match is_image_here(asked) {
                true => format!("{error}; {} is a file here: ls lists one image at a time", Path::new(asked).display()),
                false => error.to_string(),
            }),
            Err(error) => troubles.push(error),
        }
    }
    // What was wrong with the records on the way is known at the end.
    let faults = std::iter::once_with(|| disc.take_faults()).flatten().map(Err);
    let visits = visits.chain(faults);
    output::unless_closed(|| args.write((disc.path(), tree), visits, &mut troubles, global))?;
    missing.iter().for_each(|message| output::complain(message));
    let outcome = if missing.is_empty() { Outcome::Holds } else { Outcome::Fails };
    Ok(report_troubles(&disc, &mut troubles, outcome))
}

impl Args {
    fn write(
        &self,
        (image, tree): (&Path, &dyn Tree),
        visits: impl Iterator<Item = Result<Visit>>,
        troubles: &mut Troubles,
        global: &Global,
    ) -> anyhow::Result<()> {
        let mut out = output::bytes();
        if !(global.json || self.long || self.by_size || self.by_time) {
            for visit in visits.filter_map(|visit| troubles.keep(visit)) {
                files::short_line(&mut out, &visit)?;
            }
            return Ok(out.flush()?);
        }
        let nodes = visits.map(|visit| visit.and_then(|visit| with_node(tree, visit)));
        let nodes: Box<dyn Iterator<Item = Result<(Visit, Node)>>> = match self.by_size || self.by_time {
            true => Box::new(self.sorted(nodes)),
            false => Box::new(nodes),
        };
        if global.json {
            files::json(&mut out, image, troubles, nodes)?;
            return Ok(out.flush()?);
        }
        let sizes = if self.human_readable { Sizes::Units } else { Sizes::Bytes };
        for (visit, node) in nodes.filter_map(|node| troubles.keep(node)) {
            match self.long {
                true => files::long_line(&mut out, &visit, &node, sizes)?,
                false => files::short_line(&mut out, &visit)?,
            }
        }
        Ok(out.flush()?)
    }

    /// Sorts by size or time, and by name among equals. Errors come first.
    fn sorted(
        &self,
        nodes: impl Iterator<Item = Result<(Visit, Node)>>,
    ) -> impl Iterator<Item = Result<(Visit, Node)>> {
        let mut all: Vec<Result<(Visit, Node)>> = nodes.collect();
        all.sort_by_cached_key(|entry| {
            entry.as_ref().ok().map(|(visit, node)| {
                let size = match node.kind {
                    Kind::File { size } => size,
                    _ => 0,
                };
                let key = if self.by_size { i128::from(size) } else { i128::from(node.mtime) };
                (Reverse(key), visit.path.clone())
            })
        });
        all.into_iter()
    }
}

fn with_node(tree: &dyn Tree, visit: Visit) -> Result<(Visit, Node)> {
    let node = tree.node(visit.id)?;
    Ok((visit, node))
}

/// The files that one argument asks for. As in ls(1), their paths start with the argument, even if it is a link.
fn listing<'t>(tree: &'t dyn Tree, args: &Args, asked: &[u8]) -> Result<Box<dyn Iterator<Item = Result<Visit>> + 't>> {
    // As with ls(1), a long listing shows a link named on the command line; a short one follows it.
    let itself = args.directory || args.long && !asked.ends_with(b"/");
    let found = if itself { path::resolve_link(tree, asked)? } else { path::resolve(tree, asked)? };
    let shown = path::plain(asked).unwrap_or(found.path);
    let file_type = tree.node(found.id)?.kind.file_type();
    if args.directory || file_type != FileType::Directory {
        return Ok(Box::new(std::iter::once(Ok(Visit { path: shown, id: found.id, file_type }))));
    }
    let walk = Walk::new(tree, found.id, &shown);
    Ok(if args.recursive { Box::new(walk) } else { Box::new(Level(walk)) })
}

/// One directory, without its subdirectories.
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
