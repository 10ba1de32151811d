//! Keys, as `ssh-keygen` reads them.

use std::path::Path;

use nixoscope::nixos::ssh::KeyLine;

use crate::listing::scratch;
use crate::tool::{text, tool};

/// Key types that `ssh-keygen` can make without a device, with their sizes.
const MADE: [(&str, &str); 7] = [
    ("ed25519", "256"),
    ("rsa", "2048"),
    ("rsa", "3072"),
    ("ecdsa", "256"),
    ("ecdsa", "384"),
    ("ecdsa", "521"),
    ("dsa", "1024"),
];

#[test]
fn every_type_of_key_has_the_bits_and_the_fingerprint_of_ssh_keygen() {
    let scratch = scratch();
    let known = text(tool("ssh").args(["-Q", "key"]));
    let mut lines = keys(scratch.path(), &known);
    let bare = lines.clone();
    lines.extend(certificates(scratch.path(), &bare));
    for kind in known.lines() {
        assert!(lines.iter().any(|line| line.split(' ').next() == Some(kind)), "no key of type {kind} was compared");
    }
    let forms = |line: &String| {
        let (key, comment) = line.rsplit_once(' ').unwrap();
        [
            key.to_owned(),
            format!("{key} {comment}"),
            format!("{key}\t several  words"),
            format!("restrict,command=\"echo \\\"a b\\\" # c\",from=\"10.*\" {key} behind options"),
            format!("  no-pty {key} home"),
        ]
    };
    let lines: Vec<String> = lines.iter().flat_map(forms).collect();
    let file = scratch.path().join("authorized_keys");
    std::fs::write(&file, lines.join("\n") + "\n").unwrap();
    let printed = text(tool("ssh-keygen").arg("-lf").arg(&file));
    assert_eq!(printed.lines().count(), lines.len());
    for (line, theirs) in lines.iter().zip(printed.lines()) {
        let parsed = KeyLine::parse(line).unwrap_or_else(|error| panic!("{line}: {error}")).expect("a key");
        let bits = parsed.key.bits().map(|bits| bits.to_string()).unwrap_or_default();
        let ours = format!("{bits} {} {}", parsed.key.fingerprint(), parsed.comment);
        let (theirs, _type) = theirs.rsplit_once(" (").unwrap();
        // For a key without a comment, ssh-keygen prints the comment of an earlier key.
        let theirs = if parsed.comment.is_empty() { theirs.get(..ours.len()).unwrap() } else { theirs };
        assert_eq!(ours, theirs, "{line}");
    }
}

#[test]
fn what_ssh_keygen_takes_for_no_key_is_none() {
    let scratch = scratch();
    let key = keys(scratch.path(), "").remove(0);
    let base64 = key.split(' ').nth(1).unwrap();
    let cut = &base64[..base64.len() - 8];
    for line in [
        format!("ssh-ed25519 {cut} cut off"),
        format!("ssh-rsa {base64} of another type"),
        "ssh-ed25519".to_owned(),
        "ssh-ed25519 no-base64!".to_owned(),
        format!("ssh-unheard-of {base64}"),
    ] {
        let file = scratch.path().join("wrong.pub");
        std::fs::write(&file, format!("{line}\n")).unwrap();
        let theirs = tool("ssh-keygen").arg("-lf").arg(&file).output().unwrap();
        assert!(!theirs.status.success(), "{line}");
        assert!(KeyLine::parse(&line).is_err(), "{line}");
    }
}

/// A public key of each type. Those of devices are composed: they have the same numbers, and an application.
fn keys(folder: &Path, known: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for (kind, bits) in MADE {
        // Newer releases no longer make these.
        if kind == "dsa" && !known.contains("ssh-dss") {
            continue;
        }
        let file = folder.join(format!("{kind}-{bits}"));
        text(tool("ssh-keygen").args(["-q", "-N", "", "-C", "comment", "-t", kind, "-b", bits, "-f"]).arg(&file));
        lines.push(std::fs::read_to_string(file.with_extension("pub")).unwrap().trim_end().to_owned());
    }
    for (kind, of) in
        [("sk-ssh-ed25519@openssh.com", "ssh-ed25519"), ("sk-ecdsa-sha2-nistp256@openssh.com", "ecdsa-sha2-nistp256")]
    {
        let line = lines.iter().find(|line| line.starts_with(of)).unwrap();
        let blob = data_encoding::BASE64.decode(line.split(' ').nth(1).unwrap().as_bytes()).unwrap();
        let mut composed = string(kind);
        composed.extend_from_slice(&blob[4 + of.len()..]);
        composed.extend(string("ssh:"));
        lines.push(format!("{kind} {} comment", data_encoding::BASE64.encode(&composed)));
    }
    lines
}

/// Certificates of the keys, signed with the first.
fn certificates(folder: &Path, keys: &[String]) -> Vec<String> {
    let authority = folder.join("ed25519-256");
    let certified = keys.iter().enumerate().map(|(index, key)| {
        let file = folder.join(format!("certified-{index}.pub"));
        std::fs::write(&file, format!("{key}\n")).unwrap();
        text(tool("ssh-keygen").args(["-q", "-I", "identity", "-n", "root,nixos", "-s"]).args([&authority, &file]));
        let certificate = folder.join(format!("certified-{index}-cert.pub"));
        std::fs::read_to_string(certificate).unwrap().trim_end().to_owned()
    });
    certified.collect()
}

/// A string of the SSH wire format (RFC 4251 §5).
fn string(text: &str) -> Vec<u8> {
    let mut bytes = u32::try_from(text.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend_from_slice(text.as_bytes());
    bytes
}
