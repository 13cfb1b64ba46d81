//! Images in the lower right corner of larger ones (`sources/corner.cu`): for libraries that pad both sides alike.

use super::launches::int;
use super::queue::{Arg, Kernel, Launch, Queue, Storage};
use super::sources::CORNER;
use super::{GpuError, Span};

/// Images `[images, rows, columns, channels]`, and how much larger the others are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corner {
    /// Storage of the values.
    pub storage: Storage,
    /// Images.
    pub images: usize,
    /// Rows and columns of ours.
    pub size: [usize; 2],
    /// Channels of a pixel.
    pub channels: usize,
    /// Rows and columns that the larger ones have more, before ours.
    pub added: [usize; 2],
}

/// Most threads of a block: a row each.
const THREADS: usize = 256;

impl Corner {
    /// Values of our images.
    pub fn values(&self) -> usize {
        self.images * self.size[0] * self.size[1] * self.channels
    }

    /// Values of the larger images.
    pub fn larger_values(&self) -> usize {
        self.images * (self.size[0] + self.added[0]) * (self.size[1] + self.added[1]) * self.channels
    }

    /// Copies ours into the larger ones, and zeros into what is more of them.
    ///
    /// # Errors
    /// [`GpuError::Size`] and those of [`Queue::launch`].
    pub fn fill(&self, queue: &dyn Queue, larger: Span<'_>, ours: Span<'_>) -> Result<(), GpuError> {
        let args = [
            larger.stores("larger images", self.larger_values(), self.storage)?,
            ours.stores("images", self.values(), self.storage)?,
        ];
        let rows = self.images * (self.size[0] + self.added[0]);
        self.launch(queue, ["corner_fill_16", "corner_fill_2"], rows, args)
    }

    /// Copies ours out of the larger ones.
    ///
    /// # Errors
    /// As [`Corner::fill`].
    pub fn take(&self, queue: &dyn Queue, ours: Span<'_>, larger: Span<'_>) -> Result<(), GpuError> {
        let args = [
            ours.stores("images", self.values(), self.storage)?,
            larger.stores("larger images", self.larger_values(), self.storage)?,
        ];
        self.launch(queue, ["corner_take_16", "corner_take_2"], self.images * self.size[0], args)
    }

    fn launch(
        &self,
        queue: &dyn Queue,
        entries: [&'static str; 2],
        rows: usize,
        arrays: [Arg<'_>; 2],
    ) -> Result<(), GpuError> {
        if rows == 0 || self.values() == 0 {
            return Err(GpuError::size("images in larger ones", "pixels", format!("{self:?}")));
        }
        let pixel = self.channels * self.storage.bytes();
        let (entry, words) = match pixel.is_multiple_of(16) {
            true => (entries[0], pixel / 16),
            false => (entries[1], pixel / 2),
        };
        let row = words * (self.size[1] + self.added[1]);
        let threads = row.next_multiple_of(32).min(THREADS) as u32;
        let sizes = [self.size[0], self.size[1], words, self.added[0], self.added[1]].map(int);
        let launch = Launch { grid: [rows as u32, 1, 1], threads };
        // SAFETY: both arrays were checked to hold the images, which are whole words.
        unsafe { queue.launch(Kernel { source: CORNER, entry }, launch, &[&arrays[..], &sizes].concat()) }
    }
}
