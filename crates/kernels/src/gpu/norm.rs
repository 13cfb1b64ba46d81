//! LayerNorm over channels with shortcut and ReLU (`sources/norm.cu`).

use super::columns::Columns;
use super::launches::{Entries, flag, int, optional, warps};
use super::queue::{Arg, Launch, Queue, Storage};
use super::sources::NORM;
use super::{GpuError, Pool, Span};

/// A normalisation of `[rows, channels]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LayerNorm {
    /// Storage of activations.
    pub storage: Storage,
    /// Rows.
    pub rows: usize,
    /// Channels of a row.
    pub channels: usize,
    /// Added to the variance.
    pub epsilon: f32,
    /// Whether a ReLU follows.
    pub relu: bool,
}

/// What the reverse pass reads.
#[derive(Clone, Copy, Debug)]
pub struct Saved<'m> {
    /// What was normalised, `[rows, channels]`.
    pub x: Span<'m>,
    /// The result, `[rows, channels]`; read where a ReLU follows.
    pub y: Span<'m>,
    /// Mean and reciprocal deviation, `[rows, 2]`, f32.
    pub statistics: Span<'m>,
    /// γ, f32.
    pub gamma: Span<'m>,
}

/// What the reverse pass writes.
#[derive(Clone, Copy, Debug)]
pub struct Gradients<'m> {
    /// Gradient of x.
    pub dx: Span<'m>,
    /// Gradient of the shortcut: the part of dy that passes the ReLU.
    pub shortcut: Option<Span<'m>>,
    /// Gradient of γ, f32.
    pub gamma: Span<'m>,
    /// Gradient of β, f32.
    pub beta: Span<'m>,
    /// Whether the parameters' gradients are added to what is there.
    pub add: bool,
}

/// Which kernels take a number of channels: the place of their entry points, and lanes of a row.
fn lanes(n: &LayerNorm) -> (usize, usize) {
    let run = 16 / n.storage.bytes();
    let runs = n.channels / run;
    match n.channels.is_multiple_of(run) {
        true if runs <= 32 => (0, runs.next_power_of_two()),
        true if runs <= 128 => (1, 32),
        _ => (2, 32),
    }
}

const FORWARD: [Entries; 3] = [
    Entries(NORM, ["norm_forward_1_f32", "norm_forward_1_bf16"]),
    Entries(NORM, ["norm_forward_4_f32", "norm_forward_4_bf16"]),
    Entries(NORM, ["norm_forward_any_f32", "norm_forward_any_bf16"]),
];
const BACKWARD: [Entries; 3] = [
    Entries(NORM, ["norm_backward_1_f32", "norm_backward_1_bf16"]),
    Entries(NORM, ["norm_backward_4_f32", "norm_backward_4_bf16"]),
    Entries(NORM, ["norm_backward_any_f32", "norm_backward_any_bf16"]),
];

/// Most blocks of the reverse pass: each leaves sums of γ's and β's gradients, to be added up.
const MOST_SUMS: usize = 264;

impl LayerNorm {
    fn check(&self) -> Result<usize, GpuError> {
        match self.rows.checked_mul(self.channels) {
            Some(values) if values > 0 => Ok(values),
            _ => Err(GpuError::size("a LayerNorm", "rows of channels", format!("{self:?}"))),
        }
    }

    /// y = act(γ · x̂ + β + shortcut); keeps the statistics where they are given a place.
    ///
    /// # Errors
    /// [`GpuError::Size`] and those of [`Queue::launch`].
    #[allow(clippy::too_many_arguments)]
    pub fn forward(
        &self,
        queue: &dyn Queue,
        x: Span<'_>,
        shortcut: Option<Span<'_>>,
        gamma: Span<'_>,
        beta: Span<'_>,
        y: Span<'_>,
        statistics: Option<Span<'_>>,
    ) -> Result<(), GpuError> {
        let (values, (which, lanes)) = (self.check()?, lanes(self));
        let args = [
            y.stores("a norm's result", values, self.storage)?,
            optional(statistics, "a norm's statistics", 2 * self.rows, Storage::F32)?,
            x.stores("a norm's input", values, self.storage)?,
            optional(shortcut, "a norm's shortcut", values, self.storage)?,
            gamma.stores("a norm's scale", self.channels, Storage::F32)?,
            beta.stores("a norm's shift", self.channels, Storage::F32)?,
            int(self.rows),
            int(self.channels),
            Arg::F32(self.epsilon),
            flag(self.relu),
            int(lanes),
        ];
        // SAFETY: the spans were checked to hold rows and channels.
        unsafe { queue.launch(FORWARD[which].of(self.storage), warps(self.rows.div_ceil(32 / lanes)), &args) }
    }

    /// Gradients from dy, `[rows, channels]`.
    ///
    /// # Errors
    /// [`GpuError::Size`] and those of [`Queue::launch`].
    pub fn backward(
        &self,
        pool: &Pool,
        dy: Span<'_>,
        saved: Saved<'_>,
        to: Gradients<'_>,
    ) -> Result<(), GpuError> {
        let (values, (which, lanes)) = (self.check()?, lanes(self));
        // The kernels for any number of channels have one warp to a block.
        let threads = if which == 2 { 32 } else { 256 };
        let blocks = self.rows.div_ceil(threads / lanes).min(MOST_SUMS);
        let partial = pool.take(4 * 2 * self.channels * blocks)?;
        if which == 2 {
            pool.queue().zero(partial.span())?;
        }
        let args = [
            to.dx.stores("a norm's input gradient", values, self.storage)?,
            optional(to.shortcut, "a norm's shortcut gradient", values, self.storage)?,
            Arg::Memory(partial.span()),
            dy.stores("a norm's output gradient", values, self.storage)?,
            saved.x.stores("a norm's input", values, self.storage)?,
            saved.y.stores("a norm's result", values, self.storage)?,
            saved.statistics.stores("a norm's statistics", 2 * self.rows, Storage::F32)?,
            saved.gamma.stores("a norm's scale", self.channels, Storage::F32)?,
            int(self.rows),
            int(self.channels),
            flag(self.relu),
            int(lanes),
        ];
        let launch = Launch { grid: [blocks as u32, 1, 1], threads: threads as u32 };
        // SAFETY: the spans were checked to hold rows and channels, the sums are for as many blocks as there are.
        unsafe { pool.queue().launch(BACKWARD[which].of(self.storage), launch, &args) }?;
        let c = self.channels;
        let sums = Columns {
            from: partial.span(),
            storage: Storage::F32,
            rows: blocks,
            columns: 2 * c,
            pitch: 2 * c,
        };
        sums.sum_split(pool, to.gamma, to.beta, c, to.add)
    }
}
