//! `--usb`: the image boots from a stick.

use std::fmt;

use super::{Ask, Flag, Kind, Takes};
use crate::check::{Judgement, Subject};
use crate::error::Result;
use crate::fs::iso9660::Platform;
use crate::fs::partitions::Mbr;

/// The row in the table of kinds.
pub(super) const KIND: Kind = Kind {
    name: "usb",
    says: "the image boots from a USB stick",
    advice: Some("set isoImage.makeUsbBootable and isoImage.makeEfiBootable"),
    flag: Some(Flag {
        takes: Takes::Nothing(|| Usb.into()),
        help: "The image boots from a USB stick, by each firmware that would boot it from a CD",
    }),
};

/// The image boots from a stick, with each firmware that would boot it from a CD.
#[derive(Clone, Debug)]
pub struct Usb;

impl fmt::Display for Usb {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("image")
    }
}

impl Ask for Usb {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn judge(&self, subject: &Subject<'_, '_>) -> Result<Judgement> {
        let images = match subject.boot_images()? {
            Ok(images) => images,
            Err(none) => return Ok(none),
        };
        let from_cd = |platform| images.iter().any(|image| image.bootable && image.platform == platform);
        let bios = Mbr::read(&subject.disc.image().region())?.is_some_and(|mbr| mbr.has_code);
        let uefi = subject.disc.boot_loaders()?.iter().any(|loader| loader.in_table);
        let mut missing = Vec::new();
        if from_cd(Platform::Bios) && !bios {
            missing.push("BIOS: the first sector has no boot code".to_owned());
        }
        if from_cd(Platform::Uefi) && !uefi {
            missing.push("UEFI: no partition has a boot loader (EFI/BOOT/BOOT*.EFI)".to_owned());
        }
        let firmware: Vec<&str> =
            [(bios, "BIOS"), (uefi, "UEFI")].iter().filter(|(boots, _)| *boots).map(|(_, name)| *name).collect();
        Ok(match (missing.is_empty(), firmware.as_slice()) {
            (true, []) => Judgement::fail("neither BIOS nor UEFI finds anything to start", Vec::new()),
            (true, firmware) => Judgement::pass(format!("boots by {}", firmware.join(" and ")), Vec::new()),
            (false, _) => Judgement::fail("not by every firmware that boots it from a CD", missing),
        })
    }
}
