//! BatchNorm with shortcut and ReLU (`sources/batch_norm.cu`), of f32: as [`basin_kernels::batch_norm`].

use super::launches::{flag, int, optional, strided};
use super::queue::{Arg, Kernel, Launch, Queue, Storage};
use super::sources::BATCH_NORM;
use super::{GpuError, Span};

/// A normalisation of the columns of `[rows, channels]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchNorm {
    /// Rows.
    pub rows: usize,
    /// Channels of a row.
    pub channels: usize,
    /// Added to the variance.
    pub epsilon: f32,
    /// Whether a ReLU follows.
    pub relu: bool,
}

/// What every channel is normalised by, `[channels]` each, f32.
#[derive(Clone, Copy, Debug)]
pub struct Channels<'m> {
    /// μ.
    pub mean: Span<'m>,
    /// 1/√(σ² + ε).
    pub rstd: Span<'m>,
    /// γ.
    pub gamma: Span<'m>,
    /// β.
    pub beta: Span<'m>,
}

/// What [`BatchNorm::gradients`] writes.
#[derive(Clone, Copy, Debug)]
pub struct Gradients<'m> {
    /// What of dy passes the ReLU: the shortcut's gradient.
    pub passed: Span<'m>,
    /// Gradients of γ and β, `[2, channels]`.
    pub affine: Span<'m>,
    /// [`BatchNorm::partial`] values to work with.
    pub partial: Span<'m>,
}

/// Fewest rows of a stretch, and most stretches.
const STRETCH: usize = 64;
const MOST_STRETCHES: usize = 264;

fn kernel(entry: &'static str) -> Kernel {
    Kernel { source: BATCH_NORM, entry }
}

impl BatchNorm {
    fn values(&self) -> Result<usize, GpuError> {
        match self.rows.checked_mul(self.channels) {
            Some(values) if values > 0 => Ok(values),
            _ => Err(GpuError::size("a BatchNorm", "rows of channels", format!("{self:?}"))),
        }
    }

    /// Rows of a stretch, and stretches.
    fn stretches(&self) -> (usize, usize) {
        let stretch = self.rows.div_ceil(MOST_STRETCHES).next_multiple_of(8).max(STRETCH);
        (stretch, self.rows.div_ceil(stretch))
    }

    /// Values of partial sums.
    pub fn partial(&self) -> usize {
        2 * self.channels * self.stretches().1
    }

    fn grid(&self) -> Launch {
        Launch { grid: [self.channels.div_ceil(32) as u32, self.stretches().1 as u32, 1], threads: 256 }
    }

    fn total(
        &self,
        queue: &dyn Queue,
        to: Arg<'_>,
        partial: Arg<'_>,
        columns: usize,
        count: usize,
    ) -> Result<(), GpuError> {
        let args = [to, partial, int(self.stretches().1), int(columns), int(count)];
        // SAFETY: the callers checked that the partial sums hold all stretches of the columns.
        unsafe { queue.launch(kernel("batch_total"), strided(columns), &args) }
    }

    /// Mean and variance of every channel, squares over the number of rows.
    ///
    /// # Errors
    /// [`GpuError::Size`] and those of [`Queue::launch`].
    pub fn moments(
        &self,
        queue: &dyn Queue,
        x: Span<'_>,
        partial: Span<'_>,
        [mean, variance]: [Span<'_>; 2],
    ) -> Result<(), GpuError> {
        let x = x.stores("a norm's input", self.values()?, Storage::F32)?;
        let partial = partial.stores("a norm's partial sums", self.partial(), Storage::F32)?;
        let mean = mean.stores("a norm's means", self.channels, Storage::F32)?;
        let variance = variance.stores("a norm's variances", self.channels, Storage::F32)?;
        let sizes = [int(self.rows), int(self.channels), int(self.stretches().0)];
        let args = [&[partial, x][..], &sizes].concat();
        // SAFETY: the spans were checked to hold rows and channels, and all stretches.
        unsafe { queue.launch(kernel("batch_sums"), self.grid(), &args) }?;
        self.total(queue, mean, partial, self.channels, self.rows)?;
        let args = [&[partial, x, mean][..], &sizes].concat();
        // SAFETY: as before; there is room for two sums of each stretch.
        unsafe { queue.launch(kernel("batch_squares"), self.grid(), &args) }?;
        let args = [mean, variance, partial, int(self.stretches().1), int(self.channels), int(self.rows)];
        // SAFETY: as before.
        unsafe { queue.launch(kernel("batch_moments"), strided(self.channels), &args) }
    }

    /// 1/√(σ² + ε) of every channel.
    ///
    /// # Errors
    /// [`GpuError::Size`] and those of [`Queue::launch`].
    pub fn deviations(&self, queue: &dyn Queue, variance: Span<'_>, rstd: Span<'_>) -> Result<(), GpuError> {
        let args = [
            rstd.stores("a norm's deviations", self.channels, Storage::F32)?,
            variance.stores("a norm's variances", self.channels, Storage::F32)?,
            Arg::F32(self.epsilon),
            int(self.channels),
        ];
        // SAFETY: both spans hold a value for each channel.
        unsafe { queue.launch(kernel("batch_deviations"), strided(self.channels), &args) }
    }

    fn each<'m>(&self, of: &Channels<'m>) -> Result<[Arg<'m>; 4], GpuError> {
        let one = |what: &str, span: Span<'m>| span.stores(what, self.channels, Storage::F32);
        Ok([
            one("a norm's means", of.mean)?,
            one("a norm's deviations", of.rstd)?,
            one("a norm's scale", of.gamma)?,
            one("a norm's shift", of.beta)?,
        ])
    }

    /// y = act(γ · (x − μ) · r + β + shortcut).
    ///
    /// # Errors
    /// [`GpuError::Size`] and those of [`Queue::launch`].
    pub fn forward(
        &self,
        queue: &dyn Queue,
        x: Span<'_>,
        shortcut: Option<Span<'_>>,
        of: Channels<'_>,
        y: Span<'_>,
    ) -> Result<(), GpuError> {
        let n = self.values()?;
        let [mean, rstd, gamma, beta] = self.each(&of)?;
        let args = [
            y.stores("a norm's result", n, Storage::F32)?,
            x.stores("a norm's input", n, Storage::F32)?,
            optional(shortcut, "a norm's shortcut", n, Storage::F32)?,
            mean,
            rstd,
            gamma,
            beta,
            int(n),
            int(self.channels),
            flag(self.relu),
        ];
        // SAFETY: the spans were checked to hold rows and channels.
        unsafe { queue.launch(kernel("batch_forward"), strided(n), &args) }
    }

    /// Gradients of the shortcut, of γ and of β from dy.
    ///
    /// # Errors
    /// [`GpuError::Size`] and those of [`Queue::launch`].
    pub fn gradients(
        &self,
        queue: &dyn Queue,
        [x, y, dy]: [Span<'_>; 3],
        of: Channels<'_>,
        to: Gradients<'_>,
    ) -> Result<(), GpuError> {
        let n = self.values()?;
        let [mean, rstd, ..] = self.each(&of)?;
        let partial = to.partial.stores("a norm's partial sums", self.partial(), Storage::F32)?;
        let affine = to.affine.stores("gradients of scale and shift", 2 * self.channels, Storage::F32)?;
        let args = [
            partial,
            to.passed.stores("a norm's shortcut gradient", n, Storage::F32)?,
            x.stores("a norm's input", n, Storage::F32)?,
            y.stores("a norm's result", n, Storage::F32)?,
            dy.stores("a norm's output gradient", n, Storage::F32)?,
            mean,
            rstd,
            int(self.rows),
            int(self.channels),
            int(self.stretches().0),
            flag(self.relu),
        ];
        // SAFETY: the spans were checked to hold rows and channels, and all stretches.
        unsafe { queue.launch(kernel("batch_gradient_sums"), self.grid(), &args) }?;
        self.total(queue, affine, partial, 2 * self.channels, 1)
    }

    /// The gradient of x from what [`BatchNorm::gradients`] left: `affine` where the statistics are of this batch, nothing where
    /// they are constants.
    ///
    /// # Errors
    /// [`GpuError::Size`] and those of [`Queue::launch`].
    pub fn backward(
        &self,
        queue: &dyn Queue,
        [x, passed]: [Span<'_>; 2],
        of: Channels<'_>,
        affine: Option<Span<'_>>,
        dx: Span<'_>,
    ) -> Result<(), GpuError> {
        let n = self.values()?;
        let [mean, rstd, gamma, _] = self.each(&of)?;
        let args = [
            dx.stores("a norm's input gradient", n, Storage::F32)?,
            x.stores("a norm's input", n, Storage::F32)?,
            passed.stores("a norm's output gradient", n, Storage::F32)?,
            mean,
            rstd,
            gamma,
            optional(affine, "gradients of scale and shift", 2 * self.channels, Storage::F32)?,
            int(n),
            int(self.channels),
            int(self.rows),
        ];
        // SAFETY: the spans were checked to hold rows and channels.
        unsafe { queue.launch(kernel("batch_backward"), strided(n), &args) }
    }
}
