//! Where the links of a unit file end.

use crate::error::{Error, Result};
use crate::fs::{Kind, path};
use crate::nixos::Root;
use crate::nixos::root::lexical;

/// Limit for symbolic links between a unit's name and its file.
const MOST_LINKS: usize = 40;

/// Where the links of a unit file end.
pub(super) enum End {
    /// A file of this length in bytes.
    File(u64),
    Missing(String),
    Other,
}

impl End {
    /// Whether this masks a unit: an empty file, or the null device.
    pub(super) fn is_mask(&self) -> bool {
        match self {
            Self::File(bytes) => *bytes == 0,
            Self::Missing(path) => path == "/dev/null",
            Self::Other => false,
        }
    }
}

/// Follows the links of a path one by one, since images lack `/dev/null`, which a link may lead to.
pub(super) fn follow(root: &Root<'_>, path: &str) -> Result<End> {
    let mut path = root.inside(path);
    for _ in 0..MOST_LINKS {
        let found = match path::resolve_link(root.tree(), path.as_bytes()) {
            Ok(found) => found,
            Err(Error::NotFound { .. } | Error::WrongType { .. }) => return Ok(End::Missing(lexical(&path))),
            Err(error) => return Err(error),
        };
        match root.tree().node(found.id)?.kind {
            Kind::File { size } => return Ok(End::File(size)),
            Kind::Symlink { target } => {
                let target = String::from_utf8_lossy(&target).into_owned();
                let folder = String::from_utf8_lossy(&found.path).into_owned();
                let folder = folder.rsplit_once('/').map_or("", |(folder, _)| folder);
                path = match target.starts_with('/') {
                    true => root.inside(&target),
                    false => format!("{folder}/{target}"),
                };
            }
            Kind::CharDevice(_) => return Ok(End::File(0)),
            _ => return Ok(End::Other),
        }
    }
    Err(Error::LinkLoop { path: path.into_bytes() })
}
