//! The JSON Schemas of all documents (draft 2020-12), made from the types that write them.

/// A document that a command writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// Its name: `packages` for `nixoscope.packages.v1`.
    pub name: &'static str,
    /// The schema, as text.
    pub text: &'static str,
}

macro_rules! published {
    ($($name:literal)+) => {
        [$(Published { name: $name, text: include_str!(concat!("schema/", $name, ".json")) }),+]
    };
}

/// The schemas, by name. Policies have a schema of their own, and bills of materials those of their standards.
pub const SCHEMAS: [Published; 17] = published! {
    "access" "check" "diff" "du" "extract" "find" "hints" "inspect" "ls" "manifest" "packages" "secrets" "services" "tree"
    "unreadable" "verify" "why"
};

#[cfg(test)]
mod tests {
    use schemars::generate::SchemaSettings;
    use schemars::{JsonSchema, SchemaGenerator};
    use serde_json::{Value, json};

    use super::*;
    use crate::diff::Manifest;
    use crate::report::files::{FileEntry, OwnedEntry};
    use crate::report::{access, check, diff, du, extract, files, inspect, packages, secrets, services, verify, why};

    /// Set this variable to write the schemas instead.
    const WRITE: &str = "NIXOSCOPE_WRITE_SCHEMA";

    /// What the document of an image that could not be opened has.
    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is of use")]
    struct Unreadable {
        schema: String,
        image: String,
        /// Why it could not be opened.
        troubles: Vec<String>,
    }

    /// A manifest and the troubles of making it.
    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is of use")]
    struct ManifestShape {
        #[schemars(flatten)]
        manifest: Manifest,
        troubles: Vec<String>,
    }

    fn made<T: JsonSchema>() -> Value {
        let settings = SchemaSettings::draft2020_12().for_serialize();
        SchemaGenerator::new(settings).into_root_schema_for::<T>().to_value()
    }

    fn all() -> [(&'static str, Value); SCHEMAS.len()] {
        [
            ("access", made::<access::Shape>()),
            ("check", made::<check::Shape>()),
            ("diff", made::<diff::schema::Shape>()),
            ("du", made::<du::Shape>()),
            ("extract", made::<extract::Shape>()),
            ("find", made::<files::Shape<OwnedEntry>>()),
            ("hints", made::<du::HintsShape>()),
            ("inspect", made::<inspect::Shape>()),
            ("ls", made::<files::Shape<FileEntry>>()),
            ("manifest", made::<ManifestShape>()),
            ("packages", made::<packages::Shape>()),
            ("secrets", made::<secrets::Shape>()),
            ("services", made::<services::Shape>()),
            ("tree", made::<packages::TreeShape>()),
            ("unreadable", made::<Unreadable>()),
            ("verify", made::<verify::Shape>()),
            ("why", made::<why::Shape>()),
        ]
    }

    #[test]
    fn the_published_schemas_are_those_of_the_types() {
        for (published, (name, mut schema)) in SCHEMAS.into_iter().zip(all()) {
            assert_eq!(published.name, name);
            schema["title"] = json!(format!("nixoscope {name}"));
            schema["$id"] = json!(format!("urn:nixoscope:{name}:v1"));
            schema["properties"]["schema"] = json!({"const": format!("nixoscope.{name}.v1")});
            let made = format!("{}\n", serde_json::to_string_pretty(&schema).unwrap());
            if std::env::var_os(WRITE).is_some() {
                let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/report/schema");
                std::fs::write(format!("{folder}/{name}.json"), &made).unwrap();
            } else {
                assert!(published.text == made, "{name}.json is out of date: {WRITE}=1 cargo test schema writes it");
            }
        }
    }
}
