//! Forward, input gradient and weight gradient over a few images on the calling thread.

use super::image::{Border, Padded, pad_channels};
use super::pack::{Blocks, PackedConv};
use super::tile::{Outer, Rows, line_one, line_two, outer_one, outer_two};

/// Output `[n, h', w', cout]` for input `[n, h, w, cin]`; every element of `out` is written.
///
/// # Panics
/// When a length does not fit `h`, `w` and the packed shape.
pub fn forward(conv: &PackedConv, x: &[f32], h: usize, w: usize, out: &mut [f32]) {
    let s = conv.shape;
    let (oh, ow) = (s.output(h), s.output(w));
    let n = x.len() / (h * w * s.cin);
    assert_eq!((x.len(), out.len()), (n * h * w * s.cin, n * oh * ow * s.cout), "{s:?} at {h}x{w}");
    let ((top, bottom), (left, right)) = (s.padding(h), s.padding(w));
    let padded = Padded::new(x, h, w, s.cin, Border { top, bottom, left, right });
    let rows = Rows {
        taps: s.kernel,
        row: padded.row,
        run: s.kernel * s.cin,
        step: s.stride * s.cin,
        out_step: s.cout,
    };
    let lines = Lines { rows, weights: &conv.forward, blocks: conv.out_blocks, out_row: ow * s.cout };
    lines.run(padded.data(), padded.image, s.stride * padded.row, 0, out, 0, n, (oh, ow));
}

/// Gradient with respect to the input, `[n, h, w, cin]`, for the output gradient `[n, h', w', cout]`; every
/// element of `dx` is written. Strided convolutions run as one small convolution per residue of the input
/// position, so nothing is scattered.
///
/// # Panics
/// When a length does not fit, or the weights were packed without the input gradient.
pub fn input_gradient(conv: &PackedConv, dy: &[f32], h: usize, w: usize, dx: &mut [f32]) {
    let s = conv.shape;
    let (oh, ow) = (s.output(h), s.output(w));
    let n = dx.len() / (h * w * s.cin);
    assert_eq!((dx.len(), dy.len()), (n * h * w * s.cin, n * oh * ow * s.cout), "{s:?} at {h}x{w}");
    assert!(!conv.phases.is_empty(), "packed without the input gradient");
    let (pad_y, pad_x) = (s.padding(h).0, s.padding(w).0);
    // No tap reaches further back than the kernel is long, nor further ahead.
    let reach = s.kernel;
    let border = Border { top: reach, bottom: reach, left: reach, right: reach };
    let padded = Padded::new(dy, oh, ow, s.cout, border);
    for phase in &conv.phases {
        let (y0, first_y) = s.phase(phase.residue.0, pad_y, phase.largest.0);
        let (x0, first_x) = s.phase(phase.residue.1, pad_x, phase.largest.1);
        if y0 >= h || x0 >= w {
            continue;
        }
        let size = ((h - y0).div_ceil(s.stride), (w - x0).div_ceil(s.stride));
        let rows = Rows {
            taps: phase.taps.0,
            row: padded.row,
            run: phase.taps.1 * s.cout,
            step: s.cout,
            out_step: s.stride * s.cin,
        };
        let at = |first: isize| (reach as isize + first) as usize;
        let start = at(first_y) * padded.row + at(first_x) * s.cout;
        let lines =
            Lines { rows, weights: &phase.weights, blocks: conv.in_blocks, out_row: s.stride * w * s.cin };
        lines.run(padded.data(), padded.image, padded.row, start, dx, (y0 * w + x0) * s.cin, n, size);
    }
}

/// A grid of output lines, each the product of image rows with packed weights.
struct Lines<'a> {
    rows: Rows,
    weights: &'a [f32],
    blocks: Blocks,
    out_row: usize,
}

impl Lines<'_> {
    #[allow(clippy::too_many_arguments)]
    fn run(
        &self,
        x: &[f32],
        x_image: usize,
        x_row: usize,
        x_start: usize,
        out: &mut [f32],
        out_start: usize,
        n: usize,
        (height, width): (usize, usize),
    ) {
        if n == 0 || height == 0 || width == 0 {
            return;
        }
        let (blocks, r) = (self.blocks, self.rows);
        let block_len = r.taps * r.run * blocks.width;
        let out_image = out.len() / n;
        // The last element that any tile touches lies inside its buffer.
        let last_x = (n - 1) * x_image + x_start + (height - 1) * x_row + (width - 1) * r.step;
        assert!(r.taps == 0 || last_x + (r.taps - 1) * r.row + r.run <= x.len());
        let last_out =
            (n - 1) * out_image + out_start + (height - 1) * self.out_row + (width - 1) * r.out_step;
        assert!(last_out + blocks.columns <= out.len() && self.weights.len() == blocks.count() * block_len);
        let line = if blocks.two() { line_two } else { line_one };
        for block in 0..blocks.count() {
            let first = block * blocks.width;
            let columns = blocks.width.min(blocks.columns - first);
            for image in 0..n {
                for y in 0..height {
                    // SAFETY: the assertions above bound every access; `blocks.isa` is available here.
                    unsafe {
                        line(
                            blocks.isa,
                            x.as_ptr().add(image * x_image + x_start + y * x_row),
                            self.weights.as_ptr().add(block * block_len),
                            out.as_mut_ptr().add(image * out_image + out_start + y * self.out_row + first),
                            r,
                            width,
                            columns,
                        );
                    }
                }
            }
        }
    }
}

/// Adds the weight gradient of `n` images to `dw` (`[kh, kw, cin, padded cout]`, see
/// [`PackedConv::gradient_len`]). Each image is summed on its own and then added, so the result does not
/// depend on how images are grouped into calls.
///
/// # Panics
/// When a length does not fit.
pub fn weight_gradient(conv: &PackedConv, x: &[f32], dy: &[f32], h: usize, w: usize, dw: &mut [f32]) {
    let s = conv.shape;
    let (oh, ow) = (s.output(h), s.output(w));
    let n = x.len() / (h * w * s.cin);
    assert_eq!((x.len(), dy.len()), (n * h * w * s.cin, n * oh * ow * s.cout), "{s:?} at {h}x{w}");
    assert_eq!(dw.len(), conv.gradient_len());
    let ((top, bottom), (left, right)) = (s.padding(h), s.padding(w));
    let padded = Padded::new(x, h, w, s.cin, Border { top, bottom, left, right });
    let blocks = conv.out_blocks;
    let channels = blocks.padded();
    let widened = (channels != s.cout).then(|| pad_channels(dy, s.cout, channels));
    let dy = widened.as_deref().unwrap_or(dy);
    let outer = Outer {
        height: oh,
        width: ow,
        x_row: s.stride * padded.row,
        x_step: s.stride * s.cin,
        dy_step: channels,
        dw_row: channels,
    };
    let run = s.kernel * s.cin;
    let kernel = if blocks.two() { outer_two } else { outer_one };
    for image in 0..n {
        for tap in 0..s.kernel {
            for block in 0..blocks.count() {
                let first = block * blocks.width;
                // SAFETY: padded rows reach (oh−1)·stride + kernel, dy holds oh·ow padded pixels per image,
                // dw holds kernel rows of `run`; lengths were checked above, `blocks.isa` is available here.
                unsafe {
                    kernel(
                        blocks.isa,
                        padded.data().as_ptr().add(image * padded.image + tap * padded.row),
                        dy.as_ptr().add(image * oh * ow * channels + first),
                        dw.as_mut_ptr().add(tap * run * channels + first),
                        outer,
                        run,
                    );
                }
            }
        }
    }
}
