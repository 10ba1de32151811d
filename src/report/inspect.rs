//! `inspect`: one page, or one document.

use std::borrow::Cow;
use std::io::{self, Write};

use serde::Serialize;

use super::document::{self, Messages};
use super::files::text;
use super::style::STRONG;
#[cfg(feature = "cli")]
use super::table;
use super::{escape, size};
use crate::error::Troubles;
use crate::fs::iso9660::{self, Extension, PartitionKind};
use crate::nixos::access::{Account, People, Way};
use crate::nixos::menu::MenuEntry;
use crate::nixos::ssh::AuthorizedKey;
use crate::nixos::{self, BootFacts, Description, Summary, kernel_line};

/// Menu entries, and users who get in, that the page shows. The others are counted.
const SHOWN: usize = 12;

/// One page for people.
///
/// # Errors
/// What the writer meets.
#[cfg(feature = "cli")]
pub fn page(out: &mut dyn Write, summary: &Summary, width: Option<u16>) -> io::Result<()> {
    let mut page = Page { out, width };
    page.image(summary)?;
    page.store(summary)?;
    page.systems(summary)?;
    page.boot(summary)?;
    page.menu(summary)?;
    page.access(summary)
}

struct Page<'o> {
    out: &'o mut dyn Write,
    width: Option<u16>,
}

impl Page<'_> {
    fn heading(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "\n{STRONG}{text}{STRONG:#}")
    }

    fn line(&mut self, name: &str, value: &str) -> io::Result<()> {
        if value.is_empty() { Ok(()) } else { writeln!(self.out, "  {name:<12} {}", escape(value.as_bytes())) }
    }

    fn image(&mut self, summary: &Summary) -> io::Result<()> {
        let kind = if summary.volume.is_some() { "ISO 9660 image" } else { "squashfs image" };
        writeln!(self.out, "{STRONG}{}{STRONG:#}", escape(summary.path.as_bytes()))?;
        self.line("kind", &format!("{kind}, {}", size::format(summary.bytes)))?;
        let Some(volume) = &summary.volume else { return Ok(()) };
        self.line("volume", &volume.id)?;
        let stated = u64::from(volume.blocks) * u64::from(volume.block_size);
        if stated > summary.bytes {
            self.line("CUT OFF", &format!("the volume has {stated} bytes, the image {}", summary.bytes))?;
        }
        self.line("extensions", &names(&volume.extensions).join(", "))?;
        self.line("created", &volume.created.map(|date| date.to_string()).unwrap_or_default())?;
        self.line("publisher", &volume.publisher)?;
        self.line("application", &volume.application)?;
        self.line("preparer", &volume.preparer)
    }

    fn store(&mut self, summary: &Summary) -> io::Result<()> {
        let Some(store) = &summary.store else { return self.line("store", "none") };
        self.heading("Store")?;
        let place =
            store.path.as_deref().map(|path| escape(path).into_owned()).unwrap_or_else(|| "the whole image".to_owned());
        let packed = match (&store.compression, store.block_size, store.bytes) {
            (Some(compression), Some(block), Some(bytes)) => {
                format!(", {compression}, blocks of {}, {}", size::format(u64::from(block)), size::format(bytes))
            }
            _ => String::new(),
        };
        self.line("place", &format!("{place} ({}{packed})", store.kind))?;
        let unpacked = store.nar_size.map(|bytes| format!(", {} unpacked", size::format(bytes))).unwrap_or_default();
        self.line("store paths", &format!("{}, {} registered{unpacked}", store.paths, store.registered))?;
        self.line("installed", &format!("{} packages in the default system's path", store.installed))
    }

    fn systems(&mut self, summary: &Summary) -> io::Result<()> {
        self.heading("Systems")?;
        if summary.systems.is_empty() {
            return writeln!(self.out, "  none");
        }
        for (system, description) in &summary.systems {
            let default = default_of(system, &summary.systems);
            let role = match (&system.specialisation, default) {
                (Some(name), Some(default)) => format!("specialisation {name}, {default}"),
                (Some(name), None) => format!("specialisation {name}"),
                (None, Some(default)) => default,
                (None, None) => "not the default".to_owned(),
            };
            let missing = if system.present { "" } else { " — MISSING from the store" };
            let label = description.label.as_ref().or(system.title.as_ref());
            // A label contains the version; the title of a menu entry may not.
            let version =
                description.version.as_ref().filter(|version| label.is_none_or(|label| !label.contains(*version)));
            let facts = [label, version, description.system.as_ref()].into_iter().flatten();
            let facts: Vec<&str> = facts.map(String::as_str).collect();
            let kernel = description.kernel.as_ref().map(|kernel| format!(", kernel {kernel}")).unwrap_or_default();
            writeln!(self.out, "  {}{missing}", system.path)?;
            writeln!(self.out, "    {role}: {}{}", escape(facts.join(", ").as_bytes()), escape(kernel.as_bytes()))?;
        }
        Ok(())
    }

    fn boot(&mut self, summary: &Summary) -> io::Result<()> {
        if summary.boot_images.is_empty() && summary.partitions.is_empty() {
            return Ok(());
        }
        self.heading("Boot")?;
        for image in boot_images(summary) {
            let path = image.path.as_deref().unwrap_or("no file of the disc");
            let emulation = if image.emulation == "none" { "no" } else { &image.emulation };
            self.line(
                "El Torito",
                &format!("{}, {emulation} emulation, {}, {path}", image.platform, size::format(image.bytes)),
            )?;
        }
        for partition in partitions(summary) {
            let Partition { scheme, index, kind, start, bytes } = partition;
            self.line(scheme, &format!("{index}: {kind}, {} at offset {start}", size::format(bytes)))?;
        }
        Ok(())
    }

    #[cfg(feature = "cli")]
    fn menu(&mut self, summary: &Summary) -> io::Result<()> {
        if summary.menu.is_empty() {
            return Ok(());
        }
        self.heading("Menu")?;
        // The top menus show what the disc offers; submenus repeat it with other parameters.
        let (top, below): (Vec<&MenuEntry>, Vec<&MenuEntry>) =
            summary.menu.iter().partition(|entry| entry.submenus.is_empty());
        let mut table = table::new(&["", "FILE", "TITLE", "KERNEL PARAMETERS"], self.width);
        for entry in top.iter().take(SHOWN) {
            let mark = if entry.default { "*" } else { "" };
            table.add_row([
                mark,
                &escape(&entry.file),
                &escape(entry.title.as_bytes()),
                &escape(parameters(entry).join(" ").as_bytes()),
            ]);
        }
        table::write(self.out, table)?;
        match top.len().saturating_sub(SHOWN) + below.len() {
            0 => Ok(()),
            more => writeln!(self.out, "and {more} more in submenus; * starts by default"),
        }
    }

    fn access(&mut self, summary: &Summary) -> io::Result<()> {
        let Some(access) = &summary.access else { return Ok(()) };
        self.heading("Access")?;
        let sshd = match (&access.sshd.unit, access.sshd.starts) {
            (None, _) => "not in the default system",
            (Some(_), true) => "starts at boot",
            (Some(_), false) => "there, but nothing starts it at boot",
        };
        self.line("sshd", sshd)?;
        let logins: Vec<&Account> = logins(access).collect();
        for account in logins.iter().take(SHOWN) {
            self.line("login", &format!("{}: {}", account.user.name, account.sentence()))?;
        }
        match logins.len().checked_sub(SHOWN) {
            _ if logins.is_empty() && access.users_known => self.line("login", "nobody can log in")?,
            None | Some(0) => {}
            Some(more) => self.line("", &format!("and {more} more, see access"))?,
        }
        let mut keys = accepted(access).peekable();
        if keys.peek().is_none() {
            return self.line("keys", "sshd accepts no key");
        }
        keys.try_for_each(|(user, key)| self.line("key", &format!("{user}: {} {}", key.line.key, key.line.comment)))
    }
}

/// An entry's kernel parameters, without passwords.
fn parameters(entry: &MenuEntry) -> Vec<Cow<'_, str>> {
    entry.params.iter().map(|parameter| kernel_line::public(parameter)).collect()
}

/// Writes the JSON document of `inspect`.
///
/// # Errors
/// What the writer meets.
pub fn json(out: &mut dyn Write, summary: &Summary, troubles: &Troubles) -> serde_json::Result<()> {
    let document = Document {
        schema: "nixoscope.inspect.v1",
        image: Image {
            path: &summary.path,
            bytes: summary.bytes,
            kind: if summary.volume.is_some() { "iso9660" } else { "squashfs" },
        },
        volume: summary.volume.as_ref().map(|volume| Volume {
            id: &volume.id,
            system: &volume.system,
            publisher: &volume.publisher,
            application: &volume.application,
            preparer: &volume.preparer,
            created: volume.created.map(|date| date.to_string()),
            blocks: volume.blocks,
            block_size: volume.block_size,
            extensions: names(&volume.extensions),
        }),
        boot: Boot {
            el_torito: boot_images(summary),
            partitions: partitions(summary),
            menu: summary
                .menu
                .iter()
                .map(|entry| Menu {
                    title: &entry.title,
                    submenus: entry.submenus.iter().map(|name| &**name).collect(),
                    file: text(&entry.file),
                    linux: entry.linux.as_deref(),
                    initrd: entry.initrd.as_deref(),
                    init: entry.init.as_deref(),
                    params: parameters(entry),
                    default: entry.default,
                })
                .collect(),
        },
        store: summary.store.as_ref().map(|store| Store {
            kind: store.kind,
            path: store.path.as_deref().map(text),
            compression: store.compression.as_deref(),
            block_size: store.block_size,
            bytes: store.bytes,
            paths: store.paths,
            nar_size: store.nar_size,
            registered: store.registered,
        }),
        systems: summary
            .systems
            .iter()
            .map(|(system, description)| System {
                path: system.path.to_string(),
                label: description.label.as_deref().or(system.title.as_deref()),
                version: description.version.as_deref(),
                system: description.system.as_deref(),
                kernel: description.kernel.as_deref(),
                default: system.default,
                default_of: system.default_of.iter().map(|loader| loader.name()).collect(),
                specialisation: system.specialisation.as_deref(),
                present: system.present,
            })
            .collect(),
        access: summary.access.as_ref().map(|access| Access {
            sshd_enabled: access.sshd.unit.is_some(),
            sshd_starts_at_boot: access.sshd.starts,
            logins: logins(access).map(Login::of).collect(),
            keys: accepted(access).map(Key::of).collect(),
        }),
        troubles: Messages(troubles),
    };
    document::line(out, &document)
}

/// Whether a system boots when nobody chooses, and by which menus if they differ.
fn default_of(system: &nixos::System, all: &[(nixos::System, Description)]) -> Option<String> {
    let differ = all.iter().filter(|(system, _)| !system.default_of.is_empty()).nth(1).is_some();
    let menus: Vec<&str> = system.default_of.iter().map(|loader| loader.menu()).collect();
    match (differ, menus.is_empty()) {
        (true, false) => Some(format!("default of {}", menus.join(" and "))),
        (true, true) => None,
        (false, _) => system.default.then(|| "default".to_owned()),
    }
}

/// The accounts that get in, or may.
fn logins(people: &People) -> impl Iterator<Item = &Account> {
    people.accounts.iter().filter(|account| !account.ways().is_empty() || account.is_unsure())
}

/// The keys that sshd accepts, each with its user.
fn accepted(people: &People) -> impl Iterator<Item = (&str, &AuthorizedKey)> {
    people.accounts.iter().flat_map(|account| {
        let keys = account.ssh.keys.iter().filter(|granted| granted.answer.opens());
        keys.map(|granted| (account.user.name.as_str(), &granted.key))
    })
}

fn names(extensions: &[Extension]) -> Vec<String> {
    extensions.iter().map(Extension::to_string).collect()
}

fn boot_images(summary: &Summary) -> Vec<BootImage> {
    let shown = |facts: &BootFacts| BootImage {
        platform: facts.image.platform.to_string(),
        emulation: facts.image.emulation.to_string(),
        path: facts.path.as_deref().map(text),
        bytes: facts.bytes,
    };
    summary.boot_images.iter().map(shown).collect()
}

fn partitions(summary: &Summary) -> Vec<Partition> {
    let shown = |partition: &iso9660::Partition| Partition {
        scheme: match partition.kind {
            PartitionKind::Mbr(_) => "mbr",
            PartitionKind::Gpt(_) => "gpt",
        },
        index: partition.index,
        kind: partition.kind.to_string(),
        start: partition.start,
        bytes: partition.length,
    };
    summary.partitions.iter().map(shown).collect()
}

#[derive(Serialize)]
struct Document<'s> {
    schema: &'static str,
    image: Image<'s>,
    volume: Option<Volume<'s>>,
    boot: Boot<'s>,
    store: Option<Store<'s>>,
    systems: Vec<System<'s>>,
    access: Option<Access<'s>>,
    troubles: Messages<'s>,
}

#[derive(Serialize)]
struct Image<'s> {
    path: &'s str,
    bytes: u64,
    kind: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Volume<'s> {
    id: &'s str,
    system: &'s str,
    publisher: &'s str,
    application: &'s str,
    preparer: &'s str,
    created: Option<String>,
    blocks: u32,
    block_size: u16,
    extensions: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Boot<'s> {
    el_torito: Vec<BootImage>,
    partitions: Vec<Partition>,
    menu: Vec<Menu<'s>>,
}

#[derive(Serialize)]
struct BootImage {
    platform: String,
    emulation: String,
    path: Option<String>,
    bytes: u64,
}

#[derive(Serialize)]
struct Partition {
    scheme: &'static str,
    index: u32,
    kind: String,
    start: u64,
    bytes: u64,
}

#[derive(Serialize)]
struct Menu<'s> {
    title: &'s str,
    submenus: Vec<&'s str>,
    file: String,
    linux: Option<&'s str>,
    initrd: Option<&'s str>,
    init: Option<&'s str>,
    params: Vec<Cow<'s, str>>,
    default: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Store<'s> {
    kind: &'static str,
    path: Option<String>,
    compression: Option<&'s str>,
    block_size: Option<u32>,
    bytes: Option<u64>,
    paths: usize,
    nar_size: Option<u64>,
    registered: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct System<'s> {
    path: String,
    label: Option<&'s str>,
    version: Option<&'s str>,
    system: Option<&'s str>,
    kernel: Option<&'s str>,
    default: bool,
    default_of: Vec<&'static str>,
    specialisation: Option<&'s str>,
    present: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Access<'s> {
    sshd_enabled: bool,
    sshd_starts_at_boot: bool,
    logins: Vec<Login<'s>>,
    keys: Vec<Key<'s>>,
}

/// A user who gets in.
#[derive(Serialize)]
struct Login<'s> {
    user: &'s str,
    password: &'static str,
    ways: Vec<&'static str>,
    sentence: String,
}

impl<'s> Login<'s> {
    fn of(account: &'s Account) -> Self {
        Self {
            user: &account.user.name,
            password: account.user.password.state.name(),
            ways: account.ways().into_iter().map(Way::name).collect(),
            sentence: account.sentence(),
        }
    }
}

#[derive(Serialize)]
struct Key<'s> {
    user: &'s str,
    r#type: &'s str,
    bits: Option<usize>,
    fingerprint: String,
    comment: &'s str,
    source: String,
    line: u64,
}

impl<'s> Key<'s> {
    fn of((user, key): (&'s str, &'s AuthorizedKey)) -> Self {
        Self {
            user,
            r#type: &key.line.key.kind,
            bits: key.line.key.bits(),
            fingerprint: key.line.key.fingerprint(),
            comment: &key.line.comment,
            source: text(&key.file),
            line: key.number,
        }
    }
}
