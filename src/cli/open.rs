//! IMAGE: the argument that all commands take.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ffi::OsStr;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use nixoscope::fs::{Tree, path};
use nixoscope::image::Image;
use nixoscope::nixos::software::Software;
use nixoscope::nixos::{Disc, Medium, netboot};
use nixoscope::report::{About, size, unescape};
use nixoscope::{Error, Troubles};

use super::progress::Watch;
use super::{Global, cause, output};

/// The image to look at.
#[derive(clap::Args)]
pub(super) struct ImageArg {
    /// ISO file or device, nix-build result, compressed image, squashfs, netboot initrd, https:// address, or - for
    /// standard input
    #[arg(id = "image", value_name = "IMAGE")]
    pub(super) path: PathBuf,
}

/// An open image. When it is closed, `--verbose` says how much was read from a server.
pub(super) struct Opened {
    image: Image,
    verbose: bool,
}

impl Deref for Opened {
    type Target = Image;

    fn deref(&self) -> &Image {
        &self.image
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        if let Some((requests, bytes)) = self.image.traffic().filter(|_| self.verbose) {
            let (length, received) = (size::format(self.image.region().length()), size::format(bytes));
            let path = self.image.path().display();
            output::complain(&format!("{path}: {requests} requests, {received} of {length} received"));
        }
    }
}

/// Opens an image, with a progress bar on a terminal.
pub(super) fn open(path: &Path, global: &Global) -> anyhow::Result<Opened> {
    let arrives = path.as_os_str() == "-" || path.to_string_lossy().contains("://");
    let watch = Watch::new(if arrives { "receiving" } else { "unpacking" }, global);
    let image = Image::open(path, &|done, of| watch.tell(done, of));
    watch.finish();
    let image = image?;
    if !global.quiet {
        image.notes().iter().for_each(|note| output::complain(note));
    }
    Ok(Opened { image: netboot::unpacked(image)?, verbose: global.verbose })
}

/// Opens the image of a command whose other arguments are paths, globs or names. If the arguments are swapped, the error says so.
pub(super) fn open_before<'a>(
    path: &Path,
    rest: impl IntoIterator<Item = &'a OsStr>,
    global: &Global,
) -> anyhow::Result<Opened> {
    open(path, global).map_err(|error| match rest.into_iter().find(|other| !path.exists() && is_image_here(other)) {
        Some(image) => {
            anyhow!("{error:#}; the image comes before {}: is it {}?", path.display(), Path::new(image).display())
        }
        None => error,
    })
}

/// Whether the argument names a file that exists, or the result of a nix-build.
pub(super) fn is_image_here(argument: &OsStr) -> bool {
    let path = Path::new(argument);
    path.is_file() || path.join("nix-support/hydra-build-products").is_file()
}

/// Opens the disc in an image. The caller reports its troubles.
pub(super) fn disc(image: &Image) -> anyhow::Result<(Disc<'_>, Troubles)> {
    let mut disc = Disc::open(image).map_err(|error| match error {
        // These errors name the image themselves.
        error @ (Error::NoImage { .. } | Error::Io { .. }) => anyhow::Error::new(error),
        error => anyhow::Error::new(error).context(format!("cannot read {}", image.path().display())),
    })?;
    let troubles = std::mem::take(&mut disc.troubles);
    Ok((disc, troubles))
}

/// The path that an argument names. `ls` and `find` show some names escaped, and these work as well if no file is really called so.
pub(super) fn shown_name<'a>(tree: &dyn Tree, argument: &'a [u8]) -> Cow<'a, [u8]> {
    let exists = |path: &[u8]| path::resolve_link(tree, path).is_ok();
    match unescape(argument) {
        Some(path) if !exists(argument) && exists(&path) => Cow::Owned(path),
        _ => Cow::Borrowed(argument),
    }
}

/// What a document says of a disc: its image, and all that could not be read so far.
pub(super) fn about<'t>(disc: &'t Disc<'_>, troubles: &'t mut Troubles) -> About<'t> {
    gather(disc, troubles);
    About { image: disc.path(), troubles }
}

/// Adds the faults that were found in the disc's directories after it was opened. Opening may have met some of them.
pub(super) fn gather(disc: &Disc<'_>, troubles: &mut Troubles) {
    let known: HashSet<String> = troubles.iter().map(ToString::to_string).collect();
    troubles.extend(disc.take_faults().into_iter().filter(|fault| !known.contains(&fault.to_string())));
}

/// Reads the software of a disc.
pub(super) fn software(disc: &Disc<'_>, troubles: &mut Troubles, global: &Global) -> anyhow::Result<Software> {
    // What is broken on the disc explains more than the missing store.
    let software = Software::of(disc, troubles).map_err(|error| cause(std::mem::take(troubles), error))?;
    if let Medium::Disk(_) | Medium::Directory(_) = &disc.carrier
        && !software.contents.registered
        && !global.quiet
    {
        let note =
            "the store has no registration; Nix's database is not read, so hashes, sizes and references are unknown";
        output::complain(note);
    }
    Ok(software)
}
