//! `nixoscope packages`

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::ValueEnum;
use nixoscope::check::PackageQuery;
use nixoscope::nixos::package::{self, Column, Order, Package};
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
    let software = software(&disc, &mut troubles)?;
    let order = match args.sort {
        Some(Sort::Size) => Order::Size,
        Some(Sort::Closure) => Order::Closure,
        Some(Sort::Added) => Order::Added,
        Some(Sort::Disk) => Order::Disk,
        Some(Sort::Name) => Order::Name,
        None if global.json => Order::Path,
        None => Order::Name,
    };
    let mut columns = Vec::new();
    if global.json || matches!(order, Order::Closure) {
        columns.push(Column::Closure);
    }
    if global.json || matches!(order, Order::Added) {
        columns.push(Column::Added);
    }
    if global.json || matches!(order, Order::Disk) {
        columns.push(Column::Disk);
    }
    let mut found = package::list(&disc, &software, &columns, &mut troubles)?;
    let rows = &mut found.rows;
    rows.retain(|row| !args.installed || row.installed);
    rows.retain(|row| names.is_empty() || names.iter().any(|query| query.matches(&row.path)));
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
