//! Keys that are no secret: nixpkgs ships them for its own tests, and its sources are on every installer.

use sha2::{Digest, Sha256};

/// The SHA-256 of what the text of each key decodes to.
const KNOWN: [&str; 5] = [
    // nixos/tests/ssh-keys.nix
    "a71f1da700d90a8cb3f956e359f87cb8d0b68f1d48244fc78c0a53ba79f004dc",
    // nixos/tests/initrd-network-ssh: ssh_host_ed25519_key, id_ed25519
    "b13c28b224e37a74ae3a6a95c98bc2e61bd01d0055288a34fbd6c5e3de0fd1b3",
    "fce17c2b25ca1c2b7afcf3afad6377b18c3cb13fe3c6dbb9dc319b6b01c80eb3",
    // nixos/tests/common/acme/server: acme.test, ca
    "44f4f398d6e0ebbb3938742a520a801a41ef1bf0e74d268cecdb7070c0c46ed4",
    "49147c92462ffb40188162227fe86fc6bf808c9ac561b5350e057cf11ec2ea5c",
];

/// The digest of a secret, in hexadecimal digits, and whether it is one that everybody knows.
pub(super) fn digest(secret: &[u8]) -> (String, bool) {
    let digest = data_encoding::HEXLOWER.encode(&Sha256::digest(secret));
    let known = KNOWN.contains(&digest.as_str());
    (digest, known)
}
