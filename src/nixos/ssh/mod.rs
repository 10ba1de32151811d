//! SSH: public keys, and which of them sshd would accept for whom.

mod algorithms;
mod certificate;
mod config;
mod contradictions;
mod criteria;
mod daemon;
mod entrance;
mod include;
mod key;
mod keys_file;
mod keywords;
mod lists;
mod methods;
mod options;
mod password;
mod pattern;
mod reader;
mod search;
mod settings;
mod sshd;
mod tmpfiles;
mod words;
mod writers;

pub use certificate::Authority;
pub use config::Mistake;
pub use daemon::Obstacle;
pub use entrance::Entrance;
pub use key::{KeyError, KeyLine, PublicKey};
pub use keys_file::{AuthorizedKey, BadLine, KeysFile, KeysFiles};
pub use password::PasswordMethod;
pub use search::{Search, Sighting, search};
pub use sshd::Sshd;
pub use writers::Writer;
