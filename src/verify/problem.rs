//! What is wrong with an image.

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// What sort of thing.
    pub kind: ProblemKind,
    /// Where: a store path, a file in one, a file of the disc, or the image itself.
    pub path: Vec<u8>,
    /// What should be there, where that can be said in a word.
    pub expected: Option<String>,
    /// What is there instead.
    pub actual: Option<String>,
    /// One line for people.
    pub message: String,
}

/// The sorts of things that can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProblemKind {
    /// The image ends before it should.
    Truncated,
    /// Something cannot be read: a block is damaged, or the medium is.
    Unreadable,
    /// A store path is not what is registered of it, or a file not what it should be.
    HashMismatch,
    /// A registered path is not there.
    Missing,
    /// A path is there and not registered, or registered without what is asked for.
    Unregistered,
    /// A path refers to one that is neither there nor registered.
    DanglingReference,
    /// A menu entry cannot start what it names.
    Boot,
}

impl ProblemKind {
    /// The word for it in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Truncated => "truncated",
            Self::Unreadable => "unreadable",
            Self::HashMismatch => "hash-mismatch",
            Self::Missing => "missing",
            Self::Unregistered => "unregistered",
            Self::DanglingReference => "dangling-reference",
            Self::Boot => "boot",
        }
    }
}

impl Problem {
    pub(super) fn new(kind: ProblemKind, path: impl Into<Vec<u8>>, message: impl Into<String>) -> Self {
        Self { kind, path: path.into(), expected: None, actual: None, message: message.into() }
    }

    pub(super) fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    pub(super) fn actual(mut self, actual: impl Into<String>) -> Self {
        self.actual = Some(actual.into());
        self
    }
}
