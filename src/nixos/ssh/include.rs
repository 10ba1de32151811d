//! The files that an `Include` names (sshd_config(5), glob(7)).

use super::pattern::globs;
use crate::error::{Error, Place, Result};
use crate::nixos::Root;

/// Limit for the paths that a pattern matches, intermediate ones included.
const MOST_PATHS: usize = 1_000;

/// Suffixes of the files beside a file of `etc` that say how to copy it. They are not in `/etc` itself.
const SIDECARS: [&str; 3] = [".mode", ".uid", ".gid"];

/// The files that an `Include` leads to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Included {
    /// The files that exist, links resolved, in the order of their names.
    pub(super) files: Vec<Vec<u8>>,
    /// The file that is not in the image but may exist on the running system.
    pub(super) missing: Option<String>,
}

/// Expands a pattern. A relative one starts at `/etc/ssh`.
pub(super) fn find(root: &Root<'_>, pattern: &str, place: &Place) -> Result<Included> {
    let pattern = if pattern.starts_with('/') { pattern.to_owned() } else { format!("/etc/ssh/{pattern}") };
    let mut paths = vec![String::new()];
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        if is_plain(part) {
            paths.iter_mut().for_each(|path| *path = format!("{path}/{part}"));
            continue;
        }
        let mut further = Vec::new();
        for path in &paths {
            let names = root.entries(path)?.into_iter().map(|entry| String::from_utf8_lossy(&entry.name).into_owned());
            let names: Vec<String> = names.collect();
            let is_sidecar = |name: &String| {
                SIDECARS
                    .iter()
                    .any(|suffix| name.strip_suffix(suffix).is_some_and(|of| names.iter().any(|name| name == of)))
            };
            let fit = names.iter().filter(|name| globs(part, name) && !is_sidecar(name));
            further.extend(fit.map(|name| format!("{path}/{name}")));
        }
        if further.len() > MOST_PATHS {
            return Err(Error::Limit { what: "1,000 paths of an Include", place: place.clone() });
        }
        paths = further;
    }
    let mut included = Included::default();
    for path in paths {
        match root.find(&path)? {
            Some(found) => included.files.push(found.path),
            // The image has all of `/etc`. Other directories may be filled at boot.
            None if is_plain(&pattern) && !path.starts_with("/etc/") => included.missing = Some(path),
            None => {}
        }
    }
    Ok(included)
}

fn is_plain(part: &str) -> bool {
    !part.contains(['*', '?', '['])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nixos::made::Made;

    #[test]
    fn a_pattern_leads_to_files_in_order_without_what_is_only_in_the_store() {
        let tree = Made::of(&[
            ("/s/etc/ssh/b.d/10-a.conf", ""),
            ("/s/etc/ssh/b.d/10-a.conf.mode", "0444\n"),
            ("/s/etc/ssh/b.d/20-b.conf", ""),
            ("/s/etc/ssh/b.d/x.mode", ""),
            ("/s/etc/ssh/c.d/.hidden", ""),
        ]);
        let root = tree.system();
        for (pattern, files, missing) in [
            ("b.d/*.conf", &["b.d/10-a.conf", "b.d/20-b.conf"][..], None),
            ("/etc/ssh/b.d/*", &["b.d/10-a.conf", "b.d/20-b.conf", "b.d/x.mode"], None),
            ("/etc/ssh/?.d/[1][!0-4]*", &[], None),
            ("/etc/*/[a-b].d/[12]0-b.conf", &["b.d/20-b.conf"], None),
            ("c.d/*", &[], None),
            ("b.d/20-b.conf", &["b.d/20-b.conf"], None),
            ("absent", &[], None),
            ("/run/secrets/sshd", &[], Some("/run/secrets/sshd")),
            ("/run/secrets/*", &[], None),
        ] {
            let found = find(&root, pattern, &Place::File(Vec::new())).unwrap();
            let expected: Vec<Vec<u8>> = files.iter().map(|file| format!("/s/etc/ssh/{file}").into_bytes()).collect();
            assert_eq!((found.files, found.missing.as_deref()), (expected, missing), "{pattern}");
        }
    }
}
