//! A policy that an image satisfies, as TOML with comments.

use std::collections::BTreeSet;
use std::io::{self, Write};

use crate::fs::iso9660::Platform;
use crate::nixos::Summary;
use crate::nixos::access::Access;
use crate::nixos::answer::Verdict;
use crate::store::version::Requirement;

/// Bytes beyond the image's own that a new one may have before the policy fails: an eighth.
const ROOM: u64 = 8;

/// Writes the policy: the image, the installed packages by `name`, users, keys and sshd.
///
/// # Errors
/// What the writer meets.
pub fn toml(out: &mut dyn Write, summary: &Summary, installed: &[&str], access: Option<&Access>) -> io::Result<()> {
    writeln!(out, "# What {} holds. Take out what does not matter, then:", one_line(&summary.path))?;
    writeln!(out, "#   nixoscope check IMAGE --policy THIS-FILE\n")?;
    writeln!(out, "[image]")?;
    let megabytes = (summary.bytes + summary.bytes / ROOM).div_ceil(1 << 20);
    writeln!(out, "max-size = \"{megabytes} MiB\" # it has {} bytes", summary.bytes)?;
    if let Some(volume) = &summary.volume {
        writeln!(out, "volume-id = {}", quoted(&glob(&volume.id)))?;
        let boots =
            |wanted| summary.boot_images.iter().any(|facts| facts.image.bootable && facts.image.platform == wanted);
        let names =
            [("bios", Platform::Bios), ("uefi", Platform::Uefi)].into_iter().filter(|(_, platform)| boots(*platform));
        let names: Vec<String> = names.map(|(name, _)| quoted(name)).collect();
        if !names.is_empty() {
            writeln!(out, "boot = [{}]", names.join(", "))?;
        }
    }
    let default = summary.systems.iter().find(|(system, _)| system.default && system.present);
    if let Some((_, description)) = default {
        if let Some(system) = &description.system {
            writeln!(out, "system = {}", quoted(system))?;
        }
        let kernel = description.kernel.as_ref().map(|kernel| format!(">={kernel}"));
        if let Some(kernel) = kernel.filter(|kernel| Requirement::parse(kernel).is_some()) {
            writeln!(out, "kernel = {}", quoted(&kernel))?;
        }
    }
    for name in installed {
        writeln!(out, "\n[[package]]\nname = {}\ninstalled = true", quoted(&glob(name)))?;
    }
    let Some(access) = access.filter(|access| access.people.users_known) else { return Ok(()) };
    let people = access
        .people
        .accounts
        .iter()
        .filter(|account| account.user.name == "root" || account.user.normal != Some(false));
    for account in people {
        writeln!(out, "\n[[user]] # {}", one_line(&account.sentence()))?;
        writeln!(out, "name = {}", quoted(&account.user.name))?;
        match account.user.password.state {
            crate::nixos::PasswordState::Unknown => writeln!(out, "exists = true")?,
            state => writeln!(out, "password = [{}]", quoted(state.name()))?,
        }
        let grants = &account.ssh;
        for granted in grants.keys.iter().filter(|granted| granted.answer.opens()) {
            let line = &granted.key.line;
            writeln!(out, "\n[[key]] # {} {}", one_line(&line.key.kind), one_line(&line.comment))?;
            writeln!(out, "user = {}\nfingerprint = {}", quoted(&account.user.name), quoted(&line.key.fingerprint()))?;
            // Where other keys may let the user in, nobody can promise that none does.
            let open = grants.keys.iter().any(|granted| granted.answer.verdict() == Verdict::Unknown);
            let closed =
                grants.authorities.is_empty() && grants.entrance.command().is_none() && grants.elsewhere.is_empty();
            if closed && !open {
                writeln!(out, "only = true")?;
            }
        }
    }
    let sshd = &access.people.sshd;
    writeln!(out, "\n[ssh]\nenabled = {}", sshd.unit.is_some() && sshd.starts)?;
    // What an absent configuration says is unknown.
    if sshd.unit.is_some() && sshd.missing_config.is_none() {
        let takes = sshd.password_authentication() || !sshd.password_blocks().is_empty();
        writeln!(out, "password-authentication = {takes}")?;
        let blocks = sshd.permit_root_login_blocks().into_iter().map(|(value, _)| value);
        let values: BTreeSet<String> = std::iter::once(sshd.permit_root_login()).chain(blocks).collect();
        let is_known =
            |value: &String| matches!(value.as_str(), "yes" | "no" | "prohibit-password" | "forced-commands-only");
        if values.iter().all(is_known) {
            let values: Vec<String> = values.iter().map(|value| quoted(value)).collect();
            match values.as_slice() {
                [one] => writeln!(out, "permit-root-login = {one}")?,
                many => writeln!(out, "permit-root-login = [{}]", many.join(", "))?,
            }
        }
    }
    Ok(())
}

/// A basic string of TOML; the escapes of JSON are among its own.
fn quoted(text: &str) -> String {
    let mut quoted = serde_json::to_string(text).unwrap_or_default();
    // DEL is the one control character that JSON lets stand (TOML 1.0, "String").
    if quoted.contains('\u{7f}') {
        quoted = quoted.replace('\u{7f}', "\\u007f");
    }
    quoted
}

/// A glob that matches this text alone.
fn glob(text: &str) -> String {
    text.chars().fold(String::new(), |mut glob, letter| {
        match letter {
            '*' | '?' | '[' | ']' | '{' | '}' => glob.extend(['[', letter, ']']),
            '\\' => glob.push_str("\\\\"),
            letter => glob.push(letter),
        }
        glob
    })
}

/// A text that stays in its comment.
fn one_line(text: &str) -> String {
    text.replace(|letter: char| letter.is_control(), " ")
}
