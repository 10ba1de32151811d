//! The map of where the bytes of the disc went.

use std::cmp::Reverse;
use std::collections::HashMap;

use maud::{Markup, html};

use super::super::{du, size};
use super::packages::order;
use super::treemap::{Area, squarify};
use super::{Page, shown};
use crate::nixos::ObjectKind;
use crate::nixos::hints::Hint;
use crate::nixos::package::{Package, Packages};
use crate::nixos::software::Software;
use crate::store::disk::Space;
use crate::store::name::Name;

/// The picture's own units.
const WHOLE: Area = Area { x: 0.0, y: 0.0, width: 1200.0, height: 640.0 };

/// Height of a group's heading.
const HEADING: f64 = 18.0;

/// Tiles in the picture. Smaller store paths are drawn as one.
const MOST_TILES: usize = 900;

/// Hints that are shown. They are sorted, and later ones save little.
const MOST_HINTS: usize = 12;

/// Store paths that a hint shows.
const SHOWN: usize = 3;

/// Kinds of tiles: the words of the legend. Their colors are the classes `k0` to `k7`.
const KINDS: [&str; 8] =
    ["dependency", "installed", "system", "configuration", "unit", "source", "other", "metadata and padding"];

/// What goes with a store path, compared with its own size. The colors are the classes `a0` to `a4`.
const HEAT: [&str; 5] =
    ["only itself", "up to twice its size", "up to 4 times its size", "up to 10 times its size", "more"];

struct Tile {
    kind: usize,
    /// How much more than itself goes with it, in five steps.
    heat: usize,
    bytes: u64,
    label: String,
    detail: String,
    row: Option<usize>,
}

/// The picture, what the bytes are for, and what the image could do without.
pub(super) fn section(page: &Page<'_>, software: &Software, packages: &Packages) -> Markup {
    let groups = groups(page, packages);
    html! {
        section #space {
            h2 { "Where the bytes went" }
            @if groups.is_empty() { p { "The sizes on the disc could not be read." } } @else {
                p { "Each tile is a store path, as large as its compressed bytes on the disc. The table below has the same numbers." }
                div.tools.script-only {
                    label for="color" { "Color" }
                    select #color { option value="kind" { "by kind" } option value="added" { "by what would go with it" } }
                    button #out type="button" disabled { "Zoom out" }
                    span { "Click a tile, then click it again to zoom; or arrow keys, Enter and Escape." }
                }
                figure {
                    (picture(&groups))
                    (legend(&groups))
                    (heat_legend())
                }
                div #chosen .script-only role="status" { "Choose a tile or a row to see what brings it in." }
            }
            @if let Some(space) = packages.space { (parts(space, page.summary.bytes)) }
            (hints(page.hints, software))
        }
    }
}

/// The tiles of each kind, the largest kind and the largest tile first.
fn groups(page: &Page<'_>, packages: &Packages) -> Vec<Vec<Tile>> {
    let mut tiles: Vec<Tile> = Vec::new();
    let mut small: HashMap<usize, (u64, usize)> = HashMap::new();
    for (place, row) in order(packages).into_iter().enumerate() {
        let Some(bytes) = row.disk_size.filter(|bytes| *bytes > 0) else { continue };
        if place < MOST_TILES {
            tiles.push(tile(row, place, bytes));
        } else {
            let sum = small.entry(kind(row)).or_default();
            *sum = (sum.0.saturating_add(bytes), sum.1 + 1);
        }
    }
    for (kind, (bytes, count)) in small {
        let detail = format!("{count} smaller store paths, {}", size::format(bytes));
        tiles.push(Tile { kind, heat: 0, bytes, label: format!("{count} smaller"), detail, row: None });
    }
    let stored = packages.space.map_or(0, |space| space.store_paths);
    if !tiles.is_empty()
        && let rest @ 1.. = page.summary.bytes.saturating_sub(stored)
    {
        let detail = format!("Boot files, metadata and padding, {}", size::format(rest));
        tiles.push(Tile { kind: 7, heat: 0, bytes: rest, label: "rest of the disc".to_owned(), detail, row: None });
    }
    let mut groups: Vec<Vec<Tile>> = KINDS.iter().map(|_| Vec::new()).collect();
    for tile in tiles {
        // Installed packages and their dependencies are one group in two colors.
        if let Some(group) = groups.get_mut(if tile.kind == 1 { 0 } else { tile.kind }) {
            group.push(tile);
        }
    }
    groups.retain(|group| !group.is_empty());
    groups.iter_mut().for_each(|group| group.sort_by_key(|tile| Reverse(tile.bytes)));
    groups.sort_by_key(|group| Reverse(sum(group)));
    groups
}

fn sum(group: &[Tile]) -> u64 {
    group.iter().map(|tile| tile.bytes).fold(0, u64::saturating_add)
}

fn kind(row: &Package) -> usize {
    match row.kind {
        Some(ObjectKind::Software) | None => usize::from(row.installed),
        Some(ObjectKind::System) => 2,
        Some(ObjectKind::Configuration) => 3,
        Some(ObjectKind::Unit) => 4,
        Some(ObjectKind::Source | ObjectKind::Derivation) => 5,
        Some(ObjectKind::Other) => 6,
    }
}

fn tile(row: &Package, place: usize, bytes: u64) -> Tile {
    let Name { pname, version, output } = Name::parse(row.path.name());
    let output = output.map(|output| format!(" ({output})")).unwrap_or_default();
    let label = shown(&format!("{pname}{output}"));
    let detail = format!("{label} {}, {} on the disc", shown(version), size::format(bytes));
    let (own, added) = (row.nar_size.unwrap_or(0).max(1), row.added_size.unwrap_or(0));
    let heat = match added / own {
        0 | 1 => usize::from(added > own + own / 4),
        2..=3 => 2,
        4..=9 => 3,
        _ => 4,
    };
    Tile { kind: kind(row), heat, bytes, label, detail, row: Some(place) }
}

fn picture(groups: &[Vec<Tile>]) -> Markup {
    let sizes: Vec<f64> = groups.iter().map(|group| float(sum(group))).collect();
    let areas = squarify(&sizes, WHOLE);
    let view = format!("0 0 {} {}", WHOLE.width, WHOLE.height);
    html! {
        svg #map viewBox=(view) role="img" aria-label="Map of the compressed bytes on the disc, by store path" {
            @for (group, area) in groups.iter().zip(&areas) {
                (rectangle(area.inside(1.0, 0.0), "group"))
                (self::group(group, *area))
            }
        }
    }
}

fn group(group: &[Tile], area: Area) -> Markup {
    let name = group.first().map_or("", |tile| word(tile.kind));
    let has_heading = area.height > 3.0 * HEADING && area.width > 90.0;
    let within = area.inside(2.0, if has_heading { HEADING } else { 0.0 });
    let sizes: Vec<f64> = group.iter().map(|tile| float(tile.bytes)).collect();
    html! {
        @if has_heading {
            text.head x=(round(area.x + 6.0)) y=(round(area.y + 15.0)) { (name) @if area.width > 190.0 { " · " (size::format(sum(group))) } }
        }
        @for (tile, area) in group.iter().zip(squarify(&sizes, within)) {
            @if area.width * area.height > 0.2 { (self::one(tile, area.inside(0.5, 0.0))) }
        }
    }
}

fn one(tile: &Tile, area: Area) -> Markup {
    let letters = tile.label.chars().count().max(1);
    let letters = f64::from(u32::try_from(letters).unwrap_or(u32::MAX));
    let font = (area.width / (letters * 0.62)).min(area.height * 0.6).min(15.0);
    html! {
        rect class={ "tile k" (tile.kind) " a" (tile.heat) } x=(round(area.x)) y=(round(area.y)) width=(round(area.width))
            height=(round(area.height)) data-r=[tile.row] { title { (tile.detail) } }
        @if font >= 2.5 {
            text x=(round(area.x + area.width / 2.0)) y=(round(area.y + area.height / 2.0 + font * 0.35)) text-anchor="middle"
                font-size=(round(font)) { (tile.label) }
        }
    }
}

fn rectangle(area: Area, class: &str) -> Markup {
    html! { rect class=(class) x=(round(area.x)) y=(round(area.y)) width=(round(area.width)) height=(round(area.height)) {} }
}

fn legend(groups: &[Vec<Tile>]) -> Markup {
    let has = |kind: usize| groups.iter().flatten().any(|tile| tile.kind == kind);
    html! {
        ul.legend.by-kind {
            @for (kind, name) in KINDS.iter().enumerate().filter(|(kind, _)| has(*kind)) {
                li { svg viewBox="0 0 1 1" aria-hidden="true" { rect class={ "k" (kind) } width="1" height="1" {} } (name) }
            }
        }
    }
}

/// The colors by what would go with a store path, besides itself.
fn heat_legend() -> Markup {
    html! {
        ul.legend.by-added {
            @for (step, name) in HEAT.iter().enumerate() {
                li { svg viewBox="0 0 1 1" aria-hidden="true" { rect class={ "a" (step) } width="1" height="1" {} } (name) }
            }
        }
    }
}

/// The heading of a group.
fn word(kind: usize) -> &'static str {
    match kind {
        0 | 1 => "software",
        7 => "rest of the disc",
        other => KINDS.get(other).copied().unwrap_or_default(),
    }
}

/// What the bytes of the image are for.
fn parts(space: Space, image: u64) -> Markup {
    let rows = [
        ("Contents of store paths", space.store_paths),
        ("Registration of the store", space.registration),
        ("Other files beside the store paths", space.other_files),
        ("Inodes, directories and tables of the store", space.metadata),
        ("Unused bytes of the store", space.unused),
        ("Padding of the store", space.padding),
        ("Boot files and the rest of the disc", image.saturating_sub(space.total)),
        ("The whole image", image.max(space.total)),
    ];
    html! {
        h3 { "To the byte" }
        div.scroll tabindex="0" role="region" aria-label="To the byte" {
            table {
                thead { tr { th scope="col" { "Part" } th.n scope="col" { "Size" } th.n scope="col" { "Bytes" } } }
                tbody {
                    @for (name, bytes) in rows.into_iter().filter(|(_, bytes)| *bytes > 0) {
                        tr { th scope="row" { (name) } td.n { (size::format(bytes)) } td.n { (bytes) } }
                    }
                }
            }
        }
    }
}

/// What the image could do without.
fn hints(hints: &[Hint], software: &Software) -> Markup {
    let name = |object: usize| software.contents.objects.get(object).map(|object| shown(object.path.name()));
    html! {
        @if !hints.is_empty() {
            h3 { "What the image could do without" }
            div.scroll tabindex="0" role="region" aria-label="What the image could do without" {
                table {
                    thead { tr { th scope="col" { "What" } th.n scope="col" { "Saves on disc" } th scope="col" { "Where" } } }
                    tbody {
                        @for hint in hints.iter().take(MOST_HINTS) {
                            tr {
                                th scope="row" { (shown(&du::words(&hint.waste))) }
                                td.n { (size::format(hint.disk_size)) }
                                td.wrap {
                                    (hint.objects.iter().take(SHOWN).filter_map(|(object, _)| name(*object)).collect::<Vec<_>>().join(", "))
                                    @if let more @ 1.. = hint.objects.len().saturating_sub(SHOWN) { " and " (more) " more" }
                                }
                            }
                        }
                    }
                }
            }
            @if let more @ 1.. = hints.len().saturating_sub(MOST_HINTS) {
                p { "and " (more) " that would save less; " code { "nixoscope du --hints --json" } " has them all" }
            }
        }
    }
}

/// A size as a float. Only pictures need it, so the last digits do not matter.
#[allow(clippy::cast_precision_loss, reason = "a pixel is coarser")]
fn float(bytes: u64) -> f64 {
    bytes as f64
}

fn round(number: f64) -> String {
    let text = format!("{number:.1}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}
