//! Compressed images, compared with the tools that unpack them.

use crate::iso::lsdl;
use crate::listing::{only_file, scratch};
use crate::support::{self, fixture};
use crate::tool::{output, tool};

#[test]
fn a_compressed_image_is_read_as_the_image_that_its_tool_unpacks() {
    for (result, unpacker) in [("compressed/result", "zstd"), ("compressed/bzip2", "bzip2")] {
        let scratch = scratch();
        let compressed = only_file(&fixture(result).join("iso"));
        let unpacked = scratch.path().join("unpacked.iso");
        std::fs::write(&unpacked, output(tool(unpacker).arg("-dc").arg(&compressed))).unwrap();
        let listed = |image: &std::path::Path| {
            let output = support::program().args(["ls", "-R", "--json"]).arg(image).output().unwrap();
            assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0), "{}", image.display());
            let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
            document["entries"].clone()
        };
        let ours = listed(&unpacked);
        assert_eq!(listed(&compressed), ours);
        assert_eq!(listed(&fixture(result)), ours);
        assert!(lsdl(&unpacked).len() > 10);
    }
}
