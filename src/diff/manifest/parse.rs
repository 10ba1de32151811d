//! Manifests are read from JSON.

use std::collections::HashSet;

use serde::Deserialize;

use super::{Manifest, SCHEMA};
use crate::diff::facts::{parameter, shortened};

/// What every document of ours has. It tells another version from a broken manifest.
#[derive(Deserialize)]
struct Head {
    schema: Option<String>,
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// Says why the text is not a manifest.
    pub fn parse(text: &[u8]) -> std::result::Result<Self, String> {
        let Head { schema } = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        match schema.as_deref() {
            Some(SCHEMA) => {}
            Some(other) => return Err(format!("its schema is {:?}, not {SCHEMA:?}", shortened(other))),
            None => return Err(format!("it has no schema, which should be {SCHEMA:?}")),
        }
        let mut manifest: Self =
            serde_json::from_slice(text).map_err(|error| shortened(&error.to_string()).to_owned())?;
        // Version 0.1.0 did not hide every secret.
        for param in manifest.menu.iter_mut().flat_map(|item| &mut item.params) {
            *param = parameter(param);
        }
        let mut seen = HashSet::new();
        match manifest.paths.iter().find(|object| !seen.insert(&object.path)) {
            Some(object) => Err(format!("{} is in it twice", object.path)),
            None => Ok(manifest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_document_is_not_a_manifest() {
        assert!(Manifest::parse(b"{}").is_err());
        let other = serde_json::to_vec(&Manifest { schema: "x".to_owned(), ..Manifest::default() }).unwrap();
        assert_eq!(Manifest::parse(&other).unwrap_err(), "its schema is \"x\", not \"nixoscope.manifest.v1\"");
        assert_eq!(
            Manifest::parse(b"{\"schema\":\"nixoscope.manifest.v2\",\"objects\":{}}").unwrap_err(),
            "its schema is \"nixoscope.manifest.v2\", not \"nixoscope.manifest.v1\""
        );
    }

    #[test]
    fn a_manifest_has_each_store_path_once_and_nothing_else_among_them() {
        let parse = |paths: &[&str]| {
            let object =
                |path: &&str| serde_json::json!({"path": path, "narHash": null, "narSize": 1, "installed": true});
            let mut manifest =
                serde_json::to_value(Manifest { schema: SCHEMA.to_owned(), ..Manifest::default() }).unwrap();
            manifest["paths"] = paths.iter().map(object).collect();
            let read = Manifest::parse(&serde_json::to_vec(&manifest).unwrap());
            read.map(|read| serde_json::to_value(read).unwrap() == manifest)
        };
        let path = "/nix/store/g1nbmnqnx4gpnv32yprf4ql87ccg5035-f1";
        assert_eq!(parse(&[path]), Ok(true));
        assert_eq!(parse(&[path, path]), Err(format!("{path} is in it twice")));
        let error = parse(&["/etc/\u{1b}[2J"]).unwrap_err();
        assert!(error.starts_with(r#""/etc/\u{1b}[2J" is not a store path at line 1"#), "{error}");
    }
}
