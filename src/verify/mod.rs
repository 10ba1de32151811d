//! Verification: the store matches its registration, and everything needed to boot is there.
//!
//! That proves integrity: nothing broke since the image was made. It does not detect a change of both the image and its
//! registration.

mod boot;
mod closure;
mod efi;
mod file;
mod firmware;
mod implanted;
mod known;
mod label;
mod loader;
mod places;
mod problem;
mod published;
mod remark;
mod signature;
mod twins;
mod whole;

#[cfg(test)]
mod lanes;
#[cfg(test)]
mod scratched;

pub use problem::{Problem, ProblemKind};
pub use published::{is_published, published};
pub use remark::Remark;
pub use signature::{Signatures, Signed, TrustedKeys};

use std::collections::HashSet;

use places::Places;
use whole::Whole;

use crate::error::{Error, Result, Troubles};
use crate::image::Progress;
use crate::nixos::{Disc, Medium};
use crate::store::contents::Object;
use crate::store::hashing::{self, Damage, Outcome};
use crate::store::{self, Carrier, Contents, STORE, Store, nix32, registration};

/// What is known about the image from other sources.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expectations {
    /// SHA-256 of the image file.
    pub sha256: Option<[u8; 32]>,
    /// What the store should hold.
    pub closure: Option<store::Closure>,
    /// Whose signatures the store paths should have.
    pub signatures: Option<Signatures>,
}

/// The result of a verification.
#[derive(Debug, Default)]
pub struct Report {
    /// Registered store paths.
    pub registered: usize,
    /// Store paths that are present.
    pub present: usize,
    /// Store paths whose contents have the registered hash.
    pub verified: usize,
    /// Store paths that are registered without a hash.
    pub without_hash: usize,
    /// Whether the store has a registration.
    pub has_registration: bool,
    /// Whether the image file has the expected hash. `None` if no hash was given.
    pub expected_file: Option<bool>,
    /// Whether the embedded MD5 matches. `None` if there is none.
    pub implanted_md5: Option<bool>,
    /// Whether the store was compared with a given closure.
    pub against_closure: bool,
    /// Whether the store holds all of a given closure, and more.
    pub holds_more: bool,
    /// How many store paths are signed. `None` if no signatures were asked for.
    pub signed: Option<Signed>,
    /// Names in the store directory that are not store paths. They are not errors.
    pub strays: Vec<Vec<u8>>,
    /// The problems, sorted by [`ProblemKind`] and path.
    pub problems: Vec<Problem>,
    /// What could not be checked.
    pub unchecked: Vec<Remark>,
    /// Facts that are no problem.
    pub notes: Vec<Remark>,
}

/// Verifies a disc. `troubles` are those from opening it. `progress` receives the number of bytes of NARs hashed so far.
///
/// # Errors
/// If the disc has no store, or its format is not supported. Damage is a problem in the report.
pub fn run(
    disc: &Disc<'_>,
    troubles: &Troubles,
    expectations: &Expectations,
    progress: Progress<'_>,
) -> Result<Report> {
    let mut report = Report::default();
    report.length(disc);
    let mut places = Places::new(disc);
    for trouble in troubles {
        report.unreadable(&mut places, trouble);
    }
    let contents = match disc.store.as_ref().map(|store| report.contents(store)) {
        Some(Ok(contents)) => Some(contents),
        Some(Err(error @ Error::Unsupported { .. })) => return Err(error),
        Some(Err(error)) => {
            report.unreadable(&mut places, &error);
            None
        }
        None if troubles.is_empty() => return disc.require_store().map(|_| report),
        None => None,
    };
    let whole = Whole::beside(disc, expectations.sha256.as_ref(), progress, || {
        if let Some((store, contents)) = disc.store.as_ref().zip(contents) {
            report.store(store, contents, expectations, progress)?;
        }
        report.boot(disc);
        Ok(())
    })?;
    report.whole(&mut places, whole);
    for fault in &disc.take_faults() {
        report.unreadable(&mut places, fault);
    }
    report.problems.sort();
    report.problems.dedup();
    if disc.missing_end().is_some() {
        // Several structures of a file are missing for the same reason.
        let same = |one: &Problem, other: &Problem| one.kind == ProblemKind::Unreadable && one.path == other.path;
        report.problems.dedup_by(|later, first| later.kind == first.kind && same(later, first));
    }
    Ok(report)
}

impl Report {
    /// Checks everything that booting needs, and that firmware and other readers see the same disc.
    fn boot(&mut self, disc: &Disc<'_>) {
        self.problems.append(&mut boot::check(disc));
        self.problems.append(&mut boot::included(disc));
        self.unchecked.append(&mut remark::menus(disc));
        self.problems.append(&mut efi::menus(&disc.menu));
        self.problems.extend(efi::defaults(&disc.systems));
        self.problems.append(&mut efi::check(disc));
        self.problems.append(&mut label::check(disc));
        self.notes.extend(label::known(disc));
        self.notes.extend(file::product(disc));
        self.problems.append(&mut loader::check(disc));
        self.problems.append(&mut firmware::check(disc));
        self.problems.append(&mut twins::check(disc));
    }

    /// Adds what hashing the image as a whole has found.
    fn whole(&mut self, places: &mut Places<'_, '_>, Whole { implanted, file }: Whole) {
        match implanted {
            Ok(None) => {}
            Ok(Some(problem)) => {
                self.implanted_md5 = Some(problem.is_none());
                self.problems.extend(problem);
            }
            Err(error) => self.unreadable(places, &error),
        }
        match file {
            None => {}
            Some(Ok(problem)) => {
                self.expected_file = Some(problem.is_none());
                self.problems.extend(problem);
            }
            Some(Err(error)) => self.unreadable(places, &error),
        }
    }

    /// Makes missing hashes problems.
    pub fn require_hashes(&mut self) {
        let message = match (self.has_registration, self.without_hash) {
            (true, 0) => return,
            (true, 1) => "1 store path has no recorded hash".to_owned(),
            (true, paths) => format!("{paths} store paths have no recorded hash"),
            (false, _) => "the store has no registration".to_owned(),
        };
        self.problems.push(Problem::new(ProblemKind::Unregistered, registration::FILE, message));
        self.problems.sort();
    }

    /// Checks that the image is as long as its file system says.
    fn length(&mut self, disc: &Disc<'_>) {
        let available = disc.image().region().length();
        let (what, wanted, available) = match &disc.carrier {
            Medium::Volume(volume) => ("volume", volume.descriptors().primary.length(), available),
            Medium::Archive(archive) => ("squashfs", archive.superblock().bytes_used, available),
            Medium::Disk(volume) => ("ext4 volume", volume.length(), volume.available()),
            Medium::Directory(_) => return,
        };
        if available < wanted {
            let message = format!("the {what} has {wanted} bytes; the last {} are missing", wanted - available);
            let problem = Problem::new(ProblemKind::Truncated, own_path(disc), message);
            self.problems.push(problem.expected(wanted.to_string()).actual(available.to_string()));
        }
    }

    /// Adds a structure that cannot be read, under the name of the file that contains it.
    fn unreadable(&mut self, places: &mut Places<'_, '_>, error: &Error) {
        let (path, message) = places.told(error);
        self.problems.push(Problem::new(ProblemKind::Unreadable, path, message));
    }

    /// Lists the store and reads its registration.
    fn contents(&mut self, store: &Store<'_>) -> Result<Contents> {
        let mut troubles = Troubles::default();
        let contents = store.contents(&mut troubles)?;
        let path = match store.carrier {
            Carrier::Squashfs { .. } => format!("{STORE}/{}", registration::FILE),
            Carrier::Directory(_) | Carrier::Tree(_) => format!("/{}", registration::FILE),
        };
        self.problems.extend(troubles.iter().map(|error| {
            let message = format!("{error}; the store paths after it are unknown");
            Problem::new(ProblemKind::Unreadable, path.as_str(), message)
        }));
        Ok(contents)
    }

    /// Compares the store with its registration.
    fn store(
        &mut self,
        store: &Store<'_>,
        contents: Contents,
        expectations: &Expectations,
        progress: Progress<'_>,
    ) -> Result<()> {
        let known = expectations.closure.as_ref();
        let both = |object: &&Object| object.node.is_some() && object.record.is_some();
        let no_hash = |object: &&Object| object.record.as_ref().is_some_and(|record| record.nar_hash.is_none());
        self.has_registration = contents.registered;
        self.registered = contents.objects.iter().filter(|object| object.record.is_some()).count();
        self.present = contents.objects.iter().filter(|object| object.node.is_some()).count();
        self.without_hash = contents.objects.iter().filter(both).filter(no_hash).count();
        self.problems.append(&mut closure::check(&contents));
        if let Some(known) = known {
            self.against_closure = true;
            let mut differences = known::compare(known, &contents);
            self.holds_more = differences.missing.is_empty() && !differences.further.is_empty();
            self.problems.append(&mut differences.missing);
            self.problems.append(&mut differences.further);
        }
        let wanted = |object: &Object| {
            object.record.as_ref().is_some_and(|record| record.nar_hash.is_some())
                || known.and_then(|known| known.get(&object.path)).is_some_and(|member| member.nar_hash.is_some())
        };
        let mut verified = HashSet::new();
        for (index, outcome) in hashing::run(store, &contents, &wanted, progress) {
            if let Some(object) = contents.objects.get(index) {
                let foreign = outcome.hash.and_then(|hash| known::judge(known?, &object.path, &hash));
                self.holds_more &= foreign.is_none();
                self.problems.extend(foreign);
                if self.judge(object, outcome) {
                    verified.insert(index);
                }
            }
        }
        self.verified = verified.len();
        if let Some(wanted) = &expectations.signatures {
            let (signed, mut problems) = signature::check(&contents, &verified, wanted)?;
            self.signed = Some(signed);
            self.problems.append(&mut problems);
        }
        self.strays = contents.strays;
        Ok(())
    }

    /// Compares an object with its registration. Returns whether its contents match the registered hash.
    fn judge(&mut self, object: &Object, outcome: Outcome) -> bool {
        let Some(record) = &object.record else { return false };
        let path = object.path.to_string();
        if !outcome.damages.is_empty() {
            self.problems.extend(outcome.damages.iter().map(|damage| damaged(&path, damage)));
            if outcome.further > 0 {
                let message = format!("{} more places in it cannot be read", outcome.further);
                self.problems.push(Problem::new(ProblemKind::Unreadable, path, message));
            }
            return false;
        }
        let wrong_size = record.nar_size.filter(|&size| size != outcome.size);
        let sizes = |size: u64| format!("its NAR has {} bytes instead of the registered {size}", outcome.size);
        match (record.nar_hash, outcome.hash) {
            (Some(expected), Some(actual)) if expected != actual => {
                let message = match wrong_size {
                    Some(size) => format!("its contents do not match the registered hash: {}", sizes(size)),
                    None => "its contents do not match the registered hash".to_owned(),
                };
                let problem = Problem::new(ProblemKind::HashMismatch, path, message);
                self.problems.push(problem.expected(shown(&expected)).actual(shown(&actual)));
                false
            }
            (hash, _) => {
                if let Some(size) = wrong_size {
                    let message = match hash {
                        Some(_) => format!("the hash matches, but {}", sizes(size)),
                        None => sizes(size),
                    };
                    let problem = Problem::new(ProblemKind::HashMismatch, path, message);
                    self.problems.push(problem.expected(size.to_string()).actual(outcome.size.to_string()));
                    return false;
                }
                hash.is_some()
            }
        }
    }
}

/// The problem for a damaged file, with the unreadable bytes of the image.
fn damaged(object: &str, damage: &Damage) -> Problem {
    let mut path = object.as_bytes().to_vec();
    path.extend_from_slice(&damage.path);
    let mut message = damage.message.clone();
    if let Some((first, last)) = &damage.bytes {
        message.push_str(&format!("; bytes {first} to {last} of the image"));
    }
    match damage.files {
        0 => {}
        1 => message.push_str(", also needed by 1 other file of the store path"),
        files => message.push_str(&format!(", also needed by {files} other files of the store path")),
    }
    Problem::new(ProblemKind::Unreadable, path, message)
}

/// A hash as `nix-store --query --hash` prints it.
fn shown(hash: &[u8; 32]) -> String {
    format!("sha256:{}", nix32::encode(hash))
}

fn own_path(disc: &Disc<'_>) -> Vec<u8> {
    disc.path().as_os_str().as_encoded_bytes().to_vec()
}
