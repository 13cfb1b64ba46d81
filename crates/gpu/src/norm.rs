//! LayerNorm over channels with shortcut and ReLU (`sources/norm.cu`).

use super::launches::{Entries, flag, int, optional, warps};
use super::queue::{Arg, Launch, Queue, Storage};
use super::sources::NORM;
use super::{GpuError, Span};

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
    /// What the ReLU let pass, [`LayerNorm::passed_bytes`]; all where there is none.
    pub passed: Option<Span<'m>>,
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
    /// Whether it is added to what is there.
    pub onto: bool,
    /// Gradient of the shortcut: the part of dy that passes the ReLU.
    pub shortcut: Option<Span<'m>>,
    /// Sums over the rows of a block, f32, `[blocks, 2, channels]` with [`LayerNorm::blocks`]: their sums over the
    /// blocks are the gradients of γ and of β.
    pub partial: Span<'m>,
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

/// Most blocks of the reverse pass, three for each of a large device's multiprocessors: as many as run at once. Each leaves
/// sums of γ's and β's gradients, to be added up.
const MOST_SUMS: usize = 396;

/// Most blocks of the forward pass, four for each.
const MOST_BLOCKS: u32 = 528;

/// What a forward pass leaves to the reverse pass.
#[derive(Clone, Copy, Debug, Default)]
pub struct Kept<'m> {
    /// Mean and reciprocal deviation, `[rows, 2]`, f32.
    pub statistics: Option<Span<'m>>,
    /// What of the result is positive, [`LayerNorm::passed_bytes`].
    pub passed: Option<Span<'m>>,
}

impl LayerNorm {
    fn check(&self) -> Result<usize, GpuError> {
        match self.rows.checked_mul(self.channels) {
            Some(values) if values > 0 => Ok(values),
            _ => Err(GpuError::size("a LayerNorm", "rows of channels", format!("{self:?}"))),
        }
    }

    /// Channels that share a byte of what passed.
    pub(super) fn passed_run(&self) -> usize {
        if lanes(self).0 == 2 { 1 } else { 16 / self.storage.bytes() }
    }

    /// Bytes that keep what a ReLU let pass.
    pub fn passed_bytes(&self) -> usize {
        self.rows * self.channels.div_ceil(self.passed_run())
    }

    /// Threads of a block of the reverse pass: the kernel for any number of channels has one warp.
    fn threads(&self) -> usize {
        if lanes(self).0 == 2 { 32 } else { 256 }
    }

    /// Blocks of the reverse pass.
    pub fn blocks(&self) -> usize {
        self.rows.div_ceil(self.threads() / lanes(self).1).min(MOST_SUMS)
    }

    /// y = act(γ · x̂ + β + shortcut).
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
        kept: Kept<'_>,
    ) -> Result<(), GpuError> {
        let (values, (which, lanes)) = (self.check()?, lanes(self));
        let passed = kept.passed.map(|p| p.holds("what a norm's ReLU lets pass", self.passed_bytes(), 1));
        let args = [
            y.stores("a norm's result", values, self.storage)?,
            optional(kept.statistics, "a norm's statistics", 2 * self.rows, Storage::F32)?,
            passed.unwrap_or(Ok(Arg::Absent))?,
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
        let mut launch = warps(self.rows.div_ceil(32 / lanes));
        launch.grid[0] = launch.grid[0].min(MOST_BLOCKS);
        // SAFETY: the spans were checked to hold rows and channels.
        unsafe { queue.launch(FORWARD[which].of(self.storage), launch, &args) }
    }

    /// Gradients from dy, `[rows, channels]`.
    ///
    /// # Errors
    /// [`GpuError::Size`] and those of [`Queue::launch`].
    pub fn backward(
        &self,
        queue: &dyn Queue,
        dy: Span<'_>,
        saved: Saved<'_>,
        to: Gradients<'_>,
    ) -> Result<(), GpuError> {
        let (values, (which, lanes)) = (self.check()?, lanes(self));
        if which == 2 {
            queue.zero(to.partial.part(0, 4 * 2 * self.channels * self.blocks())?)?;
        }
        let passed = saved.passed.map(|p| p.holds("what a norm's ReLU let pass", self.passed_bytes(), 1));
        let args = [
            to.dx.stores("a norm's input gradient", values, self.storage)?,
            optional(to.shortcut, "a norm's shortcut gradient", values, self.storage)?,
            to.partial.stores("a norm's partial sums", 2 * self.channels * self.blocks(), Storage::F32)?,
            dy.stores("a norm's output gradient", values, self.storage)?,
            saved.x.stores("a norm's input", values, self.storage)?,
            passed.unwrap_or(Ok(Arg::Absent))?,
            saved.statistics.stores("a norm's statistics", 2 * self.rows, Storage::F32)?,
            saved.gamma.stores("a norm's scale", self.channels, Storage::F32)?,
            int(self.rows),
            int(self.channels),
            flag(to.onto),
            int(lanes),
        ];
        let launch = Launch { grid: [self.blocks() as u32, 1, 1], threads: self.threads() as u32 };
        // SAFETY: the spans were checked to hold rows and channels, the sums are for as many blocks as there are.
        unsafe { queue.launch(BACKWARD[which].of(self.storage), launch, &args) }
    }
}
