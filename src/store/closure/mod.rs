//! A closure from elsewhere: store paths, with what is recorded of them.

mod foreign;
mod json;

use std::collections::BTreeMap;

use super::StorePath;
use super::registration::Registration;

/// Store paths that belong together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Closure(BTreeMap<StorePath, Member>);

/// What is recorded of a store path. A list of paths records nothing. Nix records nothing of an invalid path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// SHA-256 of its NAR.
    pub nar_hash: Option<[u8; 32]>,
    /// Length of its NAR in bytes.
    pub nar_size: Option<u64>,
    /// The paths that it refers to.
    pub references: Vec<StorePath>,
}

impl Closure {
    /// Adds the store paths in a text: any form of the output of `nix path-info --json -r`, a manifest, a registration, or
    /// the list of `nix-store -qR`.
    ///
    /// # Errors
    /// Says what the text is instead, or what is wrong with it.
    pub fn add(&mut self, text: &[u8]) -> Result<(), String> {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let before = self.0.len();
        if let Some(what) = foreign::kind(text) {
            return Err(format!("this is {what}; expected {EXPECTED}"));
        }
        match text.trim_ascii_start().first() {
            None => return Err("the file is empty".to_owned()),
            Some(b'[' | b'{') => json::read(self, text)?,
            _ => self.lines(text)?,
        }
        if self.0.len() == before { Err("no store path found".to_owned()) } else { Ok(()) }
    }

    /// The record of a path, if it is in the closure.
    #[must_use]
    pub fn get(&self, path: &StorePath) -> Option<&Member> {
        self.0.get(path)
    }

    /// All paths, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (&StorePath, &Member)> {
        self.0.iter()
    }

    /// The number of paths.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no path.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The paths that refer to `path`, other than itself.
    pub fn referrers<'c>(&'c self, path: &'c StorePath) -> impl Iterator<Item = &'c StorePath> {
        let refers = move |other: &StorePath, member: &Member| other != path && member.references.contains(path);
        self.0.iter().filter(move |(other, member)| refers(other, member)).map(|(other, _)| other)
    }

    fn insert(&mut self, path: StorePath, member: Member) {
        self.0.insert(path, member);
    }

    /// A list of paths, or a registration.
    fn lines(&mut self, text: &[u8]) -> Result<(), String> {
        let lines = text.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
        let list: Option<Vec<StorePath>> = lines.clone().map(StorePath::from_path).collect();
        if let Some(list) = list {
            list.into_iter().for_each(|path| self.insert(path, Member::default()));
            return Ok(());
        }
        if lines.clone().next().and_then(StorePath::from_path).is_none() {
            return Err(format!("this is no list of store paths; expected {EXPECTED}"));
        }
        let Registration { paths, records, trouble } = Registration::read(text);
        if let Some(error) = trouble {
            return Err(error.to_string());
        }
        for (path, record) in paths.iter().zip(records) {
            let Some(record) = record else { continue };
            let reference = |index: &u32| paths.get(usize::try_from(*index).ok()?).cloned();
            let references = record.references.iter().filter_map(reference).collect();
            self.insert(path.clone(), Member { nar_hash: record.nar_hash, nar_size: record.nar_size, references });
        }
        Ok(())
    }
}

/// What [`Closure::add`] reads.
const EXPECTED: &str = "the output of nix path-info --json -r or nix-store -qR, a manifest, or a registration";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sha256;

    const PATH: &str = "/nix/store/g1nbmnqnx4gpnv32yprf4ql87ccg5035-f1";
    const BASE: &str = "g1nbmnqnx4gpnv32yprf4ql87ccg5035-f1";
    const OTHER: &str = "/nix/store/00000000000000000000000000000000-f2";
    const HASH: &str = "sha256:0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73";
    const SRI: &str = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

    fn closure(text: &str) -> Result<Closure, String> {
        let mut closure = Closure::default();
        closure.add(text.as_bytes()).map(|()| closure)
    }

    fn path(text: &str) -> StorePath {
        StorePath::from_path(text.as_bytes()).unwrap()
    }

    #[test]
    fn every_form_of_nix_and_lix_says_the_same() {
        let member =
            Member { nar_hash: sha256::parse(SRI), nar_size: Some(120), references: vec![path(PATH), path(OTHER)] };
        let hash = SRI.strip_prefix("sha256-").unwrap();
        let structured = format!(r#"{{"algorithm":"sha256","format":"base64","hash":"{hash}"}}"#);
        let base = OTHER.strip_prefix("/nix/store/").unwrap();
        for text in [
            // 2.3 to 2.18, and Lix: a list that includes invalid paths.
            format!(
                r#"[{{"path":"{PATH}","narHash":"{HASH}","narSize":120,"references":["{PATH}","{OTHER}"]}},{{"path":"{OTHER}","valid":false}}]"#
            ),
            // 2.19 and later: a map, with null for invalid paths.
            format!(
                r#"{{"{PATH}":{{"narHash":"{SRI}","narSize":120,"references":["{PATH}","{OTHER}"]}},"{OTHER}":null}}"#
            ),
            // 2.33: base names below `info`, structured hashes.
            format!(
                r#"{{"info":{{"{BASE}":{{"narHash":{structured},"narSize":120,"references":["{BASE}","{base}"],"storeDir":"/nix/store","version":2}},"{base}":null}},"storeDir":"/nix/store","version":2}}"#
            ),
        ] {
            let read = closure(&text).unwrap();
            assert_eq!(read.get(&path(PATH)), Some(&member), "{text}");
            assert_eq!(read.get(&path(OTHER)), Some(&Member::default()), "{text}");
            assert_eq!(read.referrers(&path(OTHER)).collect::<Vec<_>>(), [&path(PATH)], "{text}");
        }
    }

    #[test]
    fn lists_manifests_and_registrations_are_read() {
        let hashed = Member { nar_hash: sha256::parse(HASH), nar_size: Some(120), references: Vec::new() };
        let registration = closure(&format!("{PATH}\n{HASH}\n120\n\n0\n")).unwrap();
        let manifest = closure(&format!(
            r#"{{"schema":"nixoscope.manifest.v1","paths":[{{"path":"{PATH}","narHash":"{SRI}","narSize":120}}]}}"#
        ));
        assert_eq!((registration.get(&path(PATH)), manifest), (Some(&hashed), Ok(registration.clone())));
        for list in
            [format!("{PATH}\n{OTHER}\n"), format!("\u{feff}{OTHER}\r\n{PATH}\r\n"), format!(r#"["{PATH}","{OTHER}"]"#)]
        {
            let read = closure(&list).unwrap();
            assert_eq!((read.len(), read.get(&path(PATH))), (2, Some(&Member::default())), "{list}");
        }
    }

    #[test]
    fn a_file_of_another_kind_is_called_what_it_is() {
        let expected = format!("; expected {EXPECTED}");
        for (text, message) in [
            ("", "the file is empty".to_owned()),
            ("[]", "no store path found".to_owned()),
            ("[{}]", "an entry has no path".to_owned()),
            ("hello\n", format!("this is no list of store paths{expected}")),
            ("\x7fELF", format!("this is a program (ELF){expected}")),
            ("\x1f\u{8b}", format!("this is no list of store paths{expected}")),
            ("<!DOCTYPE html>", format!("this is an HTML or XML document{expected}")),
            ("Derive([(", format!("this is a derivation{expected}")),
            ("StorePath: /nix/store/x\n", format!("this is a narinfo file{expected}")),
            ("[image]\nmax-size = 1", format!("this is TOML, perhaps a policy{expected}")),
            ("{\"package\": [{\"name\": \"git\"}]}", format!("\"package\" is not a store path{expected}")),
            (r#"{"schema":"nixoscope.verify.v1"}"#, format!("this is a document of nixoscope verify{expected}")),
            (r#"{"bomFormat":"CycloneDX"}"#, format!("this is a bill of materials{expected}")),
        ] {
            assert_eq!(closure(text), Err(message), "{text}");
        }
        let derivations = format!(r#"{{"{PATH}.drv":{{"outputs":{{}},"env":{{}}}}}}"#);
        assert_eq!(closure(&derivations), Err(format!("this is the output of nix derivation show{expected}")));
        let sha512 = format!(r#"{{"{PATH}":{{"narHash":"sha512-AAAA"}}}}"#);
        assert_eq!(closure(&sha512), Err(format!("the narHash of {PATH} is not a SHA-256")));
        let damaged = format!("{PATH}\nno hash\n");
        assert_eq!(closure(&damaged), Err("registration at nix-path-registration:2: invalid hash".to_owned()));
    }
}
