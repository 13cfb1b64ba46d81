//! Pooling over windows of an image, and over all of it.

use super::OpError;
use super::device::Kept;
use super::kernel::{Kernel, Values, apply, ready, spent};
use basin_kernels::{head, reuse};
use candle_core::{Result, Tensor};
use rayon::prelude::*;
use std::borrow::Cow;
use std::ops::Range;
use std::sync::OnceLock;

/// Square windows on an image, as PyTorch counts them: a side of n pixels has ⌊(n + 2 · padding − kernel) / stride⌋ + 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Side of a window, at least 1.
    pub kernel: usize,
    /// Pixels from one window to the next, at least 1.
    pub stride: usize,
    /// Pixels that windows reach beyond the image, at most half a window; they are never the largest.
    pub padding: usize,
}

impl Window {
    /// Windows of so many pixels side by side.
    pub fn tiles(kernel: usize) -> Self {
        Self { kernel, stride: kernel, padding: 0 }
    }

    fn output(self, side: usize) -> usize {
        (side + 2 * self.padding).checked_sub(self.kernel).map_or(0, |rest| rest / self.stride + 1)
    }

    /// The pixels that window `at` has of a side.
    fn pixels_of_side(self, at: usize, side: usize) -> Range<usize> {
        let first = at * self.stride;
        first.saturating_sub(self.padding)..(first + self.kernel).saturating_sub(self.padding).min(side)
    }

    /// The pixels of window `at` of an image, row by row.
    fn pixels(self, at: usize, Sizes { h, w, ow, .. }: Sizes) -> impl Iterator<Item = usize> {
        let (rows, columns) = (self.pixels_of_side(at / ow, h), self.pixels_of_side(at % ow, w));
        rows.flat_map(move |row| columns.clone().map(move |column| row * w + column))
    }

    /// Sizes of images and of results, if they fit.
    fn sizes(self, operation: &'static str, dims: &[usize]) -> Result<Sizes> {
        let number = |name, found: usize, expected| OpError::Number {
            operation,
            name,
            found: found.to_string(),
            expected,
        };
        if self.kernel == 0 || self.stride == 0 {
            let (name, found) =
                if self.kernel == 0 { ("kernel", self.kernel) } else { ("stride", self.stride) };
            return Err(number(name, found, "at least 1").into());
        }
        if 2 * self.padding > self.kernel {
            return Err(number("padding", self.padding, "at most half the kernel").into());
        }
        match *dims {
            [_, h, w, c] if self.output(h) * self.output(w) * c > 0 => {
                Ok(Sizes { h, w, c, oh: self.output(h), ow: self.output(w) })
            }
            _ => {
                let found = format!("{dims:?} for windows of {}", self.kernel);
                let expected = "[n, h, w, channels] of at least one window";
                Err(OpError::Shape { operation, found, expected }.into())
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Sizes {
    h: usize,
    w: usize,
    c: usize,
    oh: usize,
    ow: usize,
}

impl Sizes {
    fn result(self, n: usize) -> (Vec<f32>, Vec<usize>) {
        (vec![0.0; n * self.oh * self.ow * self.c], vec![n, self.oh, self.ow, self.c])
    }
}

/// The largest value of every window of `[n, h, w, c]`, channel by channel; of equal ones the first takes the gradient, and
/// NaN is larger than all, as in PyTorch.
///
/// # Errors
/// [`OpError`].
pub fn max_pool2d(x: &Tensor, window: Window) -> Result<Tensor> {
    let [x] = ready("max_pool2d", [x])?;
    window.sizes("max_pool2d", x.dims())?;
    apply(MaxPool { window, largest: OnceLock::new(), kept: Kept::default() }, [&x])
}

/// The mean of every window of `[n, h, w, c]`, channel by channel, without padding.
///
/// # Errors
/// [`OpError`].
pub fn avg_pool2d(x: &Tensor, kernel: usize, stride: usize) -> Result<Tensor> {
    let [x] = ready("avg_pool2d", [x])?;
    let window = Window { kernel, stride, padding: 0 };
    window.sizes("avg_pool2d", x.dims())?;
    apply(AvgPool(window), [&x])
}

/// The mean over all pixels: `[n, h, w, c]` to `[n, c]`.
///
/// # Errors
/// [`OpError`].
pub fn mean_pool(x: &Tensor) -> Result<Tensor> {
    pooled(x, MeanPool { pixel: false })
}

/// The same as an image of one pixel, `[n, 1, 1, c]`.
pub(crate) fn mean_pixel(x: &Tensor) -> Result<Tensor> {
    pooled(x, MeanPool { pixel: true })
}

fn pooled(x: &Tensor, mean: MeanPool) -> Result<Tensor> {
    let [x] = ready("mean_pool", [x])?;
    match *x.dims() {
        [_, h, w, c] if h * w * c > 0 => apply(mean, [&x]),
        ref dims => {
            let (found, expected) = (format!("{dims:?}"), "[n, h, w, channels] of sizes above 0");
            Err(OpError::Shape { operation: "mean_pool", found, expected }.into())
        }
    }
}

#[cfg_attr(not(feature = "cuda"), expect(dead_code, reason = "read where there is a device"))]
pub(super) struct MaxPool {
    pub(super) window: Window,
    /// The pixel of its image that every result came from.
    largest: OnceLock<Vec<u32>>,
    /// The same on a device.
    pub(super) kept: Kept,
}

impl Kernel<1> for MaxPool {
    const NAME: &'static str = "basin-max-pool";

    fn forward(&self, [x]: [Values<'_>; 1]) -> Result<(Vec<f32>, Vec<usize>)> {
        let sizes = self.window.sizes("max_pool2d", x.dims)?;
        let Sizes { h, w, c, oh, ow } = sizes;
        let (mut y, dims) = sizes.result(x.dims[0]);
        let mut largest = vec![0u32; y.len()];
        let images = y.par_chunks_mut(oh * ow * c).zip(largest.par_chunks_mut(oh * ow * c));
        images.zip(x.data.par_chunks(h * w * c)).for_each(|((y, largest), x)| {
            let pixels = y.chunks_exact_mut(c).zip(largest.chunks_exact_mut(c));
            for (at, (best, place)) in pixels.enumerate() {
                best.fill(f32::NEG_INFINITY);
                let mut pixels = self.window.pixels(at, sizes).peekable();
                place.fill(pixels.peek().map_or(0, |first| *first as u32));
                for pixel in pixels {
                    for (i, value) in x[pixel * c..][..c].iter().enumerate() {
                        if *value > best[i] || value.is_nan() {
                            (best[i], place[i]) = (*value, pixel as u32);
                        }
                    }
                }
            }
        });
        let _ = self.largest.set(largest);
        Ok((y, dims))
    }

    fn backward(
        &self,
        [x]: [Values<'_>; 1],
        _: [bool; 1],
        _: &[f32],
        dy: Cow<'_, [f32]>,
    ) -> Result<[Option<Vec<f32>>; 1]> {
        let Sizes { h, w, c, oh, ow } = self.window.sizes("max_pool2d", x.dims)?;
        let Some(largest) = self.largest.get() else {
            candle_core::bail!("max_pool2d kept nothing for the reverse pass");
        };
        let mut dx = reuse::zeroed(x.data.len());
        let images = dx.par_chunks_mut(h * w * c).zip(dy.par_chunks(oh * ow * c));
        images.zip(largest.par_chunks(oh * ow * c)).for_each(|((dx, dy), largest)| {
            for (at, (g, pixel)) in dy.iter().zip(largest).enumerate() {
                dx[*pixel as usize * c + at % c] += g;
            }
        });
        spent(dy);
        Ok([Some(dx)])
    }
}

pub(super) struct AvgPool(pub(super) Window);

impl Kernel<1> for AvgPool {
    const NAME: &'static str = "basin-avg-pool";

    fn forward(&self, [x]: [Values<'_>; 1]) -> Result<(Vec<f32>, Vec<usize>)> {
        let sizes = self.0.sizes("avg_pool2d", x.dims)?;
        let Sizes { h, w, c, oh, ow } = sizes;
        let share = 1.0 / (self.0.kernel * self.0.kernel) as f32;
        let (mut y, dims) = sizes.result(x.dims[0]);
        y.par_chunks_mut(oh * ow * c).zip(x.data.par_chunks(h * w * c)).for_each(|(y, x)| {
            for (at, sum) in y.chunks_exact_mut(c).enumerate() {
                for pixel in self.0.pixels(at, sizes) {
                    sum.iter_mut().zip(&x[pixel * c..][..c]).for_each(|(s, v)| *s += v);
                }
                sum.iter_mut().for_each(|s| *s *= share);
            }
        });
        Ok((y, dims))
    }

    fn backward(
        &self,
        [x]: [Values<'_>; 1],
        _: [bool; 1],
        _: &[f32],
        dy: Cow<'_, [f32]>,
    ) -> Result<[Option<Vec<f32>>; 1]> {
        let sizes = self.0.sizes("avg_pool2d", x.dims)?;
        let Sizes { h, w, c, oh, ow } = sizes;
        let share = 1.0 / (self.0.kernel * self.0.kernel) as f32;
        let mut dx = reuse::zeroed(x.data.len());
        dx.par_chunks_mut(h * w * c).zip(dy.par_chunks(oh * ow * c)).for_each(|(dx, dy)| {
            for (at, g) in dy.chunks_exact(c).enumerate() {
                for pixel in self.0.pixels(at, sizes) {
                    dx[pixel * c..][..c].iter_mut().zip(g).for_each(|(d, g)| *d += g * share);
                }
            }
        });
        spent(dy);
        Ok([Some(dx)])
    }
}

pub(super) struct MeanPool {
    /// Whether the result is an image.
    pixel: bool,
}

impl MeanPool {
    pub(super) fn dims(&self, n: usize, c: usize) -> Vec<usize> {
        if self.pixel { vec![n, 1, 1, c] } else { vec![n, c] }
    }
}

impl Kernel<1> for MeanPool {
    const NAME: &'static str = "basin-mean-pool";

    fn forward(&self, [x]: [Values<'_>; 1]) -> Result<(Vec<f32>, Vec<usize>)> {
        let (n, pixels, c) = (x.dims[0], x.dims[1] * x.dims[2], x.dims[3]);
        let mut y = vec![0.0; n * c];
        let images = y.par_chunks_mut(c).zip(x.data.par_chunks(pixels * c));
        images.for_each(|(y, x)| head::mean_pool(x, pixels, c, y));
        Ok((y, self.dims(n, c)))
    }

    fn backward(
        &self,
        [x]: [Values<'_>; 1],
        _: [bool; 1],
        _: &[f32],
        dy: Cow<'_, [f32]>,
    ) -> Result<[Option<Vec<f32>>; 1]> {
        let (pixels, c) = (x.dims[1] * x.dims[2], x.dims[3]);
        let mut dx = reuse::zeroed(x.data.len());
        let images = dx.par_chunks_mut(pixels * c).zip(dy.par_chunks(c));
        images.for_each(|(dx, dy)| head::mean_pool_gradient(dy, pixels, c, dx));
        spent(dy);
        Ok([Some(dx)])
    }
}
