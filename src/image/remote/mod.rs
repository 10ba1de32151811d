//! An image at an `http://` or `https://` address, of which only the parts that are needed are transferred.

mod answer;
mod text;
mod windows;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ureq::http::Response;
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body, ResponseExt};

use self::answer::{Range, Version};
pub(crate) use self::text::Texts;
use self::windows::{BLOCK, Windows};
use super::Progress;
use super::platform::FileExt;
use super::spool::{self, LARGEST, Spool};
use crate::error::{Error, Result};

/// Bytes of the first request: the volume descriptors and what usually follows them.
const FIRST: u64 = 2 * BLOCK;

/// How often a part is asked for before it is given up.
const ATTEMPTS: u32 = 3;

/// The wait before the second attempt. Later ones wait longer.
const PAUSE: Duration = Duration::from_millis(200);

/// The longest wait for the next bytes of a server.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// An image on a server. What has arrived is kept in a sparse temporary file as long as the image.
#[derive(Debug)]
pub(super) struct Remote {
    agent: Agent,
    /// The address as given.
    address: String,
    /// Where redirects led to. Asked directly, so that a link to the latest image does not change under way.
    target: Mutex<String>,
    version: Version,
    length: u64,
    file: File,
    windows: Windows,
    requests: AtomicU64,
    received: AtomicU64,
}

/// What the server has.
pub(super) enum Opened {
    /// Parts, on request.
    Parts(Box<Remote>),
    /// Only the whole image, which was transferred.
    Whole(File),
}

/// Whether a name is an address.
#[must_use]
pub fn is_address(name: &Path) -> bool {
    let scheme = name.to_str().and_then(|name| name.split_once("://")).map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https"))
}

/// The address without user, password, query and fragment: these may be secret.
pub(super) fn shown(name: &Path) -> PathBuf {
    let text = name.to_string_lossy();
    let plain = text.split(['?', '#']).next().unwrap_or_default();
    match plain.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
            let host = host.rsplit('@').next().unwrap_or_default();
            PathBuf::from(format!("{scheme}://{host}/{path}"))
        }
        None => PathBuf::from(plain),
    }
}

/// The client. Certificates are those that the machine trusts, so that caches inside a company work.
pub(super) fn agent(patience: Duration) -> Agent {
    let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
    let config = Agent::config_builder()
        .tls_config(tls)
        .http_status_as_error(false)
        .accept_encoding("identity")
        .user_agent(concat!("nixoscope/", env!("CARGO_PKG_VERSION")))
        .timeout_connect(Some(patience))
        .timeout_recv_response(Some(patience))
        .timeout_per_read(Some(patience));
    config.build().new_agent()
}

impl Remote {
    /// Asks for the beginning of the image. A server that knows no ranges sends all of it, which is kept.
    ///
    /// # Errors
    /// [`Error::Io`] if the server does not answer as it should, [`Error::NoImage`] if there is no place for the image.
    pub(super) fn open(address: &Path, agent: Agent, progress: Progress<'_>) -> Result<Opened> {
        let name = shown(address);
        let address = address.to_string_lossy().into_owned();
        let mut answer = first(&agent, &address).map_err(|reason| failed(&name, reason))?;
        match answer.status().as_u16() {
            200 => {
                let of = answer::length(&answer);
                return whole(&name, &mut answer, of, progress).map(Opened::Whole);
            }
            206 => {}
            // There is no first byte.
            416 => return Spool::new(&name)?.finish().map(Opened::Whole),
            _ => return Err(failed(&name, answer::refusal(&answer))),
        }
        let range = Range::of(&answer).map_err(|reason| failed(&name, reason))?;
        if range.total > LARGEST {
            let reason = "the server says that it has more than 64 GiB; download it if it is right".to_owned();
            return Err(Error::NoImage { path: name, reason });
        }
        let directory = std::env::temp_dir();
        let file = tempfile::tempfile_in(&directory).and_then(|file| file.set_len(range.total).map(|()| file));
        let remote = Self {
            file: file.map_err(|error| spool::no_space(&name, &directory, &error))?,
            agent,
            address,
            target: Mutex::new(answer.get_uri().to_string()),
            version: Version::of(&answer),
            length: range.total,
            windows: Windows::new(range.total),
            requests: AtomicU64::new(1),
            received: AtomicU64::new(0),
        };
        // If not all of it arrives, the missing part is asked for when it is needed.
        let _ = remote.store(&mut answer, range);
        Ok(Opened::Parts(Box::new(remote)))
    }

    /// Length of the image in bytes.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Requests so far, and bytes received.
    pub(super) fn traffic(&self) -> (u64, u64) {
        (self.requests.load(Ordering::Relaxed), self.received.load(Ordering::Relaxed))
    }

    /// Fills `buffer` with the bytes at `start`, from the server if they are not here yet.
    pub(super) fn read_exact_at(&self, start: u64, buffer: &mut [u8]) -> io::Result<()> {
        let end = start.saturating_add(u64::try_from(buffer.len()).unwrap_or(u64::MAX)).min(self.length);
        while let Some((from, to)) = self.windows.missing(start, end) {
            // One request at a time: what another thread waits for may be in the answer.
            let Ok(target) = self.target.lock() else { return Err(io::Error::other("another read failed")) };
            if self.windows.missing(from, to.min(end)).is_some() {
                self.fetch(target, from, self.windows.grow(from, to))?;
            }
        }
        self.file.read_exact_at(buffer, start)
    }

    /// Asks for a part until all of it is here.
    fn fetch(&self, mut target: std::sync::MutexGuard<'_, String>, from: u64, to: u64) -> io::Result<()> {
        let mut reason = String::new();
        // Attempts since the last block arrived, and where the next one is missing.
        let (mut attempt, mut reached) = (0, from);
        while let Some((from, _)) = self.windows.missing(from, to) {
            attempt = if from > reached { 0 } else { attempt };
            reached = from;
            if attempt == ATTEMPTS {
                return Err(io::Error::other(reason));
            }
            std::thread::sleep(PAUSE * attempt);
            attempt += 1;
            self.requests.fetch_add(1, Ordering::Relaxed);
            let mut request = self.agent.get(target.as_str()).header("Range", format!("bytes={from}-{}", to - 1));
            if let Some(version) = self.version.condition() {
                request = request.header("If-Range", version);
            }
            let mut answer = match request.call() {
                Ok(answer) => answer,
                Err(error) => {
                    reason = answer::explain(&error);
                    continue;
                }
            };
            match answer.status().as_u16() {
                206 => {
                    let range = Range::of(&answer).map_err(io::Error::other)?;
                    if range.total != self.length || !self.version.is_same(&answer) {
                        return Err(io::Error::other(CHANGED));
                    }
                    if range.start != from {
                        return Err(io::Error::other("the server sent another part than was asked for"));
                    }
                    match self.store(&mut answer, range) {
                        Ok(()) => {}
                        Err(error) => reason = error.to_string(),
                    }
                }
                200 | 412 | 416 => return Err(io::Error::other(CHANGED)),
                // A temporary address may have run out.
                400..=499 if *target != self.address => target.clone_from(&self.address),
                _ => reason = answer::refusal(&answer),
            }
        }
        Ok(())
    }

    /// Keeps what arrives of a part.
    fn store(&self, answer: &mut Response<Body>, range: Range) -> io::Result<()> {
        let mut body = answer.body_mut().with_config().limit(u64::MAX).reader().take(range.end - range.start);
        let mut buffer = vec![0; spool::CHUNK];
        let mut at = range.start;
        let ended = loop {
            match body.read(&mut buffer) {
                Ok(0) if at < range.end => {
                    let (here, all) = (at - range.start, range.end - range.start);
                    break Err(io::Error::other(format!("the server ended after {here} of {all} bytes")));
                }
                Ok(0) => break Ok(()),
                Ok(filled) => {
                    let Some(bytes) = buffer.get(..filled) else { break Ok(()) };
                    if let Err(error) = self.file.write_all_at(bytes, at) {
                        let advice = "set TMPDIR to a directory with enough space";
                        return Err(io::Error::new(error.kind(), format!("temporary file: {error}; {advice}")));
                    }
                    at += u64::try_from(filled).unwrap_or(0);
                    self.received.fetch_add(u64::try_from(filled).unwrap_or(0), Ordering::Relaxed);
                }
                Err(error) => break Err(io::Error::other(answer::explain_read(&error))),
            }
        };
        self.windows.arrived(range.start, at);
        ended
    }
}

const CHANGED: &str = "the image changed on the server while it was read; try again";

/// Asks for the beginning, more than once if the server cannot be reached.
fn first(agent: &Agent, address: &str) -> std::result::Result<Response<Body>, String> {
    let mut reason = String::new();
    for attempt in 0..ATTEMPTS {
        std::thread::sleep(PAUSE * attempt);
        match agent.get(address).header("Range", format!("bytes=0-{}", FIRST - 1)).call() {
            Ok(answer) if answer.status().is_server_error() => reason = answer::refusal(&answer),
            Ok(answer) => return Ok(answer),
            Err(error) => {
                reason = answer::explain(&error);
                if !answer::is_passing(&error) {
                    break;
                }
            }
        }
    }
    Err(reason)
}

/// Receives a whole image.
fn whole(name: &Path, answer: &mut Response<Body>, of: Option<u64>, progress: Progress<'_>) -> Result<File> {
    let mut spool = Spool::new(name)?;
    let body = answer.body_mut().with_config().limit(u64::MAX).reader();
    let mut counted = spool::Counted { input: body, read: 0, of: of.unwrap_or(0), progress };
    spool.append(&mut counted, |error| failed(name, answer::explain_read(&error)))?;
    if let Some(of) = of.filter(|of| *of != counted.read) {
        return Err(failed(name, format!("the server ended after {} of {of} bytes", counted.read)));
    }
    spool.finish()
}

fn failed(name: &Path, reason: String) -> Error {
    Error::Io { path: name.to_path_buf(), source: io::Error::other(reason) }
}

#[cfg(test)]
mod tests;
