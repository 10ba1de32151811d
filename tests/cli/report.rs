//! `report`

use crate::support::{fixture, run};

fn page(arguments: &[&str]) -> String {
    let found = run(&[&["report"], arguments].concat());
    assert_eq!(found.code, Some(0), "{}", found.errors);
    found.out
}

#[test]
fn the_page_loads_nothing_and_is_the_same_each_time() {
    let today = fixture("today/result").display().to_string();
    let found = page(&[&today]);
    assert!(found.starts_with("<!DOCTYPE html><html lang=\"en\">"), "{}", &found[..80]);
    for outside in ["http://", "https://", "src=", "@import", "url(", "<link"] {
        assert!(!found.contains(outside), "{outside}");
    }
    assert_eq!(found, page(&[&today]));
}

#[test]
fn the_page_shows_who_can_log_in_what_runs_and_every_store_path() {
    let today = fixture("today/result").display().to_string();
    let found = page(&[&today]);
    for part in
        ["Who can log in", "Services and ports", "Where the bytes went", "Boot menu", "sshd.service", "<svg id=\"map\""]
    {
        assert!(found.contains(part), "{part}");
    }
    let packages = run(&["packages", "--json", &today]).out;
    let packages: serde_json::Value = serde_json::from_str(&packages).unwrap();
    for package in packages["packages"].as_array().unwrap() {
        let row = format!("<tr title=\"{}\"", package["path"].as_str().unwrap());
        assert_eq!(found.matches(&row).count(), 1, "{row}");
    }
}

#[test]
fn the_page_of_two_images_shows_what_changed() {
    let (old, new) = (fixture("diff/old/result"), fixture("diff/new/result"));
    let found = page(&[old.to_str().unwrap(), new.to_str().unwrap()]);
    assert!(found.contains("<h2>What changed</h2>"));
    let line = run(&["diff", old.to_str().unwrap(), new.to_str().unwrap()]).out;
    assert!(found.contains("Version changes") == line.contains("Version changes"), "{line}");
}

#[test]
fn names_from_the_image_cannot_become_markup() {
    // A volume whose identifiers are chosen by somebody else, and a copy of the file with a hostile name.
    let directory = tempfile::tempdir().unwrap();
    let hostile = directory.path().join("<img src=x onerror=alert(1)>\".iso");
    std::fs::copy(fixture("iso/efi-only.iso"), &hostile).unwrap();
    let found = run(&["report", hostile.to_str().unwrap()]).out;
    assert!(found.contains("&lt;img src=x onerror=alert(1)&gt;&quot;.iso"), "{}", &found[..found.len().min(6000)]);
    assert!(!found.contains("<img"));
}

#[test]
fn every_kind_of_image_has_a_page() {
    for image in ["era-2008/result", "access/passwd-14_04.squashfs", "packages/kinds.squashfs"] {
        let found = run(&["report", fixture(image).to_str().unwrap()]);
        assert!(found.out.ends_with("</script></body></html>"), "{image}: {}", found.errors);
    }
}
