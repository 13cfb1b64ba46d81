//! What the machine itself says: its arithmetic peak now, and how much memory this process has held.

use basin_kernels::peak::fma_peak;

/// Seconds of one measurement of the peak, and how many are made.
const SECONDS: f64 = 0.1;
const TRIES: usize = 5;

/// GFLOP/s of multiply-adds in registers, on all worker threads at the same time or on the calling thread
/// alone: the best of a few tries, since whatever else runs can only lower it.
pub(super) fn peak_gflops(on_one_thread: bool) -> f64 {
    let once = || match on_one_thread {
        true => fma_peak(SECONDS),
        false => rayon::broadcast(|_| fma_peak(SECONDS)).iter().sum(),
    };
    (0..TRIES).map(|_| once()).fold(0.0, f64::max)
}

/// MiB that this process has held at most, where the kernel keeps count.
pub(super) fn peak_memory_mib() -> Option<f64> {
    high_water_mark(&std::fs::read_to_string("/proc/self/status").ok()?)
}

/// The mark in the text of `/proc/self/status`.
fn high_water_mark(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_is_read_in_mib() {
        let status = "Name:\tbasin\nVmPeak:\t  900000 kB\nVmHWM:\t  204800 kB\nVmRSS:\t  1024 kB\n";
        assert_eq!(high_water_mark(status), Some(200.0));
        assert_eq!(high_water_mark("Name:\tbasin\n"), None);
    }
}
