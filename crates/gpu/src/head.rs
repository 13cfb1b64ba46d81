//! The mean over an image's pixels (`sources/pool.cu`).

use super::launches::{Entries, int, strided};
use super::queue::{Queue, Storage};
use super::sources::POOL;
use super::{GpuError, Span};
use basin_kernels::Dims;

fn values(d: Dims) -> Result<usize, GpuError> {
    match d.is_empty() {
        true => Err(GpuError::size("a mean pool", "images of pixels", format!("{d:?}"))),
        false => Ok(d.len()),
    }
}

/// `[n, h, w, c]` to `[n, c]`; `d` are the sizes of x.
///
/// # Errors
/// [`GpuError::Size`] and those of [`Queue::launch`].
pub fn mean_pool(
    queue: &dyn Queue,
    storage: Storage,
    d: Dims,
    x: Span<'_>,
    y: Span<'_>,
) -> Result<(), GpuError> {
    let args = [
        y.stores("means", d.images * d.channels, storage)?,
        x.stores("pixels", values(d)?, storage)?,
        int(d.images),
        int(d.pixels()),
        int(d.channels),
    ];
    let kernel = Entries(POOL, ["mean_pool_f32", "mean_pool_bf16"]).of(storage);
    // SAFETY: the spans were checked to hold the sizes.
    unsafe { queue.launch(kernel, strided(d.images * d.channels), &args) }
}

/// The gradient of [`mean_pool`]: `[n, c]` to `[n, h, w, c]`.
///
/// # Errors
/// [`GpuError::Size`] and those of [`Queue::launch`].
pub fn mean_pool_gradient(
    queue: &dyn Queue,
    storage: Storage,
    d: Dims,
    dy: Span<'_>,
    dx: Span<'_>,
) -> Result<(), GpuError> {
    let args = [
        dx.stores("gradients of pixels", values(d)?, storage)?,
        dy.stores("gradients of means", d.images * d.channels, storage)?,
        int(d.images),
        int(d.pixels()),
        int(d.channels),
    ];
    let kernel = Entries(POOL, ["mean_pool_gradient_f32", "mean_pool_gradient_bf16"]).of(storage);
    // SAFETY: the spans were checked to hold the sizes.
    unsafe { queue.launch(kernel, strided(d.len()), &args) }
}
