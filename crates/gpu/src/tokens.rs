//! Images as tokens (`sources/tokens.cu`).

use super::columns::{Columns, Gathered, Sums};
use super::launches::{Entries, int, strided};
use super::queue::{Queue, Storage};
use super::sources::TOKENS;
use super::{GpuError, Pool, Span};
use basin_kernels::Dims;

/// Cuts images of sizes `d` into patches, `[n, (side/patch)², c·patch²]`.
///
/// # Errors
/// [`GpuError::Size`] and those of [`Queue::launch`].
pub fn patches(
    queue: &dyn Queue,
    storage: Storage,
    d: Dims,
    patch: usize,
    x: Span<'_>,
    y: Span<'_>,
) -> Result<(), GpuError> {
    if patch == 0 || d.is_empty() || d.height != d.width || !d.height.is_multiple_of(patch) {
        return Err(GpuError::size(
            format!("patches of {patch}×{patch}"),
            "images that divide",
            format!("{d:?}"),
        ));
    }
    let args = [
        y.stores("patches", d.len(), storage)?,
        x.stores("images", d.len(), storage)?,
        int(d.images),
        int(d.height),
        int(d.channels),
        int(patch),
    ];
    // SAFETY: the spans were checked to hold the sizes.
    unsafe {
        queue.launch(Entries(TOKENS, ["patches_f32", "patches_bf16"]).of(storage), strided(d.len()), &args)
    }
}

/// The class token before the `tokens` of each of `n` images, and positions added; all of `d` channels.
#[derive(Clone, Copy, Debug)]
pub struct Prepend {
    /// Storage of activations.
    pub storage: Storage,
    /// Images.
    pub images: usize,
    /// Tokens of an image, without the class token.
    pub tokens: usize,
    /// Channels of a token.
    pub channels: usize,
}

impl Prepend {
    fn sizes(&self) -> Result<(usize, usize), GpuError> {
        let one = self.tokens * self.channels;
        match self.images > 0 && one > 0 {
            true => Ok((self.images * one, self.images * (one + self.channels))),
            false => Err(GpuError::size("a class token", "images of tokens", format!("{self:?}"))),
        }
    }

    /// `[n, tokens, d]` to `[n, tokens + 1, d]`; class token and positions (`[tokens + 1, d]`) are f32.
    ///
    /// # Errors
    /// [`GpuError::Size`] and those of [`Queue::launch`].
    pub fn forward(
        &self,
        queue: &dyn Queue,
        x: Span<'_>,
        class: Span<'_>,
        positions: Span<'_>,
        y: Span<'_>,
    ) -> Result<(), GpuError> {
        let (before, after) = self.sizes()?;
        let args = [
            y.stores("tokens with their class token", after, self.storage)?,
            x.stores("tokens", before, self.storage)?,
            class.stores("a class token", self.channels, Storage::F32)?,
            positions.stores("positions", (self.tokens + 1) * self.channels, Storage::F32)?,
            int(self.images),
            int(self.tokens),
            int(self.channels),
        ];
        let kernel = Entries(TOKENS, ["prepend_f32", "prepend_bf16"]).of(self.storage);
        // SAFETY: the spans were checked to hold the sizes.
        unsafe { queue.launch(kernel, strided(after), &args) }
    }

    /// Gradients of tokens, class token and positions from dy.
    ///
    /// # Errors
    /// [`GpuError::Size`] and those of [`Queue::launch`].
    pub(super) fn backward(
        &self,
        pool: &Pool,
        dy: Span<'_>,
        dx: Span<'_>,
        class: Sums<'_>,
        positions: Sums<'_>,
        gathered: &mut Gathered,
    ) -> Result<(), GpuError> {
        let (before, after) = self.sizes()?;
        let args = [
            dx.stores("gradients of tokens", before, self.storage)?,
            dy.stores("gradients of tokens with their class token", after, self.storage)?,
            int(self.images),
            int(self.tokens),
            int(self.channels),
        ];
        let kernel = Entries(TOKENS, ["drop_first_f32", "drop_first_bf16"]).of(self.storage);
        // SAFETY: the spans were checked to hold the sizes.
        unsafe { pool.queue().launch(kernel, strided(before), &args) }?;
        let pitch = (self.tokens + 1) * self.channels;
        let all = Columns { from: dy, storage: self.storage, rows: self.images, columns: pitch, pitch };
        all.sum(pool, positions, gathered)?;
        Columns { columns: self.channels, ..all }.sum(pool, class, gathered)
    }
}

/// The first token of each image: `[n, tokens, c]` to `[n, c]`; `d` are the sizes of x.
///
/// # Errors
/// [`GpuError::Size`] and those of [`Queue::launch`].
pub fn first_token(
    queue: &dyn Queue,
    storage: Storage,
    d: Dims,
    x: Span<'_>,
    y: Span<'_>,
) -> Result<(), GpuError> {
    let args = [
        y.stores("first tokens", d.images * d.channels, storage)?,
        x.stores("tokens", d.len(), storage)?,
        int(d.images),
        int(d.pixels()),
        int(d.channels),
    ];
    let kernel = Entries(TOKENS, ["first_token_f32", "first_token_bf16"]).of(storage);
    // SAFETY: the spans were checked to hold the sizes.
    unsafe { queue.launch(kernel, strided(d.images * d.channels), &args) }
}

/// The gradient of [`first_token`], zeros but for the first tokens.
///
/// # Errors
/// [`GpuError::Size`] and those of [`Queue::launch`].
pub fn first_token_gradient(
    queue: &dyn Queue,
    storage: Storage,
    d: Dims,
    dy: Span<'_>,
    dx: Span<'_>,
) -> Result<(), GpuError> {
    let args = [
        dx.stores("gradients of tokens", d.len(), storage)?,
        dy.stores("gradients of first tokens", d.images * d.channels, storage)?,
        int(d.images),
        int(d.pixels()),
        int(d.channels),
    ];
    let kernel = Entries(TOKENS, ["first_token_gradient_f32", "first_token_gradient_bf16"]).of(storage);
    // SAFETY: the spans were checked to hold the sizes.
    unsafe { queue.launch(kernel, strided(d.len()), &args) }
}
