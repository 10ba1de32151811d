//! Assertions on packages.

use super::nearest::{listed, nearest};
use super::{Judgement, PackageQuery, Subject};
use crate::error::Result;
use crate::nixos::software::{self, Software, shown};
use crate::store::StorePath;
use crate::store::name::Name;

/// Outputs that are no use without the package itself.
const BESIDE: &[&str] = &["data", "debug", "dev", "devdoc", "devman", "doc", "info", "man"];

/// The package is in the image.
pub(super) fn present(subject: &Subject<'_, '_>, query: &PackageQuery) -> Result<Judgement> {
    let software = subject.software()?;
    let found: Vec<&StorePath> =
        software.present().map(|(_, object)| &object.path).filter(|path| query.matches(path)).collect();
    let (beside, itself): (Vec<_>, Vec<_>) = found.into_iter().partition(|path| is_beside(path));
    if !itself.is_empty() {
        return Ok(Judgement::pass(names(&itself), texts(&itself)));
    }
    if !beside.is_empty() {
        return Ok(Judgement::fail(
            format!("only its documentation or development files are there: {}", names(&beside)),
            texts(&beside),
        ));
    }
    Ok(missing(software, query))
}

/// The default system has it installed.
pub(super) fn installed(subject: &Subject<'_, '_>, query: &PackageQuery) -> Result<Judgement> {
    let software = subject.software()?;
    let system = match subject.system()? {
        Ok(system) => system,
        Err(none) => return Ok(none),
    };
    let matching: Vec<(usize, &StorePath)> = software
        .present()
        .map(|(index, object)| (index, &object.path))
        .filter(|(_, path)| query.matches(path))
        .collect();
    let found: Vec<&StorePath> = matching
        .iter()
        .filter(|(index, path)| software.is_installed(*index) && !is_beside(path))
        .map(|(_, path)| *path)
        .collect();
    if !found.is_empty() {
        return Ok(Judgement::pass(names(&found), texts(&found)));
    }
    if matching.is_empty() {
        return Ok(missing(software, query));
    }
    for other in subject.disc.systems.iter().filter(|other| other.present && other.path != system.path) {
        let there = software::installed(subject.disc, &software.contents, other)?;
        let found: Vec<&StorePath> =
            matching.iter().filter(|(index, _)| there.get(*index) == Some(&true)).map(|(_, path)| *path).collect();
        if !found.is_empty() {
            let name = other
                .specialisation
                .as_ref()
                .map_or_else(|| other.path.to_string(), |name| format!("the specialisation {name}"));
            let message = format!("not installed in the default system, only in {name}: {}", names(&found));
            return Ok(Judgement::fail(message, texts(&found)));
        }
    }
    let paths: Vec<&StorePath> = matching.iter().map(|(_, path)| *path).collect();
    let root = software.contents.index(&system.path);
    let chain = software.contents.graph.chain(root, |object| matching.iter().any(|(index, _)| *index == object));
    let (why, evidence) = match chain {
        Some(chain) => ("a dependency, not in environment.systemPackages", chain_texts(software, &chain)),
        None => ("in the image, but the default system does not refer to it", texts(&paths)),
    };
    Ok(Judgement::fail(format!("{why}: {}", names(&paths)), evidence))
}

/// The default system has it not installed; that it is in the image is no matter.
pub(super) fn not_installed(subject: &Subject<'_, '_>, query: &PackageQuery) -> Result<Judgement> {
    let software = subject.software()?;
    if let Err(none) = subject.system()? {
        return Ok(none);
    }
    let matching =
        software.present().filter(|(index, object)| software.is_installed(*index) && query.matches(&object.path));
    let found: Vec<&StorePath> = matching.map(|(_, object)| &object.path).filter(|path| !is_beside(path)).collect();
    Ok(match found.len() {
        0 => Judgement::pass("not installed", Vec::new()),
        _ => Judgement::fail(format!("installed: {}", names(&found)), texts(&found)),
    })
}

/// No more versions of it are in the image.
pub(super) fn copies(subject: &Subject<'_, '_>, query: &PackageQuery, most: usize) -> Result<Judgement> {
    let software = subject.software()?;
    let present = software.present().map(|(_, object)| &object.path);
    let found: Vec<&StorePath> = present.filter(|path| query.matches(path) && !is_beside(path)).collect();
    let versions: std::collections::BTreeSet<(&str, &str)> =
        found.iter().map(|path| Name::parse(path.name())).map(|name| (name.pname, name.version)).collect();
    let told = format!(
        "{} in the image",
        match versions.len() {
            1 => "1 version".to_owned(),
            many => format!("{many} versions"),
        }
    );
    Ok(if versions.len() <= most { Judgement::pass(told, texts(&found)) } else { Judgement::fail(told, texts(&found)) })
}

/// The package is not in the image, in none of its outputs.
pub(super) fn forbidden(subject: &Subject<'_, '_>, query: &PackageQuery) -> Result<Judgement> {
    let software = subject.software()?;
    let found: Vec<(usize, &StorePath)> = software
        .present()
        .map(|(index, object)| (index, &object.path))
        .filter(|(_, path)| query.matches(path))
        .collect();
    if found.is_empty() {
        return Ok(Judgement::pass("not in the image", Vec::new()));
    }
    let paths: Vec<&StorePath> = found.iter().map(|(_, path)| *path).collect();
    // The default system first: what it brings in, people will look for there.
    let systems = &subject.disc.systems;
    let chain = systems.iter().find_map(|system| {
        let root = software.contents.index(&system.path)?;
        software.contents.graph.chain([root], |object| found.iter().any(|(index, _)| *index == object))
    });
    let evidence = match chain {
        Some(chain) => chain_texts(software, &chain),
        None => texts(&paths),
    };
    Ok(Judgement::fail(format!("in the image: {}", names(&paths)), evidence))
}

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
    Judgement::fail(format!("not in the image{}", listed(&near)), evidence.map(StorePath::to_string).collect())
}

fn is_beside(path: &StorePath) -> bool {
    Name::parse(path.name()).output.is_some_and(|output| BESIDE.contains(&output))
}

fn names(paths: &[&StorePath]) -> String {
    let mut names: Vec<String> = paths.iter().map(|path| shown(path)).collect();
    names.sort();
    names.dedup();
    names.join(", ")
}

fn texts(paths: &[&StorePath]) -> Vec<String> {
    paths.iter().map(ToString::to_string).collect()
}

fn chain_texts(software: &Software, chain: &[usize]) -> Vec<String> {
    chain
        .iter()
        .filter_map(|&index| software.contents.objects.get(index))
        .map(|object| object.path.to_string())
        .collect()
}
