//! Passwords that the initrd sets in the system before it starts.

use crate::nixos::answer::{Cause, Caused, Doubt};
use crate::nixos::{IntoSystem, Root};

/// Files with passwords.
const FILES: [&str; 2] = ["/etc/shadow", "/etc/passwd"];

/// Programs that set passwords, in the system that they are told (`-R`).
const SETTING: [&str; 4] = ["chpasswd", "passwd", "usermod", "useradd"];

/// Programs that only read the files they name, unless their output goes there.
const READING: [&str; 10] = ["cat", "grep", "test", "[", "[[", "stat", "ls", "chmod", "chown", "echo"];

/// The lines of the initrd that may set passwords of the system. An initrd that cannot be read is a finding.
pub(super) fn passwords(root: &Root<'_>) -> Vec<Caused<Doubt>> {
    let Ok(Some(initrd)) = root.initrd() else { return Vec::new() };
    let lines = initrd.into_system.iter().filter(|line| if line.is_rule { writes(line) } else { runs(line) });
    let doubt = |line: &IntoSystem| {
        let place = format!("{} {}", initrd.file, line.file);
        Caused::by(Doubt::PasswordsWritten(line.file.clone()), Cause { path: place.into(), line: Some(line.line) })
    };
    lines.map(doubt).collect()
}

/// Whether a rule of tmpfiles.d writes a file with passwords.
fn writes(rule: &IntoSystem) -> bool {
    let mut words = rule.text.split_ascii_whitespace();
    let (kind, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    kind.starts_with(['f', 'w', 'C', 'L']) && FILES.contains(&path.trim_matches(['"', '\'']))
}

/// Whether a command sets a password.
fn runs(line: &IntoSystem) -> bool {
    // The command of a unit follows its key.
    let command =
        line.text.strip_prefix("Exec").and_then(|rest| rest.split_once('=')).map_or(&*line.text, |(_, rest)| rest);
    let is_file = |word: &str| FILES.contains(&word);
    let one = |command: &str| {
        let (reads, output) = command.split_once('>').unwrap_or((command, ""));
        if words(output).any(is_file) {
            return true;
        }
        let mut words = words(reads).skip_while(|word| matches!(*word, "if" | "then" | "else" | "!" | "exec" | "do"));
        let name = |word: &str| word.rsplit('/').next().unwrap_or(word).to_owned();
        let program = words.next().map(name).unwrap_or_default();
        SETTING.contains(&program.as_str()) || !READING.contains(&program.as_str()) && words.any(is_file)
    };
    command.split([';', '|', '&']).any(one)
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|letter: char| letter.is_whitespace() || "\"'()".contains(letter));
    words.map(|word| word.trim_start_matches(['-', '@', '+', '!', '>'])).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_set_a_password_are_told_from_those_that_read_one() {
        let of = |text: &str, is_rule| IntoSystem { file: String::new(), line: 1, text: text.to_owned(), is_rule };
        for (text, expected) in [
            ("echo root::1:::::: > /etc/shadow", true),
            ("echo x >>/etc/shadow", true),
            ("ExecStart=/bin/cp /keys/shadow /etc/shadow", true),
            ("ExecStart=-/bin/sh -c \"echo x > /etc/passwd\"", true),
            ("echo root:x | /nix/store/e-shadow/bin/chpasswd -R ", true),
            ("if ! sed -i s/x// /etc/shadow; then", true),
            ("cat /etc/shadow", false),
            ("if [ -e /etc/shadow ]; then", false),
            ("grep root /etc/passwd > /run/x", false),
            ("mount /dev/sda1 /", false),
        ] {
            assert_eq!(runs(&of(text, false)), expected, "{text}");
        }
        for (text, expected) in [
            ("f+ /etc/shadow 0600 - - - root::1::::::", true),
            ("C \"/etc/passwd\" - - - - /keys/passwd", true),
            ("z /etc/shadow 0600 - - -", false),
            ("f /etc/shadow.d 0600 - - - x", false),
        ] {
            assert_eq!(writes(&of(text, true)), expected, "{text}");
        }
    }
}
