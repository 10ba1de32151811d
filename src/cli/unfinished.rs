//! Files that are being written. Ctrl-C removes them, so that it never leaves half a file.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// The exit code of a program ended by Ctrl-C, as in shells: 128 plus the number of the signal.
const INTERRUPTED: i32 = 130;

/// Removes a file.
pub(super) type Removal = Box<dyn Fn() + Send>;

/// How the files that are being written are removed, each with its number.
static FILES: Mutex<Vec<(u64, Removal)>> = Mutex::new(Vec::new());

static NEXT: AtomicU64 = AtomicU64::new(0);

/// A file that is being written. Once this is dropped, Ctrl-C leaves the file alone.
pub(super) struct Unfinished(u64);

impl Unfinished {
    /// Begins a file. `begin` makes it, and says how it is removed if the program is interrupted. An interrupt waits for `begin`, so
    /// that it knows each file.
    pub(super) fn begin<T>(begin: impl FnOnce() -> io::Result<(T, Removal)>) -> io::Result<(T, Self)> {
        clear_at_interrupt();
        let mut files = FILES.lock().unwrap_or_else(PoisonError::into_inner);
        let (begun, remove) = begin()?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        files.push((number, remove));
        Ok((begun, Self(number)))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        FILES.lock().unwrap_or_else(PoisonError::into_inner).retain(|(number, _)| *number != self.0);
    }
}

/// Makes Ctrl-C remove unfinished files, and leave a terminal at the start of a line. A progress bar fills its line, so the terminal
/// shows `^C` on the next one. That is erased; the bar stays and shows how far the work came. Copies of images have no names, so
/// no other traces remain.
pub(super) fn clear_at_interrupt() {
    // Only the first call in a run succeeds. Without a handler, Ctrl-C still ends the program.
    let _ = ctrlc::set_handler(|| {
        let files = FILES.lock().unwrap_or_else(PoisonError::into_inner);
        files.iter().for_each(|(_, remove)| remove());
        let mut out = io::stderr();
        if out.is_terminal() {
            let _ = out.write_all(b"\r\x1b[2K").and_then(|()| out.flush());
        }
        // The lock is held to the end: no other file is begun.
        std::process::exit(INTERRUPTED);
    });
}
