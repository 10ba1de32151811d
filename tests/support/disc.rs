//! A small disc made by a test: ISO 9660 with Rock Ridge, and a store in its own tree.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Bytes of a logical sector.
const SECTOR: usize = 2048;

/// The sector of the primary volume descriptor, and the first one of directories.
const DESCRIPTOR: usize = 16;
const FIRST: usize = 20;

/// The digest of the default system's store path.
pub(crate) const SYSTEM: &str = "11111111111111111111111111111111-nixos-system-case-25.11";

/// What is at a path.
enum Content {
    Directory,
    File(Vec<u8>, u32),
    Link(String),
    /// The entries or the bytes of another path.
    Alias(String),
    /// A file whose record has this continuation area.
    Continued(Vec<u8>),
}

/// The content at each path, by the directory that it is in.
type Children<'d> = BTreeMap<&'d str, Vec<(&'d str, &'d Content)>>;

/// A disc while it is made.
pub(crate) struct Disc {
    nodes: BTreeMap<String, Content>,
}

impl Disc {
    /// A disc with nothing on it.
    pub(crate) fn new() -> Self {
        Self { nodes: BTreeMap::from([(String::new(), Content::Directory)]) }
    }

    /// A disc with one system that both menus start: root and nixos are locked, and sshd starts with keys alone.
    pub(crate) fn with_system() -> Self {
        let entry = format!("init=/nix/store/{SYSTEM}/init quiet");
        Self::new()
            .file("/boot/bzImage", "")
            .file("/boot/initrd", "")
            .file(
                "/isolinux/isolinux.cfg",
                &format!("DEFAULT case\nLABEL case\n LINUX /boot/bzImage\n APPEND {entry}\n INITRD /boot/initrd\n"),
            )
            .file(
                "/EFI/BOOT/grub.cfg",
                &format!("menuentry 'Case' {{\n linux /boot/bzImage {entry}\n initrd /boot/initrd\n}}\n"),
            )
            .system("nixos-version", "25.11.1234.abcdef")
            .system("init", "")
            .system("activate", "#!/bin/sh\n")
            .etc("passwd", "root:x:0:0::/root:/bin/sh\nnixos:x:1000:100::/home/nixos:/bin/sh\n")
            .etc("shadow", "root:!:1::::::\nnixos:!:1::::::\n")
            .etc("group", "root:x:0:\nwheel:x:1:nixos\nusers:x:100:\ndocker:x:131:nixos\n")
            .etc("pam.d/login", "auth required pam_unix.so\n")
            .etc("pam.d/sshd", "auth required pam_unix.so\n")
            .etc(
                "ssh/sshd_config",
                "UsePAM yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
                 AuthorizedKeysFile %h/.ssh/authorized_keys /etc/ssh/authorized_keys.d/%u\n",
            )
            .service(
                "sshd",
                "/nix/store/33333333333333333333333333333333-openssh-10.2p1/bin/sshd -D -f /etc/ssh/sshd_config",
            )
            .program("/nix/store/33333333333333333333333333333333-openssh-10.2p1/bin/sshd")
    }

    /// A file.
    pub(crate) fn file(self, path: &str, text: &str) -> Self {
        self.bytes(path, text.as_bytes())
    }

    /// A file that is no text.
    pub(crate) fn bytes(self, path: &str, bytes: &[u8]) -> Self {
        self.put(path, Content::File(bytes.to_vec(), 0o100_444))
    }

    /// A file with this mode.
    pub(crate) fn moded(self, path: &str, mode: u32) -> Self {
        self.put(path, Content::File(Vec::new(), 0o100_000 | mode))
    }

    /// A program.
    pub(crate) fn program(self, path: &str) -> Self {
        self.put(path, Content::File(b"#!/bin/sh\n".to_vec(), 0o100_555))
    }

    /// A symbolic link.
    pub(crate) fn link(self, path: &str, target: &str) -> Self {
        self.put(path, Content::Link(target.to_owned()))
    }

    /// A hard link, or a directory that shares the entries of another one.
    pub(crate) fn alias(self, path: &str, other: &str) -> Self {
        self.put(path, Content::Alias(other.to_owned()))
    }

    /// An empty file with these system use entries in a continuation area, which equal ones share.
    pub(crate) fn continued(self, path: &str, area: &[u8]) -> Self {
        self.put(path, Content::Continued(area.to_vec()))
    }

    /// A file of the system.
    pub(crate) fn system(self, path: &str, text: &str) -> Self {
        self.file(&format!("/nix/store/{SYSTEM}/{path}"), text)
    }

    /// A file of the system's `/etc`.
    pub(crate) fn etc(self, path: &str, text: &str) -> Self {
        self.system(&format!("etc/{path}"), text)
    }

    /// A service that starts at boot.
    pub(crate) fn service(self, name: &str, command: &str) -> Self {
        self.unit(&format!("{name}.service"), "multi-user.target", &format!("[Service]\nExecStart={command}\n"))
    }

    /// A unit that a target wants.
    pub(crate) fn unit(self, name: &str, target: &str, text: &str) -> Self {
        let wanted = format!("/nix/store/{SYSTEM}/etc/systemd/system/{target}.wants/{name}");
        self.etc(&format!("systemd/system/{name}"), text).link(&wanted, &format!("../{name}"))
    }

    /// The firewall of NixOS, with these rules of its own.
    pub(crate) fn firewall(self, rules: &str) -> Self {
        let script = "/nix/store/99999999999999999999999999999999-firewall-start/bin/firewall-start";
        let stock = "#!/bin/sh\nip46tables -A nixos-fw -i lo -j nixos-fw-accept\n";
        self.file(script, &format!("{stock}{rules}")).service("firewall", &format!("@{script} firewall-start"))
    }

    fn put(mut self, path: &str, content: Content) -> Self {
        for (at, _) in path.match_indices('/').skip(1) {
            self.nodes.entry(path[..at].to_owned()).or_insert(Content::Directory);
        }
        self.nodes.insert(path.to_owned(), content);
        self
    }

    /// The disc without a file of the system's `/etc`.
    pub(crate) fn without(mut self, path: &str) -> Self {
        self.nodes.remove(&format!("/nix/store/{SYSTEM}/etc/{path}"));
        self
    }

    /// Writes the disc to `disc.iso` in a folder.
    pub(crate) fn write(&self, folder: &Path) -> PathBuf {
        let path = folder.join("disc.iso");
        std::fs::write(&path, self.image()).unwrap();
        path
    }

    /// The bytes of the disc.
    pub(crate) fn image(&self) -> Vec<u8> {
        let children = self.children();
        // Directories first, then a sector for what does not fit into a record, then files.
        let mut next = FIRST;
        let mut places: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for (path, content) in &self.nodes {
            if matches!(content, Content::Directory) {
                let length = self.directory(path, &BTreeMap::new(), (&children, &mut Areas::default())).len();
                places.insert(path, (next, length));
                next += length / SECTOR;
            }
        }
        let mut areas = Areas { first: next, ..Areas::default() };
        for path in places.keys() {
            self.directory(path, &BTreeMap::new(), (&children, &mut areas));
        }
        next += areas.bytes.len().div_ceil(SECTOR);
        for (path, content) in &self.nodes {
            if let Content::File(bytes, _) = content {
                places.insert(path, (next, bytes.len()));
                next += bytes.len().div_ceil(SECTOR);
            }
        }
        for (path, content) in &self.nodes {
            if let Content::Alias(other) = content {
                places.insert(path, places[other.as_str()]);
            }
        }
        let mut image = vec![0; next * SECTOR];
        let mut write = |sector: usize, bytes: &[u8]| image[sector * SECTOR..][..bytes.len()].copy_from_slice(bytes);
        write(DESCRIPTOR, &descriptor(next, places[""]));
        write(DESCRIPTOR + 1, b"\xffCD001\x01");
        areas = Areas { first: areas.first, ..Areas::default() };
        for (path, content) in &self.nodes {
            match content {
                Content::Directory => {
                    write(places[path.as_str()].0, &self.directory(path, &places, (&children, &mut areas)));
                }
                Content::File(bytes, _) => write(places[path.as_str()].0, bytes),
                _ => {}
            }
        }
        write(areas.first, &areas.bytes);
        image
    }

    /// What is in each directory.
    fn children(&self) -> Children<'_> {
        let mut children = Children::new();
        for (path, content) in self.nodes.iter().filter(|(path, _)| !path.is_empty()) {
            children.entry(path.rsplit_once('/').map_or("", |(above, _)| above)).or_default().push((path, content));
        }
        children
    }

    /// Whether a path is a directory, or shares the entries of one.
    fn is_directory(&self, path: &str) -> bool {
        match &self.nodes[path] {
            Content::Directory => true,
            Content::Alias(other) => self.is_directory(other),
            _ => false,
        }
    }

    /// The records of a directory. No record crosses the border of a sector (ECMA-119 §6.8.1.1).
    fn directory(
        &self,
        path: &str,
        places: &BTreeMap<&str, (usize, usize)>,
        (children, areas): (&Children<'_>, &mut Areas),
    ) -> Vec<u8> {
        let place = |path: &str| places.get(path).copied().unwrap_or((0, 0));
        let above = path.rsplit_once('/').map_or("", |(above, _)| above);
        let own = [entry(b"SP", &[0xbe, 0xef, 0]), mode(0o040_755)].concat();
        let mut records = vec![
            record(&[0], place(path), 2, &if path.is_empty() { own } else { mode(0o040_755) }),
            record(&[1], place(above), 2, &mode(0o040_755)),
        ];
        for (number, (other, content)) in children.get(path).into_iter().flatten().enumerate() {
            let name = other.rsplit_once('/').map_or("", |(_, name)| name);
            let name = entry(b"NM", &[&[0], name.as_bytes()].concat());
            let (flags, bits, link) = match content {
                Content::Directory => (2, 0o040_755, Vec::new()),
                Content::File(_, bits) => (0, *bits, Vec::new()),
                Content::Link(target) => (0, 0o120_777, symbolic_link(target)),
                Content::Alias(other) if self.is_directory(other) => (2, 0o040_755, Vec::new()),
                Content::Alias(_) => (0, 0o100_444, Vec::new()),
                Content::Continued(area) => (0, 0o100_444, area.clone()),
            };
            let rest = if link.is_empty() { Vec::new() } else { areas.add(&link) };
            let system_use = [name, mode(bits), rest].concat();
            records.push(record(format!("F{number}").as_bytes(), place(other), flags, &system_use));
        }
        let mut bytes: Vec<u8> = Vec::new();
        for record in records {
            if bytes.len() % SECTOR + record.len() > SECTOR {
                bytes.resize(bytes.len().next_multiple_of(SECTOR), 0);
            }
            bytes.extend(record);
        }
        bytes.resize(bytes.len().next_multiple_of(SECTOR), 0);
        bytes
    }
}

/// Continuation areas (SUSP §5.1), each in one sector.
#[derive(Default)]
struct Areas {
    first: usize,
    bytes: Vec<u8>,
    /// The entry that leads to each area. Equal areas are stored once.
    known: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Areas {
    /// Adds an area, and gives the entry that leads to it.
    fn add(&mut self, area: &[u8]) -> Vec<u8> {
        if let Some(known) = self.known.get(area) {
            return known.clone();
        }
        if self.bytes.len() % SECTOR + area.len() > SECTOR {
            self.bytes.resize(self.bytes.len().next_multiple_of(SECTOR), 0);
        }
        let (sector, offset) = (self.first + self.bytes.len() / SECTOR, self.bytes.len() % SECTOR);
        self.bytes.extend(area);
        let leads = entry(b"CE", &[both(sector), both(offset), both(area.len())].concat());
        self.known.insert(area.to_vec(), leads.clone());
        leads
    }
}

/// A number in both byte orders.
fn both(number: usize) -> Vec<u8> {
    let number = u32::try_from(number).unwrap();
    [number.to_le_bytes(), number.to_be_bytes()].concat()
}

/// A system use entry.
fn entry(signature: &[u8; 2], data: &[u8]) -> Vec<u8> {
    [&signature[..], &[u8::try_from(data.len() + 4).unwrap(), 1], data].concat()
}

fn mode(bits: u32) -> Vec<u8> {
    entry(b"PX", &[both(bits as usize), both(1), both(0), both(0)].concat())
}

fn symbolic_link(target: &str) -> Vec<u8> {
    let mut components: Vec<u8> = if target.starts_with('/') { vec![8, 0] } else { Vec::new() };
    for name in target.split('/').filter(|name| !name.is_empty()) {
        match name {
            "." => components.extend([2, 0]),
            ".." => components.extend([4, 0]),
            name => components.extend([&[0, u8::try_from(name.len()).unwrap()], name.as_bytes()].concat()),
        }
    }
    entry(b"SL", &[&[0][..], &components].concat())
}

fn record(identifier: &[u8], (sector, length): (usize, usize), flags: u8, system_use: &[u8]) -> Vec<u8> {
    let mut record = vec![0, 0];
    record.extend(both(sector));
    record.extend(both(length));
    record.extend([80, 1, 1, 0, 0, 0, 0, flags, 0, 0, 1, 0, 0, 1, u8::try_from(identifier.len()).unwrap()]);
    record.extend(identifier);
    record.extend(vec![0; usize::from(identifier.len().is_multiple_of(2))]);
    record.extend(system_use);
    record.extend(vec![0; record.len() % 2]);
    record[0] = u8::try_from(record.len()).unwrap();
    record
}

/// The primary volume descriptor (ECMA-119 §8.4).
fn descriptor(sectors: usize, root: (usize, usize)) -> Vec<u8> {
    let mut bytes = vec![b' '; SECTOR];
    bytes[..8].copy_from_slice(b"\x01CD001\x01\0");
    bytes[40..50].copy_from_slice(b"nixos-case");
    bytes[80..88].copy_from_slice(&both(sectors));
    bytes[88..120].fill(0);
    bytes[128..132].copy_from_slice(&[0, 8, 8, 0]);
    bytes[156..190].copy_from_slice(&record(&[0], root, 2, &[]));
    bytes[813..830].copy_from_slice(b"1980010100000000\0");
    bytes[830..881].copy_from_slice(&b"0000000000000000\0".repeat(3));
    bytes
}
