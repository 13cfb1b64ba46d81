//! What all targets share: a limit on memory, a folder for inputs that are files, inputs that are several files.

use cap::Cap;
use std::alloc::System;
use std::path::PathBuf;

/// Every target's memory passes through here; the limit is only set while an input is worked on.
#[global_allocator]
static MEMORY: Cap<System> = Cap::new(System, usize::MAX);

/// An input may take this many times its size in memory, and so much more whatever its size.
const TIMES: usize = 64;
/// What is allowed to most targets besides.
pub const USUAL: usize = 64 << 20;
/// Shared storages of a PyTorch file are read out for each tensor, up to 64 MiB of them; half-precision numbers then become
/// twice as wide.
pub const SHARED: usize = 256 << 20;

/// Works on an input of so many bytes. An allocation beyond the limit fails, which ends the process: a finding.
pub fn bounded<T>(bytes: usize, allowance: usize, work: impl FnOnce() -> T) -> T {
    let limit = MEMORY.allocated().saturating_add(TIMES * bytes + allowance);
    MEMORY.set_limit(limit).expect("more than is taken now");
    let result = work();
    MEMORY.set_limit(usize::MAX).expect("no limit");
    result
}

/// A folder of this process alone, empty; whoever starts it says by `TMPDIR` where, and clears up.
///
/// # Panics
/// When it cannot be made.
pub fn scratch(target: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("basin-fuzz-{target}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("the temporary folder can be written");
    folder
}

/// What stands between the parts of an input that stands for several files.
pub const BETWEEN: &[u8] = b"\n%%\n";

/// An input as several files; the last ones are empty where it has fewer parts.
pub fn parts<const N: usize>(bytes: &[u8]) -> [&[u8]; N] {
    let mut rest = bytes;
    std::array::from_fn(|i| {
        let end = rest.windows(BETWEEN.len()).position(|w| w == BETWEEN).filter(|_| i + 1 < N);
        let (part, behind) = end.map_or((rest, &[][..]), |at| (&rest[..at], &rest[at + BETWEEN.len()..]));
        rest = behind;
        part
    })
}

/// An error's words: there are some, not without end, and none that a terminal would obey.
///
/// # Panics
/// When they are not so.
pub fn told(error: &dyn std::error::Error) {
    let text = error.to_string();
    assert!(!text.is_empty() && text.len() < 16_384, "{} bytes: {:.200}", text.len(), text);
}
