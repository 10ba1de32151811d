//! A bill of materials in SPDX 2.3.

use std::io::Write;

use data_encoding::HEXLOWER;
use serde::Serialize;

use super::Cpes;
use super::cyclonedx::time;
use crate::nixos::bill::{Bill, Component, Subject};
use crate::report::document;
use crate::store::name::Name;

/// The identifier of the image itself.
const IMAGE: &str = "SPDXRef-image";

/// What SPDX writes where a fact is not known (clause 7.7).
const UNKNOWN: &str = "NOASSERTION";

/// Writes the bill on one line.
///
/// # Errors
/// What the writer meets.
pub fn write(out: &mut dyn Write, bill: &Bill, cpes: Cpes) -> serde_json::Result<()> {
    let id = |&index: &usize| bill.components.get(index).map(identifier);
    let relation = |from: &str, kind, to: String| Relationship {
        spdx_element_id: from.to_owned(),
        relationship_type: kind,
        related_spdx_element: to,
    };
    let mut relationships = vec![relation("SPDXRef-DOCUMENT", "DESCRIBES", IMAGE.to_owned())];
    relationships.extend(bill.components.iter().map(|component| relation(IMAGE, "CONTAINS", identifier(component))));
    relationships.extend(bill.roots.iter().filter_map(id).map(|root| relation(IMAGE, "DEPENDS_ON", root)));
    for component in &bill.components {
        let references = component.references.iter().filter_map(id);
        relationships.extend(references.map(|to| relation(&identifier(component), "DEPENDS_ON", to)));
    }
    let document = Document {
        spdx_version: "SPDX-2.3",
        data_license: "CC0-1.0",
        spdxid: "SPDXRef-DOCUMENT",
        name: &bill.subject.name,
        document_namespace: format!("https://spdx.org/spdxdocs/nixoscope-{}", bill.uuid()),
        creation_info: CreationInfo {
            // When the volume was made, so that the same image has the same bill.
            created: time(bill.subject.created.or(Some(0))),
            creators: [format!("Tool: nixoscope-{}", env!("CARGO_PKG_VERSION"))],
        },
        packages: std::iter::once(image(&bill.subject))
            .chain(bill.components.iter().map(|component| package(component, cpes)))
            .collect(),
        relationships,
    };
    document::line(out, &document)
}

/// Identifiers have letters, digits, dots and hyphens only (clause 7.2).
fn identifier(component: &Component) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() || letter == '.' { letter } else { '-' };
    format!("SPDXRef-{}", component.path.base().chars().map(plain).collect::<String>())
}

fn image(subject: &Subject) -> Package<'_> {
    let facts = [
        subject.volume.as_ref().map(|id| format!("volume identifier: {id}")),
        subject.kernel.as_ref().map(|kernel| format!("kernel: {kernel}")),
        subject.revision().map(|revision| format!("nixpkgs revision: {revision}")),
    ];
    let facts: Vec<String> = facts.into_iter().flatten().collect();
    Package {
        spdxid: IMAGE.to_owned(),
        name: &subject.name,
        version_info: subject.version.as_deref(),
        package_file_name: Some(&subject.name),
        checksums: checksums(subject.sha256),
        external_refs: Vec::new(),
        comment: Some(facts.join("; ")).filter(|facts| !facts.is_empty()),
        primary_package_purpose: "OPERATING-SYSTEM",
        ..Package::default()
    }
}

fn package(component: &Component, cpes: Cpes) -> Package<'_> {
    let Name { pname, version, .. } = Name::parse(component.path.name());
    let mut external_refs = vec![ExternalRef {
        reference_category: "PACKAGE-MANAGER",
        reference_type: "purl",
        reference_locator: component.purl(),
        comment: None,
    }];
    external_refs.extend(component.guessed_cpe().filter(|_| cpes == Cpes::Guessed).map(|cpe| ExternalRef {
        reference_category: "SECURITY",
        reference_type: "cpe23Type",
        reference_locator: cpe,
        comment: Some("guessed from the name"),
    }));
    Package {
        spdxid: identifier(component),
        name: pname,
        version_info: Some(version).filter(|version| !version.is_empty()),
        checksums: checksums(component.nar_hash),
        external_refs,
        comment: Some(component.path.to_string()),
        primary_package_purpose: if version.is_empty() { "OTHER" } else { "APPLICATION" },
        ..Package::default()
    }
}

fn checksums(sha256: Option<[u8; 32]>) -> Vec<Checksum> {
    sha256.into_iter().map(|hash| Checksum { algorithm: "SHA256", checksum_value: HEXLOWER.encode(&hash) }).collect()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'b> {
    spdx_version: &'static str,
    data_license: &'static str,
    #[serde(rename = "SPDXID")]
    spdxid: &'static str,
    name: &'b str,
    document_namespace: String,
    creation_info: CreationInfo,
    packages: Vec<Package<'b>>,
    relationships: Vec<Relationship>,
}

#[derive(Serialize)]
struct CreationInfo {
    created: Option<String>,
    creators: [String; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Package<'b> {
    #[serde(rename = "SPDXID")]
    spdxid: String,
    name: &'b str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version_info: Option<&'b str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    package_file_name: Option<&'b str>,
    download_location: &'static str,
    /// Whether the bill lists the files inside. It does not.
    files_analyzed: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    checksums: Vec<Checksum>,
    license_concluded: &'static str,
    license_declared: &'static str,
    copyright_text: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    external_refs: Vec<ExternalRef>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
    primary_package_purpose: &'static str,
}

impl Default for Package<'_> {
    fn default() -> Self {
        Self {
            spdxid: String::new(),
            name: "",
            version_info: None,
            package_file_name: None,
            download_location: UNKNOWN,
            files_analyzed: false,
            checksums: Vec::new(),
            license_concluded: UNKNOWN,
            license_declared: UNKNOWN,
            copyright_text: UNKNOWN,
            external_refs: Vec::new(),
            comment: None,
            primary_package_purpose: "OTHER",
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Checksum {
    algorithm: &'static str,
    checksum_value: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExternalRef {
    reference_category: &'static str,
    reference_type: &'static str,
    reference_locator: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Relationship {
    spdx_element_id: String,
    relationship_type: &'static str,
    related_spdx_element: String,
}
