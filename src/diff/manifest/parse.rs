//! A manifest, out of its text.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::{Manifest, SCHEMA};
use crate::store::StorePath;

/// Bytes of the text that an error repeats.
const REPEATED: usize = 200;

/// What every document has, so that another version is told from a broken one.
#[derive(Deserialize)]
struct Head {
    schema: Option<String>,
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// Why the text is none.
    pub fn parse(text: &[u8]) -> std::result::Result<Self, String> {
        let Head { schema } = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        match schema.as_deref() {
            Some(SCHEMA) => {}
            Some(other) => return Err(format!("its schema is {:?}, not {SCHEMA:?}", shortened(other))),
            None => return Err(format!("it has no schema, which should be {SCHEMA:?}")),
        }
        let manifest: Self = serde_json::from_slice(text).map_err(|error| shortened(&error.to_string()).to_owned())?;
        let mut seen = BTreeSet::new();
        for path in manifest.paths.iter().map(|object| object.path.as_str()) {
            if StorePath::from_path(path.as_bytes()).is_none() {
                return Err(format!("{:?} is no store path", shortened(path)));
            }
            if !seen.insert(path) {
                return Err(format!("{path} is in it twice"));
            }
        }
        Ok(manifest)
    }
}

fn shortened(text: &str) -> &str {
    let end = (0..=REPEATED.min(text.len())).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::ObjectFacts;

    #[test]
    fn another_document_is_no_manifest() {
        assert!(Manifest::parse(b"{}").is_err());
        let other = serde_json::to_vec(&Manifest { schema: "x".to_owned(), ..Manifest::default() }).unwrap();
        assert_eq!(Manifest::parse(&other).unwrap_err(), "its schema is \"x\", not \"nixoscope.manifest.v1\"");
        assert_eq!(
            Manifest::parse(b"{\"schema\":\"nixoscope.manifest.v2\",\"objects\":{}}").unwrap_err(),
            "its schema is \"nixoscope.manifest.v2\", not \"nixoscope.manifest.v1\""
        );
    }

    #[test]
    fn a_manifest_has_each_store_path_once_and_nothing_else_for_one() {
        let parse = |paths: &[&str]| {
            let object = |path: &&str| ObjectFacts { path: (*path).to_owned(), ..ObjectFacts::default() };
            let paths = paths.iter().map(object).collect();
            let manifest = Manifest { schema: SCHEMA.to_owned(), paths, ..Manifest::default() };
            Manifest::parse(&serde_json::to_vec(&manifest).unwrap()).map(|read| read == manifest)
        };
        let path = "/nix/store/g1nbmnqnx4gpnv32yprf4ql87ccg5035-f1";
        assert_eq!(parse(&[path]), Ok(true));
        assert_eq!(parse(&[path, path]), Err(format!("{path} is in it twice")));
        assert_eq!(parse(&["/etc/\u{1b}[2J"]), Err(r#""/etc/\u{1b}[2J" is no store path"#.to_owned()));
    }
}
