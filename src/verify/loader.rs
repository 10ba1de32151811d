//! The programs that UEFI starts by default: for which machine they are, and whether that is the machine of the systems.

use std::io::Read;
use std::path::Path;

use super::problem::{Problem, ProblemKind};
use crate::error::{Error, Result};
use crate::nixos::menu::BootLoader;
use crate::nixos::{Disc, System, machine};

/// Bytes that are read of a program for its headers.
const HEADERS: u64 = 4096;

/// A machine for which firmware has a name of its own (UEFI 2.10 §3.5.1.1).
struct Machine {
    /// What NixOS calls it.
    name: &'static str,
    /// The program that its firmware starts from a removable medium.
    loader: &'static str,
    /// Its number in the headers of a program (PE Format, machine types).
    number: u16,
}

const MACHINES: [Machine; 6] = [
    Machine { name: "x86_64", loader: "BOOTX64.EFI", number: 0x8664 },
    Machine { name: "i686", loader: "BOOTIA32.EFI", number: 0x14c },
    Machine { name: "aarch64", loader: "BOOTAA64.EFI", number: 0xaa64 },
    Machine { name: "armv7l", loader: "BOOTARM.EFI", number: 0x1c2 },
    Machine { name: "riscv64", loader: "BOOTRISCV64.EFI", number: 0x5064 },
    Machine { name: "loongarch64", loader: "BOOTLOONGARCH64.EFI", number: 0x6264 },
];

/// Checks that each boot loader is a program for the firmware that starts it, and that one is for the default systems.
pub(super) fn check(disc: &Disc<'_>) -> Vec<Problem> {
    // Partitions that cannot be read are reported elsewhere.
    let loaders = disc.boot_loaders().unwrap_or_default();
    let mut problems = Vec::new();
    for loader in &loaders {
        match wrong_machine(loader) {
            Ok(message) => problems.extend(message.map(|message| problem(loader, message))),
            Err(error) => problems.push(Problem::new(ProblemKind::Unreadable, loader.path.as_str(), error.to_string())),
        }
    }
    if let Some(first) = loaders.first() {
        let platforms = disc.default_systems().filter(|system| system.present);
        let platforms = platforms.filter_map(|system: &System| system.describe(disc.tree()).ok()?.system);
        let names: Vec<&str> = loaders.iter().map(|loader| file_name(&loader.path)).collect();
        let mut missing: Vec<String> = platforms.filter_map(|platform| lacking(&platform, &names)).collect();
        missing.sort();
        missing.dedup();
        problems.extend(missing.into_iter().map(|message| problem(first, message)));
    }
    problems
}

fn problem(loader: &BootLoader<'_>, message: String) -> Problem {
    Problem::new(ProblemKind::Boot, loader.path.as_str(), message)
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// What is wrong if a program is for another machine than its name says.
fn wrong_machine(loader: &BootLoader<'_>) -> Result<Option<String>> {
    let own = MACHINES.iter().find(|machine| file_name(&loader.path).eq_ignore_ascii_case(machine.loader));
    let Some(own) = own else { return Ok(None) };
    let mut start = Vec::new();
    let read = loader.tree.open(loader.id)?.take(HEADERS).read_to_end(&mut start);
    read.map_err(|error| Error::from_read(error, Path::new(&loader.path)))?;
    Ok(machine(&start).filter(|number| *number != own.number).map(|number| {
        let other = MACHINES.iter().find(|machine| machine.number == number).map(|machine| machine.name);
        let other = other.map_or_else(|| format!("machine {number:#x}"), str::to_owned);
        format!("it is a program for {other}, but firmware of {} starts the file of this name", own.name)
    }))
}

/// What is wrong if no loader is for the platform of a system. Firmware of 32 bits may start a kernel of 64, and the other way
/// round, so x86 is one machine here.
fn lacking(platform: &str, loaders: &[&str]) -> Option<String> {
    let is_x86 = |name: &str| matches!(name, "x86_64" | "i686");
    let (name, _) = platform.split_once('-')?;
    let own = MACHINES.iter().find(|machine| machine.name == name)?;
    let suits = |machine: &Machine| machine.name == name || is_x86(machine.name) && is_x86(name);
    let there = |machine: &Machine| loaders.iter().any(|loader| loader.eq_ignore_ascii_case(machine.loader));
    let found = MACHINES.iter().filter(|machine| suits(machine)).any(there);
    (!found).then(|| {
        format!(
            "no boot loader of UEFI is for the default system, which is for {platform}: EFI/BOOT/{} is missing",
            own.loader
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_needs_the_loader_of_its_machine() {
        for (platform, loaders, message) in [
            ("x86_64-linux", &["BOOTX64.EFI"][..], None),
            ("x86_64-linux", &["bootia32.efi"], None),
            ("aarch64-linux", &["BOOTX64.EFI", "BOOTAA64.EFI"], None),
            (
                "aarch64-linux",
                &["BOOTX64.EFI"],
                Some(
                    "no boot loader of UEFI is for the default system, which is for aarch64-linux: EFI/BOOT/BOOTAA64.EFI is missing",
                ),
            ),
            ("mips64el-linux", &["BOOTX64.EFI"], None),
        ] {
            assert_eq!(lacking(platform, loaders).as_deref(), message, "{platform} {loaders:?}");
        }
    }
}
