//! Problems: what is wrong with an image.

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// What kind of problem.
    pub kind: ProblemKind,
    /// Where: a store path, a file in a store path, a file on the disc, or the image itself.
    pub path: Vec<u8>,
    /// The expected value, if there is one.
    pub expected: Option<String>,
    /// The actual value.
    pub actual: Option<String>,
    /// One line for the reader.
    pub message: String,
}

/// The kinds of problems.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProblemKind {
    /// The image ends before it should.
    Truncated,
    /// Something cannot be read, because a block or the medium is damaged.
    Unreadable,
    /// A store path does not match its registration, or a file does not have the expected contents.
    HashMismatch,
    /// A registered path is not present.
    Missing,
    /// A path is present but not registered, or registered without a hash.
    Unregistered,
    /// A path refers to one that is neither present nor registered.
    DanglingReference,
    /// Something that the image boots with is missing or wrong.
    Boot,
    /// Two readers of the image see different things.
    Ambiguous,
    /// A store path has no signature that counts.
    Unsigned,
}

impl ProblemKind {
    /// The kind's name in documents.
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
            Self::Ambiguous => "ambiguous",
            Self::Unsigned => "unsigned",
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
