//! What the kinds of assertions about packages share.

use super::nearest::{listed, nearest};
use super::{Judgement, PackageQuery};
use crate::nixos::software::{Software, shown};
use crate::store::StorePath;
use crate::store::name::Name;

/// Outputs that are no use without the package itself.
const BESIDE: &[&str] = &["data", "debug", "dev", "devdoc", "devman", "doc", "info", "man"];

/// Reads `NAME[@VERSION]`.
pub(super) fn query(text: &str) -> Result<PackageQuery, String> {
    PackageQuery::parse(text).map_err(|error| error.to_string())
}

/// Advice, if the name that matched nothing is a package of the image followed by a version.
pub(super) fn meant(software: &Software, query: &PackageQuery) -> String {
    let Some((pname, meant)) = query.as_version() else { return String::new() };
    let mut names = software.present().map(|(_, object)| Name::parse(object.path.name()).pname);
    if names.any(|name| name == pname) { format!("; did you mean {meant}?") } else { String::new() }
}

/// What is there instead of a missing package.
pub(super) fn missing(software: &Software, query: &PackageQuery) -> Judgement {
    let others: Vec<&StorePath> =
        software.present().map(|(_, object)| &object.path).filter(|path| query.names(path)).collect();
    if !others.is_empty() {
        return Judgement::fail(format!("there in another version: {}", names(&others)), texts(&others));
    }
    let referred =
        software.contents.objects.iter().filter(|object| object.node.is_none() && query.matches(&object.path));
    let referred: Vec<&StorePath> = referred.map(|object| &object.path).collect();
    if !referred.is_empty() {
        return Judgement::fail(
            format!("registered, but its files are not in the store: {}", names(&referred)),
            texts(&referred),
        );
    }
    let near = nearest(query.name(), software.present().map(|(_, object)| Name::parse(object.path.name()).pname));
    let evidence = software
        .present()
        .map(|(_, object)| &object.path)
        .filter(|path| near.contains(&Name::parse(path.name()).pname));
    Judgement::fail(
        format!("not in the image{}{}", listed(&near), meant(software, query)),
        evidence.map(StorePath::to_string).collect(),
    )
}

pub(super) fn is_beside(path: &StorePath) -> bool {
    Name::parse(path.name()).output.is_some_and(|output| BESIDE.contains(&output))
}

pub(super) fn names(paths: &[&StorePath]) -> String {
    let mut names: Vec<String> = paths.iter().map(|path| shown(path)).collect();
    names.sort();
    names.dedup();
    names.join(", ")
}

pub(super) fn texts(paths: &[&StorePath]) -> Vec<String> {
    paths.iter().map(ToString::to_string).collect()
}

pub(super) fn chain_texts(software: &Software, chain: &[usize]) -> Vec<String> {
    chain
        .iter()
        .filter_map(|&index| software.contents.objects.get(index))
        .map(|object| object.path.to_string())
        .collect()
}
