//! `nixoscope report`

use std::io::{self, IsTerminal};
use std::path::PathBuf;

use anyhow::bail;
use nixoscope::Troubles;
use nixoscope::nixos::access::Access;
use nixoscope::nixos::package::{self, Column, Packages};
use nixoscope::nixos::services::Services;
use nixoscope::nixos::software::Software;
use nixoscope::nixos::{Disc, Summary, hints, why};
use nixoscope::report::html::{self, Page};

use super::file::OutputArg;
use super::open::{ImageArg, disc, open};
use super::{Global, Outcome, report_troubles};

/// Arguments of `report`.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    image: ImageArg,
    /// Newer image: the page is about this one, and shows what changed since IMAGE
    #[arg(value_name = "NEW")]
    new: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArg,
}

pub(super) fn run(args: &Args, global: &Global) -> anyhow::Result<Outcome> {
    if global.json {
        bail!("report writes a page for a browser; the other commands write JSON");
    }
    if !args.output.is_file() && io::stdout().is_terminal() {
        bail!("the page is for a browser: name a file with -o FILE.html");
    }
    let older = args.image.path.display().to_string();
    args.output.refuse_image(&args.image.path)?;
    let (image, difference) = match &args.new {
        Some(new) => (open(new, global)?, Some(super::diff::between(&args.image.path, new, global)?)),
        None => (open(&args.image.path, global)?, None),
    };
    args.output.refuse_image(image.path())?;
    let (disc, mut troubles) = disc(&image)?;
    let summary = Summary::of(&disc, &mut troubles);
    let system = disc.default_system().ok();
    let access = system.and_then(|system| troubles.keep(Access::of(&disc, system)));
    let services = system.and_then(|system| Services::of(&disc, system, &mut troubles).ok());
    let store = packages(&disc, &mut troubles);
    let before = store.as_ref().map(|(software, _)| before(&disc, software)).unwrap_or_default();
    let access = access.map(|access| access.with(summary.modes.as_deref().unwrap_or_default()));
    let hints = match &store {
        Some((software, _)) => hints::hints(&disc, software, &mut troubles).unwrap_or_default(),
        None => Vec::new(),
    };
    troubles.append(disc.take_faults());
    troubles.extend(disc.missing_end());
    let page = Page {
        summary: &summary,
        access: access.as_ref(),
        services: services.as_ref(),
        packages: store.as_ref().map(|(software, packages)| (software, packages)),
        before: &before,
        hints: &hints,
        since: difference.as_ref().map(|difference| (older.as_str(), difference)),
        troubles: &troubles,
    };
    args.output.write(|out| Ok(html::write(out, &page)?))?;
    Ok(report_troubles(&disc, &mut troubles, Outcome::Holds))
}

/// The store paths with all sizes. `None` if there is no store that can be read; the troubles say why.
fn packages(disc: &Disc<'_>, troubles: &mut Troubles) -> Option<(Software, Packages)> {
    disc.store.as_ref()?;
    // Reading the summary has met and kept the same errors.
    let software = Software::of(disc, &mut Troubles::default()).ok()?;
    let columns = [Column::Closure, Column::Added, Column::Disk];
    let packages = troubles.keep(package::list(disc, &software, &columns, &mut Troubles::default()))?;
    Some((software, packages))
}

/// For each object, the one before it in the shortest chain that brings it in.
fn before(disc: &Disc<'_>, software: &Software) -> Vec<Option<usize>> {
    let roots = why::roots(disc, software).into_iter().next().unwrap_or_default();
    let chains = software.contents.graph.chains(roots);
    let objects = 0..software.contents.objects.len();
    objects.map(|object| chains.before(object).filter(|before| *before != object)).collect()
}
