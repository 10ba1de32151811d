//! The initrds of an image. Each is decompressed once, however many systems start with it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::{Initrd, Root};
use crate::fs::NodeId;

/// An initrd, or why it cannot be read. `None` if the system has none.
pub(super) type Read = std::result::Result<Option<Arc<Initrd>>, String>;

/// The initrds read so far. Specialisations usually share theirs with the system that they belong to.
#[derive(Clone, Default)]
pub(super) struct Initrds(Arc<Mutex<HashMap<NodeId, Arc<OnceLock<Read>>>>>);

impl Initrds {
    /// The initrd of a system. A second caller waits for the first.
    pub(super) fn of(&self, root: &Root<'_>) -> Read {
        let found = root.find(&root.own("initrd")).map_err(|error| error.to_string())?;
        let Some(found) = found else { return Ok(None) };
        let known = {
            let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(known.entry(found.id).or_default())
        };
        let read = || Initrd::of(root).map(|initrd| initrd.map(Arc::new)).map_err(|error| error.to_string());
        known.get_or_init(read).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nixos::made::{Made, archive};

    #[test]
    fn systems_with_the_same_initrd_share_what_was_read() {
        let made = Made::of(&[
            ("/i/initrd", &archive(&[("etc/initrd-release", "")])),
            ("/s/initrd", "-> /i/initrd"),
            ("/t/initrd", "-> /i/initrd"),
            ("/u/kernel", ""),
        ]);
        let initrds = Initrds::default();
        let of = |toplevel: &str| initrds.of(&Root::new(&made, toplevel)).unwrap().unwrap();
        let (one, other) = (of("/s"), of("/t"));
        assert!(one.systemd && Arc::ptr_eq(&one, &other));
        assert_eq!(initrds.of(&Root::new(&made, "/u")), Ok(None));
    }
}
