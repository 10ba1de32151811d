//! Files that commands write.

use std::fs::{self, File};
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use nixoscope::image;
pub(super) use nixoscope::image::platform::is_same;
use nixoscope::image::platform::mode_of_new;
use tempfile::NamedTempFile;

use super::output;
use super::unfinished::Unfinished;

/// Where a document goes.
#[derive(clap::Args)]
pub(super) struct OutputArg {
    /// Write to FILE instead of standard output; an existing FILE is replaced once the document is complete
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl OutputArg {
    /// Refuses to write over the image. Called before the work starts.
    pub(super) fn refuse_image(&self, image: &Path) -> anyhow::Result<()> {
        match &self.output {
            Some(file) => refuse_image(file, image),
            None => Ok(()),
        }
    }

    /// Whether the document goes to a file.
    pub(super) fn is_file(&self) -> bool {
        self.output.as_ref().is_some_and(|file| file.as_os_str() != "-")
    }

    /// Writes the document.
    pub(super) fn write(&self, write: impl FnOnce(&mut dyn Write) -> anyhow::Result<()>) -> anyhow::Result<()> {
        match self.output.as_ref().filter(|_| self.is_file()) {
            Some(file) => replace(file, write).with_context(|| format!("--output {}", file.display())),
            None => output::unless_closed(|| {
                let mut out = output::bytes();
                write(&mut out)?;
                Ok(out.flush()?)
            }),
        }
    }
}

/// Refuses to write over the image, also where it is named by the result of a build.
pub(super) fn refuse_image(file: &Path, image: &Path) -> anyhow::Result<()> {
    if is_same(file, image) || image::find(image).is_ok_and(|found| is_same(file, &found)) {
        bail!("--output {}: that is the image", file.display());
    }
    Ok(())
}

/// Writes a file beside its final place and then renames it, so that no reader ever sees half of it and a failure leaves the old
/// one. A pipe or a device is written to directly.
pub(super) fn replace(path: &Path, write: impl FnOnce(&mut dyn Write) -> anyhow::Result<()>) -> anyhow::Result<()> {
    // A link stays a link: the file that it leads to is replaced.
    let path = &path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let old = fs::metadata(path).ok();
    if old.as_ref().is_some_and(|old| !old.is_file()) {
        let mut out = BufWriter::new(File::create(path)?);
        write(&mut out)?;
        return Ok(out.flush()?);
    }
    let beside = beside(path, old.as_ref(), write)?;
    if let Some(old) = old {
        beside.file.as_file().set_permissions(old.permissions())?;
    }
    beside.file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Writes a file that does not exist yet. A failure leaves nothing.
pub(super) fn create(path: &Path, write: impl FnOnce(&mut dyn Write) -> anyhow::Result<()>) -> anyhow::Result<()> {
    // Asked first, so that nothing is worked out in vain. Only the last step decides.
    let exists = || bail!("it exists already, and nothing is written over");
    if fs::symlink_metadata(path).is_ok() {
        return exists();
    }
    match beside(path, None, write)?.file.persist_noclobber(path).map_err(|error| error.error) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => exists(),
        done => Ok(done.map(drop)?),
    }
}

/// A complete file without its final name, which Ctrl-C removes.
struct Beside {
    file: NamedTempFile,
    _unfinished: Unfinished,
}

/// Writes a file in the folder of `path`.
fn beside(
    path: &Path,
    old: Option<&fs::Metadata>,
    write: impl FnOnce(&mut dyn Write) -> anyhow::Result<()>,
) -> anyhow::Result<Beside> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    if let Some(mode) = mode_of_new(old) {
        builder.permissions(mode);
    }
    let (file, unfinished) = Unfinished::begin(|| {
        let file = builder.prefix(".nixoscope-").tempfile_in(directory)?;
        let name = file.path().to_owned();
        Ok((file, Box::new(move || drop(fs::remove_file(&name)))))
    })?;
    // The file itself: errors of `NamedTempFile` name a path that nobody knows.
    let mut out = BufWriter::new(file.as_file());
    write(&mut out)?;
    out.flush()?;
    drop(out);
    Ok(Beside { file, _unfinished: unfinished })
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::*;

    #[test]
    fn a_failed_document_leaves_the_old_file_and_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.json");
        fs::write(&file, "old").unwrap();
        let failed = replace(&file, |out| {
            out.write_all(b"half")?;
            bail!("no more")
        });
        assert_eq!(failed.unwrap_err().to_string(), "no more");
        assert_eq!(fs::read_to_string(&file).unwrap(), "old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_replaced_file_keeps_its_mode_and_the_links_that_lead_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("a.json"), folder.path().join("link"));
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink("a.json", &link).unwrap();
        replace(&link, |out| Ok(out.write_all(b"new")?)).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o7777, 0o640);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    }

    #[test]
    fn a_hard_link_is_the_same_file() {
        let folder = tempfile::tempdir().unwrap();
        let (file, other) = (folder.path().join("a.iso"), folder.path().join("b.iso"));
        fs::write(&file, "").unwrap();
        fs::hard_link(&file, &other).unwrap();
        assert!(is_same(&file, &other) && !is_same(&file, folder.path()) && !is_same(&file, Path::new("/nothing")));
    }
}
