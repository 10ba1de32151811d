//! `nixoscope cat`

use std::ffi::OsString;
use std::io::{self, Write};

use nixoscope::fs::{Kind, Tree, path};
use nixoscope::image::platform::OsStrExt;
use nixoscope::report::escape;
use nixoscope::{Error, Troubles};

use super::open::{ImageArg, disc, open_before, shown_name};
use super::{Global, Outcome, output, report_troubles};

/// Arguments of `cat`.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    image: ImageArg,
    /// Files to print, in this order
    #[arg(required = true)]
    paths: Vec<OsString>,
}

pub(super) fn run(args: &Args, global: &Global) -> anyhow::Result<Outcome> {
    anyhow::ensure!(!global.json, "cat prints the bytes of files, not JSON; leave out --json");
    let image = open_before(&args.image.path, args.paths.iter().map(OsString::as_os_str), global)?;
    let (disc, troubles) = disc(&image)?;
    let mut out = output::bytes();
    let mut outcome = Outcome::Holds;
    for asked in &args.paths {
        let asked = asked.as_bytes();
        let Err(error) = print(disc.tree(), asked, &mut out) else { continue };
        // Nobody reads the other files either.
        if output::is_broken_pipe(&error) {
            return Ok(report_troubles(&disc, &mut Troubles::default(), outcome));
        }
        // The other files are printed all the same. What is printed already comes before the message.
        output::unless_closed(|| Ok(out.flush()?))?;
        let is_missing = error.downcast_ref::<Error>().is_some_and(|error| matches!(error, Error::NotFound { .. }));
        outcome = match outcome {
            Outcome::Fails => Outcome::Fails,
            // What is broken elsewhere on the disc may be why it is not found.
            _ if is_missing && troubles.is_empty() => Outcome::Fails,
            _ => Outcome::Unsure,
        };
        let (asked, told) = (escape(asked), format!("{error:#}"));
        let begin = if told.starts_with(&*asked) { String::new() } else { format!("cannot read {asked}: ") };
        let broken = troubles.first().map(|trouble| format!(" ({trouble})")).unwrap_or_default();
        output::complain(&format!("{begin}{told}{broken}"));
    }
    output::unless_closed(|| Ok(out.flush()?))?;
    // Only what was wrong with the records of these files.
    Ok(report_troubles(&disc, &mut Troubles::default(), outcome))
}

/// Prints one file.
fn print(tree: &dyn Tree, asked: &[u8], out: &mut dyn Write) -> anyhow::Result<()> {
    let found = path::resolve(tree, &shown_name(tree, asked))?;
    if tree.node(found.id)?.kind == Kind::Directory {
        anyhow::bail!("{} is a directory; list it with ls", escape(asked));
    }
    let mut reader = tree.open(found.id)?;
    io::copy(&mut reader, out)?;
    Ok(())
}
