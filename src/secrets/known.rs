//! Keys that are no secret: nixpkgs ships them for its own tests, and its sources are on every installer; GnuTLS tests itself
//! with some.

use sha2::{Digest, Sha256};

/// The SHA-256 of what the text of each key decodes to.
const KNOWN: [&str; 15] = [
    // nixos/tests/ssh-keys.nix
    "a71f1da700d90a8cb3f956e359f87cb8d0b68f1d48244fc78c0a53ba79f004dc",
    // nixos/tests/initrd-network-ssh: ssh_host_ed25519_key, id_ed25519
    "b13c28b224e37a74ae3a6a95c98bc2e61bd01d0055288a34fbd6c5e3de0fd1b3",
    "fce17c2b25ca1c2b7afcf3afad6377b18c3cb13fe3c6dbb9dc319b6b01c80eb3",
    // nixos/tests/common/acme/server: acme.test, ca
    "44f4f398d6e0ebbb3938742a520a801a41ef1bf0e74d268cecdb7070c0c46ed4",
    "49147c92462ffb40188162227fe86fc6bf808c9ac561b5350e057cf11ec2ea5c",
    // GnuTLS, lib/crypto-selftests-pk.c, as it stands in the library
    "87e288dc7dbc29a24241b596ec8c84f949d9f09f34fc0cf69242481fb2274770",
    "d245e52c341a76645e1b0e56c58dc964cd4f3ecaea64a9c6d6db9897d4948a8a",
    "0294b4406902e33bb02f89eaf4c691328790d7a9cd01b873d68edac994f310a1",
    "60c323abe4854b03743005874156ef6e0343bc9c05c09a2a43335cdda19342b3",
    "995b8d5b08ac126a74f39d812fc8cce270d026093d810f366de923bb0fe47f60",
    "09416ba3e0782523c56225fb168cd58cda7796e938db1b53f79b6abbaed2bbc7",
    "7e38af7715bbb425a6aa8060b7c0af60aeb81d39975c55e83edcb9eae7a5e9f8",
    "458022ddcb5598b39253bc027eb02c4f3dba00e2bdbaef239a35bc91c9bd4f3a",
    "09f1c1a4680df80b9e8e6e587d3a787de7402a919e366426ad807a1c0f8c98c1",
    "2859ff03b44c8f0e4f96604b8cced325ef4d01ca935422b2041d88d8809f8fa1",
];

/// The digest of a secret, in hexadecimal digits, and whether it is one that everybody knows.
pub(super) fn digest(secret: &[u8]) -> (String, bool) {
    let digest = data_encoding::HEXLOWER.encode(&Sha256::digest(secret));
    let known = KNOWN.contains(&digest.as_str());
    (digest, known)
}
