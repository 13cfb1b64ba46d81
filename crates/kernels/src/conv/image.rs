//! Images with a zero border, the form in which the kernel rows of a pixel are contiguous.

use crate::buffer::Buffer;
use std::ops::Range;

/// Border of a padded image, in pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Border {
    pub(crate) top: usize,
    pub(crate) bottom: usize,
    pub(crate) left: usize,
    pub(crate) right: usize,
}

/// `n` images `[h, w, c]`, each with a zero border; the images themselves where no border is wanted.
pub(crate) struct Padded<'a> {
    bordered: Option<Buffer>,
    plain: &'a [f32],
    /// Elements from one row to the next.
    pub(crate) row: usize,
    /// Elements from one image to the next.
    pub(crate) image: usize,
}

impl<'a> Padded<'a> {
    pub(crate) fn new(x: &'a [f32], h: usize, w: usize, c: usize, border: Border) -> Self {
        let row = (border.left + w + border.right) * c;
        let image = (border.top + h + border.bottom) * row;
        if border == Border::default() {
            return Self { bordered: None, plain: x, row, image };
        }
        let n = x.len() / (h * w * c);
        let mut data = Buffer::stale(n * image);
        let inside: Range<usize> = border.left * c..(border.left + w) * c;
        for (source, target) in x.chunks_exact(h * w * c).zip(data.chunks_exact_mut(image)) {
            target[..border.top * row].fill(0.0);
            target[(border.top + h) * row..].fill(0.0);
            let lines = target[border.top * row..].chunks_exact_mut(row);
            for (from, to) in source.chunks_exact(w * c).zip(lines) {
                to[..inside.start].fill(0.0);
                to[inside.clone()].copy_from_slice(from);
                to[inside.end..].fill(0.0);
            }
        }
        Self { bordered: Some(data), plain: x, row, image }
    }

    /// All images with their borders.
    pub(crate) fn data(&self) -> &[f32] {
        self.bordered.as_deref().unwrap_or(self.plain)
    }
}
