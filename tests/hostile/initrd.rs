//! An initrd made by a test.

use std::io::Write;

/// The members of a cpio archive, in the new ASCII format (cpio(5)).
#[derive(Default)]
pub(crate) struct Members(Vec<u8>);

impl Members {
    /// Adds a file.
    pub(crate) fn file(&mut self, path: &str, text: &str) -> &mut Self {
        self.member(path, 0o100_644, text.as_bytes())
    }

    /// Adds a symbolic link.
    pub(crate) fn link(&mut self, path: &str, target: &str) -> &mut Self {
        self.member(path, 0o120_777, target.as_bytes())
    }

    fn member(&mut self, path: &str, mode: usize, data: &[u8]) -> &mut Self {
        write!(self.0, "070701").unwrap();
        for field in [0, mode, 0, 0, 1, 1, data.len(), 0, 0, 0, 0, path.len() + 1, 0] {
            write!(self.0, "{field:08X}").unwrap();
        }
        self.0.extend([path.as_bytes(), b"\0"].concat());
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self.0.extend(data);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }

    /// The archive, compressed by bzip2.
    pub(crate) fn bzip2(&mut self) -> Vec<u8> {
        self.member("TRAILER!!!", 0, b"");
        let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
        encoder.write_all(&self.0).unwrap();
        encoder.finish().unwrap()
    }
}
