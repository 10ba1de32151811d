//! The document of `inspect`.

use std::io::Write;

use serde::Serialize;

use super::super::access::FindingEntry;
use super::super::document::{self, Messages};
use super::super::files::text;
use super::access::Access;
use super::boot::Boot;
use super::lead::Lead;
use super::names;
use crate::error::Troubles;
use crate::nixos::{self, Description, Summary};

/// Writes the JSON document of `inspect`.
///
/// # Errors
/// What the writer meets.
pub fn json(out: &mut dyn Write, summary: &Summary, troubles: &Troubles) -> serde_json::Result<()> {
    let document = Document {
        schema: "nixoscope.inspect.v1",
        image: Image { path: &summary.path, bytes: summary.bytes, kind: summary.form.name() },
        lead: Lead::of(summary),
        volume: summary.volume.as_ref().map(Volume::of),
        boot: Boot::of(summary),
        store: summary.store.as_ref().map(Store::of),
        systems: summary.systems.iter().map(System::of).collect(),
        access: summary.access.as_ref().map(Access::of),
        modes: summary.modes.as_ref().map(|modes| modes.iter().map(FindingEntry::of).collect()),
        troubles: Messages(troubles),
    };
    document::line(out, &document)
}

/// The shape of the document, for its schema.
#[cfg(test)]
pub(in crate::report) type Shape = Document<'static>;

#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
pub(in crate::report) struct Document<'s> {
    schema: &'static str,
    image: Image<'s>,
    /// The first lines of the page.
    lead: Lead,
    volume: Option<Volume<'s>>,
    boot: Boot<'s>,
    store: Option<Store<'s>>,
    systems: Vec<System<'s>>,
    access: Option<Access<'s>>,
    /// Findings about the modes and owners of files.
    modes: Option<Vec<FindingEntry<'s>>>,
    troubles: Messages<'s>,
}

#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
struct Image<'s> {
    path: &'s str,
    bytes: u64,
    kind: &'static str,
}

#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Volume<'s> {
    id: &'s str,
    system: &'s str,
    publisher: &'s str,
    application: &'s str,
    preparer: &'s str,
    created: Option<String>,
    blocks: u32,
    block_size: u16,
    extensions: Vec<String>,
}

#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Store<'s> {
    kind: &'static str,
    path: Option<String>,
    compression: Option<&'s str>,
    block_size: Option<u32>,
    bytes: Option<u64>,
    paths: usize,
    nar_size: Option<u64>,
    registered: usize,
}

#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct System<'s> {
    path: String,
    label: Option<&'s str>,
    version: Option<&'s str>,
    system: Option<&'s str>,
    kernel: Option<&'s str>,
    default: bool,
    default_of: Vec<&'static str>,
    specialisation: Option<&'s str>,
    present: bool,
}

impl<'s> Volume<'s> {
    fn of(volume: &'s nixos::VolumeFacts) -> Self {
        Self {
            id: &volume.id,
            system: &volume.system,
            publisher: &volume.publisher,
            application: &volume.application,
            preparer: &volume.preparer,
            created: volume.created.map(|date| date.to_string()),
            blocks: volume.blocks,
            block_size: volume.block_size,
            extensions: names(&volume.extensions),
        }
    }
}

impl<'s> Store<'s> {
    fn of(store: &'s nixos::StoreFacts) -> Self {
        Self {
            kind: store.kind,
            path: store.path.as_deref().map(text),
            compression: store.compression.as_deref(),
            block_size: store.block_size,
            bytes: store.bytes,
            paths: store.paths,
            nar_size: store.nar_size,
            registered: store.registered,
        }
    }
}

impl<'s> System<'s> {
    fn of((system, description): &'s (nixos::System, Description)) -> Self {
        Self {
            path: system.path.to_string(),
            label: description.label.as_deref().or(system.title.as_deref()),
            version: description.version.as_deref(),
            system: description.system.as_deref(),
            kernel: description.kernel.as_deref(),
            default: system.default,
            default_of: system.default_of.iter().map(|loader| loader.name()).collect(),
            specialisation: system.specialisation.as_deref(),
            present: system.present,
        }
    }
}
