//! `nix-support/hydra-build-products`: the list of files that a build has made.

use std::path::PathBuf;

/// Path of the file in a build's result.
pub const PRODUCTS: &str = "nix-support/hydra-build-products";

/// The names of the ISO images among the products.
#[must_use]
pub fn products(text: &str) -> Vec<String> {
    let images = files(text).into_iter().filter(|product| product.subtype == "iso");
    images.filter_map(|product| Some(product.path.file_name()?.to_string_lossy().into_owned())).collect()
}

/// A line of the file, as Hydra reads it: `TYPE SUBTYPE PATH [DEFAULTPATH]`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Product {
    /// `iso`, `squashfs-image`, `sd-image`, …
    pub(super) subtype: String,
    /// Absolute, on the machine that built it.
    pub(super) path: PathBuf,
}

/// The products of type `file`. Lines that do not match the grammar are skipped, as in Hydra.
pub(super) fn files(text: &str) -> Vec<Product> {
    text.lines().filter_map(product).collect()
}

fn product(line: &str) -> Option<Product> {
    let (kind, rest) = word(line)?;
    let (subtype, rest) = word(rest)?;
    let path = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"')?.0,
        None => rest.split([' ', '\t']).next()?,
    };
    let named = |text: &str| text.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-".contains(letter));
    (kind == "file" && named(subtype) && path.starts_with('/'))
        .then(|| Product { subtype: subtype.to_owned(), path: PathBuf::from(path) })
}

fn word(text: &str) -> Option<(&str, &str)> {
    let (word, rest) = text.split_once([' ', '\t'])?;
    Some((word, rest.trim_start_matches([' ', '\t'])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_read_as_hydra_reads_them() {
        let text = "file iso /nix/store/a.iso/iso/a.iso\n\
                    doc manual /nix/store/m\n\
                    file\tiso  \"/nix/store/with blank.iso\" index.html\n\
                    file iso relative.iso\n\
                    nothing\n";
        let paths: Vec<_> = files(text).into_iter().map(|product| product.path).collect();
        assert_eq!(paths, [PathBuf::from("/nix/store/a.iso/iso/a.iso"), PathBuf::from("/nix/store/with blank.iso")]);
    }
}
