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

#[cfg(test)]
mod tests {
    use super::*;
    // What the counters report to.
    use libfuzzer_sys as _;

    #[test]
    fn what_is_beyond_the_limit_is_refused_and_only_while_an_input_is_worked_on() {
        let granted = |bytes| Vec::<u8>::new().try_reserve_exact(bytes).is_ok();
        let within = bounded(1 << 10, 1 << 20, || (granted(1 << 20), granted((1 << 20) + (65 << 10))));
        assert_eq!(within, (true, false));
        assert!(granted(1 << 24));
    }

    #[test]
    fn parts_are_what_stands_between_the_marks() {
        assert_eq!(parts(b"a\n%%\nb\n%%\nc"), [&b"a"[..], b"b", b"c"]);
        assert_eq!(parts(b"a\n%%\nb\n%%\nc"), [&b"a"[..], b"b\n%%\nc"]);
        assert_eq!(parts(b"a"), [&b"a"[..], b"", b""]);
    }
}
