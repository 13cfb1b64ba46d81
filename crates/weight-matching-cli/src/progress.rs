//! Signs of life on standard error while something takes longer than a second.

use crate::streams::warn;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// Does the work; says what it is and for how long it has run after one second, two, four, and so on.
pub(crate) fn during<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let (done, waits) = channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let begun = Instant::now();
            let mut next = Duration::from_secs(1);
            while waits.recv_timeout(next.saturating_sub(begun.elapsed())) == Err(RecvTimeoutError::Timeout) {
                warn(&format!("{what}: {} s", next.as_secs()));
                next = (next * 2).min(next + Duration::from_secs(60));
            }
        });
        let result = work();
        drop(done);
        result
    })
}
