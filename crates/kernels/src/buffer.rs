//! Aligned buffers that a thread keeps and hands out again, so that hot loops do not fault in fresh pages.
//!
//! Training asks for the same sizes at every step. A buffer that is dropped goes to the dropping thread's
//! store; the next request for a size it fits takes it back, with whatever it last held.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

/// One cache line, the alignment of every buffer.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; 16]);

const LINE: usize = 16;

thread_local! {
    /// Free buffers of this thread, shortest first.
    static FREE: RefCell<Vec<Vec<Line>>> = const { RefCell::new(Vec::new()) };
}

/// A slice of `f32` on cache-line boundaries, taken from the calling thread's store.
pub struct Buffer {
    lines: Vec<Line>,
    len: usize,
}

impl Buffer {
    /// A buffer whose values are whatever its last user left (zeros where it is new): for results that are
    /// written in full.
    pub fn stale(len: usize) -> Self {
        let needed = len.div_ceil(LINE);
        let found = FREE.with_borrow_mut(|free| {
            let at = free.partition_point(|lines| lines.len() < needed);
            // Half-used at worst: a small request does not keep a large buffer from its next large one.
            (at < free.len() && free[at].len() <= 2 * needed).then(|| free.remove(at))
        });
        Self { lines: found.unwrap_or_else(|| vec![Line([0.0; LINE]); needed]), len }
    }

    /// A buffer of zeros.
    pub fn zeroed(len: usize) -> Self {
        let mut buffer = Self::stale(len);
        buffer.fill(0.0);
        buffer
    }

    /// A copy of the values.
    pub fn copied(values: &[f32]) -> Self {
        let mut buffer = Self::stale(values.len());
        buffer.copy_from_slice(values);
        buffer
    }

    /// Frees what the calling thread's store holds.
    pub fn release() {
        FREE.with_borrow_mut(Vec::clear);
    }
}

impl std::fmt::Debug for Buffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Buffer").field("len", &self.len).finish()
    }
}

impl Clone for Buffer {
    fn clone(&self) -> Self {
        Self::copied(self)
    }
}

impl Deref for Buffer {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        // SAFETY: the lines are initialised, hold at least `len` elements (both constructors see to it), and a
        // Line has the layout of its array.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as for `deref`; the borrow is exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let lines = std::mem::take(&mut self.lines);
        // While the thread ends its store may be gone; then the memory is simply freed.
        let _ = FREE.try_with(|free| {
            if let Ok(mut free) = free.try_borrow_mut() {
                let at = free.partition_point(|other| other.len() < lines.len());
                free.insert(at, lines);
            }
        });
    }
}

/// Sizes of an activation: `[images, height, width, channels]`. A row of tokens is an image of width 1, a
/// vector per image one of height and width 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dims {
    /// Images.
    pub images: usize,
    /// Rows of pixels, or tokens.
    pub height: usize,
    /// Pixels of a row.
    pub width: usize,
    /// Values of a pixel.
    pub channels: usize,
}

impl Dims {
    /// `[images, height, width, channels]`.
    pub fn new(images: usize, height: usize, width: usize, channels: usize) -> Self {
        Self { images, height, width, channels }
    }

    /// Pixels of one image.
    pub fn pixels(&self) -> usize {
        self.height * self.width
    }

    /// Pixels of all images.
    pub fn rows(&self) -> usize {
        self.images * self.pixels()
    }

    /// All values.
    pub fn len(&self) -> usize {
        self.rows() * self.channels
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// An intermediate result of a network.
#[derive(Clone, Debug)]
pub struct Activation {
    /// Sizes.
    pub dims: Dims,
    /// Values, channels fastest.
    pub data: Buffer,
}

impl Activation {
    /// Puts values into their sizes.
    ///
    /// # Errors
    /// When their number is not that of the sizes.
    pub fn new(dims: Dims, data: Buffer) -> candle_core::Result<Self> {
        if data.len() != dims.len() {
            candle_core::bail!("{} values for {dims:?}", data.len());
        }
        Ok(Self { dims, data })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_buffer_comes_back_to_the_next_request_of_its_size() {
        Buffer::release();
        let mut first = Buffer::stale(100);
        first[99] = 7.0;
        let at = first.as_ptr();
        assert_eq!(at.align_offset(64), 0);
        drop(first);
        let tiny = Buffer::stale(8);
        assert_ne!(tiny.as_ptr(), at, "a tiny request took a large buffer");
        let again = Buffer::stale(97);
        assert_eq!((again.as_ptr(), again.len()), (at, 97));
        drop(again);
        assert!(Buffer::zeroed(100).iter().all(|v| *v == 0.0));
    }
}
