//! Assertions on the image as a whole.

use globset::GlobMatcher;

use super::policy::Firmware;
use super::{Judgement, Subject};
use crate::error::{Result, Troubles};
use crate::fs::iso9660::Platform;
use crate::nixos::Medium;
use crate::nixos::menu::MenuEntry;
use crate::secrets::{self, Allow, Secret};
use crate::store::version::Requirement;
use crate::verify::{self, Expectations};

/// Places that are told of one failure.
const SHOWN: usize = 20;

/// What to do about a secret.
const ADVICE: &str = "; keep it out of the store, or allow its path";

/// The image is no longer than the limit.
pub(super) fn size(subject: &Subject<'_, '_>, limit: u64) -> Judgement {
    // A stick is larger than the image that was written to it.
    let file = subject.disc.image().region().length();
    let bytes = match &subject.disc.carrier {
        Medium::Volume(volume) => volume.descriptors().primary.length().min(file),
        Medium::Archive(_) => file,
    };
    if bytes <= limit {
        Judgement::pass(format!("the image has {bytes} bytes"), Vec::new())
    } else {
        Judgement::fail(format!("the image has {bytes} bytes, {} too many", bytes - limit), Vec::new())
    }
}

/// The volume's name is as it should be.
pub(super) fn volume_id(subject: &Subject<'_, '_>, glob: &GlobMatcher) -> Judgement {
    let Medium::Volume(volume) = &subject.disc.carrier else {
        return Judgement::fail("a bare squashfs has no volume", Vec::new());
    };
    let id = &volume.descriptors().primary.volume;
    let told = format!("the volume is called {id}");
    if glob.is_match(id) { Judgement::pass(told, Vec::new()) } else { Judgement::fail(told, Vec::new()) }
}

/// The default system is for the platform.
pub(super) fn platform(subject: &Subject<'_, '_>, wanted: &str) -> Result<Judgement> {
    let system = match subject.system()? {
        Ok(system) => system,
        Err(none) => return Ok(none),
    };
    let evidence = vec![system.path.to_string()];
    Ok(match system.describe(subject.disc.tree())?.system {
        Some(own) if own == wanted => Judgement::pass(own, evidence),
        Some(own) => Judgement::fail(format!("the default system is for {own}"), evidence),
        None => Judgement::fail("the default system does not say for which platform it is", evidence),
    })
}

/// The image boots from the firmware.
pub(super) fn boot(subject: &Subject<'_, '_>, firmware: Firmware) -> Result<Judgement> {
    let Medium::Volume(volume) = &subject.disc.carrier else {
        return Ok(Judgement::fail("a bare squashfs does not boot by itself", Vec::new()));
    };
    let images = volume.boot_catalog()?.map(|catalog| catalog.images).unwrap_or_default();
    let wanted = match firmware {
        Firmware::Bios => Platform::Bios,
        Firmware::Uefi => Platform::Uefi,
    };
    let is_wanted = |platform: Platform| platform == wanted;
    if images.iter().any(|image| image.bootable && is_wanted(image.platform)) {
        return Ok(Judgement::pass("El Torito has a boot image for it", Vec::new()));
    }
    let others: Vec<String> = images.iter().map(|image| image.platform.to_string()).collect();
    Ok(Judgement::fail(
        match others.len() {
            0 => "El Torito has no boot image".to_owned(),
            _ => format!("El Torito has boot images for {} only", others.join(", ")),
        },
        Vec::new(),
    ))
}

/// The default system's kernel has such a version.
pub(super) fn kernel(subject: &Subject<'_, '_>, requirement: &Requirement) -> Result<Judgement> {
    let system = match subject.system()? {
        Ok(system) => system,
        Err(none) => return Ok(none),
    };
    let evidence = vec![format!("{}/kernel", system.path)];
    Ok(match system.describe(subject.disc.tree())?.kernel {
        Some(own) if requirement.admits(&own) => Judgement::pass(format!("kernel {own}"), evidence),
        Some(own) => Judgement::fail(format!("the default system has kernel {own}"), evidence),
        None => Judgement::fail("the version of the default system's kernel is not known", evidence),
    })
}

/// Whether a word of a kernel line is the parameter: as it is written, or by its name alone.
fn is_param(word: &str, param: &str) -> bool {
    word == param || !param.contains('=') && word.split('=').next() == Some(param)
}

/// The entry that boots by default has the parameter.
pub(super) fn param(subject: &Subject<'_, '_>, param: &str) -> Result<Judgement> {
    let system = match subject.system()? {
        Ok(system) => system,
        Err(none) => return Ok(none),
    };
    let starts = |entry: &&MenuEntry| {
        let toplevel = crate::nixos::toplevel(subject.disc.tree(), entry).ok().flatten();
        toplevel.is_some_and(|toplevel| toplevel == system.path)
    };
    let Some(entry) = subject.disc.menu.iter().find(starts) else {
        return Ok(Judgement::fail("no menu starts the default system", Vec::new()));
    };
    let evidence = vec![format!("{}: {}", String::from_utf8_lossy(&entry.file), entry.title)];
    let name = param.split('=').next();
    Ok(match entry.params.iter().find(|word| is_param(word, param)) {
        Some(word) => Judgement::pass(format!("{word} in the entry that boots by default"), evidence),
        None => match entry.params.iter().find(|word| word.split('=').next() == name) {
            Some(word) => Judgement::fail(format!("the entry that boots by default has {word}"), evidence),
            None => Judgement::fail("not in the entry that boots by default", evidence),
        },
    })
}

/// No entry has the parameter.
pub(super) fn no_param(subject: &Subject<'_, '_>, param: &str) -> Judgement {
    let with = subject.disc.menu.iter().filter(|entry| entry.params.iter().any(|word| is_param(word, param)));
    let entries: Vec<String> =
        with.map(|entry| format!("{}: {}", String::from_utf8_lossy(&entry.file), entry.title)).collect();
    match entries.len() {
        0 => Judgement::pass("in no menu entry", Vec::new()),
        1 => Judgement::fail("in one menu entry", entries),
        many => Judgement::fail(format!("in {many} menu entries"), entries),
    }
}

/// No secret is in the image.
pub(super) fn secrets(subject: &Subject<'_, '_>, allow: &Allow) -> Result<Judgement> {
    let report = secrets::scan(subject.disc, allow, subject.progress)?;
    if report.secrets.is_empty()
        && let Some(error) = report.troubles.into_iter().next()
    {
        // What could not be searched may hold some.
        return Err(error);
    }
    let place = |secret: &Secret| {
        let line = secret.line.map_or_else(|| format!(" at byte {}", secret.offset), |line| format!(":{line}"));
        format!("{} {}: {}{line}", secret.kind, secret.what, String::from_utf8_lossy(&secret.path))
    };
    let places: Vec<String> = report.secrets.iter().take(SHOWN).map(place).collect();
    let allowed = match report.allowed {
        0 => String::new(),
        count => format!(", {count} allowed"),
    };
    let unused = report.unused.iter().fold(String::new(), |told, glob| format!("{told}; nothing to allow at {glob}"));
    Ok(match (report.secrets.len() + report.further, places.first()) {
        (0, _) | (_, None) => Judgement::pass(format!("none in {} files{allowed}{unused}", report.files), Vec::new()),
        (1, Some(first)) => Judgement::fail(format!("{first}{ADVICE}{unused}"), places),
        (many, Some(first)) => Judgement::fail(format!("{many}, such as {first}{ADVICE}{unused}"), places),
    })
}

/// Every byte of the store is what is registered of it, and all is there that boots.
pub(super) fn integrity(subject: &Subject<'_, '_>) -> Result<Judgement> {
    let report = verify::run(subject.disc, &Troubles::default(), &Expectations::default(), subject.progress)?;
    let told = report.problems.iter().take(SHOWN).map(|problem| {
        format!("{} {}: {}", problem.kind.name(), String::from_utf8_lossy(&problem.path), problem.message)
    });
    Ok(match report.problems.len() {
        0 if report.verified == report.registered => {
            Judgement::pass(format!("{} store paths verified", report.verified), Vec::new())
        }
        0 => Judgement::fail(
            format!("{} of {} store paths have no hash to compare with", report.without_hash, report.registered),
            Vec::new(),
        ),
        1 => Judgement::fail("1 problem", told.collect()),
        many => Judgement::fail(format!("{many} problems"), told.collect()),
    })
}
