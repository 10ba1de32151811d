//! `inspect`

use crate::support::{fixture, run};

#[test]
fn the_first_lines_tell_what_it_is_what_fills_it_how_it_boots_who_gets_in_and_what_runs() {
    let today = fixture("today/result").display().to_string();
    let page = run(&["inspect", &today]).out;
    let names: Vec<&str> = page.lines().skip(1).take(5).map(|line| line[..14].trim()).collect();
    assert_eq!(names, ["release", "size", "boots", "gets in", "services"], "{page}");
    assert!(page.contains("\n  boots        BIOS and UEFI, as a disc or from a stick\n"), "{page}");
    assert!(page.contains("\n  services     sshd on 22, open; no firewall\n"), "{page}");
}

#[test]
fn a_cut_off_image_is_said_to_be_wrong_in_the_first_lines() {
    let directory = tempfile::tempdir().unwrap();
    let (whole, cut) = (fixture("iso/efi-only.iso"), directory.path().join("cut.iso"));
    let bytes = std::fs::read(whole).unwrap();
    std::fs::write(&cut, &bytes[..bytes.len() - 4096]).unwrap();
    let page = run(&["inspect", cut.to_str().unwrap()]).out;
    let wrong = page.lines().take(8).find(|line| line.trim_start().starts_with("WRONG"));
    assert!(wrong.is_some_and(|line| line.contains("cut off")), "{page}");
}

#[test]
fn numbers_for_monitoring_are_the_same_in_both_formats() {
    let today = fixture("today/result").display().to_string();
    let prometheus = run(&["inspect", "--format", "prometheus", &today]).out;
    let csv = run(&["inspect", "--format", "csv", &today]).out;
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("metric,label,value"));
    let mut count = 0;
    for line in lines {
        let [name, label, value] = line.split(',').collect::<Vec<_>>().try_into().unwrap();
        let own = if label.is_empty() { String::new() } else { format!(",severity=\"{label}\"") };
        let found =
            prometheus.lines().find(|line| line.starts_with(&format!("nixoscope_{name}{{")) && line.contains(&own));
        assert!(found.is_some_and(|line| line.ends_with(&format!("{own}}} {value}"))), "{line}\n{prometheus}");
        count += 1;
    }
    assert_eq!(count, prometheus.lines().filter(|line| !line.starts_with('#')).count());
    assert!(csv.contains("\nfindings,error,2\n"), "{csv}");
}
