//! What the kinds of assertions about packages share.

use super::nearest::{listed, nearest};
use super::{Judgement, PackageQuery, Subject};
use crate::error::{Error, Result};
use crate::nixos::software::{Software, shown};
use crate::nixos::why::{self, Chains};
use crate::nixos::{Disc, ObjectKind};
use crate::store::StorePath;
use crate::store::name::Name;

/// Reads `NAME[@VERSION]`.
pub(super) fn query(text: &str) -> std::result::Result<PackageQuery, String> {
    PackageQuery::parse(text).map_err(|error| error.to_string())
}

/// The store objects that a query finds, by what they are.
#[derive(Default)]
pub(super) struct Matches<'s> {
    /// Software that is the package itself.
    pub(super) itself: Vec<(usize, &'s StorePath)>,
    /// Documentation and development files of the package.
    pub(super) beside: Vec<(usize, &'s StorePath)>,
    /// Objects that are not software, such as a derivation of that name.
    pub(super) others: Vec<(ObjectKind, &'s StorePath)>,
    /// Why it is unknown what one of them is.
    unread: Option<Error>,
}

impl<'s> Matches<'s> {
    pub(super) fn of(subject: &'s Subject<'_, '_>, query: &PackageQuery) -> Result<Self> {
        Self::such(subject, &|path| query.matches(path))
    }

    /// The objects that a test chooses by their names.
    pub(super) fn such(subject: &'s Subject<'_, '_>, is_meant: &dyn Fn(&StorePath) -> bool) -> Result<Self> {
        let software = subject.software()?;
        let matching = software.present().filter(|(_, object)| is_meant(&object.path));
        let mut matches = Self::default();
        for (index, object) in matching {
            if let Err(error) = matches.add(subject.disc, software, (index, &object.path)) {
                matches.unread.get_or_insert(error);
            }
        }
        Ok(matches)
    }

    fn add(&mut self, disc: &Disc<'_>, software: &'s Software, found: (usize, &'s StorePath)) -> Result<()> {
        match software.kind(disc, found.0)? {
            Some(ObjectKind::Software) if software.is_beside(disc, found.0)? => self.beside.push(found),
            Some(ObjectKind::Software) => self.itself.push(found),
            kind => self.others.push((kind.unwrap_or(ObjectKind::Other), found.1)),
        }
        Ok(())
    }

    /// The package itself, its documentation and its development files.
    pub(super) fn software(&self) -> impl Iterator<Item = &'s StorePath> {
        self.itself.iter().chain(&self.beside).map(|(_, path)| *path)
    }

    /// # Errors
    /// If it is unknown what a matching object is.
    pub(super) fn require_all(self) -> Result<Self> {
        match self.unread {
            Some(error) => Err(error),
            None => Ok(self),
        }
    }

    /// The judgement if nothing of the package itself is there.
    pub(super) fn missing(&self, subject: &Subject<'_, '_>, query: &PackageQuery) -> Result<Judgement> {
        if !self.beside.is_empty() {
            let paths = paths(&self.beside);
            let message = format!("only its documentation or development files are there: {}", names(&paths));
            return Ok(Judgement::fail(message, texts(&paths)));
        }
        missing(subject.disc, subject.software()?, query)
    }
}

/// Those that a system has installed, by a flag for each object.
pub(super) fn installed<'s>(flags: &[bool], found: &[(usize, &'s StorePath)]) -> Vec<&'s StorePath> {
    found.iter().filter(|(index, _)| flags.get(*index) == Some(&true)).map(|(_, path)| *path).collect()
}

/// The message about a package that has only documentation or development files installed.
pub(super) fn only_beside(paths: &[&StorePath]) -> String {
    format!("only its documentation or development files are installed: {}", names(paths))
}

/// The paths alone.
pub(super) fn paths<'s>(found: &[(usize, &'s StorePath)]) -> Vec<&'s StorePath> {
    found.iter().map(|(_, path)| *path).collect()
}

/// Advice, if the name that matched nothing is a package of the image followed by a version.
pub(super) fn meant(software: &Software, query: &PackageQuery) -> String {
    let Some((pname, meant)) = query.as_version() else { return String::new() };
    let mut names = software.present().map(|(_, object)| Name::parse(object.path.name()).pname);
    if names.any(|name| name == pname) { format!("; did you mean {meant}?") } else { String::new() }
}

/// What is there instead of a missing package.
///
/// # Errors
/// If it is unknown what an object of that name is.
pub(super) fn missing(disc: &Disc<'_>, software: &Software, query: &PackageQuery) -> Result<Judgement> {
    let (mut versions, mut others): (Vec<&StorePath>, Vec<(ObjectKind, &StorePath)>) = Default::default();
    for (index, object) in software.present().filter(|(_, object)| query.names(&object.path)) {
        match software.kind(disc, index)?.unwrap_or(ObjectKind::Other) {
            ObjectKind::Software => versions.push(&object.path),
            kind => others.push((kind, &object.path)),
        }
    }
    if !versions.is_empty() {
        return Ok(Judgement::fail(format!("there in another version: {}", names(&versions)), texts(&versions)));
    }
    let referred =
        software.contents.objects.iter().filter(|object| object.node.is_none() && query.matches(&object.path));
    let referred: Vec<&StorePath> = referred.map(|object| &object.path).collect();
    if !referred.is_empty() {
        let message = format!("registered, but its files are not in the store: {}", names(&referred));
        return Ok(Judgement::fail(message, texts(&referred)));
    }
    if !others.is_empty() {
        let paths: Vec<&StorePath> = others.iter().map(|(_, path)| *path).collect();
        return Ok(Judgement::fail(format!("not in the image as software; {}", only(&others)), texts(&paths)));
    }
    let near = nearest(query.name(), software.present().map(|(_, object)| Name::parse(object.path.name()).pname));
    let evidence = software
        .present()
        .map(|(_, object)| &object.path)
        .filter(|path| near.contains(&Name::parse(path.name()).pname));
    Ok(Judgement::fail(
        format!("not in the image{}{}", listed(&near), meant(software, query)),
        evidence.map(StorePath::to_string).collect(),
    ))
}

/// Objects of a name that are no software: `only a derivation (hello-2.12.2.drv) and a source (hello-2.12.2.tar.gz) have this
/// name`.
pub(super) fn only(others: &[(ObjectKind, &StorePath)]) -> String {
    let mut others: Vec<(ObjectKind, &str)> = others.iter().map(|(kind, path)| (*kind, path.name())).collect();
    others.sort_unstable();
    others.dedup();
    let kinds: Vec<String> = others
        .chunk_by(|one, other| one.0 == other.0)
        .filter_map(|same| {
            let names: Vec<&str> = same.iter().map(|(_, name)| *name).collect();
            Some(format!("{} ({})", noun(same.first()?.0), names.join(", ")))
        })
        .collect();
    let verb = if others.len() == 1 { "has" } else { "have" };
    match kinds.split_last() {
        Some((last, [])) => format!("only {last} {verb} this name"),
        Some((last, rest)) => format!("only {} and {last} {verb} this name", rest.join(", ")),
        None => String::new(),
    }
}

fn noun(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Software => "software",
        ObjectKind::Derivation => "a derivation",
        ObjectKind::Source => "a source",
        ObjectKind::Unit => "a unit",
        ObjectKind::Configuration => "configuration",
        ObjectKind::System => "a part of a system",
        ObjectKind::Other => "something else",
    }
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

/// The shortest chain of references that brings one of the paths in, from the default system if possible.
pub(super) fn chain_to(disc: &Disc<'_>, software: &Software, paths: &[&StorePath]) -> Result<Vec<String>> {
    let targets: Vec<usize> = paths.iter().filter_map(|path| software.contents.index(path)).collect();
    for group in why::roots(disc, software) {
        let reasons = why::reasons(software, &vec![group], &targets, Chains::Shortest)?;
        if let Some(chain) = reasons.into_iter().flat_map(|reason| reason.chains).min_by_key(Vec::len) {
            return Ok(chain_texts(software, &chain));
        }
    }
    Ok(texts(paths))
}

pub(super) fn chain_texts(software: &Software, chain: &[usize]) -> Vec<String> {
    chain
        .iter()
        .filter_map(|&index| software.contents.objects.get(index))
        .map(|object| object.path.to_string())
        .collect()
}
