//! The other trees of a volume, which other readers show.

use super::{Names, Volume, section};
use crate::error::Result;
use crate::fs::NodeId;

/// A tree of the volume that other readers show.
#[derive(Clone, Debug)]
pub struct OtherTree<'a> {
    /// What it is called.
    pub name: &'static str,
    /// Who reads it.
    pub readers: &'static str,
    /// The volume, with that tree.
    pub volume: Volume<'a>,
}

impl<'a> Volume<'a> {
    /// The trees that this reader does not show.
    #[must_use]
    pub fn other_trees(&self) -> Vec<OtherTree<'a>> {
        let descriptors = &self.descriptors;
        let primary = (descriptors.primary.root(), Names::Plain, "primary", "readers without Joliet show");
        let joliet = descriptors.supplementary.iter().filter(|found| found.is_joliet());
        let joliet = joliet.map(|found| (found.root(), Names::Joliet, "Joliet", "Windows shows"));
        let enhanced = descriptors.enhanced.iter();
        let enhanced = enhanced.map(|found| (found.root(), Names::Plain, "ISO 9660:1999", "some readers show"));
        let others = std::iter::once(primary).chain(joliet).chain(enhanced).filter(|(root, ..)| *root != self.root);
        let tree =
            |(root, names, name, readers)| OtherTree { name, readers, volume: Self { root, names, ..self.clone() } };
        others.map(tree).collect()
    }

    /// Where the contents of a file begin, counted from the start of the volume, and their length in bytes.
    ///
    /// # Errors
    /// If the record cannot be read.
    pub fn extent(&self, id: NodeId) -> Result<(u64, u64)> {
        let sector = self.sector(id.0)?;
        let record = sector.record()?;
        let start = section::start(&self.region, self.block_size, &record)?;
        Ok((start, section::size(&self.region, &record)?))
    }

    /// Whether the numbers of a record differ in the two byte orders.
    ///
    /// # Errors
    /// If the record cannot be read.
    pub fn halves_differ(&self, id: NodeId) -> Result<bool> {
        Ok(self.sector(id.0)?.record()?.halves_differ)
    }
}
