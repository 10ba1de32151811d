//! The file behind an image, and views of its bytes.

mod region;
mod source;

pub use region::{Region, RegionReader};
pub use source::Source;
