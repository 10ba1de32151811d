//! `nixoscope packages`

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::ValueEnum;
use nixoscope::Troubles;
use nixoscope::check::PackageQuery;
use nixoscope::nixos::package::{self, Column, Order, Package};
use nixoscope::nixos::software::Software;
use nixoscope::nixos::{Disc, tree};
use nixoscope::report::packages;

use super::format::FormatArg;
use super::images::{Form, each, is_image};
use super::open::{ImageArg, about, disc, open, software};
use super::{Global, Outcome, output, report_troubles};

/// Arguments of `packages`.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    image: ImageArg,
    /// List only these packages, as NAME or NAME@VERSION; NAME may be a glob. Further images may follow too: what has a / or
    /// ends in .iso is no name
    #[arg(value_name = "NAME")]
    names: Vec<OsString>,
    /// List only packages that the default system has installed: those that its system path refers to
    #[arg(long)]
    installed: bool,
    /// List all store paths with their kinds: units, configuration, sources and derivations too
    #[arg(short, long)]
    all: bool,
    /// Sort order
    #[arg(long, value_enum, value_name = "KEY")]
    sort: Option<Sort>,
    /// Print only store paths, one a line
    #[arg(long = "path", conflicts_with_all = ["json", "format"])]
    only_paths: bool,
    #[command(flatten)]
    format: FormatArg,
    /// List only packages that are in the image in more than one version
    #[arg(long)]
    several: bool,
    /// Show the references of the default system as a tree, each store path once
    #[arg(long, conflicts_with_all = ["names", "installed", "all", "sort", "several"])]
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
    let (images, names) = args.images_and_names()?;
    each(&images, Form::Page, global, |path| one(path, args, &names, global))
}

impl Args {
    /// A name of a package has no slash, so that images and names can stand in any order, as after `*.iso`.
    fn images_and_names(&self) -> anyhow::Result<(Vec<PathBuf>, Vec<PackageQuery>)> {
        let (mut images, mut names) = (vec![self.image.path.clone()], Vec::new());
        for argument in &self.names {
            if is_image(argument) {
                images.push(PathBuf::from(argument));
                continue;
            }
            let text = argument.to_string_lossy();
            names.push(PackageQuery::parse(&text).map_err(|reason| anyhow!("invalid package {text}: {reason}"))?);
        }
        Ok((images, names))
    }
}

/// What helps somebody who meant an image.
fn hint(query: &PackageQuery) -> String {
    match query.to_string() {
        name if Path::new(&name).exists() => format!("; for the image of that name, write ./{name}"),
        _ => String::new(),
    }
}

fn one(path: &Path, args: &Args, names: &[PackageQuery], global: &Global) -> anyhow::Result<Outcome> {
    let image = open(path, global)?;
    let (disc, mut troubles) = disc(&image)?;
    let software = software(&disc, &mut troubles, global)?;
    if args.tree {
        return tree((&disc, &software), args, global, troubles);
    }
    let order = order(args.sort, global);
    let wanted = [(Order::Closure, Column::Closure), (Order::Added, Column::Added), (Order::Disk, Column::Disk)];
    let wanted = wanted.into_iter().filter(|(by, _)| global.json || *by == order);
    let columns: Vec<Column> = wanted.map(|(_, column)| column).collect();
    let mut found = package::list(&disc, &software, &columns, &mut troubles)?;
    let rows = &mut found.rows;
    rows.retain(|row| !args.installed || row.installed);
    rows.retain(|row| names.is_empty() || names.iter().any(|query| query.matches(&row.path)));
    if args.several {
        package::keep_several_versions(rows);
    }
    package::sort(rows, order);
    let mut outcome = Outcome::Holds;
    for query in names {
        let counts = |row: &Package| args.all || row.is_software();
        if !rows.iter().any(|row| query.matches(&row.path) && counts(row)) {
            outcome = Outcome::Fails;
            match nixoscope::check::missing_package(&disc, &software, query) {
                Ok(message) if !global.quiet => output::complain(&format!("{message}{}", hint(query))),
                Ok(_) => {}
                Err(error) => troubles.push(error),
            }
        }
    }
    let which = if args.all { packages::Rows::All } else { packages::Rows::Software };
    output::present(
        global,
        |out| Ok(packages::json(out, about(&disc, &mut troubles), &software, &found)?),
        |out| match args.only_paths {
            true => Ok(packages::paths(out, &found.rows, which)?),
            false => {
                packages::table(out, &found.rows, &columns, which, args.format.layout())?;
                Ok(found.space.map_or(Ok(()), |space| packages::space(out, space))?)
            }
        },
    )?;
    Ok(report_troubles(&disc, &mut troubles, outcome))
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
fn tree(
    (disc, software): (&Disc<'_>, &Software),
    args: &Args,
    global: &Global,
    mut troubles: Troubles,
) -> anyhow::Result<Outcome> {
    let found = package::list(disc, software, &[Column::Closure, Column::Added], &mut troubles)?;
    let mut added = vec![None; software.contents.objects.len()];
    for row in &found.rows {
        if let Some(place) = added.get_mut(row.index) {
            *place = row.added_size;
        }
    }
    let twigs = tree::tree(disc, software, usize::from(args.depth), &added)?;
    output::present(
        global,
        |out| Ok(packages::tree_json(out, about(disc, &mut troubles), (&twigs, software), &found.rows)?),
        |out| Ok(packages::tree(out, &twigs, software, &found.rows)?),
    )?;
    Ok(report_troubles(disc, &mut troubles, Outcome::Holds))
}
