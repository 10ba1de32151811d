//! A draft of a policy, as TOML with comments.

use std::io::{self, Write};

use crate::check::policy::{Draft, DraftSsh, DraftUser};

/// Writes the policy: the image, installed packages, users, keys and sshd.
///
/// # Errors
/// If the writer fails.
pub fn toml(out: &mut dyn Write, draft: &Draft) -> io::Result<()> {
    writeln!(out, "# What {} holds. Take out what does not matter, then:", one_line(&draft.path))?;
    writeln!(out, "#   nixoscope check IMAGE --policy THIS-FILE\n")?;
    image(out, draft)?;
    for name in &draft.installed {
        writeln!(out, "\n[[package]]\nname = {}\ninstalled = true", quoted(&glob(name)))?;
    }
    draft.users.iter().try_for_each(|one| user(out, one))?;
    draft.ssh.iter().try_for_each(|draft| ssh(out, draft))
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

fn user(out: &mut dyn Write, user: &DraftUser) -> io::Result<()> {
    let name = quoted(&user.name);
    writeln!(out, "\n[[user]] # {}\nname = {name}", one_line(&user.sentence))?;
    match user.password {
        None => writeln!(out, "exists = true")?,
        Some(state) => writeln!(out, "password = [{}]", quoted(state.name()))?,
    }
    for key in &user.keys {
        writeln!(out, "\n[[key]] # {}", one_line(&key.sentence))?;
        writeln!(out, "user = {name}\nfingerprint = {}", quoted(&key.fingerprint))?;
        if key.only {
            writeln!(out, "only = true")?;
        }
    }
    Ok(())
}

fn ssh(out: &mut dyn Write, ssh: &DraftSsh) -> io::Result<()> {
    writeln!(out, "\n[ssh]\nenabled = {}", ssh.enabled)?;
    if let Some(passwords) = ssh.passwords {
        writeln!(out, "password-authentication = {passwords}")?;
    }
    let values: Vec<String> = ssh.permit_root_login.iter().map(|value| quoted(value)).collect();
    match values.as_slice() {
        [] => Ok(()),
        [one] => writeln!(out, "permit-root-login = {one}"),
        many => writeln!(out, "permit-root-login = [{}]", many.join(", ")),
    }
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
