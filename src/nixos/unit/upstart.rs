//! Jobs of Upstart, which NixOS used until January 2013 (init(5) of Upstart 1.5).

use crate::error::{Error, Place, Result};
use crate::nixos::Root;

/// The directory of the jobs.
const FOLDER: &str = "/etc/init";

/// Limit for jobs of a system. NixOS had some 30.
const MOST_JOBS: usize = 1_000;

/// Limit for a job, in bytes. NixOS wrote some 2,000.
const LONGEST: u64 = 1 << 20;

/// A job, `/etc/init/NAME.conf`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::nixos) struct Job {
    /// Its file, by its path in the running system.
    pub(in crate::nixos) path: String,
    /// Whether an event starts it. Otherwise it only starts by hand.
    pub(in crate::nixos) starts: bool,
    /// Its lines with their numbers. Lines that a backslash continues are joined.
    pub(in crate::nixos) lines: Vec<(u64, String)>,
}

impl Job {
    /// The job with that name. `None` if it does not exist.
    ///
    /// # Errors
    /// If its file exists but cannot be read.
    pub(in crate::nixos) fn of(root: &Root<'_>, name: &str) -> Result<Option<Self>> {
        let path = format!("{FOLDER}/{name}.conf");
        let Some(bytes) = root.bytes(&path, LONGEST)? else { return Ok(None) };
        let lines = joined(&String::from_utf8_lossy(&bytes));
        let starts = lines.iter().any(|(_, line)| {
            let mut words = line.split_ascii_whitespace();
            words.next() == Some("start") && words.next() == Some("on")
        });
        Ok(Some(Self { path, starts, lines }))
    }

    /// All jobs, by name.
    ///
    /// # Errors
    /// If a job cannot be read, or there are more than anyone writes.
    pub(in crate::nixos) fn all(root: &Root<'_>) -> Result<Vec<Self>> {
        let entries = root.entries(FOLDER)?;
        if entries.len() > MOST_JOBS {
            let place = Place::File(root.inside(FOLDER).into_bytes());
            return Err(Error::Limit { what: "1,000 jobs", place });
        }
        let names = entries.iter().filter_map(|entry| std::str::from_utf8(&entry.name).ok()?.strip_suffix(".conf"));
        names.filter_map(|name| Self::of(root, name).transpose()).collect()
    }

    /// The name of its file, `tty1.conf`.
    pub(in crate::nixos) fn file_name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}

/// The lines without comments, those that a backslash continues joined. As in a shell, a comment cannot be continued.
pub(super) fn joined(text: &str) -> Vec<(u64, String)> {
    let mut lines: Vec<(u64, String)> = Vec::new();
    let mut open = false;
    for (number, line) in (1u64..).zip(text.lines()) {
        if !open && line.trim_start().starts_with('#') {
            continue;
        }
        let part = line.strip_suffix('\\').unwrap_or(line);
        match lines.last_mut() {
            Some((_, last)) if open => last.push_str(part),
            _ => lines.push((number, part.to_owned())),
        }
        open = line.ends_with('\\');
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nixos::made::Made;

    #[test]
    fn a_job_has_its_command_in_one_line_and_starts_on_an_event() {
        let text = "# start on comment\nstart on started network-interfaces\nexec /x/sbin/sshd -D \\\n  -f /y\n";
        let tree = Made::of(&[("/s/etc/init/sshd.conf", text), ("/s/etc/init/tty1.conf", "exec mingetty tty1\n")]);
        let job = Job::of(&tree.system(), "sshd").unwrap().unwrap();
        assert!(job.starts);
        assert_eq!(job.lines[1], (3, "exec /x/sbin/sshd -D   -f /y".to_owned()));
        assert!(!Job::of(&tree.system(), "tty1").unwrap().unwrap().starts);
        assert_eq!(Job::of(&tree.system(), "none").unwrap(), None);
    }
}
