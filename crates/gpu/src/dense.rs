//! What follows a dense layer's product: bias, GELU, dropout, residual (`sources/dense.cu`).

use super::launches::{Entries, flag, int, optional, strided};
use super::queue::{Arg, Kernel, Queue, Storage};
use super::sources::DENSE;
use super::{GpuError, Span};

/// The end of a dense layer on `[rows, channels]`: dropout(act(z + bias)) + residual.
#[derive(Clone, Copy, Debug)]
pub struct Epilogue<'m> {
    /// Storage of activations.
    pub storage: Storage,
    /// Rows.
    pub rows: usize,
    /// Channels of a row.
    pub channels: usize,
    /// Whether an exact GELU follows the bias.
    pub gelu: bool,
    /// What is dropped, if anything.
    pub drop: Option<Drop<'m>>,
}

/// Dropout as [`basin_kernels::dropout`] defines it.
#[derive(Clone, Copy, Debug)]
pub struct Drop<'m> {
    /// A seed for every image, u64.
    pub seeds: Span<'m>,
    /// Number of images, which divides the rows.
    pub images: usize,
    /// The layer's number among those that drop.
    pub site: u32,
    /// Probability in `[0, 1)`.
    pub rate: f32,
}

const FORWARD: [Entries; 2] = [
    Entries(DENSE, ["dense_forward_f32", "dense_forward_bf16"]),
    Entries(DENSE, ["dense_forward_f32_single", "dense_forward_bf16_single"]),
];
const BACKWARD: [Entries; 2] = [
    Entries(DENSE, ["dense_backward_f32", "dense_backward_bf16"]),
    Entries(DENSE, ["dense_backward_f32_single", "dense_backward_bf16_single"]),
];

impl Epilogue<'_> {
    /// Of two kernels the one for runs of 16 bytes, where the channels are whole runs; and how many runs there are.
    fn kernel(&self, entries: &[Entries; 2], values: usize) -> (Kernel, usize) {
        let run = 16 / self.storage.bytes();
        match self.channels.is_multiple_of(run) {
            true => (entries[0].of(self.storage), values / run),
            false => (entries[1].of(self.storage), values),
        }
    }

    fn values(&self) -> Result<usize, GpuError> {
        let whole = self.drop.is_none_or(|d| d.images > 0 && self.rows.is_multiple_of(d.images));
        let rated = self.drop.is_none_or(|d| (0.0..1.0).contains(&d.rate));
        match self.rows.checked_mul(self.channels) {
            Some(values) if values > 0 && whole && rated => Ok(values),
            _ => Err(GpuError::size("a dense layer", "rows of channels, whole images", format!("{self:?}"))),
        }
    }

    /// Seeds, site, threshold, scale, values per image.
    fn dropout(&self, values: usize) -> Result<[Arg<'_>; 5], GpuError> {
        let Some(Drop { seeds, images, site, rate }) = self.drop else {
            return Ok([Arg::Absent, Arg::U32(0), Arg::U32(0), Arg::F32(1.0), int(values)]);
        };
        let threshold = (rate * 65_536.0).round() as u32;
        let scale = 1.0 / (1.0 - rate);
        let seeds = seeds.holds("seeds of dropout", images, 8)?;
        Ok([seeds, Arg::U32(site), Arg::U32(threshold), Arg::F32(scale), int(values / images)])
    }

    /// From the product z to y. With a GELU z becomes z + bias, which the reverse pass wants; without one y may
    /// be z.
    ///
    /// # Errors
    /// [`GpuError::Size`] and those of [`Queue::launch`].
    pub fn forward(
        &self,
        queue: &dyn Queue,
        z: Span<'_>,
        bias: Span<'_>,
        residual: Option<Span<'_>>,
        y: Span<'_>,
    ) -> Result<(), GpuError> {
        let values = self.values()?;
        let first = [
            y.stores("a dense layer's result", values, self.storage)?,
            z.stores("a dense layer's product", values, self.storage)?,
            bias.stores("a dense layer's bias", self.channels, Storage::F32)?,
            optional(residual, "a dense layer's residual", values, self.storage)?,
            int(self.rows),
            int(self.channels),
            flag(self.gelu),
        ];
        let args = [&first[..], &self.dropout(values)?].concat();
        let (kernel, runs) = self.kernel(&FORWARD, values);
        // SAFETY: the spans were checked to hold rows and channels, the seeds all images.
        unsafe { queue.launch(kernel, strided(runs), &args) }
    }

    /// The product's gradient dz from dy; `z` is what [`Epilogue::forward`] left there, read with a GELU alone.
    ///
    /// # Errors
    /// [`GpuError::Size`] and those of [`Queue::launch`].
    pub fn backward(
        &self,
        queue: &dyn Queue,
        dy: Span<'_>,
        z: Option<Span<'_>>,
        dz: Span<'_>,
    ) -> Result<(), GpuError> {
        let values = self.values()?;
        if self.gelu && z.is_none() {
            return Err(GpuError::size("a GELU's gradient", "the values before it", "none"));
        }
        let first = [
            dz.stores("a product's gradient", values, self.storage)?,
            dy.stores("a dense layer's gradient", values, self.storage)?,
            optional(z, "a dense layer's product", values, self.storage)?,
            int(self.rows),
            int(self.channels),
            flag(self.gelu),
        ];
        let args = [&first[..], &self.dropout(values)?].concat();
        let (kernel, runs) = self.kernel(&BACKWARD, values);
        // SAFETY: as for `forward`.
        unsafe { queue.launch(kernel, strided(runs), &args) }
    }
}
