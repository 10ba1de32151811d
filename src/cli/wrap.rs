//! Long lines on a terminal, wrapped between words.

use std::borrow::Cow;
use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

/// Blanks before the continuation of a line, in addition to those before the line.
const HANGING: usize = 4;

/// The longest line that is kept until its end arrives, in bytes. A longer one is passed on as it is.
const LONGEST: usize = 64 << 10;

/// A writer of text that breaks lines between words if they are wider than the terminal, which would break inside them. Words
/// stay whole, even if one is wider than the terminal.
pub(super) struct Wrap<W: Write> {
    out: W,
    width: Option<usize>,
    line: Vec<u8>,
}

impl<W: Write> Wrap<W> {
    /// Lines are left as they are without a width.
    pub(super) fn new(out: W, width: Option<u16>) -> Self {
        Self { out, width: width.map(usize::from), line: Vec::new() }
    }

    fn end_line(&mut self) -> io::Result<()> {
        let line = std::mem::take(&mut self.line);
        match (self.width, std::str::from_utf8(&line)) {
            // Lines with tabs are for programs.
            (Some(width), Ok(text)) if visible(text) > width && !text.contains('\t') => {
                self.out.write_all(wrapped(text, width).as_bytes())
            }
            _ => self.out.write_all(&line),
        }
    }
}

impl<W: Write> Write for Wrap<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        if self.width.is_none() {
            return self.out.write(buffer);
        }
        for part in buffer.split_inclusive(|&byte| byte == b'\n') {
            self.line.extend_from_slice(part);
            if part.ends_with(b"\n") || self.line.len() > LONGEST {
                self.end_line()?;
            }
        }
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.end_line()?;
        self.out.flush()
    }
}

/// The columns that a text takes, without its styles.
fn visible(text: &str) -> usize {
    plain(text).width()
}

/// The text without its styles.
fn plain(text: &str) -> Cow<'_, str> {
    let mut parts = text.split("\x1b[");
    let first = parts.next().unwrap_or_default();
    if first.len() == text.len() {
        return Cow::Borrowed(text);
    }
    let mut plain = first.to_owned();
    for part in parts {
        // A style ends with its first letter.
        plain.push_str(part.split_once(|letter: char| letter.is_ascii_alphabetic()).map_or("", |(_, text)| text));
    }
    Cow::Owned(plain)
}

/// Blanks before each part after the first: below the second column, if the line begins with two.
fn hanging(line: &str, width: usize) -> usize {
    let line = plain(line);
    let text = line.trim_start_matches(' ');
    let indent = line.len() - text.len();
    let second = text.split_once("  ").map(|(first, rest)| {
        let gap = 2 + rest.len() - rest.trim_start_matches(' ').len();
        indent + first.width() + gap
    });
    second.filter(|column| *column <= width / 4).unwrap_or((indent + HANGING).min(width / 2))
}

/// The line in parts that fit. Blanks inside a part are kept, as they align columns.
fn wrapped(line: &str, width: usize) -> String {
    let end = if line.ends_with('\n') { "\n" } else { "" };
    let line = line.trim_end_matches('\n');
    let hanging = " ".repeat(hanging(line, width));
    let mut out = String::new();
    let mut column = 0;
    let mut fresh = true;
    for word in line.split_inclusive(' ') {
        let columns = visible(word.trim_end_matches(' '));
        // Nothing is gained by a break where the next part would be no shorter.
        if !fresh && column + columns > width && column > hanging.len() {
            out.truncate(out.trim_end_matches(' ').len());
            out.push('\n');
            out.push_str(&hanging);
            (column, fresh) = (hanging.len(), true);
            if columns == 0 {
                continue;
            }
        }
        out.push_str(word);
        column += visible(word);
        fresh &= columns == 0;
    }
    out.push_str(end);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str, width: Option<u16>) -> String {
        let mut out = Vec::new();
        let mut wrap = Wrap::new(&mut out, width);
        // Parts that arrive alone belong to the same line.
        text.as_bytes().chunks(3).for_each(|part| wrap.write_all(part).unwrap());
        wrap.flush().unwrap();
        drop(wrap);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn lines_are_wrapped_between_words_and_indented_below_their_start() {
        for (text, width, expected) in [
            ("one two three\n", 9, "one two\n    three\n"),
            ("  one  two three\n", 30, "  one  two three\n"),
            ("a   b long line that wraps here\n", 20, "a   b long line that\n    wraps here\n"),
            ("-> /nix/store/a-path-without-blanks\n", 9, "-> /nix/store/a-path-without-blanks\n"),
            ("short\nlines\n", 9, "short\nlines\n"),
            ("no end of line", 9, "no end of\n    line"),
            ("  /nix/store/a-path-without-blanks\n", 9, "  /nix/store/a-path-without-blanks\n"),
            ("\x1b[1mone\x1b[0m two\n", 7, "\x1b[1mone\x1b[0m two\n"),
            ("\x1b[1mx  \x1b[0m y two three four\n", 16, "\x1b[1mx  \x1b[0m y two three\n    four\n"),
        ] {
            assert_eq!(written(text, Some(width)), expected, "{text}");
            assert_eq!(written(text, None), text);
        }
    }
}
