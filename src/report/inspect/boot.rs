//! What boots.

use std::borrow::Cow;

use serde::Serialize;

use super::super::files::text;
use crate::fs::iso9660::Platform;
use crate::fs::partitions::{self, PartitionKind};
use crate::nixos::menu::MenuEntry;
use crate::nixos::{BootFacts, Summary, kernel_line};

/// An entry's kernel parameters, without passwords.
pub(in super::super) fn parameters(entry: &MenuEntry) -> Vec<Cow<'_, str>> {
    entry.params.iter().map(|parameter| kernel_line::public(parameter)).collect()
}

/// The firmware that can start the image, and from what.
pub(in super::super) fn ways(summary: &Summary) -> (Vec<&'static str>, &'static str) {
    let has = |platform| summary.boot_images.iter().any(|facts| facts.image.platform == platform);
    let ways = [(Platform::Bios, "BIOS"), (Platform::Uefi, "UEFI")].into_iter().filter(|(platform, _)| has(*platform));
    let from = if summary.partitions.is_empty() { "as a disc" } else { "as a disc or from a stick" };
    (ways.map(|(_, name)| name).collect(), from)
}

pub(super) fn boot_images(summary: &Summary) -> Vec<BootImage> {
    let shown = |facts: &BootFacts| BootImage {
        platform: facts.image.platform.to_string(),
        emulation: facts.image.emulation.to_string(),
        path: facts.path.as_deref().map(text),
        bytes: facts.bytes,
    };
    summary.boot_images.iter().map(shown).collect()
}

pub(super) fn partitions(summary: &Summary) -> Vec<Partition> {
    let shown = |partition: &partitions::Partition| Partition {
        scheme: match partition.kind {
            PartitionKind::Mbr(_) => "mbr",
            PartitionKind::Gpt(_) => "gpt",
        },
        index: partition.index,
        kind: partition.kind.to_string(),
        start: partition.start,
        bytes: partition.length,
    };
    summary.partitions.iter().map(shown).collect()
}

#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Boot<'s> {
    el_torito: Vec<BootImage>,
    partitions: Vec<Partition>,
    menu: Vec<Menu<'s>>,
}

#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
pub(super) struct BootImage {
    pub(super) platform: String,
    pub(super) emulation: String,
    pub(super) path: Option<String>,
    pub(super) bytes: u64,
}

#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
pub(super) struct Partition {
    pub(super) scheme: &'static str,
    pub(super) index: u32,
    pub(super) kind: String,
    pub(super) start: u64,
    pub(super) bytes: u64,
}

#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
pub(super) struct Menu<'s> {
    title: &'s str,
    submenus: Vec<&'s str>,
    file: String,
    linux: Option<&'s str>,
    initrd: Option<&'s str>,
    init: Option<&'s str>,
    params: Vec<Cow<'s, str>>,
    default: bool,
}

impl<'s> Boot<'s> {
    pub(super) fn of(summary: &'s Summary) -> Self {
        Self {
            el_torito: boot_images(summary),
            partitions: partitions(summary),
            menu: summary
                .menu
                .iter()
                .map(|entry| Menu {
                    title: &entry.title,
                    submenus: entry.submenus.iter().map(|name| &**name).collect(),
                    file: text(&entry.file),
                    linux: entry.linux.as_deref(),
                    initrd: entry.initrd.as_deref(),
                    init: entry.init.as_deref(),
                    params: parameters(entry),
                    default: entry.default,
                })
                .collect(),
        }
    }
}
