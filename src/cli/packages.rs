//! `nixoscope packages`

use std::io::Write;

use clap::ValueEnum;
use nixoscope::Troubles;
use nixoscope::check::PackageQuery;
use nixoscope::nixos::package::{self, Column, Order, Package};
use nixoscope::nixos::software::Software;
use nixoscope::nixos::{Disc, tree};
use nixoscope::report::About;
use nixoscope::report::packages;

use super::open::{ImageArg, disc, open, software};
use super::{Global, Outcome, output, report_troubles};

/// Arguments of `packages`.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    image: ImageArg,
    /// List only these packages, as NAME or NAME@VERSION; NAME may be a glob
    #[arg(value_name = "NAME", value_parser = PackageQuery::parse)]
    names: Vec<PackageQuery>,
    /// List only packages that the default system has installed: those that its system path refers to
    #[arg(long)]
    installed: bool,
    /// List all store paths with their kinds: units, configuration, sources and derivations too
    #[arg(short, long)]
    all: bool,
    /// Sort order
    #[arg(long, value_enum, value_name = "KEY")]
    sort: Option<Sort>,
    /// List only packages that are in the image in more than one version
    #[arg(long)]
    several: bool,
    /// Show the references of the default system as a tree, each store path once
    #[arg(long, conflicts_with_all = ["names", "installed", "all", "sort", "several", "json"])]
    tree: bool,
    /// Levels of the tree
    #[arg(long, value_name = "N", default_value_t = 2, requires = "tree")]
    depth: u16,
}

#[derive(Clone, Copy, ValueEnum)]
enum Sort {
    /// Largest first
    Size,
    /// Largest closure first
    Closure,
    /// Largest first, counting what only this package brings in
    Added,
    /// Largest on the disc (compressed) first
    Disk,
    /// By name and version
    Name,
}

pub(super) fn run(args: &Args, global: &Global) -> anyhow::Result<Outcome> {
    let image = open(&args.image.path, global)?;
    let (disc, mut troubles) = disc(&image)?;
    let software = software(&disc, &mut troubles)?;
    if args.tree {
        return tree((&disc, &software), usize::from(args.depth), troubles);
    }
    let order = order(args.sort, global);
    let wanted = [(Order::Closure, Column::Closure), (Order::Added, Column::Added), (Order::Disk, Column::Disk)];
    let wanted = wanted.into_iter().filter(|(by, _)| global.json || *by == order);
    let columns: Vec<Column> = wanted.map(|(_, column)| column).collect();
    let mut found = package::list(&disc, &software, &columns, &mut troubles)?;
    let rows = &mut found.rows;
    rows.retain(|row| !args.installed || row.installed);
    rows.retain(|row| args.names.is_empty() || args.names.iter().any(|query| query.matches(&row.path)));
    if args.several {
        package::keep_several_versions(rows);
    }
    package::sort(rows, order);
    let mut outcome = Outcome::Holds;
    for query in &args.names {
        let counts = |row: &Package| args.all || row.is_software();
        if !rows.iter().any(|row| query.matches(&row.path) && counts(row)) {
            outcome = Outcome::Fails;
            match nixoscope::check::missing_package(&disc, &software, query) {
                Ok(message) if !global.quiet => output::complain(&message),
                Ok(_) => {}
                Err(error) => troubles.push(error),
            }
        }
    }
    output::unless_closed(|| {
        if global.json {
            let mut out = output::bytes();
            packages::json(&mut out, About { image: disc.path(), troubles: &troubles }, &software, &found)?;
            out.flush()?;
        } else {
            let mut out = output::results();
            packages::table(
                &mut out,
                &found.rows,
                &columns,
                if args.all { packages::Rows::All } else { packages::Rows::Software },
                output::width(),
            )?;
            if let Some(space) = found.space {
                packages::space(&mut out, space)?;
            }
            out.flush()?;
        }
        Ok(())
    })?;
    Ok(report_troubles(&disc, &troubles, outcome))
}

fn order(sort: Option<Sort>, global: &Global) -> Order {
    match sort {
        Some(Sort::Size) => Order::Size,
        Some(Sort::Closure) => Order::Closure,
        Some(Sort::Added) => Order::Added,
        Some(Sort::Disk) => Order::Disk,
        Some(Sort::Name) => Order::Name,
        None if global.json => Order::Path,
        None => Order::Name,
    }
}

/// The references of the default system as a tree.
fn tree((disc, software): (&Disc<'_>, &Software), depth: usize, mut troubles: Troubles) -> anyhow::Result<Outcome> {
    let found = package::list(disc, software, &[Column::Closure, Column::Added], &mut troubles)?;
    let mut added = vec![None; software.contents.objects.len()];
    for row in &found.rows {
        if let Some(place) = added.get_mut(row.index) {
            *place = row.added_size;
        }
    }
    let twigs = tree::tree(disc, software, depth, &added)?;
    output::unless_closed(|| {
        let mut out = output::results();
        packages::tree(&mut out, &twigs, software, &found.rows)?;
        Ok(out.flush()?)
    })?;
    Ok(report_troubles(disc, &troubles, Outcome::Holds))
}
