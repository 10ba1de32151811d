//! `nixoscope access`

use std::io::Write;
use std::path::Path;

use nixoscope::Troubles;
use nixoscope::nixos::access::{Access, modes};
use nixoscope::nixos::software::Software;
use nixoscope::nixos::{Disc, System};
use nixoscope::report::Layout;
use nixoscope::report::access::{self, Shown};

use super::format::FormatArg;
use super::images::{Form, Images, each};
use super::open::{about, disc, open};
use super::{Global, Outcome, cause, output, report_troubles};

/// Arguments of `access`.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    images: Images,
    /// Also show service accounts that cannot log in
    #[arg(short, long)]
    all: bool,
    #[command(flatten)]
    format: FormatArg,
}

pub(super) fn run(args: &Args, global: &Global) -> anyhow::Result<Outcome> {
    each(&args.images.paths, Form::Page, global, |path| one(path, args, global))
}

fn one(path: &Path, args: &Args, global: &Global) -> anyhow::Result<Outcome> {
    let image = open(path, global)?;
    let (disc, mut troubles) = disc(&image)?;
    if let Err(error) = disc.default_system() {
        return Err(cause(troubles, error));
    }
    let systems = systems(&disc, &mut troubles);
    let shown = if args.all { Shown::All } else { Shown::Interesting };
    output::present(
        global,
        |out| Ok(access::json(out, about(&disc, &mut troubles), &systems)?),
        |out| match args.format.layout() {
            Layout::Tabs => Ok(access::tsv(out, &systems, shown)?),
            _ => write(out, &systems, shown),
        },
    )?;
    Ok(report_troubles(&disc, &mut troubles, Outcome::Holds))
}

/// Who gets into each system in the image, the default one first.
fn systems(disc: &Disc<'_>, troubles: &mut Troubles) -> Vec<(System, Access)> {
    let mut all = Vec::new();
    // What cannot be read of the registration does not matter here.
    let software = troubles.keep(Software::of(disc, &mut Troubles::default()));
    let found = software.map(|software| modes(disc, &software, troubles));
    let modes = found.and_then(|found| troubles.keep(found)).unwrap_or_default();
    let mut held = 0;
    for system in disc.systems.iter().filter(|system| system.present) {
        let Some(mut access) = troubles.keep(Access::of(disc, system)) else { continue };
        std::mem::take(&mut access.over_limits).into_iter().for_each(|over| troubles.push(over));
        if let Err(over) = access.hold(system, &mut held) {
            troubles.push(over);
            break;
        }
        all.push((system.clone(), access.with(&modes)));
    }
    all
}

/// The page of the default system, then the pages of other systems that differ.
fn write(out: &mut dyn Write, systems: &[(System, Access)], shown: Shown) -> anyhow::Result<()> {
    let Some((default, rest)) = systems.split_first() else { return Ok(()) };
    access::page(out, (&default.0, &default.1), shown, output::width())?;
    let (same, other): (Vec<_>, Vec<_>) = rest.iter().partition(|(_, access)| access.is_like(&default.1));
    for (system, access) in other {
        writeln!(out)?;
        access::page(out, (system, access), shown, output::width())?;
    }
    let name = |(system, _): &&(System, Access)| match &system.specialisation {
        Some(name) => format!("specialisation {name}"),
        None => system.path.base().to_owned(),
    };
    let names: Vec<String> = same.iter().map(name).collect();
    if !names.is_empty() {
        writeln!(out, "\nThe same in {}", nixoscope::report::escape(names.join(", ").as_bytes()))?;
    }
    Ok(())
}
