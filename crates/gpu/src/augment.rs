//! Training images of a step from a data set on the device (`sources/augment.cu`).

use super::launches::{Entries, int, strided};
use super::optim::Progress;
use super::queue::{Arg, Launch, Queue, Storage};
use super::sources::AUGMENT;
use super::{GpuError, Span};

/// What happens to one image: the draws of the augmentation, made on the host.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Draw {
    /// Rows and columns by which the window is moved.
    pub shift: [i32; 2],
    /// Whether it is mirrored.
    pub flip: bool,
    /// Zoom factor, centre (row, column), cosine and sine of the angle; none where whole pixels suffice.
    pub warp: Option<[f64; 5]>,
    /// Changes of colour in the order of their turn.
    pub colours: [Option<Colour>; 4],
}

/// A change of colour with its factor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Colour {
    /// Scale of all channels.
    Brightness(f32),
    /// Distance from the mean grey.
    Contrast(f32),
    /// Distance from the pixel's grey.
    Saturation(f32),
    /// Shift on the colour wheel, in turns.
    Hue(f32),
}

impl Draw {
    /// Bytes on the device.
    pub const BYTES: usize = 88;

    /// As the device reads it.
    pub fn encode(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let word = |to: &mut [u8], at: usize, word: u32| to[at..at + 4].copy_from_slice(&word.to_le_bytes());
        word(&mut bytes, 0, self.shift[0] as u32);
        word(&mut bytes, 4, self.shift[1] as u32);
        word(&mut bytes, 8, u32::from(self.flip));
        word(&mut bytes, 12, u32::from(self.warp.is_some()));
        for (i, value) in self.warp.unwrap_or_default().iter().enumerate() {
            bytes[16 + 8 * i..][..8].copy_from_slice(&value.to_le_bytes());
        }
        for (i, colour) in self.colours.iter().enumerate() {
            let (kind, factor) = match *colour {
                None => (0, 0.0),
                Some(Colour::Brightness(factor)) => (1, factor),
                Some(Colour::Contrast(factor)) => (2, factor),
                Some(Colour::Saturation(factor)) => (3, factor),
                Some(Colour::Hue(turns)) => (4, turns),
            };
            word(&mut bytes, 56 + 4 * i, kind);
            word(&mut bytes, 72 + 4 * i, factor.to_bits());
        }
        bytes
    }
}

/// A data set on the device.
#[derive(Clone, Copy, Debug)]
pub struct DataSet<'m> {
    /// `[images, side, side, 3]` bytes.
    pub pixels: Span<'m>,
    /// A class for every image, u32.
    pub labels: Span<'m>,
    /// Number of images.
    pub images: usize,
    /// Height and width of an image, at most 64.
    pub side: usize,
    /// The normalised value of every byte of every channel, `[3, 256]`, f32.
    pub normal: Span<'m>,
}

/// What an epoch does with it, each `[steps, batch]`.
#[derive(Clone, Copy, Debug)]
pub struct Epoch<'m> {
    /// Numbers of images, u32, each below [`DataSet::images`].
    pub order: Span<'m>,
    /// [`Draw`]s.
    pub draws: Span<'m>,
    /// Seeds of dropout, u64, if anything is dropped.
    pub seeds: Option<Span<'m>>,
    /// Images of a step.
    pub batch: usize,
}

/// Where a step's images, labels (u32) and seeds (u64) go.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'m> {
    /// `[batch, side, side, 3]`.
    pub images: Span<'m>,
    /// How they are stored.
    pub storage: Storage,
    /// `[batch]`.
    pub labels: Span<'m>,
    /// `[batch]`.
    pub seeds: Option<Span<'m>>,
}

/// Largest side that the kernel has room for.
const MOST_SIDE: usize = 64;

impl DataSet<'_> {
    /// The batch of the state's step, augmented and normalised.
    ///
    /// # Errors
    /// [`GpuError::Size`] and those of [`Queue::launch`].
    pub fn batch(
        &self,
        queue: &dyn Queue,
        epoch: Epoch<'_>,
        to: Batch<'_>,
        progress: Progress<'_>,
    ) -> Result<(), GpuError> {
        let all = progress.steps * epoch.batch;
        if self.side == 0
            || self.side > MOST_SIDE
            || epoch.batch == 0
            || epoch.seeds.is_some() != to.seeds.is_some()
        {
            let expected = format!("sides of 1..={MOST_SIDE} pixels, one image or more, seeds on both sides");
            return Err(GpuError::size("a batch", expected, format!("side {}, {}", self.side, epoch.batch)));
        }
        let values = epoch.batch * self.side * self.side * 3;
        let seeds = epoch.seeds.map_or(Ok(Arg::Absent), |s| s.holds("seeds of an epoch", all, 8))?;
        let seeds_now = to.seeds.map_or(Ok(Arg::Absent), |s| s.holds("seeds of a batch", epoch.batch, 8))?;
        let args = [
            to.images.stores("images of a batch", values, to.storage)?,
            to.labels.holds("labels of a batch", epoch.batch, 4)?,
            seeds_now,
            progress.state()?,
            self.bytes(self.images)?,
            self.labels.holds("labels of a data set", self.images, 4)?,
            epoch.order.holds("the order of an epoch", all, 4)?,
            epoch.draws.holds("draws of an epoch", all, Draw::BYTES)?,
            seeds,
            self.normal.stores("normalised bytes", 768, Storage::F32)?,
            int(self.side),
        ];
        let threads = (self.side * self.side).next_multiple_of(32).min(1024) as u32;
        let launch = Launch { grid: [epoch.batch as u32, 1, 1], threads };
        let kernel = Entries(AUGMENT, ["augment_f32", "augment_bf16"]).of(to.storage);
        // SAFETY: the spans were checked to hold all steps; the order's numbers are of images of the set.
        unsafe { queue.launch(kernel, launch, &args) }
    }

    /// `count` images from number `first` on as they are, normalised.
    ///
    /// # Errors
    /// [`GpuError::Size`] and those of [`Queue::launch`].
    pub fn plain(
        &self,
        queue: &dyn Queue,
        first: usize,
        count: usize,
        storage: Storage,
        to: Span<'_>,
    ) -> Result<(), GpuError> {
        let one = self.side * self.side * 3;
        self.bytes(first + count)?;
        let args = [
            to.stores("images", count * one, storage)?,
            Arg::Memory(self.pixels.part(first * one, count * one)?),
            self.normal.stores("normalised bytes", 768, Storage::F32)?,
            int(count * one),
        ];
        let kernel = Entries(AUGMENT, ["plain_f32", "plain_bf16"]).of(storage);
        // SAFETY: the spans were checked to hold the images; the first begins at a pixel.
        unsafe { queue.launch(kernel, strided(count * one), &args) }
    }

    /// The pixels, after checking that there are so many images. More than 2³¹ bytes are fine: kernels find an
    /// image by a 64-bit product.
    fn bytes(&self, images: usize) -> Result<Arg<'_>, GpuError> {
        let bytes = images * self.side * self.side * 3;
        match images <= self.images && bytes <= self.pixels.bytes() {
            true => Ok(Arg::Memory(self.pixels)),
            false => Err(GpuError::size("pixels of a data set", bytes, self.pixels.bytes())),
        }
    }
}
