//! Well-known test keys, from nixpkgs (whose sources are on every installer) and from GnuTLS's self-tests. They are
//! recognized by their contents, not by their paths: another key beside them is still found.

use sha2::{Digest, Sha256};

/// SHA-256 digests: of the decoded bytes of an armoured key, else of its text.
const KNOWN: [&str; 38] = [
    // nixos/tests/ssh-keys.nix, until 2024 and since then
    "a71f1da700d90a8cb3f956e359f87cb8d0b68f1d48244fc78c0a53ba79f004dc",
    "e73336db3cb2a70c1de7e834d45ac8a910886ca62cb0418fb0da93e1e1f52d3c",
    // nixos/modules/profiles/keys/ssh_host_ed25519_key, the host key of the Linux builder for macOS
    "544d47fd4be0f8c80133973ca45df6231a16c40b1a88b9d197e1feef2e0ba788",
    // nixos/tests/borgbackup.nix
    "6c53c66dd396bd1825e935398e47dd6c8ed749cc40f8185f2d17b51e7c452a25",
    "38854f6d586108c14420ffe89f277f4d931afb164ca023af5211eaaa4990cccc",
    // nixos/tests/gitolite.nix: admin, alice, bob
    "f3b0e31d2fc1925ed52a3c58f3676ada0ecb650dbc9f774f6006e5d2d4790bb0",
    "648610d01da26e3c3b716378fe43cce38b476d4813d12a89575e1e5f19e5a167",
    "28a420d56eade860ca0c57af9ed348d3db024b1b5efd37f0d4edd08250f82189",
    // nixos/tests/hitch/example.pem
    "65f4b4ee9c1c6f50545acf8ff8cf5ff25b3d68f0fcadb23c9e1db015d1eaeac9",
    // nixos/tests/tinc/snakeoil-keys.nix: Ed25519 and RSA of static, dynamic1, dynamic2
    "6b3b743d0b6870fc194581ddc1e96da8b2b89bcfcd0ca1788aa9100438fe99b6",
    "dde8640e04e91904f5b6201de148303ad2bbee3eebaac34140c4dc56d273dd1a",
    "710820ec8145e95db19bac56f6fff0ba2d6b4be5811b50cda7c608deb7080952",
    "8caa88d473cfeddbface6761668999c8431357b20bab2a64c85f262d7accc32b",
    "da4d4548ca7a27668555252ff6823a121c514b083213feb8013548f3600b29cd",
    "e0d8a7ae0a308ffb9b7493be37ec42455b0e2562b6106cb91f95dcb8edca9703",
    // nixos/tests/wireguard/snakeoil-keys.nix
    "8334b1bd168d97855ee0871bf785b33a9e62e6f2ed825e50950d74f8dd082624",
    "29b09f9343f08b353f88c61f0ae320efc0a3a37e3faae974c6b210f8f9f0d444",
    // nixos/tests/userborn.nix, hashes of "test"
    "715a5589861a91d88359f01ed0df18596ed10455012b034d5a9779354f15e020",
    "36786a07c89f7a9868f778706f46377ff1ae4798a47a46bbf3f785c721852d5c",
    "97f096c68e0aa776ef597ed2ec945e0cf51f1ed4e7b940708d838cebb13b51d3",
    "85b00bc10e2cccad98cdcb5be2863f9a65b1fd5d44cb62053188046e85dfda27",
    "06d63edb8541efd0fcad760ccd9527cdf883b941e5a313d261967573f3c5b111",
    "d202e23aab44362dfe82a474b53feb7f4a21303a61fb8275f5772f58e9fc63dd",
    // the key with which nixpkgs builds Chromium and Firefox
    "14cb7a35de1ca71efd1e9b3af89fc09d1bb1b25c0cf905196ca02c9014eb8d08",
    // nixos/tests/initrd-network-ssh: ssh_host_ed25519_key, id_ed25519
    "b13c28b224e37a74ae3a6a95c98bc2e61bd01d0055288a34fbd6c5e3de0fd1b3",
    "fce17c2b25ca1c2b7afcf3afad6377b18c3cb13fe3c6dbb9dc319b6b01c80eb3",
    // nixos/tests/common/acme/server: acme.test, ca
    "44f4f398d6e0ebbb3938742a520a801a41ef1bf0e74d268cecdb7070c0c46ed4",
    "49147c92462ffb40188162227fe86fc6bf808c9ac561b5350e057cf11ec2ea5c",
    // GnuTLS, lib/crypto-selftests-pk.c, compiled into the library
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

/// The SHA-256 of a secret in hexadecimal digits, and whether the secret is a well-known test key.
pub(super) fn digest(secret: &[u8]) -> (String, bool) {
    let digest = data_encoding::HEXLOWER.encode(&Sha256::digest(secret));
    let known = KNOWN.contains(&digest.as_str());
    (digest, known)
}
