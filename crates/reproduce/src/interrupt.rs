//! Ctrl-C and SIGTERM: the first asks for a checkpoint and an orderly end, the second ends at once.

use crate::exit;
use anyhow::{Context, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether someone asked to stop.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Listens to SIGINT, SIGTERM and SIGUSR2 (the last is what batch schedulers send before time is up).
    ///
    /// # Errors
    /// When the handlers cannot be installed.
    pub fn install() -> Result<Self> {
        use signal_hook::consts::{SIGINT, SIGTERM};
        let flag = Self::default();
        let mut signals = vec![SIGINT, SIGTERM];
        #[cfg(unix)]
        signals.push(signal_hook::consts::SIGUSR2);
        for signal in signals {
            // Registered first, so that it acts only once the flag is already set: on the second signal.
            signal_hook::flag::register_conditional_shutdown(
                signal,
                exit::INTERRUPTED.into(),
                flag.0.clone(),
            )
            .and_then(|_| signal_hook::flag::register(signal, flag.0.clone()))
            .context("installing signal handlers")?;
        }
        Ok(flag)
    }

    /// Whether to stop.
    pub fn requested(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// An error that ends the run with its own exit code, if someone asked to stop.
    ///
    /// # Errors
    /// [`exit::Interrupted`].
    pub fn check(&self) -> Result<(), exit::Interrupted> {
        if self.requested() { Err(exit::Interrupted) } else { Ok(()) }
    }
}
