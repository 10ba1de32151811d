//! `nixoscope completions`

use std::io::Write;

use clap_complete::Shell;

use super::{Global, Outcome, command, output};

/// Arguments of `completions`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The shell that will read the script
    #[arg(value_enum, value_name = "SHELL")]
    shell: Shell,
}

pub(super) fn run(args: &Args, global: &Global) -> anyhow::Result<Outcome> {
    anyhow::ensure!(!global.json, "completions prints a script, not JSON; leave out --json");
    // clap_complete panics if it cannot write, as when the pipe is closed.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command(), "nixoscope", &mut script);
    output::unless_closed(|| {
        let mut out = output::bytes();
        out.write_all(&script)?;
        Ok(out.flush()?)
    })?;
    Ok(Outcome::Holds)
}
