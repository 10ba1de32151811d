//! One page for people.

use std::io::{self, Write};

use super::super::count::counted;
use super::super::style::STRONG;
use super::super::{escape, size, table};
use super::access::{accepted, logins};
use super::boot::{Partition, boot_images, parameters, partitions};
use super::lead::Lead;
use super::names;
use crate::nixos::access::{Account, Finding, FindingId};
use crate::nixos::menu::MenuEntry;
use crate::nixos::{self, Description, Form, Summary};

/// Menu entries, and users who get in, that the page shows. The others are counted.
const SHOWN: usize = 12;

/// One page for people.
///
/// # Errors
/// What the writer meets.
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
        let kind = match summary.form {
            Form::Iso9660 => "ISO 9660 image",
            Form::Squashfs => "squashfs image",
            Form::Disk => "disk image",
            Form::Directory => "directory",
        };
        writeln!(self.out, "{STRONG}{}{STRONG:#}", escape(summary.path.as_bytes()))?;
        for (name, value) in Lead::of(summary).lines() {
            self.line(name, &value)?;
        }
        self.heading("Image")?;
        match summary.form {
            Form::Directory => self.line("kind", kind)?,
            _ => self.line("kind", &format!("{kind}, {}", size::format(summary.bytes)))?,
        }
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
        let packages = counted(store.installed, "package");
        self.line("installed", &format!("{packages} in the default system's path"))
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
        let others = summary.systems.iter().filter(|(system, _)| system.present).count() > 1;
        self.heading(if others { "Access to the default system (access shows all)" } else { "Access" })?;
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
        self.line("files", &summary.modes.as_deref().map(modes).unwrap_or_default())?;
        let mut keys = accepted(access).peekable();
        if keys.peek().is_none() {
            return self.line("keys", "sshd accepts no key");
        }
        keys.try_for_each(|(user, granted)| {
            let conditions = granted.answer.phrases().join("; ");
            let conditions = if conditions.is_empty() { conditions } else { format!(" ({conditions})") };
            let line = &granted.key.line;
            self.line("key", &format!("{user}: {} {}{conditions}", line.key, line.comment))
        })
    }
}

/// How many findings about modes there are of each kind.
fn modes(findings: &[Finding]) -> String {
    let kinds = [
        (FindingId::SetuidFile, "setuid or setgid"),
        (FindingId::CapableFile, "with capabilities"),
        (FindingId::WorldWritable, "writable by everyone"),
        (FindingId::NotOwnedByRoot, "not owned by root"),
    ];
    let found = kinds.into_iter().filter(|(id, _)| findings.iter().any(|finding| finding.id == *id));
    let found: Vec<&str> = found.map(|(_, what)| what).collect();
    match found.is_empty() {
        true => "none is setuid, has capabilities, is writable by everyone or has another owner than root".to_owned(),
        false => format!("some are {} (access shows them)", found.join(", ")),
    }
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
