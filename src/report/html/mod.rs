//! A page for people who would rather look: one file, without a network.

mod access;
mod changes;
mod facts;
mod map;
mod packages;
mod treemap;

use std::io::{self, Write};

use maud::{DOCTYPE, Markup, PreEscaped, html};

use self::facts::{facts, menu};
use super::{escape, size};
use crate::diff::Difference;
use crate::error::Troubles;
use crate::nixos::Summary;
use crate::nixos::access::Access;
use crate::nixos::hints::Hint;
use crate::nixos::package::Packages;
use crate::nixos::services::Services;
use crate::nixos::software::Software;

/// Nothing is loaded: neither styles nor scripts, pictures or typefaces.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

/// What the page shows. What could not be read is absent.
pub struct Page<'p> {
    /// The image in general.
    pub summary: &'p Summary,
    /// Who can log in to the default system.
    pub access: Option<&'p Access>,
    /// What starts in the default system.
    pub services: Option<&'p Services>,
    /// The store paths, with all sizes.
    pub packages: Option<(&'p Software, &'p Packages)>,
    /// For each object, the one before it in the chain that brings it in.
    pub before: &'p [Option<usize>],
    /// What the image could do without.
    pub hints: &'p [Hint],
    /// What changed since another image, and the name of that image.
    pub since: Option<(&'p str, &'p Difference)>,
    /// What could not be read.
    pub troubles: &'p Troubles,
}

/// Writes the page.
///
/// # Errors
/// If the writer fails.
pub fn write(out: &mut dyn Write, page: &Page<'_>) -> io::Result<()> {
    let name = title(page.summary);
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width,initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="generator" content={ "nixoscope " (env!("CARGO_PKG_VERSION")) };
                title { (name) }
                style { (PreEscaped(include_str!("style.css"))) }
            }
            body {
                header { (head(page, &name)) }
                main {
                    (changes::section(page.since))
                    (access::section(page))
                    (access::services(page))
                    @if let Some((software, packages)) = page.packages {
                        (map::section(page, software, packages))
                        (packages::section(page, packages))
                    }
                    (menu(page.summary))
                    (troubles(page.troubles))
                }
                footer { p { "Written by nixoscope " (env!("CARGO_PKG_VERSION")) " from the image alone. Sizes in binary units." } }
                script { (PreEscaped(include_str!("script.js"))) }
            }
        }
    };
    out.write_all(markup.into_string().as_bytes())
}

/// Text from the image, without letters that could disguise it.
fn shown(text: &str) -> String {
    escape(text.as_bytes()).into_owned()
}

/// A size for people, or a question mark.
fn bytes(size: Option<u64>) -> String {
    size.map_or_else(|| "?".to_owned(), size::format)
}

fn title(summary: &Summary) -> String {
    let system = summary.systems.first().and_then(|(_, description)| description.label.as_deref());
    let volume = summary.volume.as_ref().map(|volume| volume.id.as_str()).filter(|id| !id.is_empty());
    let file = summary.path.rsplit('/').next().unwrap_or(&summary.path);
    shown(match (volume, system) {
        (Some(volume), _) => volume,
        (None, Some(system)) => system,
        (None, None) => file,
    })
}

fn head(page: &Page<'_>, name: &str) -> Markup {
    let file = page.summary.path.rsplit('/').next().unwrap_or(&page.summary.path);
    html! {
        h1 { (name) }
        p.lead { (shown(file)) }
        (facts(page))
        nav aria-label="Contents" {
            ul {
                @if page.since.is_some() { li { a href="#changes" { "What changed" } } }
                li { a href="#access" { "Who can log in" } }
                @if page.services.is_some() { li { a href="#services" { "Services and ports" } } }
                @if page.packages.is_some() {
                    li { a href="#space" { "Where the bytes went" } }
                    li { a href="#list" { "Packages" } }
                }
                @if !page.summary.menu.is_empty() { li { a href="#menu" { "Boot menu" } } }
                @if !page.troubles.is_empty() { li { a href="#troubles" { "What could not be read" } } }
            }
        }
    }
}

fn troubles(troubles: &Troubles) -> Markup {
    html! {
        @if !troubles.is_empty() {
            section #troubles {
                h2 { "What could not be read" }
                ul { @for trouble in troubles { li { (shown(&trouble.to_string())) } } }
            }
        }
    }
}
