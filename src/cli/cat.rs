//! `nixoscope cat`

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;

use anyhow::Context;
use nixoscope::Troubles;
use nixoscope::fs::{Kind, path};
use nixoscope::report::escape;

use super::open::{ImageArg, disc, open};
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
    let image = open(&args.image.path, global)?;
    let (disc, troubles) = disc(&image)?;
    let tree = disc.tree();
    // What is broken elsewhere on the disc matters only if a path cannot be read.
    let context = |asked: &[u8]| match troubles.first() {
        Some(trouble) => format!("cannot read {} ({trouble})", escape(asked)),
        None => format!("cannot read {}", escape(asked)),
    };
    let mut out = output::bytes();
    for asked in &args.paths {
        let asked = asked.as_bytes();
        let found = path::resolve(tree, asked).with_context(|| context(asked))?;
        if tree.node(found.id)?.kind == Kind::Directory {
            anyhow::bail!("{} is a directory; list it with ls", escape(asked));
        }
        let mut reader = tree.open(found.id).with_context(|| context(asked))?;
        io::copy(&mut reader, &mut out).with_context(|| context(asked))?;
    }
    out.flush()?;
    // Only what was wrong with the records of these files.
    Ok(report_troubles(&disc, &Troubles::default(), Outcome::Holds))
}
