//! Small texts on a server, such as the narinfo files of a binary cache.

use std::io::Read;
use std::path::Path;

use ureq::Agent;

use super::{ATTEMPTS, PATIENCE, PAUSE, agent, answer, failed, shown};
use crate::error::Result;

/// A client that asks for small texts. Connections are used again.
#[derive(Debug)]
pub(crate) struct Texts(Agent);

impl Texts {
    pub(crate) fn new() -> Self {
        Self(agent(PATIENCE))
    }

    /// The text at an address, at most its first `limit` bytes. `None` if the server does not have it.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) if the server does not answer, or refuses.
    pub(crate) fn get(&self, address: &str, limit: u64) -> Result<Option<String>> {
        let mut reason = String::new();
        for attempt in 0..ATTEMPTS {
            std::thread::sleep(PAUSE * attempt);
            let mut answer = match self.0.get(address).call() {
                Ok(answer) => answer,
                Err(error) if answer::is_passing(&error) => {
                    reason = answer::explain(&error);
                    continue;
                }
                Err(error) => return Err(failed(&shown(Path::new(address)), answer::explain(&error))),
            };
            match answer.status().as_u16() {
                200 => {
                    let mut bytes = Vec::new();
                    let body = answer.body_mut().with_config().limit(u64::MAX).reader();
                    match body.take(limit).read_to_end(&mut bytes) {
                        Ok(_) => return Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
                        Err(error) => reason = answer::explain_read(&error),
                    }
                }
                404 | 410 => return Ok(None),
                500..=599 => reason = answer::refusal(&answer),
                _ => return Err(failed(&shown(Path::new(address)), answer::refusal(&answer))),
            }
        }
        Err(failed(&shown(Path::new(address)), reason))
    }
}
