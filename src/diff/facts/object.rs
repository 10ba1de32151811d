//! Store paths with the hash and size of their NAR.

use data_encoding::BASE64;
use serde::{Deserialize, Serialize};

use crate::nixos::software::Software;
use crate::store::StorePath;

/// A store path.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectFacts {
    /// The path.
    #[serde(with = "super::store_path")]
    #[cfg_attr(test, schemars(with = "String"))]
    pub path: StorePath,
    /// The hash of its NAR, if the image registers it.
    pub nar_hash: Option<String>,
    /// Length of its NAR in bytes, if the image registers it.
    pub nar_size: Option<u64>,
    /// Whether the default system has it installed.
    pub installed: bool,
}

/// The store paths of an image.
pub(in crate::diff) fn objects(software: &Software) -> Vec<ObjectFacts> {
    let facts = software.present().map(|(index, object)| {
        let record = object.record.as_ref();
        let hash = record.and_then(|record| record.nar_hash);
        ObjectFacts {
            path: object.path.clone(),
            nar_hash: hash.map(|hash| format!("sha256-{}", BASE64.encode(&hash))),
            nar_size: record.and_then(|record| record.nar_size),
            installed: software.is_installed(index),
        }
    });
    facts.collect()
}
