//! What a run ran on, for the record. Of all this, results depend on the instruction set, the device and its precision
//! alone, in rounding.

use crate::device::OnDevice;
use basin_core::{Isa, digest};
use serde::{Deserialize, Serialize};
use std::sync::OnceLock;

/// What of it the bytes of a node may depend on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Maker {
    /// The version.
    basin: String,
    /// The program: the beginning of the digest of its file.
    build: String,
    os: String,
    arch: String,
    instruction_set: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    device: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    precision: Option<String>,
}

impl Maker {
    /// This program, where it computes.
    pub(crate) fn here(device: Option<&OnDevice>) -> Self {
        Self {
            basin: env!("CARGO_PKG_VERSION").into(),
            build: build().into(),
            os: std::env::consts::OS.into(),
            arch: std::env::consts::ARCH.into(),
            instruction_set: Isa::detect().name().into(),
            device: device.map(|device| device.queue.model()),
            precision: device.map(|device| device.precision.name().into()),
        }
    }
}

/// Names the program that runs, also where another file has taken its place since.
pub(crate) fn build() -> &'static str {
    static BUILD: OnceLock<String> = OnceLock::new();
    BUILD.get_or_init(|| {
        let own = std::fs::read("/proc/self/exe").or_else(|_| std::fs::read(std::env::current_exe()?));
        own.map_or_else(|_| "unknown".into(), |bytes| digest([&bytes[..]]).to_string()[..16].to_owned())
    })
}

/// Version, CPU, threads and device as JSON.
pub(crate) fn describe(device: Option<&OnDevice>) -> serde_json::Value {
    let processor = std::fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        line.split_once(':').map(|(_, name)| name.trim().to_owned())
    });
    let mut described = serde_json::json!({
        "basin": env!("CARGO_PKG_VERSION"),
        "os": std::env::consts::OS,
        "arch": std::env::consts::ARCH,
        "processor": processor.unwrap_or_else(|| "unknown".into()),
        "cores": std::thread::available_parallelism().map_or(1, usize::from),
        "threads": rayon::current_num_threads(),
        "instruction_set": Isa::detect().name(),
    });
    if let Some(OnDevice { queue, precision }) = device {
        described["device"] = queue.device().into();
        described["precision"] = precision.name().into();
    }
    described
}
