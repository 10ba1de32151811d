//! What the image is, and how it boots.

use maud::{Markup, html};

use super::super::count::counted;
use super::super::inspect::boot::parameters;
use super::{Page, bytes, shown};
use crate::nixos::Summary;
use crate::nixos::access::Severity;

/// Entries of the boot menu that are shown.
const MOST_ENTRIES: usize = 60;

/// The facts that everybody wants first.
pub(super) fn facts(page: &Page<'_>) -> Markup {
    let summary = page.summary;
    let description = summary.systems.first().map(|(_, description)| description);
    let release = description.and_then(|it| it.version.as_deref().or(it.label.as_deref()));
    let kernel = description.and_then(|it| it.kernel.as_deref());
    let systems = counted(summary.systems.len(), "system");
    html! {
        dl.facts {
            div {
                dt { "Release" }
                dd { (release.map(shown).unwrap_or_else(|| "unknown".to_owned())) small { (systems) } }
            }
            div {
                dt { "Kernel" }
                dd { (kernel.map(shown).unwrap_or_else(|| "unknown".to_owned()))
                    @if let Some(system) = description.and_then(|it| it.system.as_deref()) { small { (shown(system)) } } }
            }
            div {
                dt { "Size" }
                dd { (bytes(Some(summary.bytes))) small { (unpacked(summary)) } }
            }
            div {
                dt { "Boots by" }
                dd { (boots_by(summary)) }
            }
            div {
                dt { "Who can log in" }
                dd { (worst(page)) }
            }
        }
    }
}

fn unpacked(summary: &Summary) -> String {
    let Some(store) = &summary.store else { return "no store".to_owned() };
    let paths = counted(store.paths, "store path");
    store.nar_size.map_or_else(|| paths.clone(), |size| format!("{paths}, {} unpacked", bytes(Some(size))))
}

/// BIOS, UEFI, and whether it boots from a stick.
pub(super) fn boots_by(summary: &Summary) -> Markup {
    let (ways, from) = super::super::inspect::boot::ways(summary);
    html! {
        @if ways.is_empty() { "nothing on its own" } @else { (ways.join(" and ")) small { (from) } }
    }
}

fn worst(page: &Page<'_>) -> Markup {
    let Some(access) = page.access else { return html! { "unknown" } };
    let count = |severity| access.findings.iter().filter(|finding| finding.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    html! {
        @if errors > 0 { (counted(errors, "problem")) } @else if warnings > 0 { (counted(warnings, "warning")) } @else { "nothing unusual" }
        @if errors > 0 && warnings > 0 { small { (counted(warnings, "warning")) } }
    }
}

/// The entries of the boot menus.
pub(super) fn menu(summary: &Summary) -> Markup {
    html! {
        @if !summary.menu.is_empty() {
            section #menu {
                h2 { "Boot menu" }
                div.scroll tabindex="0" role="region" aria-label="Boot menu" {
                    table {
                        thead { tr { th scope="col" { "Title" } th scope="col" { "File" } th scope="col" { "Kernel parameters" } } }
                        tbody {
                            @for entry in summary.menu.iter().take(MOST_ENTRIES) {
                                tr {
                                    th scope="row" { (shown(&entry.title)) @if entry.default { " (default)" } }
                                    td { code { (super::escape(&entry.file)) } }
                                    td { code { (shown(&parameters(entry).join(" "))) } }
                                }
                            }
                        }
                    }
                }
                @if let more @ 1.. = summary.menu.len().saturating_sub(MOST_ENTRIES) { p { "and " (more) " more entries" } }
            }
        }
    }
}
