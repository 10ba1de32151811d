//! SSH: public keys, and which of them sshd would accept for whom.

mod config;
mod key;
mod pattern;
mod search;
mod sshd;

pub use key::{KeyError, KeyLine, PublicKey};
pub use search::{Sighting, search};
pub use sshd::{AuthorizedKey, KeysFile, Sshd};
