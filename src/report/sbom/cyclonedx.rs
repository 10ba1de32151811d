//! A bill of materials in CycloneDX 1.6 (ECMA-424).

use std::io::Write;

use data_encoding::HEXLOWER;
use serde::Serialize;

use super::Cpes;
use crate::nixos::bill::{Bill, Component, Subject};
use crate::report::document;
use crate::store::name::Name;

/// The name by which the graph knows the image itself.
const IMAGE: &str = "image";

/// Writes the bill on one line.
///
/// # Errors
/// What the writer meets.
pub fn write(out: &mut dyn Write, bill: &Bill, cpes: Cpes) -> serde_json::Result<()> {
    let reference = |&index: &usize| bill.components.get(index).map(|component| component.path.to_string());
    let image = Dependency { r#ref: IMAGE.to_owned(), depends_on: bill.roots.iter().filter_map(reference).collect() };
    let others = bill.components.iter().map(|component| Dependency {
        r#ref: component.path.to_string(),
        depends_on: component.references.iter().filter_map(reference).collect(),
    });
    let document = Document {
        schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
        bom_format: "CycloneDX",
        spec_version: "1.6",
        serial_number: format!("urn:uuid:{}", bill.uuid()),
        version: 1,
        metadata: Metadata {
            timestamp: time(bill.subject.created),
            tools: Tools::this(),
            component: image_entry(&bill.subject),
        },
        components: bill.components.iter().map(|component| entry(component, cpes)).collect(),
        dependencies: std::iter::once(image).chain(others).collect(),
    };
    document::line(out, &document)
}

/// RFC 3339 in UTC.
pub(super) fn time(seconds: Option<i64>) -> Option<String> {
    let time = jiff::Timestamp::from_second(seconds?).ok()?;
    Some(time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

fn image_entry(subject: &Subject) -> Entry<'_> {
    let mut properties = vec![property("nixoscope:bytes", subject.bytes.to_string())];
    properties.extend(subject.volume.as_ref().map(|id| property("nixoscope:volumeId", id.clone())));
    properties.extend(subject.kernel.as_ref().map(|kernel| property("nixoscope:kernel", kernel.clone())));
    properties.extend(subject.revision().map(|revision| property("nixoscope:nixpkgsRevision", revision.to_owned())));
    Entry {
        r#type: "operating-system",
        bom_ref: IMAGE.to_owned(),
        name: &subject.name,
        version: subject.version.as_deref(),
        hashes: hashes(subject.sha256),
        purl: None,
        cpe: None,
        properties,
    }
}

fn entry(component: &Component, cpes: Cpes) -> Entry<'_> {
    let Name { pname, version, output } = Name::parse(component.path.name());
    let cpe = component.guessed_cpe().filter(|_| cpes == Cpes::Guessed);
    let mut properties = vec![property("nix:output", output.unwrap_or("out").to_owned())];
    properties.extend(component.nar_size.map(|size| property("nix:narSize", size.to_string())));
    properties.push(property("nixoscope:installed", component.installed.to_string()));
    properties.extend(cpe.is_some().then(|| property("nixoscope:cpe", "guessed from the name".to_owned())));
    Entry {
        r#type: if version.is_empty() { "data" } else { "application" },
        bom_ref: component.path.to_string(),
        name: pname,
        version: Some(version).filter(|version| !version.is_empty()),
        hashes: hashes(component.nar_hash),
        purl: Some(component.purl()),
        cpe,
        properties,
    }
}

fn property(name: &'static str, value: String) -> Property {
    Property { name, value }
}

fn hashes(sha256: Option<[u8; 32]>) -> Vec<Hash> {
    sha256.into_iter().map(|hash| Hash { alg: "SHA-256", content: HEXLOWER.encode(&hash) }).collect()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'b> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    bom_format: &'static str,
    spec_version: &'static str,
    serial_number: String,
    version: u32,
    metadata: Metadata<'b>,
    components: Vec<Entry<'b>>,
    dependencies: Vec<Dependency>,
}

#[derive(Serialize)]
struct Metadata<'b> {
    /// When the volume was made, so that the same image has the same bill.
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<String>,
    tools: Tools,
    component: Entry<'b>,
}

#[derive(Serialize)]
struct Tools {
    components: [Tool; 1],
}

#[derive(Serialize)]
struct Tool {
    r#type: &'static str,
    name: &'static str,
    version: &'static str,
}

impl Tools {
    fn this() -> Self {
        Self { components: [Tool { r#type: "application", name: "nixoscope", version: env!("CARGO_PKG_VERSION") }] }
    }
}

#[derive(Serialize)]
struct Entry<'b> {
    r#type: &'static str,
    #[serde(rename = "bom-ref")]
    bom_ref: String,
    name: &'b str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'b str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hashes: Vec<Hash>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpe: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    purl: Option<String>,
    properties: Vec<Property>,
}

#[derive(Serialize)]
struct Hash {
    alg: &'static str,
    content: String,
}

#[derive(Serialize)]
struct Property {
    name: &'static str,
    value: String,
}

#[derive(Serialize)]
struct Dependency {
    r#ref: String,
    #[serde(rename = "dependsOn")]
    depends_on: Vec<String>,
}
