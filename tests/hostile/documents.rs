//! Every document that the commands write about an image, each checked by its readers' rules.

use std::io::Write;
use std::path::Path;

use nixoscope::check::policy::{Draft, DraftNetwork};
use nixoscope::check::{self, Demand};
use nixoscope::nixos::access::{Access, modes};
use nixoscope::nixos::bill::Bill;
use nixoscope::nixos::du::Du;
use nixoscope::nixos::package::{self, Column, Packages};
use nixoscope::nixos::services::Services;
use nixoscope::nixos::software::Software;
use nixoscope::nixos::{Disc, Summary, hints, why};
use nixoscope::report::sbom::Cpes;
use nixoscope::report::{self, About, html};
use nixoscope::{Policy, Troubles};

use crate::hygiene::{csv, elements, json, letters};

/// Elements of HTML that have no end.
const EMPTY: [&str; 6] = ["meta", "link", "input", "br", "hr", "img"];

/// Writes everything that there is to write about an image.
pub(crate) fn write(disc: &Disc<'_>, demands: &[Demand]) {
    let mut troubles = Troubles::default();
    let summary = Summary::of(disc, &mut troubles);
    letters("inspect page", &written(|out| report::inspect::page(out, &summary, Some(80))));
    letters("inspect page", &written(|out| report::inspect::page(out, &summary, None)));
    json("inspect json", &written(|out| report::inspect::json(out, &summary, &troubles)));
    letters("inspect prometheus", &written(|out| report::inspect::prometheus(out, &summary)));
    csv("inspect csv", &written(|out| report::inspect::csv(out, &summary)));

    let system = disc.default_system().ok();
    let services = system.and_then(|system| Services::of(disc, system, &mut troubles).ok());
    let store = Software::of(disc, &mut troubles).ok().and_then(|software| {
        let columns = [Column::Closure, Column::Added, Column::Disk];
        let packages = package::list(disc, &software, &columns, &mut troubles).ok()?;
        Some((software, packages))
    });
    if let Some(services) = &services {
        letters(
            "services table",
            &written(|out| report::services::table(out, services, report::services::Rows::All, Some(80).into())),
        );
        json("services json", &written(|out| report::services::json(out, about(&troubles), services)));
    }
    let mut found = Vec::new();
    if let Some((software, packages)) = &store {
        found = modes(disc, software, &mut troubles).unwrap_or_default();
        of_the_store(disc, software, packages, &mut troubles);
    }
    let access = system.and_then(|system| Access::of(disc, system).ok()).map(|access| access.with(&found));
    if let (Some(system), Some(access)) = (system, &access) {
        let everything = report::access::Shown::All;
        letters("access page", &written(|out| report::access::page(out, (system, access), everything, Some(80))));
    }
    let page = html::Page {
        summary: &summary,
        access: access.as_ref(),
        services: services.as_ref(),
        packages: store.as_ref().map(|(software, packages)| (software, packages)),
        before: &[],
        hints: &[],
        since: None,
        troubles: &troubles,
    };
    elements("html", &written(|out| html::write(out, &page)), &EMPTY);
    policy(&summary, access.as_ref(), services.as_ref());
    judged(disc, demands);
    if let Some((system, access)) = system.zip(access) {
        let systems = [(system.clone(), access)];
        json("access json", &written(|out| report::access::json(out, about(&troubles), &systems)));
    }
}

fn of_the_store(disc: &Disc<'_>, software: &Software, packages: &Packages, troubles: &mut Troubles) {
    let everything = report::packages::Rows::All;
    let columns = [Column::Closure, Column::Added, Column::Disk];
    letters(
        "packages table",
        &written(|out| report::packages::table(out, &packages.rows, &columns, everything, Some(80).into())),
    );
    json("packages json", &written(|out| report::packages::json(out, about(troubles), software, packages)));
    if let Ok(bill) = Bill::of(disc, software, troubles) {
        json("sbom cyclonedx", &written(|out| report::sbom::cyclonedx::write(out, &bill, Cpes::Guessed)));
        json("sbom spdx", &written(|out| report::sbom::spdx::write(out, &bill, Cpes::Guessed)));
        csv("sbom csv", &written(|out| report::sbom::csv(out, &bill)));
    }
    if let Ok(du) = Du::of(disc, b"/", 3, troubles) {
        letters("du table", &written(|out| report::du::table(out, &du)));
        json("du json", &written(|out| report::du::json(out, about(troubles), &du)));
    }
    if let Ok(hints) = hints::hints(disc, software, troubles) {
        letters("du hints", &written(|out| report::du::hints(out, &hints, software)));
    }
    let roots = why::roots(disc, software);
    let targets: Vec<usize> = (0..software.contents.objects.len().min(20)).collect();
    if let Ok(reasons) = why::reasons(software, &roots, &targets, why::Chains::EachReference) {
        letters(
            "why dot",
            &written(|out| report::why::dot(out, software, reasons.iter().flat_map(|reason| &reason.chains))),
        );
    }
}

/// The policy of an image is one that `check` can read.
fn policy(summary: &Summary, access: Option<&Access>, services: Option<&Services>) {
    let mut draft = Draft::of(summary, access);
    draft.network = services.and_then(DraftNetwork::of);
    let toml = written(|out| report::policy::toml(out, &draft));
    letters("policy toml", &toml);
    let text = String::from_utf8_lossy(&toml);
    let policy = Policy::parse(&text, Path::new("policy.toml")).unwrap_or_else(|mistakes| panic!("{mistakes}\n{text}"));
    policy.demands("policy.toml", Path::new(".")).unwrap_or_else(|mistakes| panic!("{mistakes}\n{text}"));
}

fn judged(disc: &Disc<'_>, demands: &[Demand]) {
    let verdicts = check::run(disc, demands, &|_, _| {});
    letters("check table", &written(|out| report::check::table(out, &verdicts, Some(80).into())));
    json("check json", &written(|out| report::check::json(out, about(&verdicts.troubles), &verdicts)));
    letters("github", &written(|out| report::github::write(out, &verdicts, Path::new("."))));
    let reports = [("image".to_owned(), verdicts)];
    elements("junit", &written(|out| report::junit::write(out, &reports)), &[]);
    json("sarif", &written(|out| report::sarif::write(out, &reports, Path::new("."))));
    letters("tap", &written(|out| report::tap::write(out, &reports)));
    letters("markdown_all", &written(|out| report::markdown::write_all(out, &reports)));
}

pub(crate) fn about(troubles: &Troubles) -> About<'_> {
    About { image: Path::new("image"), troubles }
}

/// What a writer writes.
pub(crate) fn written<E: std::fmt::Debug>(write: impl FnOnce(&mut dyn Write) -> Result<(), E>) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(&mut bytes).expect("memory takes it");
    bytes
}
