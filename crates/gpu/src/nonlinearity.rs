//! Functions of single values and their gradients (`sources/nonlinearity.cu`).

use super::launches::{Entries, flag, strided};
use super::queue::{Arg, Queue, Storage};
use super::sources::NONLINEARITY;
use super::{GpuError, Span};
use basin_graph::Nonlinearity;

/// y = f(x), `n` values.
///
/// # Errors
/// [`GpuError::Size`] and those of [`Queue::launch`].
pub fn forward(
    queue: &dyn Queue,
    storage: Storage,
    function: Nonlinearity,
    y: Span<'_>,
    x: Span<'_>,
    n: usize,
) -> Result<(), GpuError> {
    let args = [
        y.stores("a nonlinearity's result", n, storage)?,
        x.stores("a nonlinearity's input", n, storage)?,
        Arg::U32(n as u32),
        flag(function == Nonlinearity::Gelu),
    ];
    let kernel = Entries(NONLINEARITY, ["nonlinearity_f32", "nonlinearity_bf16"]).of(storage);
    // SAFETY: both spans hold n values.
    unsafe { queue.launch(kernel, strided(n), &args) }
}

/// dx = dy f′(x), `n` values; dx may be dy.
///
/// # Errors
/// [`GpuError::Size`] and those of [`Queue::launch`].
pub fn backward(
    queue: &dyn Queue,
    storage: Storage,
    function: Nonlinearity,
    dx: Span<'_>,
    dy: Span<'_>,
    x: Span<'_>,
    n: usize,
) -> Result<(), GpuError> {
    let args = [
        dx.stores("a nonlinearity's input gradient", n, storage)?,
        dy.stores("a nonlinearity's gradient", n, storage)?,
        x.stores("a nonlinearity's input", n, storage)?,
        Arg::U32(n as u32),
        flag(function == Nonlinearity::Gelu),
    ];
    let entries = ["nonlinearity_gradient_f32", "nonlinearity_gradient_bf16"];
    // SAFETY: all spans hold n values.
    unsafe { queue.launch(Entries(NONLINEARITY, entries).of(storage), strided(n), &args) }
}
