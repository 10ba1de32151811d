//! The descriptors of a volume, compared with `xorriso` and `isoinfo`.

use std::path::Path;

use serde_json::{Value, json};

use crate::iso::volumes;
use crate::support;
use crate::tool::{text, tool};

#[test]
fn volume_fields_are_those_of_xorriso_and_isoinfo() {
    for volume in volumes() {
        let (inspected, fields) = (&inspect(&volume)["volume"], report(&volume, &["-pvd_info"]));
        let isoinfo = text(tool("isoinfo").args(["-d", "-i"]).arg(&volume));
        let digits = inspected["created"].as_str().unwrap_or_default().replace(['-', ':', 'T', 'Z'], "");
        for (ours, theirs) in [
            (text_of(&inspected["id"]), one(&fields, "Volume Id")),
            (text_of(&inspected["publisher"]), one(&fields, "Publisher Id")),
            (text_of(&inspected["application"]), one(&fields, "App Id")),
            (text_of(&inspected["system"]), one(&fields, "System Id")),
            (format!("{digits}00"), one(&fields, "Creation Time")),
            (inspected["blocks"].to_string(), one(&isoinfo, "Volume size is")),
            (inspected["blockSize"].to_string(), one(&isoinfo, "Logical block size is")),
        ] {
            assert_eq!(ours, theirs, "{}", volume.display());
        }
        let extensions = inspected["extensions"].as_array().expect("extensions");
        for (extension, line) in [
            ("rock-ridge", "Rock Ridge signatures version"),
            ("joliet", "Joliet with UCS level"),
            ("el-torito", "El Torito VD version"),
        ] {
            let (ours, theirs) = (extensions.contains(&json!(extension)), isoinfo.contains(line));
            assert_eq!(ours, theirs, "{}: {extension}", volume.display());
        }
    }
}

#[test]
fn boot_images_are_those_of_xorriso() {
    let compared: usize = volumes().iter().map(|volume| same_boot_images(volume)).sum();
    assert!(compared >= 10, "{compared} boot images were compared");
}

/// Asserts that the boot images of a volume are those that `xorriso` reports, and returns their number.
pub(crate) fn same_boot_images(volume: &Path) -> usize {
    let printed = report(volume, &["-report_el_torito", "plain"]);
    let images: Vec<Vec<&str>> = rows(&printed, "El Torito boot img");
    let paths: Vec<Vec<&str>> = rows(&printed, "El Torito img path");
    let theirs: Vec<Value> = images
        .iter()
        .map(|row| {
            let platform = if row[1] == "BIOS" { "bios" } else { "uefi" };
            let emulation = match row[3] {
                "hd" => "hard-disk",
                "fd1.4" => "floppy-1.44",
                _ => "none",
            };
            let path = paths.iter().find(|path| path[0] == row[0]).map(|path| path[1]);
            json!({ "platform": platform, "emulation": emulation, "path": path })
        })
        .collect();
    let mut ours = inspect(volume)["boot"]["elTorito"].as_array().expect("boot images").clone();
    for image in &mut ours {
        let bytes = image.as_object_mut().and_then(|image| image.remove("bytes"));
        assert!(bytes.and_then(|bytes| bytes.as_u64()).is_some_and(|bytes| bytes > 0), "{}", volume.display());
    }
    assert_eq!(ours, theirs, "{}", volume.display());
    theirs.len()
}

#[test]
fn partitions_are_those_of_xorriso() {
    let mut compared = 0;
    for volume in volumes() {
        let printed = report(&volume, &["-report_system_area", "plain"]);
        let mut theirs: Vec<Value> = rows(&printed, "MBR partition")
            .iter()
            .map(|row| partition("mbr", row[0], row[2].to_owned(), row[3], row[4]))
            .collect();
        let types = rows(&printed, "GPT type GUID");
        for row in rows(&printed, "GPT start and size") {
            let kind = types.iter().find(|other| other[0] == row[0]).expect("a type")[1];
            theirs.push(partition("gpt", row[0], guid(kind), row[1], row[2]));
        }
        assert_eq!(inspect(&volume)["boot"]["partitions"], json!(theirs), "{}", volume.display());
        compared += theirs.len();
    }
    assert!(compared >= 8, "{compared} partitions were compared");
}

fn partition(scheme: &str, index: &str, kind: String, start: &str, length: &str) -> Value {
    let number = |text: &str| text.parse::<u64>().expect("a number");
    json!({
        "scheme": scheme,
        "index": number(index),
        "kind": kind,
        "start": number(start) * 512,
        "bytes": number(length) * 512,
    })
}

/// `xorriso` prints a GUID in the order of its bytes on the disc. The first three fields are little-endian.
fn guid(bytes: &str) -> String {
    let reversed = |range: std::ops::Range<usize>| -> String {
        range.step_by(2).rev().map(|at| &bytes[at..at + 2]).collect::<Vec<_>>().concat()
    };
    let (first, second, third) = (reversed(0..8), reversed(8..12), reversed(12..16));
    format!("{first}-{second}-{third}-{}-{}", &bytes[16..20], &bytes[20..])
}

fn inspect(volume: &Path) -> Value {
    let output = support::program().args(["inspect", "--json"]).arg(volume).output().expect("nixoscope starts");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("a JSON document")
}

fn report(volume: &Path, command: &[&str]) -> String {
    text(tool("xorriso").args(["-report_about", "SORRY", "-indev"]).arg(volume).args(command))
}

fn text_of(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

/// The value on the only line that begins with a name.
fn one(printed: &str, name: &str) -> String {
    let line = printed.lines().find_map(|line| line.strip_prefix(name)).expect(name);
    line.trim_start().strip_prefix(':').expect("a colon").trim().to_owned()
}

/// The columns of all lines that begin with a name. Heading lines have no number in front.
fn rows<'p>(printed: &'p str, name: &str) -> Vec<Vec<&'p str>> {
    let values = printed.lines().filter_map(|line| {
        let (before, value) = line.split_once(':')?;
        (before.trim_end() == name).then_some(value)
    });
    values.map(|value| value.split_whitespace().collect()).collect()
}
