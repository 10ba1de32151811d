//! `nixoscope policy`

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use nixoscope::check::policy::{self, Draft, DraftNetwork, Proof};
use nixoscope::nixos::Summary;
use nixoscope::nixos::access::Access;
use nixoscope::nixos::services::Services;
use nixoscope::nixos::software::Software;
use nixoscope::report::policy as report_policy;

use super::open::{disc, open};
use super::progress::Watch;
use super::{Global, Outcome, file, output, report_troubles};

const TABLES: &str = "\
A policy is TOML or JSON; check --policy FILE holds an image to it. Tables:
  preset = \"installer\" | \"appliance\"
  [image]      max-size, file-name (glob), volume-id (glob), system, boot = [\"bios\", \"uefi\"], usb,
               secure-boot, kernel, params.require, params.forbid
  [[package]]  name (a glob, or a list), version, installed, max-copies,
               state = \"required\" | \"forbidden\"
  [[closure]]  file: nix path-info --json -r, nix-store -qR or a manifest
  [[menu]]     title (glob), absent
  [size]       closure, package, growth and manifest
  [[command]]  name
  [[file]]     path, type = \"file\" | \"directory\" | \"symlink\", mode, owner, target (glob), sha256,
               contains, not-contains, matches (regular expression), absent
  [[unit]]     name, exists, enabled, state = \"boot\" | \"triggered\" | \"manual\" | \"masked\" | \"missing\"
  [[user]]     name, exists, password = [\"locked\", …], shell, groups
  [[key]]      user, key | file | fingerprint, options, only
  [ssh]        enabled, password-authentication, permit-root-login
  [[port]]     port = 22 | \"8000-8010\", protocol = \"tcp\" | \"udp\", state = \"open\" | \"closed\"
  [firewall]   enabled, tcp = [22, \"8000-8010\"], udp = []: exactly these; trusted = [\"docker0\"]
  [secrets]    deny = true, allow = [\"path glob\"]
  [integrity]  verify = true
  [[accept]]   finding (id or glob), subject (glob), reason, expires = 2026-12-31
Every table but [[accept]] takes reason, shown when it fails, and severity = \"error\" | \"warning\".

The preset installer accepts what stock installers do on purpose: empty passwords of root and
nixos, a login at boot, root without a password. The preset appliance refuses that, passwords
through ssh, programs other than sshd that let somebody in, and keys written at boot. Neither accepts a password in clear text, or an empty one through ssh.";

/// Arguments of `policy`.
#[derive(clap::Args)]
#[command(after_help = TABLES)]
pub(super) struct Args {
    /// ISO file or device, nix-build result, compressed image, squashfs, netboot initrd, https:// address, or - for
    /// standard input
    #[arg(value_name = "IMAGE", required_unless_present = "schema")]
    image: Option<PathBuf>,
    /// Write to a file that does not exist yet
    #[arg(short, long, value_name = "FILE", conflicts_with = "schema")]
    output: Option<PathBuf>,
    /// Print the JSON Schema of policies
    #[arg(long, conflicts_with = "image")]
    schema: bool,
}

pub(super) fn run(args: &Args, global: &Global) -> anyhow::Result<Outcome> {
    let Some(path) = &args.image else {
        let mut out = output::bytes();
        out.write_all(policy::SCHEMA.as_bytes())?;
        out.flush()?;
        return Ok(Outcome::Holds);
    };
    let image = open(path, global)?;
    let (disc, mut troubles) = disc(&image)?;
    let summary = Summary::of(&disc, &mut troubles);
    let software = Software::of(&disc, &mut troubles);
    let installed = software.and_then(|software| policy::installed(&disc, &software));
    let installed = troubles.keep(installed).unwrap_or_default();
    let access = match disc.default_system() {
        Ok(system) => troubles.keep(Access::of(&disc, system)),
        Err(_) => None,
    };
    let mut draft = Draft::of(&summary, access.as_ref());
    draft.installed = installed;
    if let Ok(system) = disc.default_system() {
        let services = Services::of(&disc, system, &mut troubles);
        draft.network = troubles.keep(services).as_ref().and_then(DraftNetwork::of);
    }
    let watch = Watch::new("judging", global);
    let proof = Proof::of(&disc, &mut troubles, &|done, of| watch.tell(done, of));
    watch.finish();
    draft.proof = troubles.keep(proof).unwrap_or_default();
    let mut text = Vec::new();
    match global.json {
        true => report_policy::json(&mut text, &draft)?,
        false => report_policy::toml(&mut text, &draft)?,
    }
    match &args.output {
        Some(file) => {
            let write = |out: &mut dyn Write| Ok(out.write_all(&text)?);
            file::create(file, write).with_context(|| format!("--output {}", file.display()))?;
        }
        None => {
            let mut out = output::bytes();
            out.write_all(&text)?;
            out.flush()?;
        }
    }
    Ok(report_troubles(&disc, &mut troubles, Outcome::Holds))
}
