//! What may leave in a document: letters that do nothing to a terminal, in a form that its readers accept.

/// Fails if there is a letter that moves the cursor, hides text or turns it round. A document's own line ends are no such letters.
pub(crate) fn letters(document: &str, bytes: &[u8]) {
    let text = std::str::from_utf8(bytes).unwrap_or_else(|error| panic!("{document}: {error}"));
    // Tables are bold and coloured before the terminal decides.
    let text: String = text.split("\x1b[").enumerate().map(|(part, text)| plain(part, text)).collect();
    if let Some(letter) = text.chars().find(|&letter| letter != '\n' && (letter.is_control() || is_invisible(letter))) {
        panic!("{document} has {letter:?}: {text:?}");
    }
}

/// A part of a text without the style that it begins with.
fn plain(part: usize, text: &str) -> &str {
    let end = text.find(|letter: char| !letter.is_ascii_digit()).filter(|&end| text[end..].starts_with('m'));
    if part == 0 { text } else { &text[end.unwrap_or_else(|| panic!("a sequence that is no style: {text:?}")) + 1..] }
}

/// Marks of direction (UAX #9), and ends of lines and paragraphs.
fn is_invisible(letter: char) -> bool {
    matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

pub(crate) fn json(document: &str, bytes: &[u8]) {
    letters(document, bytes);
    let value: Result<serde_json::Value, _> = serde_json::from_slice(bytes);
    value.unwrap_or_else(|error| panic!("{document}: {error}"));
}

/// Comma-separated values: each line has as many as the first (RFC 4180). A value in quotes may hold commas.
pub(crate) fn csv(document: &str, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n");
    letters(document, text.as_bytes());
    let mut columns = None;
    for line in text.lines() {
        // Two quotes in a value stand for one, and end nothing.
        let outside: usize = line.split('"').step_by(2).map(|part| part.matches(',').count()).sum();
        assert_eq!(*columns.get_or_insert(outside), outside, "{document}: {line}");
    }
}

/// Elements that are closed in the order in which they were opened, and no lone `<` or `&`. HTML has some that are never closed.
pub(crate) fn elements(document: &str, bytes: &[u8], empty: &[&str]) {
    letters(document, bytes);
    let text = String::from_utf8_lossy(bytes);
    let mut open: Vec<&str> = Vec::new();
    let mut rest = &*text;
    while let Some(start) = rest.find('<') {
        let end =
            rest[start..].find('>').map_or_else(|| panic!("{document}: a tag that does not end"), |end| start + end);
        let tag = &rest[start + 1..end];
        rest = &rest[end + 1..];
        let name = tag.split([' ', '/']).find(|name| !name.is_empty()).unwrap_or_default();
        match tag.as_bytes() {
            [b'/', ..] => assert_eq!(open.pop(), Some(name), "{document}: </{name}>"),
            [b'!' | b'?', ..] | [.., b'/'] => {}
            _ if empty.contains(&name) => {}
            _ => open.push(name),
        }
        // Their text is no markup.
        if matches!(name, "style" | "script") && open.last() == Some(&name) {
            rest = &rest[rest.find("</").unwrap_or_else(|| panic!("{document}: {name} does not end"))..];
        }
    }
    assert_eq!(open, [""; 0], "{document}: elements that are not closed");
}
