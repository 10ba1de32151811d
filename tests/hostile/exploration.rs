//! Everything that the commands do with an image, within limits.

use std::io::{self, Read};
use std::path::Path;

use nixoscope::Troubles;
use nixoscope::check::kind::{
    Boot, Command, File, Forbid, Installed, KernelParam, Key, NoEmptyPasswords, NoParam, Package, Ssh,
};
use nixoscope::check::policy::Firmware;
use nixoscope::check::{Assertion, Demand, PackageQuery, WantedKey};
use nixoscope::diff::{Difference, Manifest, Pair};
use nixoscope::fs::walk::Walk;
use nixoscope::fs::{FileType, Tree, fat, path};
use nixoscope::image::Image;
use nixoscope::nixos::Disc;
use nixoscope::report;
use nixoscope::secrets::{self, Allow};
use nixoscope::verify::{self, Expectations};

use crate::documents::{self, about, written};
use crate::hygiene::{json, letters};

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
    let demands: Vec<Demand> = assertions().into_iter().map(Demand::from).collect();
    documents::write(&disc, &demands);
    let mut troubles = Troubles::default();
    if let Some(mut manifest) = told(Manifest::of(&disc, &mut troubles)) {
        manifest.read_rest(&disc, &mut troubles);
        json("manifest", &written(|out| report::manifest::json(out, &manifest, &troubles)));
        let difference = Difference::between(Pair { old: &manifest, new: &Manifest::default() });
        letters("diff", &written(|out| report::diff::page(out, &difference, report::diff::Detail::All)));
        letters("diff", &written(|out| report::diff::markdown(out, &difference, report::diff::Detail::All)));
        let images = Pair { old: Path::new("old"), new: Path::new("new") };
        json("diff", &written(|out| report::diff::json(out, &difference, images)));
    }
    if let Some(report) = told(secrets::scan(&disc, &Allow::default(), &|_, _| {})) {
        report.troubles.iter().for_each(one_line);
        letters("secrets", &written(|out| report::secrets::page(out, &report, 0, Some(80))));
        json("secrets", &written(|out| report::secrets::json(out, about(&report.troubles), &report)));
    }
    if let Some(report) = told(verify::run(&disc, &disc.troubles, &Expectations::default(), &|_, _| {})) {
        letters("verify", &written(|out| report::verify::page(out, &report)));
        json("verify", &written(|out| report::verify::json(out, about(&disc.troubles), &report)));
    }
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
