//! What the launches of all operations share: entry points by storage, and geometry.

use super::queue::{Arg, Kernel, Launch, Storage};
use super::sources::Source;
use super::{GpuError, Span};

/// A source and its entry points for f32 and bf16.
#[derive(Clone, Copy)]
pub(super) struct Entries(pub(super) Source, pub(super) [&'static str; 2]);

impl Entries {
    pub(super) fn of(self, storage: Storage) -> Kernel {
        Kernel { source: self.0, entry: self.1[usize::from(storage == Storage::Bf16)] }
    }
}

/// Most blocks of a kernel whose threads stride over their work: a few for each of a device's multiprocessors.
const MOST_BLOCKS: usize = 1056;

/// Threads of such a block.
const THREADS: usize = 256;

/// Geometry of a kernel whose threads stride over `n` values, a value each at a time.
pub(super) fn strided(n: usize) -> Launch {
    Launch { grid: [n.div_ceil(THREADS).clamp(1, MOST_BLOCKS) as u32, 1, 1], threads: THREADS as u32 }
}

/// Geometry of a kernel whose warps stride over `n` rows, 8 warps to a block.
pub(super) fn warps(n: usize) -> Launch {
    Launch { grid: [n.div_ceil(THREADS / 32).clamp(1, MOST_BLOCKS) as u32, 1, 1], threads: THREADS as u32 }
}

/// A size, after a check of the array it belongs to.
pub(super) fn int(value: usize) -> Arg<'static> {
    Arg::I32(value as i32)
}

/// 1 or 0.
pub(super) fn flag(value: bool) -> Arg<'static> {
    Arg::I32(i32::from(value))
}

/// An argument that may be left out.
pub(super) fn optional<'m>(
    span: Option<Span<'m>>,
    what: &str,
    values: usize,
    storage: Storage,
) -> Result<Arg<'m>, GpuError> {
    span.map_or(Ok(Arg::Absent), |span| span.stores(what, values, storage))
}
