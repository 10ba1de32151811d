//! `nixoscope why`

use std::ffi::OsStr;
use std::io::Write;

use anyhow::Context;
use nixoscope::check::{PackageQuery, missing_package};
use nixoscope::fs::path;
use nixoscope::nixos::Disc;
use nixoscope::nixos::software::Software;
use nixoscope::nixos::why::{self as answer, Brought, Chains, Reason, Roots};
use nixoscope::report::why::{self, LinkFiles};
use nixoscope::store::StorePath;
use nixoscope::{Error, Troubles};

use super::open::{ImageArg, about, disc, open_before, software};
use super::{Global, Outcome, output, report_troubles};

/// Arguments of `why`.
#[derive(clap::Args)]
#[command(override_usage = "nixoscope why [OPTIONS] <IMAGE> [FROM] <PACKAGE>")]
pub(super) struct Args {
    #[command(flatten)]
    image: ImageArg,
    /// The package, as NAME, NAME@VERSION or a path. With two, chains start at the first [default: the default system]
    #[arg(required = true, num_args = 1..=2, value_name = "PACKAGE")]
    names: Vec<String>,
    /// Show a chain for each reference of FROM that leads to the package, not only the shortest
    #[arg(short, long)]
    all: bool,
    /// Show what the package brings in, and what would go with it
    #[arg(short, long, conflicts_with_all = ["all", "files", "dot"])]
    reverse: bool,
    /// Show which files hold the references
    #[arg(short, long, conflicts_with = "dot")]
    files: bool,
    /// Write a graph for Graphviz
    #[arg(long, conflicts_with = "json")]
    dot: bool,
}

pub(super) fn run(args: &Args, global: &Global) -> anyhow::Result<Outcome> {
    let image = open_before(&args.image.path, args.names.iter().map(OsStr::new), global)?;
    let (disc, mut troubles) = disc(&image)?;
    let software = software(&disc, &mut troubles, global)?;
    let mut asked = Vec::new();
    for name in &args.names {
        let found = objects(&disc, &software, name)?;
        match found {
            Ok(found) => asked.push(found),
            Err(missing) => {
                output::complain(&missing);
                return Ok(report_troubles(&disc, &mut troubles, Outcome::Fails));
            }
        }
    }
    let targets = asked.pop().unwrap_or_default();
    let roots = asked.pop().map_or_else(|| answer::roots(&disc, &software), |from| vec![from]);
    let question = Question { args, global, disc: &disc, software: &software };
    let outcome = match args.reverse {
        true => question.brought(&roots, &targets, &mut troubles),
        false => question.reasons(&roots, &targets, &mut troubles),
    }?;
    Ok(report_troubles(&disc, &mut troubles, outcome))
}

struct Question<'q, 'i> {
    args: &'q Args,
    global: &'q Global,
    disc: &'q Disc<'i>,
    software: &'q Software,
}

impl Question<'_, '_> {
    fn brought(&self, roots: &Roots, targets: &[usize], troubles: &mut Troubles) -> anyhow::Result<Outcome> {
        let brought = answer::brought(self.software, roots, targets);
        output::unless_closed(|| {
            if self.global.json {
                self.json(&[], &[], Some(&brought), troubles)
            } else {
                let mut out = output::results();
                why::brought(&mut out, self.software, &brought, output::width())?;
                Ok(out.flush()?)
            }
        })?;
        Ok(Outcome::Holds)
    }

    fn reasons(&self, roots: &Roots, targets: &[usize], troubles: &mut Troubles) -> anyhow::Result<Outcome> {
        let which = if self.args.all { Chains::EachReference } else { Chains::Shortest };
        let reasons = answer::reasons(self.software, roots, targets, which)?;
        let chains = || reasons.iter().flat_map(|reason| &reason.chains);
        let mut files: Vec<LinkFiles> = Vec::new();
        if self.args.files {
            for chain in chains() {
                let links = chain.iter().copied().zip(chain.iter().copied().skip(1));
                let links = links.map(|link| answer::files(self.disc, self.software, link, troubles));
                files.push(links.collect::<Result<_, _>>()?);
            }
        }
        output::unless_closed(|| {
            if self.global.json {
                return self.json(&reasons, &files, None, troubles);
            }
            let mut out = output::results();
            if self.args.dot {
                why::dot(&mut out, self.software, chains())?;
            } else {
                for (number, chain) in chains().enumerate() {
                    if number > 0 {
                        writeln!(out)?;
                    }
                    let none = LinkFiles::new();
                    why::chain(&mut out, self.software, chain, files.get(number).unwrap_or(&none))?;
                }
            }
            Ok(out.flush()?)
        })?;
        let mut outcome = Outcome::Holds;
        for reason in reasons.iter().filter(|reason| reason.chains.is_empty()) {
            outcome = Outcome::Fails;
            if let Some(object) = self.software.contents.objects.get(reason.object).filter(|_| !self.global.quiet) {
                let from = self.args.names.first().filter(|_| self.args.names.len() > 1);
                let from = from.map_or("anything in the image", String::as_str);
                output::complain(&format!("{}: no chain of references leads to it from {from}", object.path));
            }
        }
        Ok(outcome)
    }

    fn json(
        &self,
        reasons: &[Reason],
        files: &[LinkFiles],
        brought: Option<&Brought>,
        troubles: &mut Troubles,
    ) -> anyhow::Result<()> {
        let mut out = output::bytes();
        why::json(&mut out, about(self.disc, troubles), self.software, reasons, files, brought)?;
        Ok(out.flush()?)
    }
}

/// The objects that NAME, NAME@VERSION or a path means, or the sentence that says what is missing.
fn objects(disc: &Disc<'_>, software: &Software, text: &str) -> anyhow::Result<Result<Vec<usize>, String>> {
    if text.contains('/') {
        let resolved = match path::resolve(disc.tree(), text.as_bytes()) {
            Ok(found) => found.path,
            Err(Error::NotFound { .. }) => return Ok(Err(format!("{text}: not in the image"))),
            Err(error) => return Err(error.into()),
        };
        let object = StorePath::containing(&resolved).and_then(|(path, _)| software.contents.index(&path));
        return Ok(object.map(|object| vec![object]).ok_or_else(|| format!("{text}: not in the store")));
    }
    let query = PackageQuery::parse(text).with_context(|| format!("invalid package {text}"))?;
    let found: Vec<usize> =
        software.present().filter(|(_, object)| query.matches(&object.path)).map(|(index, _)| index).collect();
    Ok(if found.is_empty() { Err(missing_package(disc, software, &query)?) } else { Ok(found) })
}
