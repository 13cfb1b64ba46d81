//! The largest value and the mean of square windows on an image (`sources/windows.cu`), of f32.

use super::launches::{int, strided};
use super::queue::{Arg, Kernel, Queue, Storage};
use super::sources::WINDOWS;
use super::{GpuError, Span};
use basin_kernels::Dims;

/// Square windows on images, as PyTorch counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// Sizes of the images.
    pub images: Dims,
    /// Side of a window.
    pub kernel: usize,
    /// Pixels from one to the next.
    pub stride: usize,
    /// Pixels that they reach beyond the image, at most half of one.
    pub padding: usize,
}

impl Windows {
    fn along(&self, side: usize) -> usize {
        (side + 2 * self.padding).checked_sub(self.kernel).map_or(0, |rest| rest / self.stride + 1)
    }

    /// Sizes of the result.
    ///
    /// # Errors
    /// [`GpuError::Size`] where no window fits.
    pub fn result(&self) -> Result<Dims, GpuError> {
        let Dims { images, height, width, channels } = self.images;
        let whole = self.kernel > 0 && self.stride > 0 && 2 * self.padding <= self.kernel;
        let result = match whole {
            true => Dims::new(images, self.along(height), self.along(width), channels),
            false => Dims::new(0, 0, 0, 0),
        };
        match result.is_empty() {
            true => Err(GpuError::size("windows", "windows on the images", format!("{self:?}"))),
            false => Ok(result),
        }
    }

    fn launch(
        &self,
        queue: &dyn Queue,
        entry: &'static str,
        arrays: &[Arg<'_>],
        written: Dims,
    ) -> Result<(), GpuError> {
        let (from, to) = (self.images, self.result()?);
        let sizes = [from.height, from.width, from.channels, to.height, to.width];
        let [height, width, channels, rows, columns] = sizes.map(int);
        let window = [self.kernel, self.stride, self.padding].map(int);
        let sizes = [int(written.len()), height, width, channels, rows, columns];
        let args = [arrays, &sizes, &window].concat();
        // SAFETY: the callers checked that the arrays hold images and results.
        unsafe { queue.launch(Kernel { source: WINDOWS, entry }, strided(written.len()), &args) }
    }

    /// The largest values, and the pixel of its image that each came from (u32); of equal ones the first, and NaN is larger than
    /// all.
    ///
    /// # Errors
    /// [`GpuError::Size`] and those of [`Queue::launch`].
    pub fn largest(
        &self,
        queue: &dyn Queue,
        x: Span<'_>,
        y: Span<'_>,
        places: Span<'_>,
    ) -> Result<(), GpuError> {
        let to = self.result()?;
        let arrays = [
            y.stores("the largest values", to.len(), Storage::F32)?,
            places.holds("places of the largest values", to.len(), 4)?,
            x.stores("images", self.images.len(), Storage::F32)?,
        ];
        self.launch(queue, "largest", &arrays, to)
    }

    /// The gradient of [`Windows::largest`].
    ///
    /// # Errors
    /// [`GpuError::Size`] and those of [`Queue::launch`].
    pub fn largest_gradient(
        &self,
        queue: &dyn Queue,
        dy: Span<'_>,
        places: Span<'_>,
        dx: Span<'_>,
    ) -> Result<(), GpuError> {
        let to = self.result()?;
        let arrays = [
            dx.stores("gradients of images", self.images.len(), Storage::F32)?,
            dy.stores("gradients of the largest values", to.len(), Storage::F32)?,
            places.holds("places of the largest values", to.len(), 4)?,
        ];
        self.launch(queue, "largest_gradient", &arrays, self.images)
    }

    /// The means over kernel² pixels.
    ///
    /// # Errors
    /// [`GpuError::Size`] and those of [`Queue::launch`].
    pub fn means(&self, queue: &dyn Queue, x: Span<'_>, y: Span<'_>) -> Result<(), GpuError> {
        let to = self.result()?;
        let arrays = [
            y.stores("means of windows", to.len(), Storage::F32)?,
            x.stores("images", self.images.len(), Storage::F32)?,
        ];
        self.launch(queue, "means", &arrays, to)
    }

    /// The gradient of [`Windows::means`].
    ///
    /// # Errors
    /// [`GpuError::Size`] and those of [`Queue::launch`].
    pub fn means_gradient(&self, queue: &dyn Queue, dy: Span<'_>, dx: Span<'_>) -> Result<(), GpuError> {
        let arrays = [
            dx.stores("gradients of images", self.images.len(), Storage::F32)?,
            dy.stores("gradients of means", self.result()?.len(), Storage::F32)?,
        ];
        self.launch(queue, "means_gradient", &arrays, self.images)
    }
}
