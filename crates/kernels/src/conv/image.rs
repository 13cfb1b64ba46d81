//! Images with a zero border, the form in which the kernel rows of a pixel are contiguous.

use std::cell::RefCell;

/// A buffer that a thread keeps between calls, so that hot loops do not fault in fresh pages.
pub(crate) struct Scratch(Vec<f32>);

thread_local! {
    static FREE: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

impl Scratch {
    /// A zeroed buffer of `len` elements from this thread's store.
    pub(crate) fn zeroed(len: usize) -> Self {
        let mut buffer = FREE.with(|free| free.borrow_mut().pop()).unwrap_or_default();
        buffer.clear();
        buffer.resize(len, 0.0);
        Self(buffer)
    }
}

impl std::ops::Deref for Scratch {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        &self.0
    }
}

impl std::ops::DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        FREE.with(|free| free.borrow_mut().push(std::mem::take(&mut self.0)));
    }
}

/// Border of a padded image, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Border {
    pub(crate) top: usize,
    pub(crate) bottom: usize,
    pub(crate) left: usize,
    pub(crate) right: usize,
}

/// `n` images `[h, w, c]`, each with a zero border.
pub(crate) struct Padded {
    data: Scratch,
    /// Elements from one row to the next.
    pub(crate) row: usize,
    /// Elements from one image to the next.
    pub(crate) image: usize,
}

impl Padded {
    pub(crate) fn new(x: &[f32], h: usize, w: usize, c: usize, border: Border) -> Self {
        let row = (border.left + w + border.right) * c;
        let image = (border.top + h + border.bottom) * row;
        let n = x.len() / (h * w * c);
        let mut data = Scratch::zeroed(n * image);
        for (i, source) in x.chunks_exact(h * w * c).enumerate() {
            let start = i * image + border.top * row + border.left * c;
            for (y, line) in source.chunks_exact(w * c).enumerate() {
                data[start + y * row..][..w * c].copy_from_slice(line);
            }
        }
        Self { data, row, image }
    }

    /// All images with their borders.
    pub(crate) fn data(&self) -> &[f32] {
        &self.data
    }
}

/// Rows of `c` elements copied into rows of `padded` elements, the rest zero.
pub(crate) fn pad_channels(x: &[f32], c: usize, padded: usize) -> Scratch {
    let mut out = Scratch::zeroed(x.len() / c * padded);
    for (to, from) in out.chunks_exact_mut(padded).zip(x.chunks_exact(c)) {
        to[..c].copy_from_slice(from);
    }
    out
}
