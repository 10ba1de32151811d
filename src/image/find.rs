//! Finds the image file that a path leads to.

use std::fs;
use std::io;
use std::iter;
use std::path::{Component, Path, PathBuf};

use super::compressed::PACKED;
use super::platform::FileTypeExt;
use super::products::{self, Product};
use crate::error::{Error, Result};

/// Limit for the images that a message names.
const LISTED: usize = 6;

/// Limit for the directories that one name may lead through: a result, and a directory in it with the name of an image.
const DEEPEST: usize = 4;

/// The endings of names of images, before those of compression.
const ENDINGS: [&str; 4] = [".iso", ".img", ".qcow2", ".raw"];

/// What a directory lacks.
const NOTHING: &str = "a directory without an image: it has no product line `file iso …`, no iso/*.iso, sd-image/*.img or \
                       *.qcow2, and no NixOS system (nix/store, or init, sw and activate)";

/// Finds the image file that `name` leads to. A directory's name proves nothing: out paths of image builds also end in `.iso`.
///
/// # Errors
/// [`Error::NoImage`] if the path leads to no image, [`Error::Io`] if a directory cannot be read.
pub fn find(name: &Path) -> Result<PathBuf> {
    find_below(name, 0)
}

fn find_below(name: &Path, depth: usize) -> Result<PathBuf> {
    let metadata = fs::metadata(name).map_err(|source| missing(name, source))?;
    if metadata.is_dir() {
        if depth == DEEPEST {
            return Err(no_image(name, "the directories that should hold the image lead round in a circle".to_owned()));
        }
        return in_directory(name, depth + 1);
    }
    let kind = metadata.file_type();
    if kind.is_file() || kind.is_block_device() || kind.is_fifo() {
        return Ok(name.to_path_buf());
    }
    let what = if kind.is_char_device() { "a character device" } else { "a socket" };
    Err(no_image(name, format!("{what} cannot be read in place; copy it to a file first")))
}

fn missing(name: &Path, source: io::Error) -> Error {
    if source.kind() != io::ErrorKind::NotFound {
        return Error::Io { path: name.to_path_buf(), source };
    }
    match fs::read_link(name) {
        Ok(target) => no_image(
            name,
            format!("the link leads to {}, which does not exist; build it again with nix-build", target.display()),
        ),
        Err(_) if name.to_string_lossy().contains("://") => {
            no_image(name, "this build reads no such addresses; download the image first".to_owned())
        }
        Err(_) => no_image(name, "no such file or directory".to_owned()),
    }
}

fn in_directory(directory: &Path, depth: usize) -> Result<PathBuf> {
    let lines = directory.join(products::PRODUCTS);
    let products = match fs::read_to_string(&lines) {
        Ok(text) => products::files(&text),
        Err(source) if source.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(source) => return Err(Error::Io { path: lines, source }),
    };
    for wanted in ["iso", "squashfs-image", "sd-image", "raw", "img", "qcow2"] {
        let mut found: Vec<PathBuf> = Vec::new();
        for product in products.iter().filter(|product| product.subtype == wanted) {
            let path = behind(product, directory, depth)?;
            if !found.contains(&path) {
                found.push(path);
            }
        }
        if !found.is_empty() {
            return only(directory, found);
        }
    }
    // For builds without product lines, and then for the directory that contains the image itself.
    for place in [directory.join("iso"), directory.join("sd-image"), directory.to_path_buf()] {
        let found = images_in(&place)?;
        if !found.is_empty() {
            return find_below(&only(directory, found)?, depth);
        }
    }
    Err(no_image(directory, NOTHING.to_owned()))
}

fn only(directory: &Path, mut found: Vec<PathBuf>) -> Result<PathBuf> {
    match (found.pop(), found.is_empty()) {
        (Some(one), true) => Ok(one),
        (last, _) => {
            found.extend(last);
            found.sort();
            let list: Vec<String> = found.iter().take(LISTED).map(|path| path.display().to_string()).collect();
            let more = match found.len().saturating_sub(LISTED) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            Err(no_image(directory, format!("holds several images, name one of them: {}{more}", list.join(", "))))
        }
    }
}

/// The file of a product line: at its path, or in the same result if the result was copied. It may be compressed even though
/// the line does not say so, as from 2016 to 2020.
fn behind(product: &Product, result: &Path, depth: usize) -> Result<PathBuf> {
    let mut candidates = vec![product.path.clone()];
    let mut components = product.path.components();
    let in_store = components.next() == Some(Component::RootDir)
        && components.next() == Some(Component::Normal("nix".as_ref()))
        && components.next() == Some(Component::Normal("store".as_ref()));
    if in_store && components.next().is_some() {
        candidates.push(result.join(components.as_path()));
    }
    if let Some(file) = product.path.file_name() {
        candidates.push(result.join("iso").join(file));
    }
    for path in candidates {
        for suffix in iter::once("").chain(PACKED) {
            let mut named = path.clone().into_os_string();
            named.push(suffix);
            let named = PathBuf::from(named);
            if named.exists() {
                return find_below(&named, depth);
            }
        }
    }
    let path = product.path.display();
    let reason =
        format!("nix-support/hydra-build-products names {path}, which is neither there nor under this directory");
    Err(no_image(result, reason))
}

/// The files and directories in a directory that have names of images.
fn images_in(directory: &Path) -> Result<Vec<PathBuf>> {
    let listing = match fs::read_dir(directory) {
        Ok(listing) => listing,
        Err(source) if matches!(source.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(source) => return Err(Error::Io { path: directory.to_path_buf(), source }),
    };
    let mut found = Vec::new();
    for entry in listing {
        let path = entry.map_err(|source| Error::Io { path: directory.to_path_buf(), source })?.path();
        let named = path.file_name().and_then(|name| name.to_str()).is_some_and(|name| {
            let name = PACKED.iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name);
            ENDINGS.iter().any(|ending| name.ends_with(ending))
        });
        if named {
            found.push(path);
        }
    }
    Ok(found)
}

fn no_image(path: &Path, reason: String) -> Error {
    Error::NoImage { path: path.to_path_buf(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A result directory with the given files, all empty except the product lines.
    fn result(products: Option<&str>, files: &[&str]) -> tempfile::TempDir {
        let result = tempfile::tempdir().unwrap();
        for file in files {
            let path = result.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        if let Some(lines) = products {
            fs::create_dir_all(result.path().join("nix-support")).unwrap();
            fs::write(result.path().join("nix-support/hydra-build-products"), lines).unwrap();
        }
        result
    }

    fn found(products: Option<&str>, files: &[&str]) -> std::result::Result<String, String> {
        let result = result(products, files);
        let strip = |text: String| text.replace(&format!("{}", result.path().display()), "R");
        find(result.path()).map(|path| strip(path.display().to_string())).map_err(|error| strip(error.to_string()))
    }

    #[test]
    fn a_product_that_is_not_in_this_store_is_looked_for_under_the_result() {
        let line = "file iso /nix/store/eeee-x.iso/iso/x.iso\n";
        assert_eq!(found(Some(line), &["iso/x.iso"]), Ok("R/iso/x.iso".into()));
        assert_eq!(found(Some(line), &["iso/x.iso", "iso/y.iso"]), Ok("R/iso/x.iso".into()));
    }

    #[test]
    fn a_product_that_was_compressed_afterwards_is_found() {
        let line = "file iso /nix/store/eeee-x.iso/iso/x.iso\n";
        assert_eq!(found(Some(line), &["iso/x.iso.bz2"]), Ok("R/iso/x.iso.bz2".into()));
        assert_eq!(found(Some(line), &["iso/x.iso.zst"]), Ok("R/iso/x.iso.zst".into()));
    }

    #[test]
    fn a_result_without_product_lines_has_its_one_iso() {
        assert_eq!(found(None, &["iso/x.iso"]), Ok("R/iso/x.iso".into()));
        assert_eq!(found(Some("doc manual /nix/store/m\n"), &["iso/x.iso"]), Ok("R/iso/x.iso".into()));
    }

    #[test]
    fn a_result_with_a_disk_image_is_found() {
        assert_eq!(found(None, &["sd-image/x.img.zst"]), Ok("R/sd-image/x.img.zst".into()));
        assert_eq!(found(None, &["nixos.qcow2", "nixos.img.txt"]), Ok("R/nixos.qcow2".into()));
        let line = "file sd-image /nix/store/eeee-x.img/sd-image/x.img.zst\n";
        assert_eq!(found(Some(line), &["sd-image/x.img.zst"]), Ok("R/sd-image/x.img.zst".into()));
    }

    #[test]
    fn a_missing_product_is_an_error_even_where_another_image_is() {
        let expected = "R: nix-support/hydra-build-products names /nix/store/eeee-x/x.iso, \
                        which is neither there nor under this directory";
        assert_eq!(found(Some("file iso /nix/store/eeee-x/x.iso"), &["iso/y.iso"]), Err(expected.into()));
    }

    #[test]
    fn a_product_that_leads_back_to_its_result_is_an_error() {
        let result = result(None, &["README"]);
        fs::create_dir(result.path().join("nix-support")).unwrap();
        let line = format!("file iso {}\n", result.path().display());
        fs::write(result.path().join("nix-support/hydra-build-products"), line).unwrap();
        assert!(find(result.path()).unwrap_err().to_string().ends_with("lead round in a circle"));
    }

    #[test]
    fn a_directory_named_like_an_image_is_entered() {
        let result = result(None, &["outer.iso/iso/x.iso"]);
        assert!(find(&result.path().join("outer.iso")).unwrap().ends_with("outer.iso/iso/x.iso"));
    }

    #[test]
    fn several_images_are_listed_and_none_is_chosen() {
        let expected = "R: holds several images, name one of them: R/iso/x.iso, R/iso/y.iso";
        assert_eq!(found(None, &["iso/y.iso", "iso/x.iso"]), Err(expected.into()));
    }

    #[test]
    fn a_directory_without_an_image_says_what_was_looked_for() {
        assert_eq!(found(None, &["README"]), Err(format!("R: {NOTHING}")));
        let expected = "R: nix-support/hydra-build-products names /nix/store/eeee-x/x.iso, \
                        which is neither there nor under this directory";
        assert_eq!(found(Some("file iso /nix/store/eeee-x/x.iso"), &[]), Err(expected.into()));
    }
}
