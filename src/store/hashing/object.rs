//! One store object: its NAR, step by step, and the result of hashing it.

use std::rc::Rc;

use crate::error::{Error, Place, Result};
use crate::fs::NodeId;
use crate::fs::squashfs::{Archive, Blocks, DataBlock, Fragment, Stored};
use crate::store::nar::{Contents, Piece, Pieces, Trouble};
use crate::store::{Carrier, Store};

/// Limit for the listed damages of one object.
const MOST_DAMAGES: usize = 16;

/// The result of reading an object.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Length of its NAR in bytes.
    pub size: u64,
    /// The hash of its NAR. `None` if there is nothing to compare it with, or if a part could not be read.
    pub hash: Option<[u8; 32]>,
    /// What could not be read.
    pub damages: Vec<Damage>,
    /// Further damages that are not listed.
    pub further: u64,
}

/// A part of an object that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The first file that needs it, relative to the object.
    pub path: Vec<u8>,
    /// How many more files of the object need it.
    pub files: u64,
    /// What is wrong.
    pub message: String,
    /// First and last byte in the image.
    pub bytes: Option<(Place, Place)>,
}

impl Damage {
    pub(super) fn new(message: String) -> Self {
        Self { path: Vec::new(), files: 0, message, bytes: None }
    }

    pub(super) fn of(error: &Error) -> Self {
        Self::new(match error {
            Error::WrongType { wanted, .. } => format!("not a {wanted}"), // the report names the path
            error => error.to_string(),
        })
    }

    /// The place in the image.
    pub(super) fn at(self, archive: &Archive<'_>, stored: Stored) -> Self {
        let last = stored.start.saturating_add(u64::from(stored.length.saturating_sub(1)));
        Self { bytes: Some((archive.place(stored.start), archive.place(last))), ..self }
    }
}

impl Outcome {
    /// Records a damage of the file at `path`. A block that several files share is reported once.
    pub(super) fn damaged(&mut self, path: &[u8], damage: Damage) {
        let same = |known: &&mut Damage| known.bytes.is_some() && known.bytes == damage.bytes;
        if let Some(known) = self.damages.iter_mut().find(same) {
            known.files += u64::from(known.path != path);
        } else if self.damages.len() < MOST_DAMAGES {
            self.damages.push(Damage { path: path.to_vec(), ..damage });
        } else {
            self.further += 1;
        }
    }
}

/// A part of an object's NAR that is hashed in one go.
pub(super) enum Step {
    /// Bytes of the archive itself.
    Text(Vec<u8>),
    /// A data block of a squashfs.
    Block(Rc<[u8]>, FileBlock),
    /// The end of a file of a squashfs, in a fragment block.
    Fragment(Rc<[u8]>, Fragment),
    /// A file on the disc itself.
    File(Contents),
    /// A part that cannot be read.
    Trouble(Rc<[u8]>, Error),
}

/// A data block of a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct FileBlock {
    /// Where the first block of the file is stored.
    pub(super) first: u64,
    /// The block.
    pub(super) data: DataBlock,
}

/// The steps of an object, in the order of its NAR.
pub(super) struct Steps<'s> {
    carrier: &'s Carrier<'s>,
    pieces: Pieces<'s>,
    /// The file that is being read.
    file: Option<OpenFile<'s>>,
}

struct OpenFile<'s> {
    path: Rc<[u8]>,
    /// Where the first block is stored, once it is known.
    first: Option<u64>,
    blocks: Blocks<'s>,
    fragment: Option<Fragment>,
}

impl<'s> Steps<'s> {
    pub(super) fn new(store: &'s Store<'s>, object: NodeId) -> Self {
        Self { carrier: &store.carrier, pieces: Pieces::new(store.tree(), object), file: None }
    }

    fn open(&self, archive: &'s Archive<'s>, contents: Contents) -> Result<OpenFile<'s>> {
        let data = archive.blocks(contents.id)?;
        Ok(OpenFile { path: contents.path.into(), first: None, blocks: data.blocks, fragment: data.fragment })
    }
}

impl Iterator for Steps<'_> {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        loop {
            if let Some(file) = &mut self.file {
                let path = Rc::clone(&file.path);
                match (file.blocks.next(), file.fragment) {
                    (Some(Ok(data)), _) => {
                        let first = match data.stored.length {
                            0 => file.first.unwrap_or(data.stored.start), // sparse
                            _ => *file.first.get_or_insert(data.stored.start),
                        };
                        return Some(Step::Block(path, FileBlock { first, data }));
                    }
                    (Some(Err(error)), _) => return Some(Step::Trouble(path, error)),
                    (None, Some(fragment)) => {
                        self.file = None;
                        return Some(Step::Fragment(path, fragment));
                    }
                    (None, None) => self.file = None,
                }
            }
            match self.pieces.next()? {
                Ok(Piece::Text(text)) => return Some(Step::Text(text)),
                Ok(Piece::Contents(contents)) => match self.carrier {
                    Carrier::Directory(_) | Carrier::Tree(_) => return Some(Step::File(contents)),
                    Carrier::Squashfs { archive, .. } => {
                        let path: Rc<[u8]> = contents.path.as_slice().into();
                        match self.open(archive, contents) {
                            Ok(file) => self.file = Some(file),
                            Err(error) => return Some(Step::Trouble(path, error)),
                        }
                    }
                },
                Err(Trouble { path, error }) => return Some(Step::Trouble(path.into(), error)),
            }
        }
    }
}
