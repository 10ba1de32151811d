//! A draft of a policy, as TOML with comments.

use std::io::{self, Write};

use super::document;
use super::escape::is_harmful;
use crate::check::policy::{Draft, DraftNetwork, DraftSsh, DraftUser, is_name};
use crate::nixos::PasswordState;

/// Letters of the digest of a store path.
const DIGEST: usize = 32;

/// Length in letters of a line of names.
const LINE: usize = 100;

/// What marks a line that describes the image, but that a good image would not need.
const WEAK: &str = " # weak:";

/// Writes the policy: presets, the image, installed packages, users, keys, sshd, ports, the firewall, secrets and integrity.
///
/// # Errors
/// If the writer fails.
pub fn toml(out: &mut dyn Write, draft: &Draft) -> io::Result<()> {
    let mut tables = Vec::new();
    if let Some(preset) = draft.proof.preset {
        writeln!(tables, "preset = {} # the strictest that holds\n", quoted(preset.name()))?;
    }
    image(&mut tables, draft)?;
    installed(&mut tables, &draft.installed)?;
    let system = draft.of_system.map(|name| format!("system = {}\n", quoted(name))).unwrap_or_default();
    let (named, others): (Vec<_>, Vec<_>) = draft.users.iter().partition(|user| is_name(&user.name));
    named.into_iter().try_for_each(|one| user(&mut tables, one, &system))?;
    for DraftUser { name, sentence, .. } in others {
        writeln!(tables, "\n# No policy can name the user {}: {}", quoted(name), one_line(sentence))?;
    }
    draft.ssh.iter().try_for_each(|draft| ssh(&mut tables, draft, &system))?;
    draft.network.iter().try_for_each(|draft| network(&mut tables, draft, &system))?;
    secrets(&mut tables, draft.proof.secrets.as_deref())?;
    if draft.proof.integrity {
        writeln!(tables, "\n[integrity]\nverify = true")?;
    }
    writeln!(out, "# What {} holds. Take out what does not matter, then:", one_line(&draft.path))?;
    writeln!(out, "#   nixoscope check IMAGE --policy THIS-FILE")?;
    if tables.windows(WEAK.len()).any(|here| here == WEAK.as_bytes()) {
        writeln!(out, "# Lines marked \"weak\" hold for this image; decide whether they should.")?;
    }
    writeln!(out)?;
    out.write_all(&tables)
}

/// Writes the same policy as JSON, without the comments.
///
/// # Errors
/// If the writer fails.
pub fn json(out: &mut dyn Write, draft: &Draft) -> io::Result<()> {
    let mut text = Vec::new();
    toml(&mut text, draft)?;
    let policy: serde_json::Value = toml::from_slice(&text).map_err(io::Error::other)?;
    Ok(document::line(out, &policy)?)
}

/// One table for all packages, several names a line.
fn installed(out: &mut dyn Write, names: &[String]) -> io::Result<()> {
    if names.is_empty() {
        return Ok(());
    }
    let mut lines = vec![String::new()];
    for name in names.iter().map(|name| quoted(&glob(name))) {
        match lines.last_mut() {
            Some(line) if line.len() + name.len() < LINE => line.push_str(&format!(" {name},")),
            _ => lines.push(format!(" {name},")),
        }
    }
    writeln!(out, "\n[[package]]\nname = [")?;
    lines.iter().try_for_each(|line| writeln!(out, " {line}"))?;
    writeln!(out, "]\ninstalled = true")
}

/// Files that hold secrets are allowed by name, whatever their digest is the next time.
fn secrets(out: &mut dyn Write, paths: Option<&[String]>) -> io::Result<()> {
    let Some(paths) = paths else { return Ok(()) };
    writeln!(out, "\n[secrets]\ndeny = true")?;
    if paths.is_empty() {
        return Ok(());
    }
    let mut globs: Vec<String> = paths.iter().map(|path| quoted(&without_digest(path))).collect();
    globs.dedup();
    writeln!(out, "allow = [{WEAK} nixoscope secrets shows what is in these files")?;
    globs.iter().try_for_each(|glob| writeln!(out, "  {glob},"))?;
    writeln!(out, "]")
}

/// A glob for a path, in which digests of store paths may be any.
fn without_digest(path: &str) -> String {
    let mut parts = path.split("/nix/store/");
    let first = glob(parts.next().unwrap_or_default());
    parts.fold(first, |text, part| match part.split_at_checked(DIGEST) {
        Some((_, rest)) if rest.starts_with('-') => format!("{text}/nix/store/*{}", glob(rest)),
        _ => format!("{text}/nix/store/{}", glob(part)),
    })
}

fn image(out: &mut dyn Write, draft: &Draft) -> io::Result<()> {
    writeln!(out, "[image]\nmax-size = \"{} MiB\" # it has {} bytes", draft.max_mebibytes, draft.bytes)?;
    if let Some(volume) = &draft.volume_id {
        writeln!(out, "volume-id = {}", quoted(&glob(volume)))?;
    }
    if !draft.boot.is_empty() {
        let names: Vec<String> = draft.boot.iter().map(|firmware| quoted(firmware.name())).collect();
        writeln!(out, "boot = [{}]", names.join(", "))?;
    }
    for (key, value) in [("system", &draft.system), ("kernel", &draft.kernel)] {
        value.iter().try_for_each(|value| writeln!(out, "{key} = {}", quoted(value)))?;
    }
    Ok(())
}

/// A user, and the keys that let the user in. `system` is the line that names the only system they are about.
fn user(out: &mut dyn Write, user: &DraftUser, system: &str) -> io::Result<()> {
    let name = quoted(&user.name);
    write!(out, "\n[[user]] # {}\nname = {name}\n{system}", one_line(&user.sentence))?;
    match user.password {
        None => writeln!(out, "exists = true")?,
        Some(state) => writeln!(out, "password = [{}]{}", quoted(state.name()), weakness(state))?,
    }
    for key in &user.keys {
        writeln!(out, "\n[[key]] # {}", one_line(&key.sentence))?;
        write!(out, "user = {name}\nfingerprint = {}\n{system}", quoted(&key.fingerprint))?;
        if key.only {
            writeln!(out, "only = true")?;
        }
    }
    Ok(())
}

/// What is weak about a password.
fn weakness(state: PasswordState) -> String {
    let told = match state {
        PasswordState::Empty => "no password is needed",
        PasswordState::Plaintext => "the password is in the image in clear text",
        _ => return String::new(),
    };
    format!("{WEAK} {told}")
}

fn ssh(out: &mut dyn Write, ssh: &DraftSsh, system: &str) -> io::Result<()> {
    write!(out, "\n[ssh]\nenabled = {}\n{system}", ssh.enabled)?;
    if let Some(passwords) = ssh.passwords {
        let weak = if passwords { format!("{WEAK} a password is enough, without a key") } else { String::new() };
        writeln!(out, "password-authentication = {passwords}{weak}")?;
    }
    let values: Vec<String> = ssh.permit_root_login.iter().map(|value| quoted(value)).collect();
    match values.as_slice() {
        [] => Ok(()),
        [one] if one == "\"yes\"" && ssh.passwords == Some(true) => {
            writeln!(out, "permit-root-login = {one}{WEAK} root may use a password")
        }
        [one] => writeln!(out, "permit-root-login = {one}"),
        many => writeln!(out, "permit-root-login = [{}]", many.join(", ")),
    }
}

/// The ports that are open, and the firewall.
fn network(out: &mut dyn Write, network: &DraftNetwork, system: &str) -> io::Result<()> {
    for (protocol, port) in &network.open {
        write!(out, "\n[[port]]\nport = {port}\nprotocol = {}\nstate = \"open\"\n{system}", quoted(protocol))?;
    }
    let weak = if network.firewall { String::new() } else { format!("{WEAK} NixOS sets up no firewall") };
    write!(out, "\n[firewall]\nenabled = {}{weak}\n{system}", network.firewall)?;
    for (name, ranges) in [("tcp", &network.tcp), ("udp", &network.udp)] {
        let range = |(first, last): &(u16, u16)| match first == last {
            true => first.to_string(),
            false => quoted(&format!("{first}-{last}")),
        };
        let ranges = ranges.iter().map(|ranges| ranges.iter().map(range).collect::<Vec<_>>().join(", "));
        ranges.into_iter().try_for_each(|ranges| writeln!(out, "{name} = [{ranges}]"))?;
    }
    if !network.trusted.is_empty() && (network.tcp.is_some() || network.udp.is_some()) {
        let names: Vec<String> = network.trusted.iter().map(|name| quoted(name)).collect();
        writeln!(out, "trusted = [{}]", names.join(", "))?;
    }
    Ok(())
}

/// A basic string of TOML; the escapes of JSON are among its own. Letters that could harm a terminal are escaped, too.
fn quoted(text: &str) -> String {
    let quoted = serde_json::to_string(text).unwrap_or_default();
    quoted.chars().fold(String::new(), |mut safe, letter| {
        if is_harmful(letter) {
            safe.push_str(&format!("\\U{:08x}", u32::from(letter)));
        } else {
            safe.push(letter);
        }
        safe
    })
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
    text.replace(is_harmful, " ")
}
