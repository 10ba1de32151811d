//! Who can log in, and what runs.

use maud::{Markup, html};

use super::super::services::{ports, short, start};
use super::{Page, shown};
use crate::nixos::access::{Access, Finding, Severity};
use crate::nixos::firewall::Firewall;
use crate::nixos::services::Service;

/// Findings and units that are shown. More make the page slow, and nobody reads them.
const MOST: usize = 400;

/// Who can log in, the worst finding first.
pub(super) fn section(page: &Page<'_>) -> Markup {
    html! {
        section #access {
            h2 { "Who can log in" }
            @match page.access {
                None => p { "No system of the image could be read, so this is unknown." },
                Some(access) => (findings(access)),
            }
        }
    }
}

fn findings(access: &Access) -> Markup {
    html! {
        @if !access.people.users_known { p { "The image does not list its users; only those that other files imply are here." } }
        @if access.findings.is_empty() { p { "Nobody can log in." } }
        ul.findings {
            @for finding in access.findings.iter().take(MOST) { (one(finding)) }
        }
        @if let more @ 1.. = access.findings.len().saturating_sub(MOST) { p { "and " (more) " more findings" } }
    }
}

fn one(finding: &Finding) -> Markup {
    let (class, word) = match finding.severity {
        Severity::Error => ("error", "Problem"),
        Severity::Warning => ("warning", "Warning"),
        Severity::Info => ("info", "Info"),
    };
    html! {
        li {
            span class={ "tag " (class) } { (word) }
            span { strong { (shown(&finding.subject)) } " " (shown(&finding.message)) }
            @if let Some(path) = &finding.path { code { (shown(path)) } }
        }
    }
}

/// What starts, and the ports that are open.
pub(super) fn services(page: &Page<'_>) -> Markup {
    let Some(services) = page.services else { return html! {} };
    let started: Vec<&Service> = services.services.iter().filter(|service| service.starts()).collect();
    // Those that listen first: they are what a reader looks for.
    let (listening, others): (Vec<&Service>, Vec<&Service>) =
        started.iter().partition(|service| !service.ports.is_empty());
    html! {
        section #services {
            h2 { "Services and ports" }
            (firewall(services.firewall.as_ref()))
            @if !started.is_empty() {
                div.scroll tabindex="0" role="region" aria-label="Services" {
                    table {
                        thead { tr {
                            th scope="col" { "Unit" } th scope="col" { "Starts" } th scope="col" { "As" }
                            th scope="col" { "Listens" } th scope="col" { "Runs" }
                        } }
                        tbody {
                            @for service in listening.into_iter().chain(others).take(MOST) {
                                tr {
                                    th scope="row" { (shown(&service.unit)) }
                                    td { (start(service)) }
                                    td { (service.user.as_deref().map(shown).unwrap_or_default()) }
                                    td { (ports(&service.ports)) }
                                    td { code { (service.program.as_deref().map(short).unwrap_or_default()) } }
                                }
                            }
                        }
                    }
                }
                @if let more @ 1.. = started.len().saturating_sub(MOST) { p { "and " (more) " more units" } }
            }
        }
    }
}

fn firewall(firewall: Option<&Firewall>) -> Markup {
    let Some(firewall) = firewall else { return html! { p { "The rules of the firewall could not be read." } } };
    let Some(unit) = &firewall.unit else {
        return html! { p { strong { "No firewall." } " NixOS sets up none on this image: every port that a service opens can be reached." } };
    };
    let open: Vec<String> = firewall.openings.iter().map(ToString::to_string).collect();
    html! {
        p {
            "The firewall (" (shown(unit)) ") lets in "
            @if open.is_empty() { "nothing from outside." } @else { strong { (shown(&open.join(", "))) } "." }
            @if !firewall.trusted.is_empty() { " It trusts the interfaces " (shown(&firewall.trusted.join(", "))) "." }
            @match firewall.further.len() {
                0 => {}
                1 => " One rule of its own is not checked.",
                more => { " " (more) " rules of its own are not checked." }
            }
        }
    }
}
