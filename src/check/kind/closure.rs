//! `--closure FILE` and `[[closure]]`: a given closure is in the image.

use std::fmt;
use std::path::Path;

use super::super::packages::names;
use super::super::size;
use super::{Ask, Flag, Kind, Takes};
use crate::check::{Judgement, Subject};
use crate::error::Result;
use crate::store::contents::{Contents, Object};
use crate::store::hashing;
use crate::store::registration::Record;
use crate::store::{self, Member, StorePath};

/// The row in the table of kinds.
pub(super) const KIND: Kind = Kind {
    name: "closure",
    says: "every store path of a closure is in the image, with its hash",
    advice: Some("The properties of the result list what is missing, and what needs it."),
    flag: Some(Flag {
        takes: Takes::Text("FILE", |text| Closure::read(Path::new(text), text).map(Into::into)),
        help: "Every store path in FILE is in the image, with its hash: the output of nix path-info --json -r or nix-store -qR, \
               or a manifest",
    }),
};

/// Limit for store paths that a message names.
const NAMED: usize = 5;

/// Every store path of a closure is in the image, with its hash. The image may have more.
#[derive(Clone, Debug)]
pub struct Closure {
    /// The file that lists the closure.
    file: String,
    paths: store::Closure,
}

impl Closure {
    /// Reads a file. Reports call it `name`.
    ///
    /// # Errors
    /// Says why it cannot be read, or what it is instead.
    pub fn read(file: &Path, name: &str) -> std::result::Result<Self, String> {
        let text = std::fs::read(file).map_err(|error| error.to_string())?;
        let mut paths = store::Closure::default();
        paths.add(&text)?;
        Ok(Self { file: name.to_owned(), paths })
    }
}

impl fmt::Display for Closure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.file)
    }
}

impl Ask for Closure {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn judge(&self, subject: &Subject<'_, '_>) -> Result<Judgement> {
        let contents = &subject.software()?.contents;
        let (mut there, mut missing) = (Vec::new(), Vec::new());
        for (path, member) in self.paths.iter() {
            let object = contents.index(path).and_then(|index| contents.objects.get(index));
            match object.filter(|object| object.node.is_some()) {
                Some(object) => there.push((object, member)),
                None => missing.push((path, member)),
            }
        }
        let compared = Compared::of(subject, &there)?;
        let missing = Missing { paths: missing, closure: &self.paths, contents };
        let mut told: Vec<String> = missing.told(self.paths.len()).into_iter().collect();
        let mut evidence = missing.evidence();
        for (what, paths) in
            [("other contents", &compared.differing), ("contents that cannot be read", &compared.unread)]
        {
            if !paths.is_empty() {
                let paths: Vec<&StorePath> = paths.iter().collect();
                told.push(format!("{} with {what}: {}", counted(paths.len()), some_names(&paths)));
                evidence.extend(paths.iter().map(|path| format!("{path}: {what}")));
            }
        }
        let fails = !missing.paths.is_empty() || !compared.differing.is_empty();
        Ok(match told.is_empty() {
            true => Judgement::pass(self.all(compared.without_hash), Vec::new()),
            false if fails => Judgement::fail(told.join("; "), evidence),
            false => Judgement::unknown(told.join("; "), evidence),
        })
    }
}

impl Closure {
    fn all(&self, without_hash: usize) -> String {
        let all = match self.paths.len() {
            1 => "its store path is there".to_owned(),
            many => format!("all {many} store paths are there"),
        };
        match without_hash {
            0 => format!("{all}, with the hashes in the file"),
            many if many == self.paths.len() => format!("{all}; the file has no hashes"),
            many => format!("{all}; the file has no hash for {many} of them"),
        }
    }
}

/// The paths that are present, compared with their hashes.
#[derive(Default)]
struct Compared {
    differing: Vec<StorePath>,
    unread: Vec<StorePath>,
    without_hash: usize,
}

impl Compared {
    /// Hashes the contents: their registration proves nothing.
    fn of(subject: &Subject<'_, '_>, there: &[(&Object, &Member)]) -> Result<Self> {
        let hashed = there.iter().filter_map(|(object, member)| Some((*object, member.nar_hash?)));
        let expected: Vec<[u8; 32]> = hashed.clone().map(|(_, hash)| hash).collect();
        // Only the paths of the closure, as if they were registered like that.
        let object = |(object, hash): (&Object, [u8; 32])| Object {
            path: object.path.clone(),
            node: object.node,
            record: Some(Record { nar_hash: Some(hash), nar_size: None, deriver: None, references: Vec::new() }),
        };
        let part = Contents { objects: hashed.map(object).collect(), ..Contents::default() };
        let mut compared = Self { without_hash: there.len() - expected.len(), ..Self::default() };
        for (index, outcome) in hashing::run(subject.disc.require_store()?, &part, &|_| true, subject.progress) {
            let Some(object) = part.objects.get(index) else { continue };
            match outcome.hash {
                Some(actual) if Some(&actual) == expected.get(index) => {}
                Some(_) => compared.differing.push(object.path.clone()),
                None => compared.unread.push(object.path.clone()),
            }
        }
        compared.differing.sort();
        compared.unread.sort();
        Ok(compared)
    }
}

/// The paths that are not present.
struct Missing<'c> {
    paths: Vec<(&'c StorePath, &'c Member)>,
    closure: &'c store::Closure,
    contents: &'c Contents,
}

impl Missing<'_> {
    /// Their number, their size, and some of their names.
    fn told(&self, total: usize) -> Option<String> {
        let paths: Vec<&StorePath> = self.paths.iter().map(|(path, _)| *path).collect();
        let sizes: Vec<u64> = self.paths.iter().filter_map(|(_, member)| member.nar_size).collect();
        let bytes = match sizes.len() {
            0 => String::new(),
            known if known == paths.len() => {
                format!(" ({})", size::format(sizes.into_iter().fold(0, u64::saturating_add)))
            }
            _ => format!(" (at least {})", size::format(sizes.into_iter().fold(0, u64::saturating_add))),
        };
        let verb = if paths.len() == 1 { "is" } else { "are" };
        (!paths.is_empty())
            .then(|| format!("{} of {total} store paths {verb} missing{bytes}: {}", paths.len(), some_names(&paths)))
    }

    /// Each path with its size, and the paths that need it.
    fn evidence(&self) -> Vec<String> {
        let line = |(path, member): &(&StorePath, &Member)| {
            let bytes = member.nar_size.map(|bytes| format!(" ({})", size::format(bytes))).unwrap_or_default();
            let needed = match self.referrers(path).as_slice() {
                [] => String::new(),
                [one] => format!(", needed by {one}"),
                [one, rest @ ..] => format!(", needed by {one} and {} more", rest.len()),
            };
            format!("{path}{bytes}{needed}")
        };
        self.paths.iter().map(line).collect()
    }

    /// The paths that refer to a path: in the closure, or in the image if the closure does not say.
    fn referrers(&self, path: &StorePath) -> Vec<StorePath> {
        let known: Vec<StorePath> = self.closure.referrers(path).cloned().collect();
        let Some(index) = self.contents.index(path).filter(|_| known.is_empty()) else { return known };
        let objects = self.contents.objects.iter().enumerate();
        let refers = |other: usize| other != index && self.contents.graph.of(other).any(|target| target == index);
        objects.filter(|(other, _)| refers(*other)).map(|(_, object)| object.path.clone()).collect()
    }
}

fn some_names(paths: &[&StorePath]) -> String {
    let shown = names(paths.get(..NAMED).unwrap_or(paths));
    match paths.len().checked_sub(NAMED) {
        Some(more @ 1..) => format!("{shown} and {more} more"),
        _ => shown,
    }
}

fn counted(paths: usize) -> String {
    if paths == 1 { "1 store path".to_owned() } else { format!("{paths} store paths") }
}
