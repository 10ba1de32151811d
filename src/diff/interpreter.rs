//! Packages for an interpreter, whose version nixpkgs writes into their names: `python3.12-numpy`, `perl5.40.0-URI`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Pair;
use crate::store::version::compare_releases;

/// Interpreters whose packages are named after them.
const INTERPRETERS: [&str; 9] = ["coq", "lua", "luajit", "ocaml", "octave", "perl", "pypy", "python", "ruby"];

/// A package name without the version of its interpreter.
type Family<'n> = (&'n str, &'n str);

/// The old name of each new name that differs from it only in the interpreter's version. A name that both images have stays; the
/// others are paired in the order of their interpreters.
pub(super) fn successors<'n>(names: Pair<impl Iterator<Item = &'n str>>) -> HashMap<&'n str, &'n str> {
    let names = names.map(BTreeSet::from_iter);
    let only = Pair {
        old: families(names.old.difference(&names.new).copied()),
        new: families(names.new.difference(&names.old).copied()),
    };
    let pairs = only.new.iter().filter_map(|(family, new)| Some((new, only.old.get(family)?)));
    pairs.flat_map(|(new, old)| new.iter().copied().zip(old.iter().copied())).collect()
}

/// Names by family, each in the order of their interpreters.
fn families<'n>(names: impl Iterator<Item = &'n str>) -> BTreeMap<Family<'n>, Vec<&'n str>> {
    let mut families: BTreeMap<_, Vec<&str>> = BTreeMap::new();
    for name in names {
        if let Some(family) = family(name) {
            families.entry(family).or_default().push(name);
        }
    }
    families.values_mut().for_each(|names| names.sort_by(|one, other| compare_releases(one, other)));
    families
}

fn family(name: &str) -> Option<Family<'_>> {
    let (interpreter, package) = name.split_once('-')?;
    let language = interpreter.trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == '.');
    (language.len() < interpreter.len() && INTERPRETERS.contains(&language)).then_some((language, package))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_a_package_for_every_version_of_its_interpreter() {
        for (name, expected) in [
            ("python3.12-numpy", Some(("python", "numpy"))),
            ("perl5.40.0-URI", Some(("perl", "URI"))),
            ("lua5.2-luasocket", Some(("lua", "luasocket"))),
            ("python3", None),
            ("python-numpy", None),
            ("gtk3-x", None),
        ] {
            assert_eq!(family(name), expected, "{name}");
        }
    }
}
