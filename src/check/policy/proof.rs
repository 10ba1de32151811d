//! What a draft asserts beyond what is listed of an image: presets, secrets and integrity, once they have been judged.

use super::super::kind::{Assertion, Integrity};
use super::super::{Answer, run};
use super::{Demand, Preset};
use crate::error::{Result, Troubles};
use crate::image::Progress;
use crate::nixos::Disc;
use crate::secrets::{self, Allow};

/// Files with secrets that a draft allows. An image with more needs somebody who looks at them first.
const MOST_ALLOWED: usize = 50;

/// What has been judged of an image, and holds.
#[derive(Clone, Debug, Default)]
pub struct Proof {
    /// The strictest preset that holds.
    pub preset: Option<Preset>,
    /// The files with secrets, by their paths. `None` if the image could not be searched to its end.
    pub secrets: Option<Vec<String>>,
    /// Whether the store matches its registration.
    pub integrity: bool,
}

impl Proof {
    /// Judges presets and integrity, and searches for secrets. All files are read for that; `troubles` receives those that cannot be.
    ///
    /// # Errors
    /// If the image cannot be searched at all.
    pub fn of(disc: &Disc<'_>, troubles: &mut Troubles, progress: Progress<'_>) -> Result<Self> {
        let holds = |assertions: Vec<Assertion>| {
            let demands: Vec<Demand> = assertions.into_iter().map(Demand::from).collect();
            run(disc, &demands, progress).answer() == Answer::Holds
        };
        let preset = [Preset::Appliance, Preset::Installer].into_iter().find(|preset| holds(preset.assertions()));
        Ok(Self { preset, secrets: secrets_of(disc, troubles, progress)?, integrity: holds(vec![Integrity.into()]) })
    }
}

fn secrets_of(disc: &Disc<'_>, troubles: &mut Troubles, progress: Progress<'_>) -> Result<Option<Vec<String>>> {
    let report = secrets::scan(disc, &Allow::default(), progress)?;
    let paths: Option<Vec<String>> =
        report.secrets.into_iter().map(|secret| String::from_utf8(secret.path).ok()).collect();
    let whole = report.troubles.is_empty() && report.further == 0;
    troubles.append(report.troubles);
    let paths = paths.filter(|_| whole).map(|mut paths| {
        paths.dedup();
        paths
    });
    Ok(paths.filter(|paths| paths.len() <= MOST_ALLOWED))
}
