//! `--secure-boot`: the boot loaders of UEFI are signed.

use std::fmt;
use std::path::Path;

use super::{Ask, Flag, Kind, Takes};
use crate::check::{Judgement, Subject};
use crate::error::{Error, Result};
use crate::nixos::Authenticode;

/// The row in the table of kinds.
pub(super) const KIND: Kind = Kind {
    name: "secure-boot",
    says: "the boot loaders of UEFI are signed",
    advice: None,
    flag: Some(Flag {
        takes: Takes::Nothing(|| SecureBoot.into()),
        help: "Each boot loader of UEFI has an intact Authenticode signature; whose is shown, not judged",
    }),
};

/// Each program that UEFI starts by default has an intact Authenticode signature.
#[derive(Clone, Debug)]
pub struct SecureBoot;

impl fmt::Display for SecureBoot {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("boot loaders")
    }
}

impl Ask for SecureBoot {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn judge(&self, subject: &Subject<'_, '_>) -> Result<Judgement> {
        let loaders = subject.disc.boot_loaders()?;
        if loaders.is_empty() {
            let message = "no EFI system partition has a boot loader (EFI/BOOT/BOOT*.EFI)";
            return Ok(Judgement::fail(message, Vec::new()));
        }
        let (mut bad, mut unknown, mut evidence) = (0usize, 0usize, Vec::new());
        for loader in &loaders {
            let path = &loader.path;
            let failed = |error| Error::from_read(error, Path::new(path));
            let (mut headers, mut program) = (loader.tree.open(loader.id)?, loader.tree.open(loader.id)?);
            let signature = Authenticode::of(&mut *headers, &mut *program).map_err(failed)?;
            let signer = |signature: &Authenticode| signature.signer.clone().unwrap_or("an unnamed signer".to_owned());
            evidence.push(match &signature {
                None => {
                    bad += 1;
                    format!("{path} is not signed")
                }
                Some(found @ Authenticode { intact: Some(false), .. }) => {
                    bad += 1;
                    format!("{path} was changed after {} had signed it", signer(found))
                }
                Some(found @ Authenticode { intact: None, .. }) => {
                    unknown += 1;
                    format!("{path} is signed by {} with a hash that is not SHA-256", signer(found))
                }
                Some(found) => format!("{path} is signed by {}", signer(found)),
            });
        }
        Ok(match (bad, unknown) {
            (0, 0) => Judgement::pass("the boot loaders of UEFI are signed", evidence),
            (0, _) => Judgement::unknown("not every signature could be compared with the program", evidence),
            _ => Judgement::fail("not every boot loader of UEFI has an intact signature", evidence),
        })
    }
}
