//! Losses on logits, their gradient, and a step's sums (`sources/loss.cu`).

use super::launches::{Entries, flag, int, strided, warps};
use super::optim::Progress;
use super::queue::{Arg, Kernel, Launch, Queue, Storage};
use super::sources::LOSS;
use super::{GpuError, Pool, Span};

/// Logits `[rows, classes]` and what they are compared with.
#[derive(Clone, Copy, Debug)]
pub struct Loss<'m> {
    /// Storage of the logits and their gradient.
    pub storage: Storage,
    /// Images.
    pub rows: usize,
    /// Classes.
    pub classes: usize,
    /// The classes, u32, each below `classes`.
    pub labels: Span<'m>,
    /// Multiplies the gradient: 1/batch for a mean.
    pub scale: f32,
    /// Another network's logits, if it teaches.
    pub teacher: Option<Teacher<'m>>,
}

/// As [`basin_kernels::loss::Target::Teacher`].
#[derive(Clone, Copy, Debug)]
pub struct Teacher<'m> {
    /// `[rows, classes]`, f32.
    pub logits: Span<'m>,
    /// β.
    pub label_weight: f32,
    /// τ > 0.
    pub temperature: f32,
}

impl Loss<'_> {
    /// Writes the gradient of the logits, and each row's loss (f32) and whether it is correct (u32).
    ///
    /// # Errors
    /// [`GpuError::Size`] and those of [`Queue::launch`].
    pub fn rows(
        &self,
        queue: &dyn Queue,
        logits: Span<'_>,
        gradient: Span<'_>,
        [losses, correct]: [Span<'_>; 2],
    ) -> Result<(), GpuError> {
        let (n, values) = (self.rows, self.rows * self.classes);
        if values == 0 {
            return Err(GpuError::size("a loss", "rows of classes", format!("{self:?}")));
        }
        let [teacher, beta, tau] = match self.teacher {
            None => [Arg::Absent, Arg::F32(1.0), Arg::F32(1.0)],
            Some(t) => {
                let logits = t.logits.stores("a teacher's logits", values, Storage::F32)?;
                [logits, Arg::F32(t.label_weight), Arg::F32(t.temperature)]
            }
        };
        let args = [
            gradient.stores("a loss's gradient", values, self.storage)?,
            losses.stores("losses", n, Storage::F32)?,
            correct.holds("which rows are correct", n, 4)?,
            logits.stores("logits", values, self.storage)?,
            self.labels.holds("labels", n, 4)?,
            teacher,
            beta,
            tau,
            Arg::F32(self.scale),
            int(n),
            int(self.classes),
        ];
        let kernel = Entries(LOSS, ["loss_rows_f32", "loss_rows_bf16"]).of(self.storage);
        // SAFETY: the spans were checked to hold rows and classes; labels are below the classes.
        unsafe { queue.launch(kernel, warps(n), &args) }
    }

    /// Writes the gradient of the logits, and the sum of losses and the correct rows into the step's record.
    ///
    /// # Errors
    /// [`GpuError::Size`] and those of [`Queue::launch`].
    pub fn run(
        &self,
        pool: &Pool,
        logits: Span<'_>,
        gradient: Span<'_>,
        progress: Progress<'_>,
    ) -> Result<(), GpuError> {
        let (n, queue) = (self.rows, pool.queue());
        let (losses, correct) = (pool.take(4 * n)?, pool.take(4 * n)?);
        self.rows(queue, logits, gradient, [losses.span(), correct.span()])?;
        let (losses, correct) = (Arg::Memory(losses.span()), Arg::Memory(correct.span()));
        let args = [progress.records()?, progress.state()?, losses, correct, int(n)];
        let kernel = Kernel { source: LOSS, entry: "loss_total" };
        // SAFETY: as before; the progress has a record for every step.
        unsafe { queue.launch(kernel, Launch { grid: [1; 3], threads: 256 }, &args) }
    }
}

/// Logits whose soft predictions at a temperature are the mean of several teachers'.
#[derive(Clone, Copy, Debug)]
pub struct Together<'m> {
    /// Storage of the teachers' logits.
    pub storage: Storage,
    /// Images.
    pub rows: usize,
    /// Classes.
    pub classes: usize,
    /// τ > 0.
    pub temperature: f32,
    /// `[rows, classes]`, f32: sums, and at the end the logits.
    pub to: Span<'m>,
}

impl Together<'_> {
    /// Adds one teacher's logits; the first writes.
    ///
    /// # Errors
    /// [`GpuError::Size`] and those of [`Queue::launch`].
    pub fn add(&self, queue: &dyn Queue, logits: Span<'_>, first: bool) -> Result<(), GpuError> {
        let values = self.rows * self.classes;
        let args = [
            self.to.stores("a mean of teachers", values, Storage::F32)?,
            logits.stores("a teacher's logits", values, self.storage)?,
            Arg::F32(self.temperature),
            flag(first),
            int(self.rows),
            int(self.classes),
        ];
        let kernel = Entries(LOSS, ["soft_predictions_f32", "soft_predictions_bf16"]).of(self.storage);
        // SAFETY: the spans were checked to hold rows and classes.
        unsafe { queue.launch(kernel, warps(self.rows), &args) }
    }

    /// Makes logits of the sum over `teachers`.
    ///
    /// # Errors
    /// [`GpuError::Size`] and those of [`Queue::launch`].
    pub fn finish(&self, queue: &dyn Queue, teachers: usize) -> Result<(), GpuError> {
        let values = self.rows * self.classes;
        let to = self.to.stores("a mean of teachers", values, Storage::F32)?;
        let args = [to, Arg::F32(self.temperature), Arg::F32(teachers as f32), int(values)];
        // SAFETY: the span was checked to hold rows and classes.
        unsafe { queue.launch(Kernel { source: LOSS, entry: "logits_of_mean" }, strided(values), &args) }
    }
}
