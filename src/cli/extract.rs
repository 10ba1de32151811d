//! `nixoscope extract`

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use nixoscope::fs::walk::Walk;
use nixoscope::fs::{FileType, Kind, NodeId, Tree, path};
use nixoscope::image::platform::OsStrExt;
use nixoscope::nixos::Disc;
use nixoscope::report::count::counted;
use nixoscope::report::escape;
use nixoscope::report::extract::{self, Extracted};
use nixoscope::store::name::Name;
use nixoscope::store::{STORE, StorePath, nar};
use nixoscope::{Error, Troubles};

use super::open::{ImageArg, about, disc, open_before, shown_name};
use super::target::{Metadata, Target};
use super::{Global, Outcome, file, output, report_troubles};

/// Arguments of `extract`.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    image: ImageArg,
    /// Files and directories to copy, or names of store paths: git, git-2.51.2
    #[arg(required = true)]
    paths: Vec<OsString>,
    /// Directory to copy into, which is made if it does not exist; with --nar, the file to write
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Write one path as a NAR, as nix-store --dump does
    #[arg(long, conflicts_with = "json")]
    nar: bool,
}

pub(super) fn run(args: &Args, global: &Global) -> anyhow::Result<Outcome> {
    if args.nar {
        return nar(args, global);
    }
    let Some(folder) = &args.output else { bail!("where to? Add --output DIR") };
    let image = open_before(&args.image.path, args.paths.iter().map(OsString::as_os_str), global)?;
    let (disc, mut troubles) = disc(&image)?;
    let mut copy =
        Copy { tree: disc.tree(), target: Target::open(folder)?, global, done: Vec::new(), failed: 0, stripped: 0 };
    let mut outcome = Outcome::Holds;
    for asked in &args.paths {
        match find(&disc, asked.as_bytes()) {
            Ok(place) => copy.all(place, &mut troubles),
            Err(error) => {
                outcome =
                    if is_missing(&error) && outcome != Outcome::Unsure { Outcome::Fails } else { Outcome::Unsure };
                output::complain(&format!("{error:#}"));
            }
        }
    }
    let Copy { target, done, failed, stripped, .. } = copy;
    target.close()?;
    if stripped > 0 && !global.quiet {
        let files = counted(stripped, "file");
        output::complain(&format!("left out: the set-user-ID, set-group-ID or sticky bits of {files}"));
    }
    output::present(global, |out| Ok(extract::json(out, about(&disc, &mut troubles), &done)?), |_| Ok(()))?;
    let outcome = if failed > 0 && outcome == Outcome::Holds { Outcome::Unsure } else { outcome };
    Ok(report_troubles(&disc, &mut troubles, outcome))
}

fn nar(args: &Args, global: &Global) -> anyhow::Result<Outcome> {
    let [asked] = args.paths.as_slice() else { bail!("--nar writes one path") };
    let image = open_before(&args.image.path, args.paths.iter().map(OsString::as_os_str), global)?;
    let (disc, _) = disc(&image)?;
    let place = match find(&disc, asked.as_bytes()) {
        Ok(place) => place,
        Err(error) if is_missing(&error) => {
            output::complain(&format!("{error:#}"));
            return Ok(Outcome::Fails);
        }
        Err(error) => return Err(error),
    };
    let write = |out: &mut dyn Write| {
        nar::write(disc.tree(), place.id, out).with_context(|| format!("cannot read {}", escape(&place.path))).map(drop)
    };
    match &args.output {
        Some(target) => file::replace(target, write).with_context(|| format!("--output {}", target.display()))?,
        None => {
            ensure!(!output::is_terminal(), "a NAR is not text; write it to a file with --output FILE, or to a pipe");
            output::unless_closed(|| {
                let mut out = output::bytes();
                write(&mut out)?;
                Ok(out.flush()?)
            })?;
        }
    }
    Ok(report_troubles(&disc, &mut Troubles::default(), Outcome::Holds))
}

fn is_missing(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Error>().is_some_and(|error| matches!(error, Error::NotFound { .. }))
}

/// A path of the image, as it was found.
struct Place {
    path: Vec<u8>,
    id: NodeId,
}

/// Finds what an argument means: a path, or the name of a store path.
fn find(disc: &Disc<'_>, asked: &[u8]) -> anyhow::Result<Place> {
    let tree = disc.tree();
    if !asked.contains(&b'/')
        && let Some(path) = named(tree, asked)?
    {
        let path = path.to_string().into_bytes();
        let id = path::resolve_link(tree, &path)?.id;
        return Ok(Place { path, id });
    }
    let found = path::resolve(tree, &shown_name(tree, asked))?;
    Ok(Place { path: found.path, id: found.id })
}

/// The store path of that name: with its digest, without it, or by its package.
fn named(tree: &dyn Tree, asked: &[u8]) -> anyhow::Result<Option<StorePath>> {
    let Some(store) = path::find(tree, STORE.as_bytes())? else { return Ok(None) };
    let Ok(asked) = std::str::from_utf8(asked) else { return Ok(None) };
    let paths = tree.entries(store.id)?.into_iter().filter_map(|entry| StorePath::from_base(&entry.name));
    let paths: Vec<StorePath> = paths.collect();
    let ways: [fn(&StorePath, &str) -> bool; 3] = [
        |path, asked| path.base() == asked,
        |path, asked| path.name() == asked,
        |path, asked| {
            let name = Name::parse(path.name());
            name.pname == asked && name.output.is_none()
        },
    ];
    for is_meant in ways {
        let mut meant = paths.iter().filter(|path| is_meant(path, asked));
        match (meant.next(), meant.next()) {
            (Some(path), None) => return Ok(Some(path.clone())),
            (Some(one), Some(other)) => bail!("{asked} may be {one} or {other}; write the path"),
            _ => {}
        }
    }
    Ok(None)
}

/// Files that are being copied.
struct Copy<'c> {
    tree: &'c dyn Tree,
    target: Target,
    global: &'c Global,
    done: Vec<Extracted>,
    /// Files that could not be written.
    failed: usize,
    /// Files with permission bits that are left out.
    stripped: usize,
}

impl Copy<'_> {
    /// Copies a file, or a directory with everything below it. The root has no name: its entries are copied.
    fn all(&mut self, place: Place, troubles: &mut Troubles) {
        let parent = place.path.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
        if place.path.len() > parent && !self.one(&place, parent, troubles) {
            return;
        }
        let is_directory = self.tree.node(place.id).is_ok_and(|node| node.kind == Kind::Directory);
        if !is_directory {
            return;
        }
        let mut walk = Walk::new(self.tree, place.id, &place.path);
        while let Some(visit) = walk.next() {
            let Some(visit) = troubles.keep(visit) else { continue };
            let is_directory = visit.file_type == FileType::Directory;
            let done = self.one(&Place { path: visit.path, id: visit.id }, parent, troubles);
            if is_directory && !done {
                walk.prune();
            }
        }
    }

    /// Copies one file. Returns whether it worked. What cannot be read is trouble, and what cannot be written is reported here.
    fn one(&mut self, place: &Place, parent: usize, troubles: &mut Troubles) -> bool {
        let Some(node) = troubles.keep(self.tree.node(place.id)) else { return false };
        let below = place.path.get(parent..).unwrap_or_default();
        let to = match host_name(below) {
            Ok(to) => to,
            Err(reason) => return self.fail(&place.path, &reason),
        };
        let stripped = node.mode & 0o7000 != 0 && !matches!(node.kind, Kind::Symlink { .. });
        let metadata = match StorePath::containing(&place.path) {
            Some(_) => Metadata::canonical(&node),
            None => Metadata::of(&node),
        };
        let written = match &node.kind {
            Kind::Directory => self.target.directory(&to, metadata),
            Kind::Symlink { target } => self.target.link(&to, Path::new(OsStr::from_bytes(target))),
            Kind::File { .. } => match self.tree.open(place.id) {
                Ok(mut contents) => self.target.file(&to, (place.id, metadata), &mut contents),
                Err(error) => Err(error.into()),
            },
            _ => Err(anyhow::anyhow!("devices, pipes and sockets are not copied")),
        };
        if let Err(error) = written {
            return self.fail(&place.path, &format!("{error:#}"));
        }
        self.stripped += usize::from(stripped);
        if self.global.verbose {
            output::complain(&escape(&place.path));
        }
        if self.global.json {
            self.done.push(Extracted { path: place.path.clone(), to, kind: node.kind });
        }
        true
    }

    fn fail(&mut self, path: &[u8], reason: &str) -> bool {
        self.failed += 1;
        output::complain(&format!("cannot copy {}: {reason}", escape(path)));
        false
    }
}

/// The path on the host. Names that would mean another file there are refused.
fn host_name(path: &[u8]) -> Result<PathBuf, String> {
    let mut to = PathBuf::new();
    for name in path.split(|&byte| byte == b'/').filter(|name| !name.is_empty()) {
        if matches!(name, b"." | b"..") || name.contains(&0) {
            return Err(format!("a file cannot be called {}", escape(name)));
        }
        let shown = OsStr::from_bytes(name);
        if shown.as_bytes() != name || cfg!(windows) && name.iter().any(|byte| b"\\:*?\"<>|".contains(byte)) {
            return Err(format!("this system cannot have the name {}", escape(name)));
        }
        to.push(shown);
    }
    Ok(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_mean_another_file_are_refused() {
        assert_eq!(host_name(b"a//b/c").unwrap(), Path::new("a/b/c"));
        for path in [&b"a/../b"[..], b"..", b"a/.", b"a\0b"] {
            assert!(host_name(path).unwrap_err().starts_with("a file cannot be called"));
        }
    }
}
