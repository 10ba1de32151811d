//! `nixoscope check`

use std::ffi::OsString;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use nixoscope::check::{self, Assertion, Demand, PackageQuery, Policy, WantedKey};
use nixoscope::report::check as report_check;

use super::open::{ImageArg, disc, open};
use super::progress::Watch;
use super::report_file::{Json, ReportFile};
use super::{Global, Outcome, output, report_file, report_troubles};

/// Arguments of `check`.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    image: ImageArg,
    /// The package is in the image; VERSION as 1.2, >=1.2, ^1 or 1.*
    #[arg(long = "package", value_name = "NAME[@VERSION]", value_parser = PackageQuery::parse)]
    packages: Vec<PackageQuery>,
    /// The default system has the package installed (environment.systemPackages)
    #[arg(long, value_name = "NAME[@VERSION]", value_parser = PackageQuery::parse)]
    installed: Vec<PackageQuery>,
    /// The package is not in the image
    #[arg(long, value_name = "NAME[@VERSION]", value_parser = PackageQuery::parse)]
    forbid: Vec<PackageQuery>,
    /// The command runs: it leads through sw/bin to an existing executable
    #[arg(long = "command", value_name = "NAME", value_parser = command_name)]
    commands: Vec<String>,
    /// The file exists
    #[arg(long = "file", value_name = "PATH")]
    files: Vec<OsString>,
    /// sshd would accept the key: a public key line, @FILE, or SHA256:…
    #[arg(long = "key", value_name = "KEY")]
    keys: Vec<String>,
    /// The user who must have the keys; several are each asked for every key [default: any]
    #[arg(long = "user", value_name = "NAME", requires = "keys")]
    users: Vec<String>,
    /// No user has an empty password that opens anything
    #[arg(long)]
    no_empty_passwords: bool,
    /// All that a policy file asks for, TOML or JSON; see nixoscope policy --help
    #[arg(long = "policy", value_name = "FILE")]
    policies: Vec<PathBuf>,
    /// Write a report, too: junit=FILE, sarif=FILE, markdown=FILE or tap=FILE; - in the place of the table
    #[arg(long = "report", value_name = "FORMAT=FILE", value_parser = ReportFile::parse)]
    reports: Vec<ReportFile>,
    /// The image has no more bytes than this, as 2147483648 or 2GiB
    #[arg(long, value_name = "BYTES", value_parser = check::parse_size)]
    max_size: Option<u64>,
}

pub(super) fn run(args: &Args, global: &Global) -> anyhow::Result<Outcome> {
    let demands = args.demands()?;
    if demands.is_empty() {
        bail!(
            "nothing to check; assert something with --policy, --package, --installed, --forbid, --command, --file, --key, \
             --no-empty-passwords or --max-size"
        );
    }
    let image = open(&args.image.path, global)?;
    let json = if global.json { Json::Asked } else { Json::No };
    ReportFile::refuse_clashes(&args.reports, image.path(), json)?;
    let (disc, mut troubles) = disc(&image)?;
    let watch = Watch::new("verifying", global);
    let report = check::run(&disc, &demands, &|done, of| watch.tell(done, of));
    watch.finish();
    let table = !args.reports.iter().any(ReportFile::is_standard_output);
    output::unless_closed(|| {
        if global.json {
            let mut out = output::bytes();
            report_check::json(&mut out, &report)?;
            out.flush()?;
        } else if table {
            let mut out = output::results();
            report_check::table(&mut out, &report, output::width())?;
            out.flush()?;
        }
        Ok(())
    })?;
    let image_name = image.path().display().to_string();
    for file in &args.reports {
        output::unless_closed(|| file.write(&report, &image_name))?;
    }
    report_file::tell_github(&report, &image_name)?;
    let outcome = if report.failed() == 0 { Outcome::Holds } else { Outcome::Fails };
    troubles.extend(report.troubles);
    Ok(report_troubles(&disc, &troubles, outcome))
}

impl Args {
    /// What the flags ask for, then what the policies do.
    fn demands(&self) -> anyhow::Result<Vec<Demand>> {
        let mut all: Vec<Demand> = self.assertions()?.into_iter().map(Demand::from).collect();
        for file in &self.policies {
            let text = std::fs::read_to_string(file).with_context(|| format!("--policy {}", file.display()))?;
            let policy = Policy::parse(&text, file)?;
            let folder = file.parent().unwrap_or(Path::new(""));
            let demands = policy.demands(&file.display().to_string(), folder);
            all.extend(demands.map_err(|reason| anyhow!("--policy {}: {reason}", file.display()))?);
        }
        Ok(all)
    }

    /// The assertions in the order of the help. Keys are read before the image is opened.
    fn assertions(&self) -> anyhow::Result<Vec<Assertion>> {
        let mut all: Vec<Assertion> = Vec::new();
        all.extend(self.packages.iter().cloned().map(Assertion::Package));
        all.extend(self.installed.iter().cloned().map(Assertion::Installed));
        all.extend(self.forbid.iter().cloned().map(Assertion::Forbid));
        all.extend(self.commands.iter().cloned().map(Assertion::Command));
        all.extend(self.files.iter().map(|path| Assertion::File(path.as_bytes().to_vec())));
        for text in &self.keys {
            for key in keys(text)? {
                if self.users.is_empty() {
                    all.push(Assertion::Key { key: key.clone(), user: None });
                }
                all.extend(self.users.iter().map(|user| Assertion::Key { key: key.clone(), user: Some(user.clone()) }));
            }
        }
        all.extend(self.no_empty_passwords.then_some(Assertion::NoEmptyPasswords));
        all.extend(self.max_size.map(Assertion::MaxSize));
        Ok(all)
    }
}

/// The keys of one `--key`: a file may hold several.
fn keys(argument: &str) -> anyhow::Result<Vec<WantedKey>> {
    let Some(file) = argument.strip_prefix('@') else {
        return Ok(vec![WantedKey::parse(argument).context("--key")?]);
    };
    let text = std::fs::read_to_string(Path::new(file)).with_context(|| format!("--key @{file}"))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let keys = lines.map(WantedKey::parse).collect::<Result<Vec<_>, _>>().with_context(|| format!("--key @{file}"))?;
    if keys.is_empty() {
        bail!("--key @{file}: no public key in it");
    }
    Ok(keys)
}

fn command_name(text: &str) -> Result<String, String> {
    if text.is_empty() || text.contains('/') {
        return Err("a command is a name without /; ask for a path with --file".to_owned());
    }
    Ok(text.to_owned())
}
