//! The command line of nixoscope.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
