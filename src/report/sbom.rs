//! Bills of materials: CycloneDX 1.6, SPDX 2.3, and a plain list.

pub mod cyclonedx;
pub mod spdx;

use std::io::{self, Write};

use crate::nixos::bill::Bill;
use crate::store::name::Name;
use crate::store::nix32;

/// Whether components carry CPEs, which can only be guessed from their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cpes {
    /// No CPEs.
    None,
    /// Guesses, marked as such.
    Guessed,
}

/// One line for each store path, with a heading (RFC 4180). No field needs quotes: names of store paths have no commas.
///
/// # Errors
/// What the writer meets.
pub fn csv(out: &mut dyn Write, bill: &Bill) -> io::Result<()> {
    write!(out, "path,pname,version,output,installed,narSize,narHash,purl\r\n")?;
    for component in &bill.components {
        let Name { pname, version, output } = Name::parse(component.path.name());
        let size = component.nar_size.map(|size| size.to_string()).unwrap_or_default();
        let hash = component.nar_hash.map(|hash| format!("sha256:{}", nix32::encode(&hash))).unwrap_or_default();
        write!(
            out,
            "{},{pname},{version},{},{},{size},{hash},{}\r\n",
            component.path,
            output.unwrap_or_default(),
            component.installed,
            component.purl()
        )?;
    }
    Ok(())
}
