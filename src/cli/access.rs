//! `nixoscope access`

use std::io::Write;

use nixoscope::Troubles;
use nixoscope::nixos::access::Access;
use nixoscope::nixos::{Disc, System};
use nixoscope::report::About;
use nixoscope::report::access::{self, Shown};

use super::open::{ImageArg, disc, open};
use super::{Global, Outcome, cause, output, report_troubles};

/// Arguments of `access`.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    image: ImageArg,
    /// Also show service accounts that cannot log in
    #[arg(short, long)]
    all: bool,
}

pub(super) fn run(args: &Args, global: &Global) -> anyhow::Result<Outcome> {
    let image = open(&args.image.path, global)?;
    let (disc, mut troubles) = disc(&image)?;
    if let Err(error) = disc.default_system() {
        return Err(cause(troubles, error));
    }
    let systems = systems(&disc, &mut troubles);
    if global.json {
        let mut out = output::bytes();
        access::json(&mut out, About { image: disc.path(), troubles: &troubles }, &systems)?;
        out.flush()?;
    } else {
        let mut out = output::results();
        let shown = if args.all { Shown::All } else { Shown::Interesting };
        write(&mut out, &systems, shown)?;
        out.flush()?;
    }
    Ok(report_troubles(&disc, &troubles, Outcome::Holds))
}

/// Who gets into each system in the image, the default one first.
fn systems(disc: &Disc<'_>, troubles: &mut Troubles) -> Vec<(System, Access)> {
    let mut all = Vec::new();
    for system in disc.systems.iter().filter(|system| system.present) {
        let Some(mut access) = troubles.keep(Access::of(disc, system)) else { continue };
        std::mem::take(&mut access.over_limits).into_iter().for_each(|over| troubles.push(over));
        all.push((system.clone(), access));
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
