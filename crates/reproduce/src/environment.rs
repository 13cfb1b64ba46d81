//! What a run ran on, for the record. Of all this, results depend on the instruction set, the device and its precision
//! alone, in rounding.

use crate::device::OnDevice;
use basin_core::Isa;

/// Version, processor, threads and device as JSON.
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
