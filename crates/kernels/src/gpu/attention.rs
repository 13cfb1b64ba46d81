//! Multi-head softmax attention (`sources/attention.cu`; in bf16 on the tensor cores, `sources/attention16.cu`).

use super::launches::int;
use super::queue::{Arg, Kernel, Launch, Queue, Storage};
use super::sources::{ATTENTION, ATTENTION16};
use super::{GpuError, Pool, Span};

/// Attention between the tokens of each image.
#[derive(Clone, Copy, Debug)]
pub struct Attention {
    /// Storage of activations.
    pub storage: Storage,
    /// Images.
    pub images: usize,
    /// Tokens of an image.
    pub tokens: usize,
    /// Channels of a token: a multiple of the heads, at most 64 to a head.
    pub channels: usize,
    /// Heads.
    pub heads: usize,
}

/// Channels of a head that the kernels have room for.
const MOST_CHANNELS: usize = 64;

impl Attention {
    /// Values of the output.
    fn values(&self) -> Result<usize, GpuError> {
        let Self { images, tokens, channels, heads, .. } = *self;
        let some = images > 0 && tokens > 0 && channels > 0 && heads > 0 && images.max(heads) <= 65_535;
        match some && channels.is_multiple_of(heads) && channels / heads <= MOST_CHANNELS {
            true => Ok(images * tokens * channels),
            false => Err(GpuError::size(
                "attention",
                format!("whole heads of at most {MOST_CHANNELS} channels"),
                format!("{self:?}"),
            )),
        }
    }

    /// Values of the sums that the forward pass keeps.
    pub fn sums(&self) -> usize {
        self.images * self.heads * self.tokens
    }

    fn sizes(&self) -> [Arg<'static>; 5] {
        let size = self.channels / self.heads;
        let scale = 1.0 / (size as f32).sqrt();
        [int(self.tokens), int(self.channels), int(size), int(self.heads), Arg::F32(scale)]
    }

    /// One of two entry points by storage, with its geometry: rows of a block and its threads.
    fn kernel(&self, entries: [&'static str; 2]) -> (Kernel, Launch) {
        let (source, entry, rows, threads) = match self.storage {
            Storage::F32 => (ATTENTION, entries[0], 32, 256),
            Storage::Bf16 => (ATTENTION16, entries[1], 64, 128),
        };
        let grid = [self.tokens.div_ceil(rows), self.heads, self.images];
        (Kernel { source, entry }, Launch { grid: grid.map(|g| g as u32), threads })
    }

    /// `qkv` `[n, tokens, 3·channels]` to `out` `[n, tokens, channels]`; keeps `log_sum` `[n, heads, tokens]`, f32.
    ///
    /// # Errors
    /// [`GpuError::Size`] and those of [`Queue::launch`].
    pub fn forward(
        &self,
        queue: &dyn Queue,
        qkv: Span<'_>,
        out: Span<'_>,
        log_sum: Span<'_>,
    ) -> Result<(), GpuError> {
        let values = self.values()?;
        let first = [
            out.stores("attention's result", values, self.storage)?,
            log_sum.stores("attention's sums", self.sums(), Storage::F32)?,
            qkv.stores("queries, keys and values", 3 * values, self.storage)?,
        ];
        let args = [&first[..], &self.sizes()].concat();
        let (kernel, launch) = self.kernel(["attention_forward_f32", "attention_forward_bf16"]);
        // SAFETY: the spans were checked to hold the sizes.
        unsafe { queue.launch(kernel, launch, &args) }
    }

    /// The gradient `dqkv` from `dout`, and what the forward pass read and wrote.
    ///
    /// # Errors
    /// [`GpuError::Size`] and those of [`Queue::launch`].
    #[allow(clippy::too_many_arguments)]
    pub fn backward(
        &self,
        pool: &Pool,
        qkv: Span<'_>,
        out: Span<'_>,
        log_sum: Span<'_>,
        dout: Span<'_>,
        dqkv: Span<'_>,
    ) -> Result<(), GpuError> {
        let values = self.values()?;
        let delta = pool.take(4 * self.sums())?;
        let to = dqkv.stores("gradients of queries, keys and values", 3 * values, self.storage)?;
        let qkv = qkv.stores("queries, keys and values", 3 * values, self.storage)?;
        let out = out.stores("attention's result", values, self.storage)?;
        let dout = dout.stores("attention's gradient", values, self.storage)?;
        let log_sum = log_sum.stores("attention's sums", self.sums(), Storage::F32)?;
        let delta = Arg::Memory(delta.span());
        let entries = ["attention_backward_queries_f32", "attention_backward_queries_bf16"];
        let args = [&[to, delta, qkv, out, dout, log_sum][..], &self.sizes()].concat();
        let (kernel, launch) = self.kernel(entries);
        // SAFETY: the spans were checked to hold the sizes.
        unsafe { pool.queue().launch(kernel, launch, &args) }?;
        let entries = ["attention_backward_keys_f32", "attention_backward_keys_bf16"];
        let args = [&[to, qkv, dout, log_sum, delta][..], &self.sizes()].concat();
        let (kernel, launch) = self.kernel(entries);
        // SAFETY: as before.
        unsafe { pool.queue().launch(kernel, launch, &args) }
    }
}
