//! Convolution as an implicit matrix product.

use super::blocks::Blocks;
use super::image::{Border, Padded};
use super::{ConvShape, Geometry};
use crate::buffer::Buffer;
use crate::product::{Along, Product, multiply};
use crate::simd::Isa;

/// Output pixels that are finished for all channels before the next ones begin: enough that packed weights are
/// read seldom, few enough that what follows finds them in cache.
const GROUP: usize = 260;
/// Elements of packed weights that stay in the first-level cache while a group of pixels passes.
const RESIDENT: usize = 6 * 1024;

/// One phase of the input gradient: the taps that reach input positions of one residue.
#[derive(Clone, Debug)]
struct Phase {
    /// Residue of the padded input row and column.
    residue: (usize, usize),
    /// Number of kernel rows and columns that reach it.
    taps: (usize, usize),
    /// The largest of them.
    largest: (usize, usize),
    /// Packed weights `[block of cin, rows, columns · cout, width]`.
    weights: Vec<f32>,
}

/// Packed weights of all passes.
#[derive(Clone, Debug)]
pub(crate) struct Direct {
    out_blocks: Blocks,
    in_blocks: Blocks,
    /// `[block of cout, kh, kw · cin, width]`.
    forward: Vec<f32>,
    phases: Vec<Phase>,
}

impl Direct {
    pub(crate) fn new(shape: ConvShape, isa: Isa) -> Self {
        let stride = shape.stride;
        let residues = (0..stride).flat_map(|y| (0..stride).map(move |x| (y, x)));
        let phases = residues.map(|residue| {
            let (ys, xs) = (shape.taps(residue.0), shape.taps(residue.1));
            // Without a tap (a 1×1 kernel at stride 2) the gradient of these positions is zero.
            let largest = (ys.first().copied().unwrap_or(0), xs.first().copied().unwrap_or(0));
            Phase { residue, taps: (ys.len(), xs.len()), largest, weights: Vec::new() }
        });
        Self {
            out_blocks: Blocks::new(isa, shape.cout),
            in_blocks: Blocks::new(isa, shape.cin),
            forward: Vec::new(),
            phases: phases.collect(),
        }
    }

    pub(crate) fn pack(&mut self, shape: ConvShape, weights: &[f32], input_gradient: bool) {
        let ConvShape { cin, cout, kernel: k, .. } = shape;
        let at = |o: usize, c: usize, tap: usize| weights[(o * cin + c) * k * k + tap];
        self.out_blocks.pack(k * k * cin, &mut self.forward, |row, o| at(o, row % cin, row / cin));
        for phase in self.phases.iter_mut().filter(|_| input_gradient) {
            let (ys, xs) = (shape.taps(phase.residue.0), shape.taps(phase.residue.1));
            self.in_blocks.pack(ys.len() * xs.len() * cout, &mut phase.weights, |row, c| {
                let tap = row / cout;
                at(row % cout, c, ys[tap / xs.len()] * k + xs[tap % xs.len()])
            });
        }
    }

    pub(crate) fn forward(
        &self,
        g: Geometry,
        x: &[f32],
        size: (usize, usize, usize),
        out: &mut [f32],
        finished: impl FnMut(usize, &mut [f32]),
    ) {
        let s = g.shape;
        let (n, h, w) = g.flatten(size, false);
        let (oh, ow) = (g.output(h), g.output(w));
        let ((top, bottom), (left, right)) = (g.padding(h), g.padding(w));
        let padded = Padded::new(x, h, w, s.cin, Border { top, bottom, left, right });
        let lines = Lines {
            taps: s.kernel,
            run: s.kernel * s.cin,
            x_row: padded.row,
            x_step: s.stride * s.cin,
            x_line: s.stride * padded.row,
            x_image: padded.image,
            x_start: 0,
            out_step: s.cout,
            out_line: ow * s.cout,
            out_start: 0,
            blocks: self.out_blocks,
            weights: &self.forward,
        };
        lines.run(padded.data(), out, (n, oh, ow), false, finished);
    }

    /// Strided convolutions run as one small convolution per residue of the input position, so nothing is
    /// scattered.
    pub(crate) fn input_gradient(
        &self,
        g: Geometry,
        dy: &[f32],
        size: (usize, usize, usize),
        dx: &mut [f32],
        add: bool,
    ) {
        let s = g.shape;
        let (n, h, w) = g.flatten(size, false);
        let (oh, ow) = (g.output(h), g.output(w));
        let (pad_y, pad_x) = (g.padding(h).0, g.padding(w).0);
        // No tap reaches further back than the kernel is long, nor further ahead.
        let reach = s.kernel - 1;
        let border = Border { top: reach, bottom: reach, left: reach, right: reach };
        let padded = Padded::new(dy, oh, ow, s.cout, border);
        for phase in &self.phases {
            let (y0, first_y) = s.phase(phase.residue.0, pad_y, phase.largest.0);
            let (x0, first_x) = s.phase(phase.residue.1, pad_x, phase.largest.1);
            if y0 >= h || x0 >= w {
                continue;
            }
            let at = |first: isize| (reach as isize + first) as usize;
            let lines = Lines {
                taps: phase.taps.0,
                run: phase.taps.1 * s.cout,
                x_row: padded.row,
                x_step: s.cout,
                x_line: padded.row,
                x_image: padded.image,
                x_start: at(first_y) * padded.row + at(first_x) * s.cout,
                out_step: s.stride * s.cin,
                out_line: s.stride * w * s.cin,
                out_start: (y0 * w + x0) * s.cin,
                blocks: self.in_blocks,
                weights: &phase.weights,
            };
            let size = (n, (h - y0).div_ceil(s.stride), (w - x0).div_ceil(s.stride));
            lines.run(padded.data(), dx, size, add, |_, _| {});
        }
    }

    pub(crate) fn weight_gradient(
        &self,
        g: Geometry,
        x: &[f32],
        dy: &[f32],
        size: (usize, usize, usize),
        dw: &mut [f32],
        add: bool,
    ) {
        let s = g.shape;
        let (n, h, w) = g.flatten(size, true);
        let (oh, ow) = (g.output(h), g.output(w));
        let ((top, bottom), (left, right)) = (g.padding(h), g.padding(w));
        let padded = Padded::new(x, h, w, s.cin, Border { top, bottom, left, right });
        let blocks = self.out_blocks;
        let channels = blocks.padded();
        let run = s.kernel * s.cin;
        let product = Product {
            segments: oh,
            depth: ow,
            a_segment: s.stride * padded.row,
            a: Along::Rows(s.stride * s.cin),
            b_segment: ow * blocks.width,
            b_row: blocks.width,
            out_row: channels,
        };
        assert!(
            n == 0
                || (n - 1) * padded.image + (s.kernel - 1) * padded.row + product.a_span(run)
                    <= padded.data().len()
        );
        let pixels = n * oh * ow;
        let columns = Columns::new(dy, blocks, pixels);
        for block in 0..blocks.count() {
            for image in 0..n {
                for tap in 0..s.kernel {
                    // SAFETY: padded rows reach (oh−1)·stride + kernel (asserted), the block's columns hold
                    // oh·ow whole rows per image, dw holds kernel rows of `run`; `blocks.isa` is available.
                    unsafe {
                        multiply(
                            blocks.isa,
                            blocks.vectors(),
                            padded.data().as_ptr().add(image * padded.image + tap * padded.row),
                            columns.block(block, image * oh * ow),
                            dw.as_mut_ptr().add(tap * run * channels + block * blocks.width),
                            product,
                            run,
                            blocks.width,
                            add || image > 0,
                        );
                    }
                }
            }
        }
    }
}

/// `[pixels, columns]` regrouped into `[block, pixels, width]`, zero-padded.
struct Columns<'a> {
    regrouped: Option<Buffer>,
    values: &'a [f32],
    pixels: usize,
    width: usize,
}

impl<'a> Columns<'a> {
    fn new(values: &'a [f32], blocks: Blocks, pixels: usize) -> Self {
        let Blocks { columns, width, .. } = blocks;
        let regrouped = (columns != width).then(|| {
            let mut out = Buffer::stale(blocks.count() * pixels * width);
            for (block, to) in out.chunks_exact_mut((pixels * width).max(1)).enumerate() {
                let used = blocks.used(block);
                for (row, from) in to.chunks_exact_mut(width).zip(values.chunks_exact(columns)) {
                    let from = &from[block * width..][..used];
                    // Whole vectors as arrays: a call of memcpy per pixel would cost more than the copy.
                    let ((rows, _), (whole, rest)) = (row.as_chunks_mut::<8>(), from.as_chunks::<8>());
                    rows.iter_mut().zip(whole).for_each(|(to, from)| *to = *from);
                    row[whole.len() * 8..used].copy_from_slice(rest);
                    row[used..].fill(0.0);
                }
            }
            out
        });
        Self { regrouped, values, pixels, width }
    }

    /// A block's row of one pixel.
    fn block(&self, block: usize, pixel: usize) -> *const f32 {
        let values = self.regrouped.as_deref().unwrap_or(self.values);
        values[(block * self.pixels + pixel) * self.width..].as_ptr()
    }
}

/// A grid of output lines, each the product of image rows with packed weights.
struct Lines<'a> {
    /// Kernel rows, and the contiguous inputs of each: kernel width × channels.
    taps: usize,
    run: usize,
    x_row: usize,
    x_step: usize,
    x_line: usize,
    x_image: usize,
    x_start: usize,
    out_step: usize,
    out_line: usize,
    out_start: usize,
    blocks: Blocks,
    weights: &'a [f32],
}

impl Lines<'_> {
    fn run(
        &self,
        x: &[f32],
        out: &mut [f32],
        (n, height, width): (usize, usize, usize),
        add: bool,
        mut finished: impl FnMut(usize, &mut [f32]),
    ) {
        if n == 0 || height == 0 || width == 0 {
            return;
        }
        let blocks = self.blocks;
        let block_len = self.taps * self.run * blocks.width;
        let out_image = out.len() / n;
        // The last element that any tile touches lies inside its buffer.
        let last_x = (n - 1) * self.x_image + self.x_start + (height - 1) * self.x_line;
        let product = |taps: usize| Product {
            segments: taps,
            depth: self.run,
            a_segment: self.x_row,
            a: Along::Terms(self.x_step),
            b_segment: self.run * blocks.width,
            b_row: blocks.width,
            out_row: self.out_step,
        };
        assert!(last_x + product(self.taps).a_span(width) <= x.len());
        let last_out =
            (n - 1) * out_image + self.out_start + (height - 1) * self.out_line + (width - 1) * self.out_step;
        assert!(last_out + blocks.columns <= out.len() && self.weights.len() == blocks.count() * block_len);
        // Kernel rows whose weights fit the cache go together; without any, zeros are written.
        let resident = (RESIDENT / (self.run * blocks.width).max(1)).clamp(1, self.taps.max(1));
        let group = (GROUP / width).clamp(1, height);
        for image in 0..n {
            for first in (0..height).step_by(group) {
                let lines = first..height.min(first + group);
                for block in 0..blocks.count() {
                    for tap in (0..self.taps.max(1)).step_by(resident) {
                        for y in lines.clone() {
                            // SAFETY: the assertions above bound every access; `blocks.isa` is available here.
                            unsafe {
                                let start = image * self.x_image + self.x_start + y * self.x_line;
                                let to = image * out_image + self.out_start + y * self.out_line;
                                multiply(
                                    blocks.isa,
                                    blocks.vectors(),
                                    x.as_ptr().add(start + tap * self.x_row),
                                    self.weights
                                        .as_ptr()
                                        .add(block * block_len + tap * self.run * blocks.width),
                                    out.as_mut_ptr().add(to + block * blocks.width),
                                    product(resident.min(self.taps - tap)),
                                    width,
                                    blocks.used(block),
                                    add || tap > 0,
                                );
                            }
                        }
                    }
                }
                // Only where lines follow each other without gaps are they runs of pixels.
                let channels = blocks.columns;
                if (self.out_step, self.out_line) == (channels, width * channels) {
                    let pixel = (image * height + lines.start) * width;
                    let end = (image * height + lines.end) * width;
                    finished(pixel, &mut out[pixel * channels..end * channels]);
                }
            }
        }
    }
}
