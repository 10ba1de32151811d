//! The table of packages.

use std::cmp::Reverse;
use std::collections::HashMap;

use maud::{Markup, html};

use super::super::count::counted;
use super::{Page, bytes, shown};
use crate::nixos::ObjectKind;
use crate::nixos::package::{Package, Packages};
use crate::store::name::Name;

/// The rows in the order of the table: the largest on the disc first.
pub(super) fn order(packages: &Packages) -> Vec<&Package> {
    let mut rows: Vec<&Package> = packages.rows.iter().collect();
    rows.sort_by_key(|row| Reverse(row.disk_size));
    rows
}

/// The table. Without a script, it is sorted by bytes on the disc.
pub(super) fn section(page: &Page<'_>, packages: &Packages) -> Markup {
    let rows = order(packages);
    let places: HashMap<usize, usize> = rows.iter().enumerate().map(|(place, row)| (row.index, place)).collect();
    let before = |row: &Package| places.get(&page.before.get(row.index).copied().flatten()?).copied();
    html! {
        section #list {
            h2 { "Packages" }
            div.tools.script-only {
                label for="search" { "Search" }
                input #search type="search" autocomplete="off" spellcheck="false" placeholder="name, version, kind";
                span #count role="status" {}
            }
            div.scroll tabindex="0" role="region" aria-label="Packages" {
                table #packages {
                    caption { (counted(rows.len(), "store path")) ", the largest on the disc first" }
                    thead { tr {
                        th scope="col" { "Name" } th scope="col" { "Version" } th scope="col" { "Output" } th scope="col" { "Kind" }
                        th.n scope="col" { "Size" } th.n scope="col" { "Closure" } th.n scope="col" { "Added" }
                        th.n scope="col" aria-sort="descending" { "On disc" }
                    } }
                    tbody { @for row in &rows { (line(row, before(row))) } }
                }
            }
            p.lead { "Added is what would go with a store path: itself, and all that only it brings in." }
        }
    }
}

fn line(row: &Package, before: Option<usize>) -> Markup {
    let Name { pname, version, output } = Name::parse(row.path.name());
    let number = |size: Option<u64>| html! { td.n data-b=[size] { (bytes(size)) } };
    html! {
        tr title=(row.path) data-p=[before] {
            th scope="row" { (shown(pname)) }
            td { (shown(version)) }
            td { (output.map(shown).unwrap_or_default()) }
            td { (row.kind.map_or("?", ObjectKind::name)) @if row.installed { ", installed" } }
            (number(row.nar_size)) (number(row.closure_size)) (number(row.added_size)) (number(row.disk_size))
        }
    }
}
