//! Menus in an EFI system partition that xorriso appends to the disc, where no file of the disc holds them.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::listing::{only_file, scratch};
use crate::support::{fixture, program};
use crate::tool::{output, tool};

const MENU: &str = "EFI/BOOT/grub.cfg";

#[test]
fn a_menu_in_an_appended_partition_is_checked_as_one_on_the_disc() {
    let scratch = scratch();
    let tree = scratch.path().join("tree");
    let original = only_file(&fixture("today/result/iso"));
    output(tool("xorriso").args(["-osirrox", "on", "-indev"]).arg(original).args(["-extract", "/"]).arg(&tree));
    output(tool("chmod").args(["-R", "u+w"]).arg(&tree));
    let menu = std::fs::read_to_string(tree.join(MENU)).unwrap();
    for file in ["isolinux", "EFI", "boot/grub", "boot/efi.img"] {
        let path = tree.join(file);
        if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) }.unwrap();
    }
    let verify = |name: &str, menu: Option<&str>| {
        let image = appended(scratch.path(), &tree, name, menu);
        let run = program().args(["verify", "--json"]).arg(image).output().unwrap();
        serde_json::from_slice::<Value>(&run.stdout).unwrap()
    };
    let told = |document: &Value, list: &str| {
        document[list].as_array().unwrap().iter().map(Value::to_string).collect::<Vec<_>>().join("\n")
    };

    let whole = verify("whole", Some(&menu));
    assert_eq!(told(&whole, "problems"), "");
    assert!(!told(&whole, "unchecked").contains("no menu"), "{whole}");

    let gone = verify("gone", Some(&menu.replace("/bzImage", "/gone")));
    let problems = told(&gone, "problems");
    assert!(problems.contains(&format!("(gpt2)/{MENU}")) && problems.contains("/gone"), "{problems}");

    let empty = verify("empty", None);
    assert_eq!(told(&empty, "problems"), "");
    assert!(told(&empty, "unchecked").contains("menu"), "{empty}");
}

/// A disc of the tree whose only loader and menu are in its second partition.
fn appended(scratch: &Path, tree: &Path, name: &str, menu: Option<&str>) -> PathBuf {
    let (esp, image) = (scratch.join(format!("{name}.esp")), scratch.join(format!("{name}.iso")));
    output(tool("mkfs.vfat").args(["-C", "-n", "EFIBOOT"]).arg(&esp).arg("1440"));
    output(tool("mmd").arg("-i").arg(&esp).args(["::EFI", "::EFI/BOOT"]));
    let copy = |contents: &[u8], to: &str| {
        let file = scratch.join("file");
        std::fs::write(&file, contents).unwrap();
        output(tool("mcopy").arg("-i").arg(&esp).arg(&file).arg(format!("::{to}")));
    };
    copy(b"MZ", "EFI/BOOT/BOOTX64.EFI");
    if let Some(menu) = menu {
        copy(menu.as_bytes(), MENU);
    }
    let mut xorriso = tool("xorriso");
    xorriso.args(["-as", "mkisofs", "-iso-level", "3", "-volid", "nixos-minimal-25.11-x86_64", "-r", "-J"]);
    xorriso.args(["-appended_part_as_gpt", "-append_partition", "2", "0xef"]).arg(&esp);
    xorriso.args(["-e", "--interval:appended_partition_2:all::", "-no-emul-boot"]);
    output(xorriso.arg("-o").arg(&image).arg(tree));
    image
}
