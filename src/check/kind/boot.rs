//! `boot`: the image boots from the firmware.

use std::fmt;

#[cfg(test)]
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Ask, Kind};
use crate::check::{Judgement, Subject};
use crate::error::Result;
use crate::fs::iso9660::Platform;
use crate::nixos::Form;

/// A kind of firmware.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Firmware {
    /// The BIOS of a PC.
    Bios,
    /// UEFI.
    Uefi,
}

impl Firmware {
    /// The firmware's word in policies.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bios => "bios",
            Self::Uefi => "uefi",
        }
    }
}

/// The row in the table of kinds.
pub(super) const KIND: Kind =
    Kind { name: "boot", says: "the image boots from the firmware", advice: None, flag: None };

/// The image boots from this firmware.
#[derive(Clone, Debug)]
pub struct Boot(pub Firmware);

impl fmt::Display for Boot {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0.name())
    }
}

impl Ask for Boot {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn judge(&self, subject: &Subject<'_, '_>) -> Result<Judgement> {
        if subject.disc.carrier.form() == Form::Disk && self.0 == Firmware::Uefi {
            let paths: Vec<String> = subject.disc.boot_loaders()?.into_iter().map(|loader| loader.path).collect();
            return Ok(match paths.is_empty() {
                true => Judgement::fail("no EFI system partition of the disk has a boot loader", Vec::new()),
                false => Judgement::pass("an EFI system partition has a boot loader", paths),
            });
        }
        let images = match subject.boot_images()? {
            Ok(images) => images,
            Err(none) => return Ok(none),
        };
        let wanted = match self.0 {
            Firmware::Bios => Platform::Bios,
            Firmware::Uefi => Platform::Uefi,
        };
        let is_wanted = |platform: Platform| platform == wanted;
        if images.iter().any(|image| image.bootable && is_wanted(image.platform)) {
            return Ok(Judgement::pass("El Torito has a boot image for it", Vec::new()));
        }
        let others: Vec<String> = images.iter().map(|image| image.platform.to_string()).collect();
        Ok(Judgement::fail(
            match others.len() {
                0 => "El Torito has no boot image".to_owned(),
                _ => format!("El Torito has boot images for {} only", others.join(", ")),
            },
            Vec::new(),
        ))
    }
}
