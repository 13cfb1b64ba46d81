//! Values one by one: change of storage, sums (`sources/elementwise.cu`).

use super::launches::{Entries, optional, strided};
use super::queue::{Arg, Kernel, Queue, Storage};
use super::sources::ELEMENTWISE;
use super::{GpuError, Span};

/// to ← to + from, `n` values.
///
/// # Errors
/// [`GpuError::Size`] and those of [`Queue::launch`].
pub fn add(
    queue: &dyn Queue,
    storage: Storage,
    to: Span<'_>,
    from: Span<'_>,
    n: usize,
) -> Result<(), GpuError> {
    let args = [to.stores("a sum", n, storage)?, from.stores("a summand", n, storage)?, Arg::U32(n as u32)];
    // SAFETY: both spans hold n values.
    unsafe { queue.launch(Entries(ELEMENTWISE, ["add_f32", "add_bf16"]).of(storage), strided(n), &args) }
}

/// y = a + b, or a where there is no b; `n` values.
///
/// # Errors
/// [`GpuError::Size`] and those of [`Queue::launch`].
pub fn sum(
    queue: &dyn Queue,
    storage: Storage,
    y: Span<'_>,
    a: Span<'_>,
    b: Option<Span<'_>>,
    n: usize,
) -> Result<(), GpuError> {
    let args = [
        y.stores("a sum", n, storage)?,
        a.stores("a summand", n, storage)?,
        optional(b, "a summand", n, storage)?,
        Arg::U32(n as u32),
    ];
    // SAFETY: all spans hold n values.
    unsafe { queue.launch(Entries(ELEMENTWISE, ["sum_f32", "sum_bf16"]).of(storage), strided(n), &args) }
}

/// `n` values of f32 as bf16.
///
/// # Errors
/// [`GpuError::Size`] and those of [`Queue::launch`].
pub fn narrow(queue: &dyn Queue, to: Span<'_>, from: Span<'_>, n: usize) -> Result<(), GpuError> {
    let args =
        [to.stores("bf16", n, Storage::Bf16)?, from.stores("f32", n, Storage::F32)?, Arg::U32(n as u32)];
    let kernel = Kernel { source: ELEMENTWISE, entry: "convert_f32_to_bf16" };
    // SAFETY: both spans hold n values.
    unsafe { queue.launch(kernel, strided(n), &args) }
}

/// `n` values of a storage as f32.
///
/// # Errors
/// [`GpuError::Size`] and those of [`Queue::launch`].
pub fn widen(
    queue: &dyn Queue,
    storage: Storage,
    to: Span<'_>,
    from: Span<'_>,
    n: usize,
) -> Result<(), GpuError> {
    let args = [to.stores("f32", n, Storage::F32)?, from.stores("values", n, storage)?, Arg::U32(n as u32)];
    let entries = Entries(ELEMENTWISE, ["copy_f32", "convert_bf16_to_f32"]);
    // SAFETY: both spans hold n values.
    unsafe { queue.launch(entries.of(storage), strided(n), &args) }
}
