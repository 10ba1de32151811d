//! The other trees of a volume, which this reader does not show but others do.

use super::{Names, Volume, section};
use crate::error::Result;
use crate::fs::NodeId;

/// A tree of the volume that other readers show.
#[derive(Clone, Debug)]
pub struct OtherTree<'a> {
    /// Its name.
    pub name: &'static str,
    /// The systems that read it.
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

    /// The offset of a file's contents, counted from the start of the volume, and their length in bytes.
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
