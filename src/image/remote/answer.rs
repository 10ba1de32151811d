//! What a server answers.

use std::io;

use ureq::Body;
use ureq::http::Response;

/// The part that an answer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    /// The first byte.
    pub(super) start: u64,
    /// The byte after the last.
    pub(super) end: u64,
    /// Length of the whole in bytes.
    pub(super) total: u64,
}

impl Range {
    /// The range that the answer says it has.
    pub(super) fn of(answer: &Response<Body>) -> Result<Self, String> {
        let text = header(answer, "Content-Range").unwrap_or_default();
        Self::parse(text).ok_or_else(|| format!("the server sent a part without saying which: Content-Range {text:?}"))
    }

    /// Parses `bytes 0-99/1000` (RFC 9110 §14.4). The length must be known.
    fn parse(text: &str) -> Option<Self> {
        let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
        let (start, last) = range.trim().split_once('-')?;
        let (start, last, total) = (start.parse().ok()?, last.parse::<u64>().ok()?, total.trim().parse().ok()?);
        (start <= last && last < total).then(|| Self { start, end: last + 1, total })
    }
}

/// What tells one version of the file from another.
#[derive(Debug)]
pub(super) struct Version {
    tag: Option<String>,
    modified: Option<String>,
}

impl Version {
    pub(super) fn of(answer: &Response<Body>) -> Self {
        let header = |name| header(answer, name).map(str::to_owned);
        Self { tag: header("ETag"), modified: header("Last-Modified") }
    }

    /// The condition for further parts. A weak tag is not allowed in one (RFC 9110 §13.1.5).
    pub(super) fn condition(&self) -> Option<&str> {
        let strong = self.tag.as_deref().filter(|tag| !tag.starts_with("W/"));
        strong.or(self.modified.as_deref())
    }

    /// Whether an answer is about the same version. Servers behind one name may leave a header out.
    pub(super) fn is_same(&self, answer: &Response<Body>) -> bool {
        let new = Self::of(answer);
        let differs = |old: &Option<String>, new: &Option<String>| old.is_some() && new.is_some() && old != new;
        !differs(&self.tag, &new.tag) && !differs(&self.modified, &new.modified)
    }
}

/// Length of the body in bytes, if the server says it.
pub(super) fn length(answer: &Response<Body>) -> Option<u64> {
    header(answer, "Content-Length")?.parse().ok()
}

/// What the server says instead of sending the image.
pub(super) fn refusal(answer: &Response<Body>) -> String {
    let status = answer.status();
    format!("the server answers {} {}", status.as_str(), status.canonical_reason().unwrap_or_default())
}

/// Why a request failed.
pub(super) fn explain(error: &ureq::Error) -> String {
    match error {
        ureq::Error::HostNotFound => "no such host".to_owned(),
        ureq::Error::Timeout(_) => SLOW.to_owned(),
        ureq::Error::Io(error) => explain_read(error),
        error => error.to_string(),
    }
}

/// Why the body could not be read.
pub(super) fn explain_read(error: &io::Error) -> String {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<ureq::Error>());
    match (error.kind(), inner) {
        (_, Some(inner)) if !matches!(inner, ureq::Error::Io(_)) => explain(inner),
        (io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock, _) => SLOW.to_owned(),
        (io::ErrorKind::UnexpectedEof, _) => "the server closed the connection too early".to_owned(),
        _ => error.to_string(),
    }
}

const SLOW: &str = "the server does not answer in time";

/// Whether the same request may work later.
pub(super) fn is_passing(error: &ureq::Error) -> bool {
    matches!(error, ureq::Error::Io(_) | ureq::Error::Timeout(_) | ureq::Error::ConnectionFailed)
}

fn header<'a>(answer: &'a Response<Body>, name: &str) -> Option<&'a str> {
    answer.headers().get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_complete_ranges_are_understood() {
        assert_eq!(Range::parse("bytes 5-9/10"), Some(Range { start: 5, end: 10, total: 10 }));
        for text in ["", "bytes */10", "bytes 0-9/*", "bytes 9-5/10", "bytes 0-10/10", "lines 0-1/2"] {
            assert_eq!(Range::parse(text), None, "{text}");
        }
    }
}
