//! How the contents of two files differ.

use std::io::Read;
use std::path::Path;

use serde_json::Value;
use similar::TextDiff;

use super::Pair;
use super::facts::{Masked, masked};
use super::files::Placed;
use crate::error::{Error, Result};
use crate::fs::digest;
use crate::secrets::redacted;

/// Files up to this length in bytes are compared line by line.
const LONGEST_TEXT: u64 = 1 << 20;

/// Texts of up to this many lines are compared line by line. The time grows with the square.
const MOST_COMPARED: usize = 5_000;

/// JSON of so few lines is formatted before it is compared. NixOS writes its list of users in one line.
const FEW_LINES: usize = 5;

/// Lines of a comparison that are kept.
const MOST_LINES: usize = 200;

/// Bytes of a long line that are kept, and how many of them precede the first that differs.
const LONGEST_LINE: usize = 400;
const BEFORE: usize = 60;

/// How often a text is searched for secrets. One search hides a limited number; no ordinary text needs many.
const MOST_SEARCHES: usize = 10;

/// Digits of a number that survive reading JSON.
const MOST_DIGITS: usize = 15;

/// How two files differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// The lines that differ, with three around them, as `diff -u` prints them. Hashes of store paths are masked, and secrets are
    /// replaced by their descriptions. JSON of few lines is formatted first.
    Text {
        /// The lines, without their ends.
        lines: Vec<String>,
        /// How many more lines there are.
        further: usize,
    },
    /// Bytes that are not compared line by line.
    Binary {
        /// The offset of the first byte that differs.
        offset: u64,
    },
    /// Both are the same JSON, with another layout or order of keys.
    Layout,
    /// Only secrets differ, which are not shown.
    Secrets,
}

impl Content {
    /// Keeps no more than `left` lines, and subtracts them from it.
    pub(super) fn shorten(&mut self, left: &mut usize) {
        if let Self::Text { lines, further } = self {
            *further += lines.len().saturating_sub(*left);
            lines.truncate(*left);
            *left -= lines.len();
        }
    }
}

/// How two files compare.
pub(super) enum Compared {
    Same,
    /// Only hashes of store paths differ.
    OnlyHashParts,
    Differs(Content),
}

pub(super) fn compare(files: Pair<Placed<'_>>, path: &[u8]) -> Result<Compared> {
    let failed = |error| Error::from_read(error, Path::new(&*String::from_utf8_lossy(path)));
    let open = || -> Result<_> {
        let ((old, old_node), (new, new_node)) = (files.old, files.new);
        Ok(Pair { old: old.open(old_node)?, new: new.open(new_node)? })
    };
    let Pair { mut old, mut new } = open()?;
    if digest::first_difference_of_readers(&mut *old, &mut *new).map_err(failed)?.is_none() {
        return Ok(Compared::Same);
    }
    let Pair { mut old, mut new } = open()?.map(Masked::new);
    let Some(offset) = digest::first_difference_of_readers(&mut old, &mut new).map_err(failed)? else {
        return Ok(Compared::OnlyHashParts);
    };
    let read = |file: Box<dyn Read + Send + '_>| {
        let mut bytes = Vec::new();
        file.take(LONGEST_TEXT + 1).read_to_end(&mut bytes).map(|_| bytes).map_err(failed)
    };
    let Pair { old, new } = open()?.map(read);
    let contents = Pair { old: old?, new: new? };
    Ok(Compared::Differs(difference(&String::from_utf8_lossy(path), contents.as_ref().map(Vec::as_slice), offset)))
}

/// How two files differ, whose masked contents first differ at `offset`.
fn difference(path: &str, contents: Pair<&[u8]>, offset: u64) -> Content {
    let shown = texts(contents).map(|texts| {
        if !texts.differs() {
            return Some(Content::Layout);
        }
        let Pair { old, new } = texts.as_ref().map(|text| shown(path, text));
        let shown = Pair { old: old?, new: new? };
        Some(if shown.differs() { lines(&shown.old, &shown.new) } else { Content::Secrets })
    });
    shown.flatten().unwrap_or(Content::Binary { offset })
}

/// Both files as texts, if they can be compared line by line.
fn texts(contents: Pair<&[u8]>) -> Option<Pair<String>> {
    let masked = contents.map(masked);
    let Pair { old, new } = masked.as_ref().map(|bytes| as_text(bytes));
    let texts = Pair { old: old?, new: new? };
    let texts = match texts.map(document) {
        Pair { old: Some(old), new: Some(new) } => Pair { old, new },
        _ => texts.map(str::to_owned),
    };
    let is_short = |text: &String| text.lines().nth(MOST_COMPARED).is_none();
    (is_short(&texts.old) && is_short(&texts.new)).then_some(texts)
}

fn as_text(bytes: &[u8]) -> Option<&str> {
    let is_whole = u64::try_from(bytes.len()).is_ok_and(|length| length <= LONGEST_TEXT);
    std::str::from_utf8(bytes).ok().filter(|text| is_whole && !text.contains('\0'))
}

/// Formats JSON of few lines: a line for each value, keys in order.
fn document(text: &str) -> Option<String> {
    // Longer numbers lose their last digits.
    let is_exact = || text.split(|letter: char| !letter.is_ascii_digit()).all(|digits| digits.len() <= MOST_DIGITS);
    let is_dense = text.starts_with(['{', '[']) && text.lines().nth(FEW_LINES).is_none() && is_exact();
    let document: Value = serde_json::from_str(text).ok().filter(|_| is_dense)?;
    serde_json::to_string_pretty(&document).ok()
}

/// A text without its secrets. `None` if it has too many.
fn shown(path: &str, text: &str) -> Option<String> {
    let mut text = text.to_owned();
    for _ in 0..MOST_SEARCHES {
        let found = String::from_utf8_lossy(&redacted(path.as_bytes(), text.as_bytes())).into_owned();
        if found == text {
            return Some(text);
        }
        text = found;
    }
    None
}

fn lines(old: &str, new: &str) -> Content {
    let text = TextDiff::from_lines(old, new).unified_diff().context_radius(3).missing_newline_hint(false).to_string();
    let lines: Vec<&str> = text.lines().collect();
    let kept = (0..lines.len().min(MOST_LINES)).filter_map(|at| cut(&lines, at)).collect();
    Content::Text { lines: kept, further: lines.len().saturating_sub(MOST_LINES) }
}

/// A line. A long one is cut to the part that differs from the line that replaces it.
fn cut(lines: &[&str], at: usize) -> Option<String> {
    let line = *lines.get(at)?;
    if line.len() <= LONGEST_LINE {
        return Some(line.to_owned());
    }
    let neighbour = |sign: char, at: Option<usize>| {
        at.and_then(|at| lines.get(at)).and_then(|line| line.strip_prefix(sign)).map(str::as_bytes)
    };
    let other = match line.chars().next() {
        Some('-') => neighbour('+', at.checked_add(1)),
        Some('+') => neighbour('-', at.checked_sub(1)),
        _ => None,
    };
    let (sign, line) = line.split_at_checked(1)?;
    let same = other.map_or(0, |other| line.bytes().zip(other).take_while(|(one, other)| one == *other).count());
    let floor = |at: usize| (0..=at).rev().find(|&at| line.is_char_boundary(at)).unwrap_or(0);
    let start = floor(same.saturating_sub(BEFORE));
    let end = floor(start.saturating_add(LONGEST_LINE).min(line.len()));
    let (before, behind) = (if start > 0 { "…" } else { "" }, line.len() - end);
    let behind = if behind > 0 { format!("… ({behind} more bytes)") } else { String::new() };
    Some(format!("{sign}{before}{}{behind}", line.get(start..end)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(path: &str, before: &str, after: &str) -> String {
        match difference(path, Pair { old: before.as_bytes(), new: after.as_bytes() }, 0) {
            Content::Text { lines, further: 0 } => lines.join("\n"),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn json_in_one_line_is_compared_value_by_value() {
        let users = |uid: u32| format!(r#"{{"users":[{{"uid":{uid},"name":"eve"}}],"mutableUsers":true}}"#);
        assert_eq!(
            text("/x.json", &users(1000), &users(1001)),
            "@@ -3,7 +3,7 @@\n   \"users\": [\n     {\n       \"name\": \"eve\",\n-      \"uid\": 1000\n+      \"uid\": 1001\n     }\n   ]\n }"
        );
        assert_eq!(text("/x.json", r#"{"a":1,"b":[2]}"#, "{ \"b\": [2],\n \"a\": 1 }\n"), "Layout");
        // Reading JSON loses the last digits of these.
        let (one, other) = (r#"{"a":100000000000000000001}"#, r#"{"a":100000000000000000002}"#);
        assert_eq!(text("/x.json", one, other), format!("@@ -1 +1 @@\n-{one}\n+{other}"));
        assert_eq!(text("/x.json", "{\"a\":", "{\"b\":"), "@@ -1 +1 @@\n-{\"a\":\n+{\"b\":");
    }

    #[test]
    fn no_line_is_long_and_of_a_long_one_the_difference_is_shown() {
        let line = |middle: &str| format!("{}{middle}{}\n", "é".repeat(3000), "ü".repeat(3000));
        let told = text("/x", &line("old"), &line("new"));
        assert!(told.lines().all(|line| line.len() < LONGEST_LINE + 40), "{told}");
        assert!(told.contains("ééoldüü") && told.contains("éénewüü") && told.contains(" more bytes)"), "{told}");
        let alone = text("/x", "", &"x".repeat(5000));
        assert_eq!(alone, format!("@@ -0,0 +1 @@\n+{}… (4600 more bytes)", "x".repeat(LONGEST_LINE)));
    }

    #[test]
    fn a_comparison_is_bounded_and_binary_files_are_reported_by_offset() {
        let numbers = |from: u32| (from..from + 4000).map(|number| format!("{number}\n")).collect::<String>();
        let Content::Text { lines, further } =
            difference("/x", Pair { old: numbers(0).as_bytes(), new: numbers(5000).as_bytes() }, 0)
        else {
            panic!("no text")
        };
        assert_eq!((lines.len(), further), (200, 7801));
        let long = "x\n".repeat(600_000);
        for (before, after) in [
            (&b"a\0b"[..], &b"a\0c"[..]),
            (b"\xff", b"\xfe"),
            (long.as_bytes(), b"x"),
            (numbers(0).as_bytes(), numbers(0).repeat(2).as_bytes()),
        ] {
            assert_eq!(difference("/x", Pair { old: before, new: after }, 7), Content::Binary { offset: 7 });
        }
    }

    /// The secrets are made up.
    #[test]
    fn no_secret_is_shown_whatever_it_is_in() {
        let users = |password: &str| format!(r#"{{"users":[{{"name":"eve","password":"{password}","uid":1}}]}}"#);
        let json = "/nix/store/eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee-users-groups.json";
        assert_eq!(text(json, &users("hunter2"), &users("hunter3")), "Secrets");
        let told = text(json, &users("hunter2"), &users("hunter3").replace(":1}", ":2}"));
        assert!(told.contains("[password of a user]") && told.contains("+      \"uid\": 2"), "{told}");
        let hash = |letter: &str| format!("$6$saltsaltsalt$a1b2c3d4{}", letter.repeat(78));
        let hashed = |letter: &str| format!(r#"{{"users":[{{"hashedPassword":"{}"}}]}}"#, hash(letter));
        let shadow = |letter: &str| format!("root:{}:1::::::\n", hash(letter));
        let key = |letter: &str| {
            let lines = format!("b3BlbnNzaC1rZXktdjEAAAAABG5vbmU{}\n", letter.repeat(33)).repeat(5);
            format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{lines}-----END OPENSSH PRIVATE KEY-----\n")
        };
        let wifi = |word: &str| format!("[wifi-security]\nkey-mgmt=wpa-psk\npsk={word}\n");
        for (path, before, after) in [
            (json, users("hunter2"), users("letmein9")),
            (json, hashed("q"), hashed("w")),
            ("/etc/shadow", shadow("q"), shadow("w")),
            ("/etc/ssh/key", key("q"), key("w")),
            ("/etc/NetworkManager/system-connections/a.nmconnection", wifi("hunter2hunter2"), wifi("letmein9letmein9")),
        ] {
            let told = text(path, &before, &after);
            for secret in ["hunter2", "letmein9", &"q".repeat(20), &"w".repeat(20)] {
                assert!(!told.contains(secret), "{path}: {told}");
            }
        }
        // One search does not hide all of these.
        let many: String = (0..2500).map(|_| shadow("z")).collect();
        assert!(!text("/etc/shadow", "", &many).contains("zzzz"));
    }
}
