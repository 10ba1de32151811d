//! The command line: arguments in, exit codes out. One file for each subcommand.

mod access;
mod asked;
mod cat;
mod check;
mod completions;
mod diff;
mod du;
mod examples;
mod extract;
mod file;
mod find;
mod format;
mod images;
mod inspect;
mod ls;
mod man;
mod manifest;
mod open;
mod output;
mod packages;
mod policy;
mod progress;
mod report;
mod report_file;
mod sbom;
mod schema;
mod secrets;
mod services;
mod target;
mod unfinished;
mod usage;
mod verify;
mod why;
mod wrap;

use std::process::ExitCode;

use clap::{Args, ColorChoice, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use nixoscope::check::policy::PolicyErrors;
use nixoscope::nixos::Disc;
use nixoscope::{Error, Troubles};

/// Inspects and verifies NixOS images: no root, no mount, no unpacking, no Nix.
#[derive(Parser)]
#[command(name = "nixoscope", version, max_term_width = 100, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    global: Global,
}

const EXIT_CODES: &str = "\
IMAGE is an ISO file or device, the result of a nix-build, a disk image with
ext4 (sd-image, raw or qcow2), a bare squashfs, a netboot initrd, a kexec
tarball, each of them also compressed (.zst, .xz, .gz, .bz2, .lz4), an http://
or https:// address, - for standard input, or a directory: the root of a NixOS
system, or a system in its store.

Exit codes: 0 everything holds or nothing differs, 1 something is missing,
damaged or different, 2 could not tell.";

#[derive(Args)]
#[command(next_help_heading = "Global options")]
struct Global {
    /// Print one JSON document
    #[arg(long, global = true)]
    json: bool,
    /// When to use color
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t = Color::Auto)]
    color: Color,
    /// Also print how much was read from a server, and what extract copies
    #[arg(short, long, global = true)]
    verbose: bool,
    /// Threads to use [default: one per core]
    #[arg(short, long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// Print results only, no messages
    #[arg(short, long, global = true)]
    quiet: bool,
    /// Show no progress
    #[arg(long, global = true)]
    no_progress: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

#[derive(Subcommand)]
enum Command {
    /// Show volume, boot methods, menus, systems, store, software and keys on one page
    Inspect(inspect::Args),
    /// List files
    Ls(ls::Args),
    /// Print files
    Cat(cat::Args),
    /// Find files by name, with the package that owns them
    Find(find::Args),
    /// Copy files and directories out of the image, without root
    Extract(extract::Args),
    /// List software with versions and sizes
    Packages(packages::Args),
    /// Show where the bytes of the disc went, by directory
    Du(du::Args),
    /// Show which chain of references brings a package in
    Why(why::Args),
    /// Show what starts at boot in the default system, as whom, and which ports are open
    ///
    /// HARDENING says how many of twelve settings confine a service (systemd.exec(5)): User or DynamicUser, NoNewPrivileges,
    /// ProtectSystem, ProtectHome, PrivateTmp, PrivateDevices, CapabilityBoundingSet, SystemCallFilter, RestrictAddressFamilies or
    /// PrivateNetwork, RestrictNamespaces, ProtectKernelTunables, ProtectKernelModules. None is "none", 1 to 3 are "low", 4 to 8
    /// "medium", more are "high". --json names them.
    Services(services::Args),
    /// Show who can log in, how, and from where
    Access(access::Args),
    /// Check that packages, commands, files and authorized keys are really there
    Check(check::Args),
    /// Show what changed between two images
    Diff(diff::Args),
    /// Write a manifest that diff and verify --against accept in place of an image
    Manifest(manifest::Args),
    /// Write a policy that the image satisfies, as a first draft
    Policy(policy::Args),
    /// Write one page for a browser: who can log in, what runs, where the bytes went, all packages
    Report(report::Args),
    /// Write a bill of materials: CycloneDX, SPDX or CSV
    Sbom(sbom::Args),
    /// Find private keys, passwords, password hashes and tokens
    Secrets(secrets::Args),
    /// Check the store against its registered hashes, and that everything needed to boot is there
    Verify(verify::Args),
    /// Print the JSON Schema of a document that --json writes
    Schema(schema::Args),
    /// Print a script that completes command lines in a shell
    Completions(completions::Args),
    /// Print the manual, or write a page for each command
    Man(man::Args),
}

/// How a command ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// Everything holds.
    Holds,
    /// Something is missing, damaged or different.
    Fails,
    /// A part could not be read, so the answer is incomplete.
    Unsure,
}

impl Outcome {
    fn code(self) -> ExitCode {
        ExitCode::from(match self {
            Self::Holds => 0,
            Self::Fails => 1,
            Self::Unsure => 2,
        })
    }
}

/// Runs the command line.
pub(crate) fn main() -> ExitCode {
    let cli = match command().try_get_matches().and_then(|mut found| Cli::from_arg_matches_mut(&mut found)) {
        Ok(cli) => cli,
        Err(error) => usage::exit(&error),
    };
    let color = match cli.global.color {
        Color::Auto => ColorChoice::Auto,
        Color::Always => ColorChoice::Always,
        Color::Never => ColorChoice::Never,
    };
    output::choose_color(color);
    let outcome = match threads(cli.global.jobs) {
        Ok(threads) => threads.install(|| run(&cli)),
        Err(error) => Err(error.into()),
    };
    outcome.unwrap_or_else(|error| explain(&error)).code()
}

/// The threads that do the work. Where a limit allows no others, such as that of a container, this thread does it alone.
fn threads(jobs: Option<u16>) -> Result<rayon::ThreadPool, rayon::ThreadPoolBuildError> {
    let count = jobs.map_or(0, usize::from); // 0 is one for each core
    let alone = || rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build();
    rayon::ThreadPoolBuilder::new().num_threads(count).build().or_else(|_| alone())
}

/// The command line, with the examples of each command.
fn command() -> clap::Command {
    examples::add(Cli::command())
}

/// Prints why a command could not end, and returns its outcome.
fn explain(error: &anyhow::Error) -> Outcome {
    if output::is_broken_pipe(error) {
        return Outcome::Holds;
    }
    if let Some(PolicyErrors(mistakes)) = error.downcast_ref() {
        mistakes.iter().for_each(|mistake| output::complain(&mistake.to_string()));
        return Outcome::Unsure;
    }
    let known = error.chain().find_map(|cause| cause.downcast_ref::<Error>()).map_or("", advice);
    output::complain(&format!("{}{known}", told(error)));
    Outcome::Unsure
}

fn run(cli: &Cli) -> anyhow::Result<Outcome> {
    match &cli.command {
        Command::Inspect(args) => inspect::run(args, &cli.global),
        Command::Ls(args) => ls::run(args, &cli.global),
        Command::Cat(args) => cat::run(args, &cli.global),
        Command::Find(args) => find::run(args, &cli.global),
        Command::Extract(args) => extract::run(args, &cli.global),
        Command::Packages(args) => packages::run(args, &cli.global),
        Command::Du(args) => du::run(args, &cli.global),
        Command::Why(args) => why::run(args, &cli.global),
        Command::Services(args) => services::run(args, &cli.global),
        Command::Access(args) => access::run(args, &cli.global),
        Command::Check(args) => check::run(args, &cli.global),
        Command::Diff(args) => diff::run(args, &cli.global),
        Command::Manifest(args) => manifest::run(args, &cli.global),
        Command::Policy(args) => policy::run(args, &cli.global),
        Command::Report(args) => report::run(args, &cli.global),
        Command::Sbom(args) => sbom::run(args, &cli.global),
        Command::Secrets(args) => secrets::run(args, &cli.global),
        Command::Verify(args) => verify::run(args, &cli.global),
        Command::Schema(args) => schema::run(args),
        Command::Completions(args) => completions::run(args, &cli.global),
        Command::Man(args) => man::run(args, &cli.global),
    }
}

/// Troubles that are printed.
const TOLD: usize = 20;

/// An error with its causes. Some errors contain their cause, which is not repeated.
fn told(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |told, cause| match told.contains(&cause) {
        true => told,
        false if told.is_empty() => cause,
        false => format!("{told}: {cause}"),
    })
}

/// Prints what could not be read, and returns the outcome.
fn report_troubles(disc: &Disc<'_>, troubles: &mut Troubles, outcome: Outcome) -> Outcome {
    open::gather(disc, troubles);
    let truncated = |trouble: &Error| matches!(trouble, Error::Truncated { .. });
    // The missing end explains every truncated structure.
    let cause = disc.missing_end().filter(|_| troubles.iter().any(truncated));
    if let Some(cause) = &cause {
        output::complain(&format!("{}: {cause}{}", disc.path().display(), advice(cause)));
    }
    let broken_store = |trouble: &Error| matches!(trouble, Error::NoStore { .. }) && troubles.len() > 1;
    let own = |trouble: &&Error| !(broken_store(trouble) || cause.is_some() && truncated(trouble));
    for trouble in troubles.iter().filter(own).take(TOLD) {
        let advice = match trouble {
            Error::Truncated { .. } if disc.missing_end().is_none() => "; it points past the end of the image",
            other => advice(other),
        };
        output::complain(&format!("{trouble}{advice}"));
    }
    let others = troubles.len() - troubles.iter().filter(|trouble| !own(trouble)).count();
    match others.saturating_sub(TOLD) {
        0 => {}
        more => output::complain(&format!("{more} more errors")),
    }
    if troubles.is_empty() { outcome } else { Outcome::Unsure }
}

/// Why a command cannot start. What is broken on the disc explains more than the missing store or system.
fn cause(troubles: Troubles, error: Error) -> anyhow::Error {
    troubles.into_iter().next().unwrap_or(error).into()
}

/// Advice on an error, if there is any.
fn advice(error: &Error) -> &'static str {
    match error {
        Error::Truncated { .. } => "; the image is cut off: copy or download it again",
        _ => "",
    }
}
