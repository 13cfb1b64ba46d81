//! Ctrl-C, SIGTERM and their like: the first asks for a checkpoint and an orderly end, the second ends at once.

use crate::exit;
use anyhow::{Context, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// Whether someone asked to stop, or time is up.
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    flag: Arc<AtomicBool>,
    deadline: Option<Instant>,
}

impl Interrupt {
    /// Listens to SIGINT, SIGTERM, SIGUSR2 (what batch schedulers send before time is up) and SIGHUP (a terminal that
    /// went away), the last unless whoever started this process had it ignored, as `nohup` does.
    ///
    /// # Errors
    /// When the handlers cannot be installed.
    pub fn install() -> Result<Self> {
        use signal_hook::consts::{SIGINT, SIGTERM};
        let flag = Self::default();
        let mut signals = vec![SIGINT, SIGTERM];
        #[cfg(unix)]
        {
            use signal_hook::consts::{SIGHUP, SIGUSR2};
            signals.push(SIGUSR2);
            if !is_ignored(SIGHUP) {
                signals.push(SIGHUP);
            }
        }
        for signal in signals {
            // Registered first, so that it acts only once the flag is already set: on the second signal.
            signal_hook::flag::register_conditional_shutdown(
                signal,
                exit::INTERRUPTED.into(),
                flag.flag.clone(),
            )
            .and_then(|_| signal_hook::flag::register(signal, flag.flag.clone()))
            .context("installing signal handlers")?;
        }
        Ok(flag)
    }

    /// One that also stops after a while.
    #[must_use]
    pub fn within(self, time: Option<Duration>) -> Self {
        Self { deadline: time.map(|time| Instant::now() + time), ..self }
    }

    /// Whether to stop.
    pub fn requested(&self) -> bool {
        self.flag.load(Ordering::Relaxed) || self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// An error that ends the run with its own exit code, if someone asked to stop.
    ///
    /// # Errors
    /// [`exit::Interrupted`].
    pub fn check(&self) -> Result<(), exit::Interrupted> {
        if self.requested() { Err(exit::Interrupted) } else { Ok(()) }
    }

    /// Does work that leaves nothing to keep, such as reading data: when someone asks to stop meanwhile, the process ends
    /// at once, with the exit code of [`exit::Interrupted`].
    pub fn at_once<T>(&self, work: impl FnOnce() -> T) -> T {
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            let watcher = scope.spawn(|| {
                while !done.load(Ordering::Acquire) {
                    if self.requested() {
                        basin_core::warn(&format!("error: {}", exit::Interrupted));
                        std::process::exit(exit::INTERRUPTED.into());
                    }
                    thread::park_timeout(Duration::from_millis(50));
                }
            });
            let _end = End { done: &done, watcher: watcher.thread().clone() };
            work()
        })
    }
}

/// Ends the watcher, however the work ends.
struct End<'a> {
    done: &'a AtomicBool,
    watcher: Thread,
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Release);
        self.watcher.unpark();
    }
}

/// Whether this process was started with a signal ignored, where the system tells.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    ignored_in(&status, signal)
}

/// As the line `SigIgn` of `/proc/self/status` says: a bit for each signal, in hexadecimal digits.
#[cfg(unix)]
fn ignored_in(status: &str, signal: i32) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> (signal - 1) & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn ignored_signals_are_read_off_the_mask() {
        let status = "Name:\tbasin\nSigIgn:\t0000000000001001\nSigCgt:\t0000000000000002\n";
        assert!(ignored_in(status, 1) && ignored_in(status, 13));
        assert!(!ignored_in(status, 2) && !ignored_in(status, 64) && !ignored_in("", 1));
    }

    #[test]
    fn work_that_nobody_stops_comes_to_its_end() {
        assert_eq!(Interrupt::default().at_once(|| 3), 3);
        assert!(Interrupt::default().check().is_ok());
        assert!(Interrupt::default().within(Some(Duration::from_secs(600))).check().is_ok());
        assert!(Interrupt::default().within(Some(Duration::ZERO)).check().is_err());
    }
}
