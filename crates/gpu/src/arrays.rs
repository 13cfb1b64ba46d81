//! Arrays of f32 in another order, and groups of them multiplied (`sources/arrays.cu`).

use super::launches::{int, strided};
use super::queue::{Kernel, Queue, Storage};
use super::sources::ARRAYS;
use super::{GpuError, Span};

/// to `[outer, columns, rows]` ← from `[outer, rows, columns]`: PyTorch's weights `[cout, cin, kh·kw]` to the kernels'
/// `[cout, kh·kw, cin]`, and back.
///
/// # Errors
/// [`GpuError::Size`] and those of [`Queue::launch`].
pub fn swap_axes(
    queue: &dyn Queue,
    to: Span<'_>,
    from: Span<'_>,
    [outer, rows, columns]: [usize; 3],
) -> Result<(), GpuError> {
    let n = outer * rows * columns;
    let args = [
        to.stores("an array in another order", n, Storage::F32)?,
        from.stores("an array to bring into another order", n, Storage::F32)?,
        int(outer),
        int(rows),
        int(columns),
    ];
    // SAFETY: both spans hold n values.
    unsafe { queue.launch(Kernel { source: ARRAYS, entry: "swap_axes" }, strided(n), &args) }
}

/// to ← from, each of the `groups` of as many of the `n` values multiplied by a factor of its own; with factor 0 all of it is 0,
/// whatever is in it. `to` may be `from`.
///
/// # Errors
/// [`GpuError::Size`] and those of [`Queue::launch`].
pub fn scale_groups(
    queue: &dyn Queue,
    to: Span<'_>,
    from: Span<'_>,
    factors: Span<'_>,
    [groups, n]: [usize; 2],
) -> Result<(), GpuError> {
    if groups == 0 || !n.is_multiple_of(groups) {
        return Err(GpuError::size("groups of values", format!("a divisor of {n}"), groups));
    }
    let args = [
        to.stores("multiplied values", n, Storage::F32)?,
        from.stores("values to multiply", n, Storage::F32)?,
        factors.stores("factors", groups, Storage::F32)?,
        int((n / groups).max(1)),
        int(n),
    ];
    // SAFETY: the spans hold n values and a factor for each group.
    unsafe { queue.launch(Kernel { source: ARRAYS, entry: "scale_groups" }, strided(n), &args) }
}
