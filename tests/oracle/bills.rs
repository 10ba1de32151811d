//! Bills of materials, as the libraries of CycloneDX and SPDX read them.

use std::path::Path;

use crate::listing::scratch;
use crate::support::{self, fixture};
use crate::tool::{output, text, tool};

/// Images of several ages: with hashes in the registration, without hashes, with several systems.
const IMAGES: &[&str] = &["today/result", "era-2014/result", "middle/result"];

fn bill(image: &Path, format: &str, file: &Path) {
    let run = support::program().arg("sbom").arg(image).args(["--cpe", "--format", format]).output().unwrap();
    assert_eq!(run.status.code(), Some(0), "{}", String::from_utf8_lossy(&run.stderr));
    std::fs::write(file, run.stdout).unwrap();
}

#[test]
fn bills_are_valid_for_the_libraries_of_cyclonedx_and_spdx() {
    let scratch = scratch();
    let libraries = scratch.path().join("python");
    output(
        tool("python3")
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--root-user-action",
                "ignore",
                "--target",
            ])
            .arg(&libraries)
            .args(["cyclonedx-python-lib[json-validation]==11.12.0", "spdx-tools==0.8.5"]),
    );
    for image in IMAGES {
        let image = fixture(image);
        let (cyclonedx, spdx) = (scratch.path().join("bill.cdx.json"), scratch.path().join("bill.spdx.json"));
        bill(&image, "cyclonedx", &cyclonedx);
        bill(&image, "spdx", &spdx);
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/bills.py");
        let counts = text(tool("python3").env("PYTHONPATH", &libraries).arg(script).arg(&cyclonedx).arg(&spdx));
        let listed = support::program().args(["packages", "--json"]).arg(&image).output().unwrap();
        let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
        let count = listed["packages"].as_array().unwrap().len();
        assert_eq!(counts.trim(), format!("{count} {count}"), "{}", image.display());
    }
}
