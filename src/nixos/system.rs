//! The NixOS systems of an image. Each is a store path made by `system.build.toplevel`.

use serde_json::Value;

use super::Root;
use super::menu::{Loader, MenuEntry};
use crate::error::{Error, Place, Result};
use crate::fs::path::{self, join};
use crate::fs::{FileType, Kind, Listings, Tree};
use crate::store::{STORE, StorePath, name::Name};

/// Limit for systems. Four specialisations are many.
const MOST_SYSTEMS: usize = 1000;

/// A system in the image, or one that its menus can boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct System {
    /// The toplevel.
    pub path: StorePath,
    /// The title of its first menu entry. `None` if no menu names it.
    pub title: Option<String>,
    /// Whether the first menu boots this system if nobody chooses.
    pub default: bool,
    /// The loaders whose menus start it if nobody chooses.
    pub default_of: Vec<Loader>,
    /// Whether a menu entry starts it.
    pub offered: bool,
    /// Its name as a specialisation of another system in the image.
    pub specialisation: Option<String>,
    /// Whether the toplevel is in the store. A menu may name one that is missing.
    pub present: bool,
}

/// How a toplevel describes itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// The label in its bootspec, for boot menus. `None` before 22.11.
    pub label: Option<String>,
    /// NixOS's version, `25.11.1234.abcdef`. `None` before 2012.
    pub version: Option<String>,
    /// The platform, `x86_64-linux`. `None` before 2014.
    pub system: Option<String>,
    /// The kernel's version, `6.12.57`.
    pub kernel: Option<String>,
}

impl System {
    /// Its name as a specialisation, `default`, or the base name of its store path.
    #[must_use]
    pub fn name(&self) -> &str {
        match &self.specialisation {
            Some(name) => name,
            None if self.default => "default",
            None => self.path.base(),
        }
    }

    /// Whether that name refers to this system.
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        self.name() == name || self.path.base() == name || self.default && name == "default"
    }

    /// Whether a menu starts it if nobody chooses.
    #[must_use]
    pub fn boots_by_default(&self) -> bool {
        self.default || !self.default_of.is_empty()
    }

    /// Reads how the toplevel describes itself. Unlike finding a system, this reads files.
    ///
    /// # Errors
    /// If the toplevel exists but cannot be read.
    pub fn describe(&self, tree: &dyn Tree) -> Result<Description> {
        let root = Root::new(tree, self.path.to_string());
        let spec = text(&root, "boot.json")?;
        Ok(Description {
            label: spec.as_deref().and_then(label),
            version: self.version(tree)?,
            system: text(&root, "system")?,
            kernel: self.kernel(tree)?,
        })
    }

    /// NixOS's own version text, as [`Description::version`].
    ///
    /// # Errors
    /// If it exists but cannot be read.
    pub fn version(&self, tree: &dyn Tree) -> Result<Option<String>> {
        text(&Root::new(tree, self.path.to_string()), "nixos-version")
    }

    /// The kernel's version, from the name of its store path.
    ///
    /// # Errors
    /// If the link to it cannot be read.
    pub fn kernel(&self, tree: &dyn Tree) -> Result<Option<String>> {
        let Some(found) = path::find(tree, format!("{}/kernel", self.path).as_bytes())? else { return Ok(None) };
        let Some((path, _)) = StorePath::containing(&found.path) else { return Ok(None) };
        Ok(Some(Name::parse(path.name()).version.to_owned()).filter(|version| !version.is_empty()))
    }
}

/// Finds the systems: those of the menus, with their specialisations. If the menus name no system, that of the first of
/// `profiles` that leads to one, or else those in the store. The
/// default system is the first; the others follow in the order of the menus.
///
/// # Errors
/// If a toplevel exists but cannot be read.
pub(super) fn find(tree: &dyn Tree, (menu, profiles): (&[MenuEntry], &[String])) -> Result<Vec<System>> {
    let mut systems: Vec<System> = Vec::new();
    let chosen = menu.iter().filter(|entry| entry.default).chain(menu);
    // The system that each loader starts if nobody chooses.
    let mut defaults: Vec<(Loader, StorePath)> = Vec::new();
    for entry in chosen {
        if let Some(path) = toplevel(tree, entry)? {
            add(tree, &mut systems, path.clone(), Some(&entry.title))?;
            // Default entries come first. Without one, loaders start their first entry.
            if defaults.iter().all(|(loader, ..)| *loader != entry.loader) {
                defaults.push((entry.loader, path));
            }
        }
    }
    for (loader, path) in defaults {
        let system = systems.iter_mut().find(|system| system.path == path);
        system.into_iter().for_each(|system| system.default_of.push(loader));
    }
    let named = !systems.is_empty();
    if !named {
        let found = match of_profile(tree, profiles)? {
            Some(path) => vec![path],
            None => in_store(tree)?,
        };
        for path in found {
            add(tree, &mut systems, path, None)?;
        }
    }
    specialisations(tree, &mut systems)?;
    // The default of a menu comes first, even if it is not in the store. Without a menu order, the system that others
    // specialise comes first.
    let first = systems.iter().position(|system| named || system.specialisation.is_none());
    if let Some(first) = first {
        let mut default = systems.remove(first);
        default.default = true;
        systems.insert(0, default);
    }
    Ok(systems)
}

/// The system that the first of the links leads to.
fn of_profile(tree: &dyn Tree, profiles: &[String]) -> Result<Option<StorePath>> {
    for profile in profiles {
        if let Some(found) = path::find(tree, profile.as_bytes())?
            && let Some(path) = StorePath::from_path(&found.path)
        {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// Adds the systems that are only in the store, and names the specialisations again.
///
/// # Errors
/// As [`find`].
pub(super) fn add_hidden(tree: &dyn Tree, systems: &mut Vec<System>) -> Result<()> {
    for path in in_store(tree)? {
        add(tree, systems, path, None)?;
    }
    specialisations(tree, systems)
}

/// Every toplevel in the store. The contents identify it, since the bundled channel has a similar name.
///
/// # Errors
/// If the store's directory cannot be read.
pub(super) fn in_store(tree: &dyn Tree) -> Result<Vec<StorePath>> {
    let Some(store) = path::find(tree, STORE.as_bytes())? else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    // Each listing is read once. Only malicious images let two store paths share entries.
    let mut seen = Listings::default();
    for entry in tree.entries(store.id)? {
        let (FileType::Directory, Some(path)) = (entry.file_type, StorePath::from_base(&entry.name)) else { continue };
        if !seen.insert(tree.listing(entry.id)?) {
            continue;
        }
        let has = |name: &[u8]| Ok::<_, Error>(tree.lookup(entry.id, name)?.is_some());
        if has(b"init")? && has(b"sw")? && (has(b"nixos-version")? || has(b"activate")?) {
            found.push(path);
        }
    }
    Ok(found)
}

/// The system that a menu entry names. It may be missing from the store.
///
/// # Errors
/// If a link that leads to it cannot be read.
pub fn toplevel(tree: &dyn Tree, entry: &MenuEntry) -> Result<Option<StorePath>> {
    // Until 2010, `init=` was a script that all systems shared.
    let config = entry.params.iter().find_map(|word| word.strip_prefix("systemConfig="));
    let Some(target) = config.or(entry.init.as_deref()) else { return Ok(None) };
    let target = target.strip_suffix("/init").filter(|rest| !rest.is_empty()).unwrap_or(target);
    if let Some(path) = StorePath::from_path(target.as_bytes()) {
        return Ok(Some(path));
    }
    // Until 2011, a link on the disc led to the toplevel.
    let link = if target == "/init" { "/system" } else { target };
    let found = match path::resolve_link(tree, link.as_bytes()) {
        Ok(found) => found,
        Err(Error::NotFound { .. } | Error::WrongType { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(match tree.node(found.id)?.kind {
        Kind::Symlink { target } => StorePath::from_path(&target),
        _ => None,
    })
}

fn add(tree: &dyn Tree, systems: &mut Vec<System>, path: StorePath, title: Option<&str>) -> Result<()> {
    if systems.iter().any(|system| system.path == path) {
        return Ok(());
    }
    if systems.len() == MOST_SYSTEMS {
        return Err(Error::Limit { what: "1,000 systems", place: Place::File(path.to_string().into_bytes()) });
    }
    let present = path::find(tree, path.to_string().as_bytes())?.is_some();
    systems.push(System {
        path,
        title: title.map(str::to_owned),
        default: false,
        default_of: Vec::new(),
        offered: title.is_some(),
        specialisation: None,
        present,
    });
    Ok(())
}

/// The label of a bootspec (RFC 125), or of its preview in 22.11.
fn label(text: &str) -> Option<String> {
    let document: Value = serde_json::from_str(text).ok()?;
    let spec = document.get("org.nixos.bootspec.v1").or(document.get("v1"))?;
    Some(spec.get("label")?.as_str()?.to_owned())
}

fn text(root: &Root<'_>, name: &str) -> Result<Option<String>> {
    Ok(root.text(&root.own(name))?.map(|text| text.trim_end().to_owned()))
}

/// Names the specialisations, and adds those that no menu names.
fn specialisations(tree: &dyn Tree, systems: &mut Vec<System>) -> Result<()> {
    let mut next = 0;
    while let Some(parent) = systems.get(next) {
        let root = parent.path.to_string().into_bytes();
        next += 1;
        // `fine-tune` until 19.09.
        for directory in [&b"specialisation"[..], b"fine-tune"] {
            let directory = join(&root, directory);
            let Some(found) = path::find(tree, &directory)? else { continue };
            for entry in tree.entries(found.id)? {
                let Kind::Symlink { target } = tree.node(entry.id)?.kind else { continue };
                let Some(child) = StorePath::from_path(&target) else { continue };
                add(tree, systems, child.clone(), None)?;
                let name = String::from_utf8_lossy(&entry.name).into_owned();
                if let Some(system) = systems.iter_mut().find(|system| system.path == child) {
                    system.specialisation = Some(name);
                }
            }
        }
    }
    Ok(())
}
