//! Signatures of store paths, as binary caches store them: who built the contents of the image.
//!
//! A signature is over the path, its NAR's hash and size, and its references. These are taken from the image, so a signature of
//! something else with the same name does not count.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use ed25519_compact::{PublicKey, Signature};
use rayon::prelude::*;

use super::problem::{Problem, ProblemKind};
use crate::error::{Error, Result};
#[cfg(feature = "remote")]
use crate::image::{Texts, is_address};
use crate::store::contents::Object;
use crate::store::{Contents, sha256};

/// Limit for a narinfo file in bytes. That of a path with 1,000 references has about 60 KiB.
const LONGEST: u64 = 1 << 20;

/// Public keys that are trusted, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedKeys(BTreeMap<String, PublicKey>);

/// Which signatures are required.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signatures {
    /// The keys that count.
    pub keys: TrustedKeys,
    /// Binary caches: directories, as `nix copy --to file://…` makes them, or with the feature `remote`, `http://` and
    /// `https://` addresses.
    pub caches: Vec<PathBuf>,
}

/// The number of signed store paths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signed {
    /// Store paths that each key signed.
    pub by_key: BTreeMap<String, usize>,
    /// Store paths that any of the keys signed.
    pub paths: usize,
    /// Store paths that were checked.
    pub of: usize,
}

impl TrustedKeys {
    /// Adds the keys in a text, such as `cache.nixos.org-1:6NCH…`, separated by white space.
    ///
    /// # Errors
    /// If a word is not a public key, or there is none.
    pub fn add(&mut self, text: &str) -> std::result::Result<(), String> {
        let before = self.0.len();
        for word in text.split_whitespace() {
            // The text after the name may be a secret key by mistake, so it is not repeated.
            let (name, key) = word.split_once(':').ok_or("not a public key; expected NAME:BASE64")?;
            let wrong = || format!("{name} is not a public key; expected NAME:BASE64");
            let bytes = BASE64.decode(key.as_bytes()).map_err(|_| wrong())?;
            if bytes.len() == 64 {
                return Err(format!(
                    "{name} is a secret key; expected the public one (nix key convert-secret-to-public)"
                ));
            }
            self.0.insert(name.to_owned(), PublicKey::from_slice(&bytes).map_err(|_| wrong())?);
        }
        if self.0.len() == before { Err("no public key found".to_owned()) } else { Ok(()) }
    }
}

/// The data of a binary cache about a store path.
#[derive(Debug, Default, PartialEq, Eq)]
struct NarInfo {
    nar_hash: Option<[u8; 32]>,
    signatures: Vec<(String, String)>,
}

impl NarInfo {
    fn parse(text: &str) -> Self {
        let mut info = Self::default();
        for (key, value) in text.lines().filter_map(|line| line.split_once(": ")) {
            match key {
                "NarHash" => info.nar_hash = sha256::parse(value.trim()),
                "Sig" => {
                    let signature = value.trim().split_once(':');
                    info.signatures.extend(signature.map(|(name, text)| (name.to_owned(), text.to_owned())));
                }
                _ => {}
            }
        }
        info
    }
}

/// Why no trusted signature counts.
enum Missing {
    NotInCache,
    OtherHash([u8; 32]),
    Unsigned,
    Untrusted(Vec<String>),
    Invalid(String),
    Size,
}

/// Looks for a signature of every store path in `verified`: the paths whose contents match their registration.
///
/// # Errors
/// If a file of a cache cannot be read.
pub(super) fn check(
    contents: &Contents,
    verified: &HashSet<usize>,
    wanted: &Signatures,
) -> Result<(Signed, Vec<Problem>)> {
    let by_key = wanted.keys.0.keys().map(|name| (name.clone(), 0)).collect();
    let mut signed = Signed { by_key, ..Signed::default() };
    let mut problems = Vec::new();
    let objects: Vec<(usize, &Object)> =
        contents.objects.iter().enumerate().filter(|(index, _)| verified.contains(index)).collect();
    // A server answers several questions at once.
    let caches = Caches::new(&wanted.caches);
    let found: Vec<Vec<NarInfo>> = objects.par_iter().map(|(_, object)| caches.infos(object)).collect::<Result<_>>()?;
    for ((index, object), infos) in objects.into_iter().zip(found) {
        signed.of += 1;
        let Some(hash) = object.record.as_ref().and_then(|record| record.nar_hash) else { continue };
        let size = object.record.as_ref().and_then(|record| record.nar_size);
        let references = contents.graph.of(index).filter_map(|target| contents.objects.get(target));
        let mut references: Vec<String> = references.map(|target| target.path.to_string()).collect();
        references.sort();
        let path = object.path.to_string();
        let shown = super::shown(&hash);
        let fingerprint = size.map(|size| format!("1;{path};{shown};{size};{}", references.join(",")));
        let mut missing = Missing::NotInCache;
        let mut keys = HashSet::new();
        for info in infos {
            match (&fingerprint, info.nar_hash) {
                (_, Some(other)) if other != hash => missing = Missing::OtherHash(other),
                (None, _) => missing = Missing::Size,
                (Some(fingerprint), _) => match valid(&wanted.keys, &info, fingerprint) {
                    Ok(names) => keys.extend(names),
                    Err(reason) => missing = reason,
                },
            }
        }
        signed.paths += usize::from(!keys.is_empty());
        for key in &keys {
            *signed.by_key.entry(key.clone()).or_default() += 1;
        }
        if keys.is_empty() {
            problems.push(missing.problem(path, &shown));
        }
    }
    Ok((signed, problems))
}

/// The keys that signed this, or why no signature counts.
fn valid(keys: &TrustedKeys, info: &NarInfo, fingerprint: &str) -> std::result::Result<Vec<String>, Missing> {
    let mut valid = Vec::new();
    let mut invalid = None;
    for (name, text) in &info.signatures {
        let Some(key) = keys.0.get(name) else { continue };
        let signature = BASE64.decode(text.as_bytes()).ok().and_then(|bytes| Signature::from_slice(&bytes).ok());
        match signature.filter(|signature| key.verify(fingerprint, signature).is_ok()) {
            Some(_) => valid.push(name.clone()),
            None => invalid = Some(name.clone()),
        }
    }
    match (valid.is_empty(), invalid, info.signatures.is_empty()) {
        (false, ..) => Ok(valid),
        (true, Some(name), _) => Err(Missing::Invalid(name)),
        (true, None, true) => Err(Missing::Unsigned),
        (true, None, false) => Err(Missing::Untrusted(info.signatures.iter().map(|(name, _)| name.clone()).collect())),
    }
}

impl Missing {
    fn problem(self, path: String, expected: &str) -> Problem {
        let new = |message: String| Problem::new(ProblemKind::Unsigned, path.as_str(), message);
        match self {
            Self::NotInCache => new("the cache does not have it".to_owned()),
            Self::OtherHash(actual) => {
                let problem =
                    new("the cache has it with another hash, so its signature is for something else".to_owned());
                problem.expected(expected).actual(super::shown(&actual))
            }
            Self::Unsigned => new("the cache has it without a signature".to_owned()),
            Self::Untrusted(names) => {
                new(format!("signed only by {}, which is not among the given keys", names.join(", ")))
            }
            Self::Invalid(name) => {
                new(format!("the signature by {name} is invalid: the key, the contents or the references differ"))
            }
            Self::Size => new("no NAR size is recorded, which the signature includes".to_owned()),
        }
    }
}

/// The caches, and the client for those on servers.
struct Caches<'c> {
    all: &'c [PathBuf],
    #[cfg(feature = "remote")]
    texts: Texts,
}

impl<'c> Caches<'c> {
    fn new(all: &'c [PathBuf]) -> Self {
        Self {
            all,
            #[cfg(feature = "remote")]
            texts: Texts::new(),
        }
    }

    /// The data of each cache about an object. The digest is in Nix32, so it cannot lead out of a directory.
    fn infos(&self, object: &Object) -> Result<Vec<NarInfo>> {
        let base = object.path.base();
        let digest = base.split_once('-').map_or(base, |(digest, _)| digest);
        let mut infos = Vec::new();
        for cache in self.all {
            infos.extend(self.text(cache, digest)?.map(|text| NarInfo::parse(&text)));
        }
        Ok(infos)
    }

    fn text(&self, cache: &Path, digest: &str) -> Result<Option<String>> {
        #[cfg(feature = "remote")]
        if is_address(cache) {
            let address = cache.to_string_lossy();
            return self.texts.get(&format!("{}/{digest}.narinfo", address.trim_end_matches('/')), LONGEST);
        }
        read(&cache.join(format!("{digest}.narinfo")))
    }
}

fn read(file: &Path) -> Result<Option<String>> {
    let failed = |source| Error::Io { path: file.to_path_buf(), source };
    let reader = match fs::File::open(file) {
        Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(failed)?,
    };
    let mut bytes = Vec::new();
    reader.take(LONGEST).read_to_end(&mut bytes).map_err(failed)?;
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A signature by Nix for an empty file: `nix store sign`.
    const KEY: &str = "test-1:SyvYCv8tkGHfFVw91ibs9JfNJkJU/xBd5fdkG8j2bqU=";
    const FINGERPRINT: &str = "1;/nix/store/1q82x5ah029adc0r5p06p3ivlzzh3hss-empty;\
                               sha256:0ip26j2h11n1kgkz36rl4akv694yz65hr72q4kv4b3lxcbi65b3p;112;";
    const SIGNATURE: &str =
        "test-1:CyLWnsWuY+NDhw55TnF6EXKDikOvT5PUfDgKXK/BWQDQ0wDV5hya2a7iDsf0b72+LzNDqdRWItBBXUCx9bDuBA==";

    fn verdict(keys: &str, info: &str, fingerprint: &str) -> std::result::Result<Vec<String>, &'static str> {
        let mut trusted = TrustedKeys::default();
        trusted.add(keys).unwrap();
        valid(&trusted, &NarInfo::parse(info), fingerprint).map_err(|missing| match missing {
            Missing::Unsigned => "unsigned",
            Missing::Untrusted(_) => "untrusted",
            Missing::Invalid(_) => "invalid",
            Missing::NotInCache | Missing::OtherHash(_) | Missing::Size => "other",
        })
    }

    #[test]
    fn a_signature_counts_if_a_given_key_made_it_for_just_this() {
        let signed = format!("StorePath: x\nSig: other-1:AAAA\nSig: {SIGNATURE}\n");
        assert_eq!(verdict(KEY, &signed, FINGERPRINT), Ok(vec!["test-1".to_owned()]));
        assert_eq!(verdict(KEY, &signed, &FINGERPRINT.replace(";112;", ";113;")), Err("invalid"));
        let other = format!("other-2:{}", KEY.split_once(':').unwrap().1);
        assert_eq!(verdict(&other, &signed, FINGERPRINT), Err("untrusted"));
        assert_eq!(verdict(KEY, "StorePath: x\n", FINGERPRINT), Err("unsigned"));
    }

    #[test]
    fn what_is_not_a_public_key_is_refused() {
        let mut keys = TrustedKeys::default();
        for (text, message) in [
            ("", "no public key found"),
            ("abc", "not a public key; expected NAME:BASE64"),
            ("a:AAAA", "a is not a public key; expected NAME:BASE64"),
        ] {
            assert_eq!(keys.add(text), Err(message.to_owned()));
        }
    }
}
