//! Why the device could not do what was asked.

use thiserror::Error;

/// A failure of the device, its driver, its libraries, or of what it was given.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum GpuError {
    /// No driver could be loaded or it does not start.
    #[error("no NVIDIA driver: {found}. Install a driver of at least version 580, or use --device cpu")]
    NoDriver {
        /// What was tried and what it said.
        found: String,
    },
    /// The driver runs and sees no such device.
    #[error(
        "device {wanted} was asked for, the driver sees {found}, numbered from 0. Choose one of them \
         (CUDA_VISIBLE_DEVICES may hide some), or use --device cpu"
    )]
    NoDevice {
        /// Ordinal asked for.
        wanted: usize,
        /// Number of devices.
        found: usize,
    },
    /// The device is too old for the kernels.
    #[error(
        "{device} has compute capability {}.{}, at least {}.{} is needed. Use a newer device or --device cpu",
        found.0, found.1, needed.0, needed.1
    )]
    Capability {
        /// The device's name.
        device: String,
        /// Its capability, major and minor.
        found: (u32, u32),
        /// The smallest that works.
        needed: (u32, u32),
    },
    /// A library besides the driver is missing or does not fit.
    #[error(
        "{library}: {found}. Put one that fits where the loader finds it (LD_LIBRARY_PATH); `basin doctor` lists all"
    )]
    NoLibrary {
        /// Its name.
        library: String,
        /// What was found.
        found: String,
    },
    /// A library refused or failed a call, and the device is not the reason.
    #[error("{library}: {found}. `basin doctor` tells which libraries and versions were found")]
    Library {
        /// Its name.
        library: String,
        /// What was found.
        found: String,
    },
    /// The device's memory is full.
    #[error(
        "out of memory on the device{}: {found}. Use a smaller batch, fewer members side by side, or --precision bf16",
        asked(*wanted)
    )]
    OutOfMemory {
        /// Bytes asked for; 0 where that is not known.
        wanted: usize,
        /// What is known of the memory's state.
        found: String,
    },
    /// The device stopped answering; nothing on it can be read any more.
    #[error(
        "the device was lost while it was to {during}: {found}. Checkpoints are good: run the same command again"
    )]
    Lost {
        /// What was being done.
        during: String,
        /// The driver's code and words.
        found: String,
    },
    /// A kernel's source did not compile.
    #[error(
        "kernel source {source_name} does not compile for {target}: {}\n`basin doctor` checks compiler and driver; \
         --device cpu needs neither",
        log.trim_end()
    )]
    Compile {
        /// Name of the source.
        source_name: String,
        /// Architecture.
        target: String,
        /// The compiler's words.
        log: String,
    },
    /// A kernel could not be launched or broke a rule of the launch layer.
    #[error(
        "kernel {kernel}: {found}. `basin doctor` checks the device's kernels; if it finds them right, please report this"
    )]
    Launch {
        /// Its entry point.
        kernel: String,
        /// What happened.
        found: String,
    },
    /// Sizes that do not fit together.
    #[error("{what}: expected {expected}, found {found}")]
    Size {
        /// What was called with what.
        what: String,
        /// What it takes.
        expected: String,
        /// What it was given.
        found: String,
    },
    /// A network's forward pass refused its sizes.
    #[error("the network's forward pass failed: {found}")]
    Network {
        /// What it said.
        found: String,
    },
    /// A host copy or an allocation inside work that is being captured.
    #[error("{what} inside captured work, which may only launch kernels; do it before or after")]
    Captured {
        /// What was tried.
        what: String,
    },
}

fn asked(bytes: usize) -> String {
    if bytes == 0 { String::new() } else { format!(" when {bytes} more bytes were asked for") }
}

impl GpuError {
    /// The failure that an executor of [`basin_graph::Graph`] passed on as an error of candle's.
    pub fn within(error: &candle_core::Error) -> Option<&Self> {
        match error {
            candle_core::Error::Cuda(cause) => cause.downcast_ref(),
            candle_core::Error::WithBacktrace { inner, .. } | candle_core::Error::Context { inner, .. } => {
                Self::within(inner)
            }
            _ => None,
        }
    }

    /// A mismatch of sizes.
    pub fn size(what: impl Into<String>, expected: impl ToString, found: impl ToString) -> Self {
        Self::Size { what: what.into(), expected: expected.to_string(), found: found.to_string() }
    }
}

/// For the executors of [`basin_graph::Graph`], whose errors are candle's. [`GpuError::within`] finds it again.
impl From<GpuError> for candle_core::Error {
    fn from(error: GpuError) -> Self {
        Self::Cuda(Box::new(error))
    }
}

/// What was wrapped, or the words of an error of another kind.
impl From<candle_core::Error> for GpuError {
    fn from(error: candle_core::Error) -> Self {
        Self::within(&error).cloned().unwrap_or_else(|| Self::Network { found: error.to_string() })
    }
}

#[cfg(test)]
mod tests;
