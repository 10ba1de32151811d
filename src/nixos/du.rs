//! Where the bytes of a disc went, by directory.

use std::collections::BTreeMap;

use super::{Disc, Medium};
use crate::error::{Result, Troubles};
use crate::fs::path::{self, find};
use crate::store::disk::{self, Branch};
use crate::store::{Carrier, STORE};

/// The bytes of a directory or file of the disc, and of what is below it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Du {
    /// The directory or file itself.
    pub whole: Branch,
    /// The directories and files below it, by path.
    pub below: Vec<Branch>,
    /// Bytes of the whole that are in no file: directories, tables and padding. Only a whole disc has them.
    pub rest: u64,
    /// The file with the store, if it is among the files. Only the bytes that are in none of its own files count as its own.
    pub archive: Option<Vec<u8>>,
}

impl Du {
    /// The bytes of the file at `asked`, and `depth` levels below it. Links are followed as after boot, but a link in the store
    /// is a file of its own there.
    ///
    /// # Errors
    /// If the file does not exist, or a directory or an inode cannot be read.
    pub fn of(disc: &Disc<'_>, asked: &[u8], depth: usize, troubles: &mut Troubles) -> Result<Self> {
        let in_store = path::plain(asked).is_some_and(|plain| is_below(&plain, STORE.as_bytes()));
        let resolve = if in_store { path::resolve_link } else { path::resolve };
        let mut focus = resolve(disc.tree(), asked)?.path;
        if let (Medium::Volume(_), Some(own)) = (&disc.carrier, focus.strip_prefix(b"/iso"))
            && (own.is_empty() || own.starts_with(b"/"))
        {
            focus = if own.is_empty() { b"/".to_vec() } else { own.to_vec() };
        }
        let deepest = levels(&focus).saturating_add(depth);
        let (branches, rest, archive) = branches(disc, deepest, troubles)?;
        let mut sums: BTreeMap<Vec<u8>, Branch> = BTreeMap::new();
        for branch in branches {
            for above in ancestors(&branch.path).filter(|above| is_below(above, &focus) && levels(above) <= deepest) {
                let sum = sums.entry(above.to_vec()).or_default();
                sum.disk_size = sum.disk_size.saturating_add(branch.disk_size);
                sum.size = sum.size.saturating_add(branch.size);
                sum.files = sum.files.saturating_add(branch.files);
            }
        }
        let mut whole = Branch { path: focus.clone(), ..sums.remove(&focus).unwrap_or_default() };
        let rest = if focus == b"/" { rest } else { 0 };
        whole.disk_size = whole.disk_size.saturating_add(rest);
        let archive = archive.filter(|path| is_below(path, &focus));
        let below = sums.into_iter().map(|(path, sum)| Branch { path, ..sum }).collect();
        Ok(Self { whole, below, rest, archive })
    }
}

/// Everything on the disc, the bytes in no file, and the file with the store.
fn branches(disc: &Disc<'_>, deepest: usize, troubles: &mut Troubles) -> Result<(Vec<Branch>, u64, Option<Vec<u8>>)> {
    let mut branches = Vec::new();
    // What the files in the squashfs leave of it.
    let mut left = 0;
    let mut own_path = None;
    if let Some(store) = &disc.store
        && let Carrier::Squashfs { path, .. } = &store.carrier
    {
        let contents = store.contents(troubles)?;
        let usage = disk::usage(store, &contents, deepest.saturating_sub(levels(STORE.as_bytes()) + 1))?;
        branches.extend(usage.objects.into_iter().flatten().chain(usage.beside));
        left = usage.space.metadata + usage.space.unused + usage.space.padding;
        own_path = path.clone();
    }
    let total = disc.image().region().length();
    if let Medium::Volume(volume) = &disc.carrier {
        let skipped = own_path.as_deref().map(|path| find(&**volume, path)).transpose()?.flatten();
        branches.extend(
            disk::on_volume(volume, deepest, &skipped.map(|found| vec![found.id]).unwrap_or_default())?.branches,
        );
    }
    if let Medium::Disk(_) | Medium::Directory(_) = &disc.carrier {
        branches.extend(disk::on_tree(disc.own_tree(), deepest)?);
    }
    if let Some(path) = own_path.clone() {
        branches.push(Branch { path, disk_size: left, size: 0, files: 1 });
    }
    let files = branches.iter().map(|branch| branch.disk_size).fold(0, u64::saturating_add);
    Ok((branches, total.saturating_sub(files), own_path))
}

/// Number of names in a path.
fn levels(path: &[u8]) -> usize {
    path.split(|&byte| byte == b'/').filter(|name| !name.is_empty()).count()
}

/// The root, the directories above a file, and the file itself.
fn ancestors(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let ends = path.iter().enumerate().skip(1).filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
    let above = ends.filter_map(|end| path.get(..end));
    let itself = (path.len() > 1).then_some(path);
    std::iter::once(&b"/"[..]).chain(above).chain(itself)
}

fn is_below(path: &[u8], directory: &[u8]) -> bool {
    let rest = path.strip_prefix(directory);
    directory == b"/" || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}
