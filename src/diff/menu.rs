//! Boot menus: entries and kernel parameters that were added or removed.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::change::{Change, Named, Value, changes, numbered};
use super::{Manifest, Pair};

/// Entries by file and title, with their parameters.
type Entries<'m> = BTreeMap<String, Vec<&'m str>>;

/// Compares the menus. Installers repeat each entry with other parameters, so each parameter is reported once, with the number of
/// entries that gained or lost it.
pub(super) fn compare(manifests: Pair<&Manifest>) -> Vec<Change> {
    let entries = manifests.map(entries);
    let titles = entries.as_ref().map(|entries| {
        let titles = entries.keys().map(|name| (name.clone(), Value::Text("entry".to_owned())));
        titles.collect::<Named>()
    });
    let mut all = changes(titles.as_ref());
    let mut params: BTreeMap<&str, Pair<usize>> = BTreeMap::new();
    let mut moved: Vec<Pair<&Vec<&str>>> = Vec::new();
    for (name, new) in &entries.new {
        let Some(old) = entries.old.get(name) else { continue };
        let pair = Pair { old, new };
        let only = Pair { old: surplus(old, new), new: surplus(new, old) };
        // The last `console=` gets the kernel's messages, so their order matters.
        if only.old.is_empty() && only.new.is_empty() && pair.differs() {
            moved.push(pair);
        }
        only.old.into_iter().for_each(|param| params.entry(param).or_default().old += 1);
        only.new.into_iter().for_each(|param| params.entry(param).or_default().new += 1);
    }
    let entries = |count: usize| (count > 0).then_some(Value::Entries(count));
    all.extend(
        params
            .into_iter()
            .map(|(param, counts)| Change { what: format!("parameter {param}"), values: counts.map(entries) }),
    );
    if let Some(first) = moved.first() {
        let what = match moved.len() {
            1 => "order of parameters in 1 entry".to_owned(),
            many => format!("order of parameters in {many} entries"),
        };
        all.push(Change { what, values: first.map(|params| Some(Value::Text(params.join(" ")))) });
    }
    all
}

/// Parameters that the first entry has more often than the second.
fn surplus<'p>(one: &[&'p str], other: &[&str]) -> BTreeSet<&'p str> {
    let mut times: HashMap<&str, usize> = HashMap::new();
    for param in other {
        *times.entry(param).or_default() += 1;
    }
    let mut surplus = BTreeSet::new();
    for param in one {
        match times.get_mut(param) {
            Some(left @ 1..) => *left -= 1,
            _ => {
                surplus.insert(*param);
            }
        }
    }
    surplus
}

/// Entries with the same title are distinguished by their order. Versions are removed from titles: they are reported with the systems.
fn entries(manifest: &Manifest) -> Entries<'_> {
    let systems = manifest.systems.iter();
    let versions: BTreeSet<&String> = systems.flat_map(|system| system.version.iter().chain(&system.kernel)).collect();
    let without_versions = |title: &str| {
        // From the longest on, so that no version hides a part of another.
        let versions = versions.iter().rev().filter(|version| !version.is_empty());
        versions.fold(title.to_owned(), |title, version| title.replace(version.as_str(), "…"))
    };
    numbered(manifest.menu.iter().map(|item| {
        let params = item.params.iter().map(String::as_str).collect();
        (format!("{} {:?}", item.file, without_versions(&item.title)), params)
    }))
}
