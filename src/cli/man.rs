//! `nixoscope man`

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap_mangen::Man;

use super::{Global, Outcome, command, output};

/// Arguments of `man`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Write the pages of the program and of each command to this directory [default: print the page of the program]
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,
}

pub(super) fn run(args: &Args, global: &Global) -> anyhow::Result<Outcome> {
    anyhow::ensure!(!global.json, "man prints manual pages, not JSON; leave out --json");
    let command = command();
    if let Some(directory) = &args.directory {
        let context = || directory.display().to_string();
        std::fs::create_dir_all(directory).with_context(context)?;
        clap_mangen::generate_to(command, directory).with_context(context)?;
        return Ok(Outcome::Holds);
    }
    output::unless_closed(|| {
        let mut out = output::bytes();
        Man::new(command).render(&mut out)?;
        Ok(out.flush()?)
    })?;
    Ok(Outcome::Holds)
}
