//! Everything that the commands do with an image, within limits.

use std::io::{self, Read};

use nixoscope::Troubles;
use nixoscope::check::kind::{
    Boot, Command, File, Forbid, Installed, KernelParam, Key, NoEmptyPasswords, NoParam, Package, Ssh,
};
use nixoscope::check::policy::Firmware;
use nixoscope::check::{self, Assertion, Demand, PackageQuery, WantedKey};
use nixoscope::diff::{Difference, Manifest, Pair};
use nixoscope::fs::walk::Walk;
use nixoscope::fs::{FileType, Tree, fat, path};
use nixoscope::image::Image;
use nixoscope::nixos::access::Access;
use nixoscope::nixos::package::{self, Column};
use nixoscope::nixos::software::Software;
use nixoscope::nixos::{Disc, Summary};
use nixoscope::report;
use nixoscope::secrets::{self, Allow};
use nixoscope::verify::{self, Expectations};

/// Files that are looked at in one tree.
const VISITS: usize = 1500;

/// Bytes that are read of one file, and of all in one tree.
const BYTES: [u64; 2] = [1 << 16, 1 << 20];

/// Opens an image and asks all there is to ask. Errors are what is expected; each is one line.
pub(crate) fn explore(bytes: Vec<u8>) {
    let image = Image::memory(bytes);
    let Some(disc) = told(Disc::open(&image)) else { return };
    for trouble in &disc.troubles {
        one_line(trouble);
    }
    walk(disc.tree());
    walk(disc.own_tree());
    for asked in ["/etc/ssh/sshd_config", "/run/current-system/sw/bin/vim", "/folder/../link", "/1/2/3/4/5/6/7/8/9"] {
        told(path::resolve(disc.tree(), asked.as_bytes()));
    }
    let mut troubles = Troubles::default();
    let summary = Summary::of(&disc, &mut troubles);
    troubles.iter().for_each(one_line);
    report::inspect::page(&mut io::sink(), &summary, None).unwrap();
    report::inspect::json(&mut io::sink(), &summary, &troubles).unwrap();
    if let Some(software) = told(Software::of(&disc, &mut troubles))
        && let Some(rows) =
            told(package::list(&disc, &software, &[Column::Closure, Column::Added, Column::Disk], &mut troubles))
    {
        let _ = told(nixoscope::nixos::du::Du::of(&disc, b"/", 3, &mut troubles));
        let _ = told(nixoscope::nixos::hints::hints(&disc, &software, &mut troubles));
        report::packages::json(&mut io::sink(), about(&troubles), &software, &rows).unwrap();
    }
    let demands: Vec<Demand> = assertions().into_iter().map(Demand::from).collect();
    let verdicts = check::run(&disc, &demands, &|_, _| {});
    verdicts.troubles.iter().for_each(one_line);
    report::check::table(&mut io::sink(), &verdicts, Some(100).into()).unwrap();
    for system in disc.systems.iter().filter(|system| system.present) {
        if let Some(access) = told(Access::of(&disc, system)) {
            report::access::page(&mut io::sink(), (system, &access), report::access::Shown::All, Some(80)).unwrap();
            report::access::json(&mut io::sink(), about(&troubles), &[(system.clone(), access)]).unwrap();
        }
    }
    if let Some(mut manifest) = told(Manifest::of(&disc, &mut troubles)) {
        manifest.read_rest(&disc, &mut troubles);
        report::manifest::json(&mut io::sink(), &manifest, &troubles).unwrap();
        let difference = Difference::between(Pair { old: &manifest, new: &Manifest::default() });
        report::diff::page(&mut io::sink(), &difference, report::diff::Detail::All).unwrap();
    }
    if let Some(report) = told(secrets::scan(&disc, &Allow::default(), &|_, _| {})) {
        report.troubles.iter().for_each(one_line);
        report::secrets::page(&mut io::sink(), &report, 0, Some(80)).unwrap();
        report::secrets::json(&mut io::sink(), about(&report.troubles), &report).unwrap();
    }
    if let Some(report) = told(verify::run(&disc, &disc.troubles, &Expectations::default(), &|_, _| {})) {
        report::verify::page(&mut io::sink(), &report).unwrap();
        report::verify::json(&mut io::sink(), about(&disc.troubles), &report).unwrap();
    }
}

fn about(troubles: &Troubles) -> report::About<'_> {
    report::About { image: std::path::Path::new("image"), troubles }
}

/// Reads all of a boot image of UEFI.
pub(crate) fn explore_fat(bytes: Vec<u8>) {
    let image = Image::memory(bytes);
    if let Some(volume) = told(fat::Volume::open(image.region())) {
        walk(&volume);
    }
}

fn assertions() -> Vec<Assertion> {
    let package = || PackageQuery::parse("git").expect("a name");
    let key = WantedKey::parse("SHA256:t2OsNBhPwj/q3ZhvXsqNyex0nr3b3DKm3TYL+q/1l2k").expect("a fingerprint");
    vec![
        Package(package()).into(),
        Installed(package()).into(),
        Forbid(package()).into(),
        Command("vim".to_owned()).into(),
        File::at(b"/etc/os-release").into(),
        Key { key, user: None }.into(),
        NoEmptyPasswords.into(),
        Ssh::Enabled(true).into(),
        Boot(Firmware::Uefi).into(),
        NoParam(KernelParam::parse("quiet")).into(),
    ]
}

fn walk(tree: &dyn Tree) {
    let mut budget = BYTES[1];
    for visit in Walk::new(tree, tree.root(), b"/").take(VISITS) {
        let Some(visit) = told(visit) else { continue };
        told(tree.node(visit.id));
        if visit.file_type == FileType::Directory {
            told(tree.lookup(visit.id, b"a name that no directory has"));
        }
        if visit.file_type == FileType::File
            && let Some(reader) = told(tree.open(visit.id))
        {
            let read = io::copy(&mut reader.take(BYTES[0].min(budget)), &mut io::sink());
            budget -= read.unwrap_or(0);
        }
    }
}

/// The value, if there is one.
fn told<T>(result: nixoscope::Result<T>) -> Option<T> {
    result.map_err(|error| one_line(&error)).ok()
}

fn one_line(error: &nixoscope::Error) {
    let message = error.to_string();
    assert!(!message.chars().any(char::is_control), "{message:?}");
}
