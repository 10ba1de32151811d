//! A closure known from elsewhere: which store paths should be present, and their hashes.

use std::collections::BTreeMap;

use serde_json::Value;

use super::problem::{Problem, ProblemKind};
use super::shown;
use crate::store::registration::{self, Registration};
use crate::store::{Contents, StorePath};

/// Store paths with the hashes of their NARs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known(BTreeMap<StorePath, [u8; 32]>);

impl Known {
    /// Adds the store paths in a text: a manifest, the output of `nix path-info --json -r` in any of its forms, or a registration.
    ///
    /// # Errors
    /// If the text is none of these, or a hash is missing.
    pub fn add(&mut self, text: &[u8]) -> Result<(), String> {
        let before = self.0.len();
        match text.trim_ascii_start().first() {
            Some(b'[' | b'{') => self.path_info(&serde_json::from_slice(text).map_err(|error| error.to_string())?)?,
            _ => self.registration(text)?,
        }
        if self.0.len() == before { Err("no store path found".to_owned()) } else { Ok(()) }
    }

    fn path_info(&mut self, document: &Value) -> Result<(), String> {
        // The newest Nix has the paths below `info`, by their base names. A manifest has them in a list.
        let inner =
            ["info", "paths"].into_iter().find_map(|name| document.get(name).filter(|inner| !inner.is_string()));
        match inner.unwrap_or(document) {
            Value::Array(all) => all.iter().try_for_each(|info| {
                let path = info.get("path").and_then(Value::as_str).ok_or("an entry without a path")?;
                self.insert(path, info)
            }),
            Value::Object(all) => all.iter().try_for_each(|(path, info)| self.insert(path, info)),
            _ => Err("neither an array nor an object".to_owned()),
        }
    }

    fn insert(&mut self, path: &str, info: &Value) -> Result<(), String> {
        let known =
            StorePath::from_path(path.as_bytes()).or_else(|| StorePath::from_base(path.as_bytes())).ok_or_else(
                || format!("{path} is not a store path; expected a manifest, or the output of nix path-info --json"),
            )?;
        let hash = info.get("narHash").and_then(Value::as_str).and_then(|hash| registration::hash(hash.as_bytes())?);
        self.0.insert(known, hash.ok_or_else(|| format!("no SHA-256 for {path}"))?);
        Ok(())
    }

    fn registration(&mut self, text: &[u8]) -> Result<(), String> {
        let Registration { paths, records, trouble } = Registration::read(text);
        if let Some(error) = trouble {
            return Err(error.to_string());
        }
        for (path, record) in paths.into_iter().zip(records) {
            let Some(record) = record else { continue };
            let hash = record.nar_hash.ok_or_else(|| format!("no SHA-256 for {path}"))?;
            self.0.insert(path, hash);
        }
        Ok(())
    }

    /// The hash that a path should have.
    pub(super) fn hash(&self, path: &StorePath) -> Option<&[u8; 32]> {
        self.0.get(path)
    }

    /// Compares the paths of a store. Their contents are compared once they are hashed.
    pub(super) fn compare(&self, contents: &Contents) -> Vec<Problem> {
        let present = |path: &StorePath| {
            let object = contents.index(path).and_then(|index| contents.objects.get(index));
            object.is_some_and(|object| object.node.is_some())
        };
        let missing = self.0.iter().filter(|(path, _)| !present(path)).map(|(path, hash)| {
            let message = "in the given closure, but not in the store";
            Problem::new(ProblemKind::Missing, path.to_string(), message).expected(shown(hash))
        });
        let objects = contents.objects.iter().filter(|object| object.node.is_some());
        let further = objects.filter(|object| !self.0.contains_key(&object.path)).map(|object| {
            let message = "in the store, but not in the given closure";
            Problem::new(ProblemKind::Unregistered, object.path.to_string(), message)
        });
        missing.chain(further).collect()
    }

    /// Compares the contents of a path.
    pub(super) fn judge(&self, path: &StorePath, actual: &[u8; 32]) -> Option<Problem> {
        let expected = self.0.get(path).filter(|expected| *expected != actual)?;
        let message = "its contents do not match the given closure";
        let problem = Problem::new(ProblemKind::HashMismatch, path.to_string(), message);
        Some(problem.expected(shown(expected)).actual(shown(actual)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &str = "/nix/store/g1nbmnqnx4gpnv32yprf4ql87ccg5035-f1";
    const HASH: &str = "sha256:0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73";
    const SRI: &str = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

    fn known(text: &str) -> Result<Known, String> {
        let mut known = Known::default();
        known.add(text.as_bytes()).map(|()| known)
    }

    #[test]
    fn all_forms_tell_the_same() {
        let array = known(&format!(r#"[{{"path":"{PATH}","narHash":"{HASH}","narSize":120}}]"#)).unwrap();
        let object = known(&format!(r#"{{"{PATH}":{{"narHash":"{SRI}"}}}}"#)).unwrap();
        let registration = known(&format!("{PATH}\n{HASH}\n120\n\n0\n")).unwrap();
        let base = PATH.strip_prefix("/nix/store/").unwrap();
        let newest =
            known(&format!(r#"{{"info":{{"{base}":{{"narHash":"{SRI}"}}}},"storeDir":"/nix/store","version":2}}"#));
        let manifest = known(&format!(r#"{{"schema":"x","paths":[{{"path":"{PATH}","narHash":"{SRI}"}}]}}"#));
        assert_eq!((newest, manifest), (Ok(array.clone()), Ok(array.clone())));
        assert_eq!((&array, &object), (&object, &registration));
        assert!(array.hash(&StorePath::from_path(PATH.as_bytes()).unwrap()).is_some());
    }

    #[test]
    fn what_tells_no_hashes_is_refused() {
        for (text, message) in [
            (format!(r#"{{"{PATH}":null}}"#), format!("no SHA-256 for {PATH}")),
            (format!("{PATH}\n{}\n0\n\n0\n", "0".repeat(64)), format!("no SHA-256 for {PATH}")),
            (
                r#"{"schema":1}"#.to_owned(),
                "schema is not a store path; expected a manifest, or the output of nix path-info --json".to_owned(),
            ),
            ("[{}]".to_owned(), "an entry without a path".to_owned()),
            ("[]".to_owned(), "no store path found".to_owned()),
            (String::new(), "no store path found".to_owned()),
        ] {
            assert_eq!(known(&text), Err(message), "{text}");
        }
    }
}
