//! Initrds, compared with cpio and the compressors.

use std::collections::BTreeMap;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::Stdio;

use nixoscope::fs::cpio;

use crate::listing::scratch;
use crate::tool::{output, text, tool};

/// Compressors, by their names in nixpkgs and their names here.
const COMPRESSORS: [(&str, &[&str], &str); 8] = [
    ("cat", &[], "none"),
    ("gzip", &["-9n"], "gzip"),
    ("zstd", &["-10", "-q"], "zstd"),
    ("xz", &["--check=crc32", "--lzma2=dict=512KiB"], "xz"),
    ("lzma", &[], "lzma"),
    ("bzip2", &[], "bzip2"),
    ("lz4", &["-l", "-q"], "lz4"),
    ("lzop", &[], "lzop"),
];

/// Passes bytes through a tool.
fn through(name: &str, arguments: &[&str], folder: &Path, bytes: &[u8]) -> Vec<u8> {
    let mut command = tool(name);
    let command = command.args(arguments).current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut input = child.stdin.take().unwrap();
    let bytes = bytes.to_vec();
    let writer = std::thread::spawn(move || input.write_all(&bytes).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success(), "{name}");
    output.stdout
}

#[test]
fn an_initrd_is_read_as_cpio_reads_it_however_it_is_compressed() {
    let scratch = scratch();
    let tree = scratch.path().join("tree");
    std::fs::create_dir_all(tree.join("etc/deep")).unwrap();
    std::fs::create_dir(tree.join("many")).unwrap();
    std::fs::write(tree.join("etc/shadow"), "root::\n").unwrap();
    std::fs::write(tree.join("etc/deep/empty"), "").unwrap();
    // More than a block of lz4 and of lzop, and no end in the middle of either.
    let numbers: String = (0..1_500_000).map(|number| format!("{number}\n")).collect();
    std::fs::write(tree.join("numbers"), &numbers[..9 << 20]).unwrap();
    for number in 0..300 {
        let name = format!("many/{}{number}", "name-".repeat(number % 40));
        std::fs::write(tree.join(name), number.to_string()).unwrap();
    }
    std::os::unix::fs::symlink("etc/shadow", tree.join("link")).unwrap();
    let names = output(tool("find").arg(".").current_dir(&tree));
    let archive = through("cpio", &["-o", "-H", "newc", "--quiet"], &tree, &names);
    let listing = through("cpio", &["-t", "--quiet"], &tree, &archive);
    let mut theirs: Vec<String> = String::from_utf8(listing)
        .unwrap()
        .lines()
        .map(|name| format!("/{}", name.trim_start_matches("./")).replace("/.", "/"))
        .collect();
    theirs.sort();
    for (name, arguments, called) in COMPRESSORS {
        let compressed = if name == "cat" {
            archive.clone()
        } else {
            through(name, &[arguments, &["-c"]].concat(), &tree, &archive)
        };
        let mut initrd = archive.clone();
        initrd.extend([0; 128]);
        initrd.extend(&compressed);
        let mut members = BTreeMap::new();
        let parts = cpio::read(&mut &*initrd, "/initrd", &mut |member, contents| {
            let mut bytes = Vec::new();
            contents.read_to_end(&mut bytes).unwrap();
            members.insert(String::from_utf8(member.path.clone()).unwrap(), (bytes, member.is_file()));
            Ok(ControlFlow::Continue(()))
        });
        let parts: Vec<String> =
            parts.unwrap_or_else(|error| panic!("{name}: {error}")).iter().map(ToString::to_string).collect();
        assert_eq!(parts, ["none", called]);
        assert_eq!(members.keys().cloned().collect::<Vec<_>>(), theirs, "{name}");
        for (path, (bytes, is_file)) in members.iter().filter(|(_, (_, is_file))| *is_file) {
            assert_eq!(*bytes, std::fs::read(tree.join(&path[1..])).unwrap(), "{name}: {path} {is_file}");
        }
    }
    assert!(text(tool("cpio").arg("--version")).contains("GNU cpio"));
}
