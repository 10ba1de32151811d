//! `nixoscope schema`

use std::io::Write;

use clap::builder::PossibleValuesParser;
use nixoscope::check::policy;
use nixoscope::report::schema::SCHEMAS;

use super::{Outcome, output};

/// The name of the schema of policies, which are read, not written.
const POLICY: &str = "policy";

/// Arguments of `schema`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The document: the part of its "schema" between the dots, or "policy". Without it, the names are listed
    #[arg(value_parser = PossibleValuesParser::new(names()), hide_possible_values = true)]
    name: Option<String>,
}

fn names() -> impl Iterator<Item = &'static str> {
    SCHEMAS.iter().map(|schema| schema.name).chain([POLICY])
}

pub(super) fn run(args: &Args) -> anyhow::Result<Outcome> {
    output::unless_closed(|| {
        let mut out = output::bytes();
        match &args.name {
            None => names().try_for_each(|name| writeln!(out, "{name}"))?,
            Some(name) => {
                let published = SCHEMAS.iter().find(|schema| schema.name == name);
                out.write_all(published.map_or(policy::SCHEMA, |schema| schema.text).as_bytes())?;
            }
        }
        Ok(out.flush()?)
    })?;
    Ok(Outcome::Holds)
}
