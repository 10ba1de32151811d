//! The kinds of assertions: one file per kind, and a table of all kinds.

mod accepting;
pub(super) mod access;
mod boot;
mod budget;
mod closure;
mod command;
mod contents;
mod copies;
mod file;
mod file_name;
mod firewall;
mod forbid;
mod installed;
mod integrity;
mod kernel;
mod key;
mod max_size;
mod menu_title;
mod no_empty_passwords;
mod no_file;
mod no_param;
mod not_installed;
mod only_keys;
mod owner;
mod package;
mod param;
mod port;
mod secrets;
mod secure_boot;
mod ssh;
mod system;
mod unit;
mod usb;
mod user;
mod volume_id;

pub use accepting::Accepting;
pub use access::NoFinding;
pub use boot::{Boot, Firmware};
pub use budget::Budget;
pub use closure::Closure;
pub use command::Command;
pub use contents::Pattern;
pub use copies::Copies;
pub use file::File;
pub use file_name::FileName;
pub use firewall::Filter;
pub use forbid::Forbid;
pub use installed::Installed;
pub use integrity::Integrity;
pub use kernel::Kernel;
pub use key::Key;
pub use max_size::MaxSize;
pub use menu_title::MenuTitle;
pub use no_empty_passwords::NoEmptyPasswords;
pub use no_file::NoFile;
pub use no_param::NoParam;
pub use not_installed::NotInstalled;
pub use only_keys::OnlyKeys;
pub use owner::Owner;
pub use package::Package;
pub use param::{KernelParam, Param};
pub(super) use port::Range;
pub use port::{Port, PortState};
pub use secrets::NoSecrets;
pub use secure_boot::SecureBoot;
pub use ssh::Ssh;
pub use system::Platform;
pub use unit::{State, Unit};
pub use usb::Usb;
pub use user::User;
pub use volume_id::VolumeId;

use std::fmt;
use std::sync::Arc;

use super::{Judgement, Subject};
use crate::error::Result;

/// All kinds, those with a flag first, in the order of the help.
pub const KINDS: [&Kind; 32] = [
    &package::KIND,
    &installed::KIND,
    &forbid::KIND,
    &command::KIND,
    &file::KIND,
    &unit::KIND,
    &no_empty_passwords::KIND,
    &max_size::KIND,
    &closure::KIND,
    &usb::KIND,
    &secure_boot::KIND,
    &key::KIND,
    &not_installed::KIND,
    &copies::KIND,
    &no_file::KIND,
    &only_keys::KIND,
    &user::KIND,
    &ssh::KIND,
    &port::KIND,
    &firewall::KIND,
    &access::KIND,
    &secrets::KIND,
    &integrity::KIND,
    &file_name::KIND,
    &volume_id::KIND,
    &menu_title::KIND,
    &budget::KIND,
    &system::KIND,
    &boot::KIND,
    &kernel::KIND,
    &param::KIND,
    &no_param::KIND,
];

/// A kind of assertion.
#[derive(Debug)]
pub struct Kind {
    /// The word for it in reports, and the name of its flag if it has one.
    pub name: &'static str,
    /// What such an assertion claims, as a sentence without a full stop.
    pub says: &'static str,
    /// What to do about a failure, if the message and the evidence do not say.
    pub advice: Option<&'static str>,
    /// The flag of `check` for it. Keys have two flags that belong together, which this table cannot describe.
    pub flag: Option<Flag>,
}

/// A flag of `check`.
#[derive(Debug)]
pub struct Flag {
    /// Its value.
    pub takes: Takes,
    /// Its line in the help.
    pub help: &'static str,
}

/// The value of a flag: its name in the help, and how to make an assertion from it.
#[derive(Debug)]
pub enum Takes {
    /// No value.
    Nothing(fn() -> Assertion),
    /// Text. The function may reject it with a reason.
    Text(&'static str, fn(&str) -> std::result::Result<Assertion, String>),
    /// A path.
    Path(&'static str, fn(&[u8]) -> Assertion),
}

/// What every kind of assertion can do. It is displayed as its subject: what is asserted of what.
pub trait Ask: fmt::Debug + fmt::Display + Send + Sync {
    /// Its row in the table.
    fn kind(&self) -> &'static Kind;

    /// Judges it.
    ///
    /// # Errors
    /// If something that the verdict depends on cannot be read.
    fn judge(&self, subject: &Subject<'_, '_>) -> Result<Judgement>;
}

/// An assertion of any kind.
#[derive(Clone, Debug)]
pub struct Assertion(Arc<dyn Ask>);

impl Assertion {
    /// Its row in the table.
    #[must_use]
    pub fn kind(&self) -> &'static Kind {
        self.0.kind()
    }

    pub(super) fn judge(&self, subject: &Subject<'_, '_>) -> Result<Judgement> {
        self.0.judge(subject)
    }
}

impl<A: Ask + 'static> From<A> for Assertion {
    fn from(asked: A) -> Self {
        Self(Arc::new(asked))
    }
}

/// The subject.
impl fmt::Display for Assertion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}
