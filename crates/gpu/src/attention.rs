//! Multi-head softmax attention (`sources/attention.cu`; in tf32 and bf16 on the tensor cores,
//! `sources/attention_tensor.cu`).

use super::launches::int;
use super::queue::{Arg, Kernel, Launch, Precision, Queue, Storage};
use super::sources::{ATTENTION, ATTENTION_TENSOR};
use super::{GpuError, Pool, Span};

/// Attention between the tokens of each image.
#[derive(Clone, Copy, Debug)]
pub struct Attention {
    /// Storage of activations, arithmetic of products.
    pub precision: Precision,
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

const FORWARD: [[&str; 2]; 2] = [
    ["attention_forward_32_tf32", "attention_forward_64_tf32"],
    ["attention_forward_32_bf16", "attention_forward_64_bf16"],
];
const BACKWARD: [[&str; 2]; 2] = [
    ["attention_backward_32_tf32", "attention_backward_64_tf32"],
    ["attention_backward_32_bf16", "attention_backward_64_bf16"],
];

/// Most warps of a block on the tensor cores.
const MOST_WARPS: usize = 8;

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

    /// Channels of a head.
    fn size(&self) -> usize {
        self.channels / self.heads
    }

    /// Tiles of rows, and warps of a block: on the tensor cores as few tiles as hold all rows, 16 to a warp.
    fn geometry(&self) -> (usize, usize) {
        match self.precision {
            Precision::F32 => (self.tokens.div_ceil(32), 8),
            Precision::Tf32 | Precision::Bf16 => {
                let tiles = self.tokens.div_ceil(16 * MOST_WARPS);
                (tiles, self.tokens.div_ceil(tiles).div_ceil(16))
            }
        }
    }

    /// Geometry for so many blocks to a tile.
    fn launch(&self, blocks: usize) -> Launch {
        let (tiles, warps) = self.geometry();
        let grid = [blocks * tiles, self.heads, self.images];
        Launch { grid: grid.map(|g| g as u32), threads: 32 * warps as u32 }
    }

    /// The tensor cores' kernel for heads of this size, of those for 32 and 64 channels in tf32 and in bf16.
    fn tensor(&self, entries: [[&'static str; 2]; 2]) -> Option<Kernel> {
        let entries = match self.precision {
            Precision::F32 => return None,
            Precision::Tf32 => entries[0],
            Precision::Bf16 => entries[1],
        };
        Some(Kernel { source: ATTENTION_TENSOR, entry: entries[usize::from(self.size() > 32)] })
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
        let (storage, values) = (self.precision.storage(), self.values()?);
        let first = [
            out.stores("attention's result", values, storage)?,
            log_sum.stores("attention's sums", self.sums(), Storage::F32)?,
            qkv.stores("queries, keys and values", 3 * values, storage)?,
        ];
        let args = [&first[..], &self.sizes()].concat();
        let tensor = self.tensor(FORWARD);
        let kernel = tensor.unwrap_or(Kernel { source: ATTENTION, entry: "attention_forward_f32" });
        // SAFETY: the spans were checked to hold the sizes.
        unsafe { queue.launch(kernel, self.launch(1), &args) }
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
        let (queue, storage, values) = (pool.queue(), self.precision.storage(), self.values()?);
        let to = dqkv.stores("gradients of queries, keys and values", 3 * values, storage)?;
        let qkv = qkv.stores("queries, keys and values", 3 * values, storage)?;
        let out = out.stores("attention's result", values, storage)?;
        let dout = dout.stores("attention's gradient", values, storage)?;
        let log_sum = log_sum.stores("attention's sums", self.sums(), Storage::F32)?;
        if let Some(kernel) = self.tensor(BACKWARD) {
            let args = [&[to, qkv, out, dout, log_sum][..], &self.sizes()].concat();
            // SAFETY: the spans were checked to hold the sizes.
            return unsafe { queue.launch(kernel, self.launch(2), &args) };
        }
        let delta = pool.take(4 * self.sums())?;
        let delta = Arg::Memory(delta.span());
        let kernel = |entry| Kernel { source: ATTENTION, entry };
        let args = [&[to, delta, qkv, out, dout, log_sum][..], &self.sizes()].concat();
        // SAFETY: as before.
        unsafe { queue.launch(kernel("attention_backward_queries_f32"), self.launch(1), &args) }?;
        let args = [&[to, qkv, dout, log_sum, delta][..], &self.sizes()].concat();
        // SAFETY: as before.
        unsafe { queue.launch(kernel("attention_backward_keys_f32"), self.launch(1), &args) }
    }
}
