//! Winograd's minimal filtering F(4×4, 3×3): 36 multiplications where the definition has 144.
//!
//! An image is cut into tiles of 4×4 outputs under 6×6 inputs. Tiles, weights and output gradients are
//! evaluated at 36 points, where the convolution is 36 independent matrix products over channels; their results
//! are interpolated back. Forward Y = Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A; the input gradient is the same with the kernel
//! turned by half a circle and its channels exchanged; the weight gradient is the transpose,
//! dg = Gᵀ[(A dY Aᵀ) ⊙ (Bᵀ d B)]G summed over tiles.

mod transform;

use super::blocks::Blocks;
use crate::buffer::Buffer;
use crate::product::{Along, Product, multiply};
use crate::simd::Isa;
use transform::Tiles;

const POINTS: usize = 36;
/// Tiles whose points are computed together: enough rows for the products, few enough that their points and
/// those of the outputs stay in the second-level cache at 64 channels.
const TOGETHER: usize = 64;
/// Elements between planes beyond their tiles, so that the planes do not fall on the same cache sets. A block that
/// the channels do not fill reads up to half of its width, a vector of 16, beyond the last tile.
const SKEW: usize = 16;
/// Elements of weight-gradient points up to which they are kept while chunks of tiles pass.
const KEPT: usize = 256 * 1024;

/// Weights at the 36 points, `[point][block][input][width]`, for both directions.
#[derive(Clone, Debug)]
pub(crate) struct Winograd {
    cin: usize,
    cout: usize,
    isa: Isa,
    out_blocks: Blocks,
    in_blocks: Blocks,
    forward: Vec<f32>,
    backward: Vec<f32>,
}

impl Winograd {
    pub(crate) fn new(shape: super::ConvShape, isa: Isa) -> Self {
        Self {
            cin: shape.cin,
            cout: shape.cout,
            isa,
            out_blocks: Blocks::new(isa, shape.cout),
            in_blocks: Blocks::new(isa, shape.cin),
            forward: Vec::new(),
            backward: Vec::new(),
        }
    }

    pub(crate) fn pack(&mut self, weights: &[f32], input_gradient: bool) {
        let (cin, cout) = (self.cin, self.cout);
        let forward = |o: usize, c: usize, tap: usize| weights[(o * cin + c) * 9 + tap];
        pack(self.isa, self.out_blocks, cin, &mut self.forward, forward);
        if input_gradient {
            let backward = |c: usize, o: usize, tap: usize| weights[(o * cin + c) * 9 + 8 - tap];
            pack(self.isa, self.in_blocks, cout, &mut self.backward, backward);
        }
    }

    pub(crate) fn forward(
        &self,
        x: &[f32],
        size: (usize, usize, usize),
        out: &mut [f32],
        finished: impl FnMut(usize, &mut [f32]),
    ) {
        convolve(self.isa, &self.forward, self.out_blocks, self.cin, x, size, (out, false), finished);
    }

    pub(crate) fn input_gradient(&self, dy: &[f32], size: (usize, usize, usize), dx: &mut [f32], add: bool) {
        convolve(self.isa, &self.backward, self.in_blocks, self.cout, dy, size, (dx, add), |_, _| {});
    }

    pub(crate) fn weight_gradient(
        &self,
        x: &[f32],
        dy: &[f32],
        size: (usize, usize, usize),
        dw: &mut [f32],
        add: bool,
    ) {
        let (cin, cout, blocks) = (self.cin, self.cout, self.out_blocks);
        let grid = Grid::new(size);
        let block_points = POINTS * cin * blocks.width;
        // Points that fit the cache are summed over chunks of tiles; larger ones see all tiles at once, block
        // by block.
        let keep = block_points * blocks.count() <= KEPT;
        let together = if keep { grid.rows_together() } else { grid.rows() };
        let kept = if keep { blocks.count() } else { 1 };
        // Columns beyond the channels are never written, and must not be history.
        let mut sums = match cout == blocks.padded() {
            true => Buffer::stale(kept * block_points),
            false => Buffer::zeroed(kept * block_points),
        };
        let tiles = together * grid.across;
        let (mut inputs, mut outputs) = (Points::new(tiles, cin), Points::new(tiles, cout));
        for first in (0..grid.rows()).step_by(together.max(1)) {
            let rows = first..grid.rows().min(first + together);
            let tiles = rows.len() * grid.across;
            let last = rows.end == grid.rows();
            inputs.fill(
                self.isa,
                &grid.pixels(read_only(x), cin, rows.clone(), 6, 1),
                tiles,
                false,
                transform::inputs,
            );
            outputs.fill(
                self.isa,
                &grid.pixels(read_only(dy), cout, rows, 4, 0),
                tiles,
                false,
                transform::output_gradients,
            );
            for block in 0..blocks.count() {
                let to = if keep { &mut sums[block * block_points..] } else { &mut sums[..] };
                let product = Product::matrices(tiles, Along::Rows(cin), cout, blocks.width);
                for point in 0..POINTS {
                    // SAFETY: a point's plane holds `tiles` rows of `cin` and `cout` elements; its sums are
                    // `cin` rows of `width`.
                    unsafe {
                        multiply(
                            blocks.isa,
                            blocks.vectors(),
                            inputs.plane(point),
                            outputs.plane(point).add(block * blocks.width),
                            to.as_mut_ptr().add(point * cin * blocks.width),
                            product,
                            cin,
                            blocks.used(block),
                            first > 0,
                        );
                    }
                }
                for c in (0..cin).filter(|_| last) {
                    // SAFETY: dw holds nine rows of `cin · padded cout`; channels fill whole vectors.
                    unsafe {
                        transform::weight_gradients(
                            self.isa,
                            to.as_ptr().add(c * blocks.width),
                            blocks.width,
                            cin * blocks.width,
                            dw.as_mut_ptr().add(c * blocks.padded() + block * blocks.width),
                            cin * blocks.padded(),
                            add,
                        );
                    }
                }
            }
        }
    }
}

/// Evaluates weights at the points: `weight(column, row, tap)`.
fn pack(
    isa: Isa,
    blocks: Blocks,
    rows: usize,
    out: &mut Vec<f32>,
    weight: impl Fn(usize, usize, usize) -> f32,
) {
    let plane = blocks.count() * rows * blocks.width;
    out.resize(POINTS * plane, 0.0);
    let mut taps = [0.0f32; 9 * 32];
    for block in 0..blocks.count() {
        for row in 0..rows {
            for c in 0..blocks.used(block) {
                for tap in 0..9 {
                    taps[tap * blocks.width + c] = weight(block * blocks.width + c, row, tap);
                }
            }
            // SAFETY: `taps` holds nine rows of a block's width (at most 32); `out` holds 36 planes.
            unsafe {
                let to = out.as_mut_ptr().add((block * rows + row) * blocks.width);
                transform::weight_points(isa, taps.as_ptr(), blocks.width, to, plane);
            }
        }
    }
}

/// A 3×3 convolution with SAME padding of images with `channels` channels.
#[allow(clippy::too_many_arguments)]
fn convolve(
    isa: Isa,
    weights: &[f32],
    blocks: Blocks,
    channels: usize,
    x: &[f32],
    size: (usize, usize, usize),
    (out, add): (&mut [f32], bool),
    mut finished: impl FnMut(usize, &mut [f32]),
) {
    let grid = Grid::new(size);
    let (outputs, together) = (blocks.columns, grid.rows_together());
    let tiles = together * grid.across;
    let (mut from, mut to) = (Points::new(tiles, channels), Points::new(tiles, outputs));
    let product = Product::matrices(channels, Along::Terms(channels), blocks.width, outputs);
    assert_eq!(weights.len(), POINTS * blocks.count() * channels * blocks.width, "weights were never packed");
    for first in (0..grid.rows()).step_by(together) {
        let rows = first..grid.rows().min(first + together);
        let tiles = rows.len() * grid.across;
        from.fill(
            isa,
            &grid.pixels(read_only(x), channels, rows.clone(), 6, 1),
            tiles,
            false,
            transform::inputs,
        );
        for point in 0..POINTS {
            for block in 0..blocks.count() {
                let at = (point * blocks.count() + block) * channels * blocks.width;
                // SAFETY: planes hold `tiles` rows; the weights hold `channels` rows per point and block.
                unsafe {
                    multiply(
                        blocks.isa,
                        blocks.vectors(),
                        from.plane(point),
                        weights[at..].as_ptr(),
                        to.plane_mut(point).add(block * blocks.width),
                        product,
                        tiles,
                        blocks.used(block),
                        false,
                    );
                }
            }
        }
        let pixels = grid.pixels((out.as_mut_ptr(), out.len()), outputs, rows.clone(), 4, 0);
        to.fill(isa, &pixels, tiles, add, transform::outputs);
        let done = grid.first_pixel(rows.start)..grid.first_pixel(rows.end);
        finished(done.start, &mut out[done.start * outputs..done.end * outputs]);
    }
}

/// A slice as a place that transforms only read.
fn read_only(values: &[f32]) -> (*mut f32, usize) {
    (values.as_ptr().cast_mut(), values.len())
}

/// The points of some tiles: 36 planes `[tiles, channels]`.
struct Points {
    data: Buffer,
    plane: usize,
    channels: usize,
}

impl Points {
    fn new(tiles: usize, channels: usize) -> Self {
        let plane = tiles * channels + SKEW;
        Self { data: Buffer::stale(POINTS * plane), plane, channels }
    }

    /// Runs a transform between these points and the pixels of the tiles.
    fn fill(
        &mut self,
        isa: Isa,
        pixels: &[*mut f32],
        tiles: usize,
        add: bool,
        transform: unsafe fn(Isa, Tiles),
    ) {
        let points = self.data.as_mut_ptr();
        let job =
            Tiles { pixels: pixels.as_ptr(), points, plane: self.plane, tiles, channels: self.channels, add };
        // SAFETY: `Grid::pixels` made a whole entry per tile; the planes were made for at least so many tiles.
        unsafe { transform(isa, job) }
    }

    fn plane(&self, point: usize) -> *const f32 {
        self.data[point * self.plane..].as_ptr()
    }

    fn plane_mut(&mut self, point: usize) -> *mut f32 {
        self.data[point * self.plane..].as_mut_ptr()
    }
}

/// Images cut into tiles of 4×4 outputs; a row of tiles never crosses images.
struct Grid {
    images: usize,
    height: usize,
    width: usize,
    down: usize,
    across: usize,
}

impl Grid {
    fn new((images, height, width): (usize, usize, usize)) -> Self {
        Self { images, height, width, down: height.div_ceil(4), across: width.div_ceil(4) }
    }

    /// Rows of tiles in all images.
    fn rows(&self) -> usize {
        self.images * self.down
    }

    fn rows_together(&self) -> usize {
        (TOGETHER / self.across.max(1)).clamp(1, self.rows().max(1))
    }

    /// The first pixel under a row of tiles, counted from the first image.
    fn first_pixel(&self, row: usize) -> usize {
        (row / self.down * self.height + (row % self.down * 4).min(self.height)) * self.width
    }

    /// Pointers to the `side`² pixels of every tile of some rows, beginning `before` pixels above and left of its
    /// outputs; null beyond the image.
    fn pixels(
        &self,
        (values, len): (*mut f32, usize),
        channels: usize,
        rows: std::ops::Range<usize>,
        side: usize,
        before: usize,
    ) -> Vec<*mut f32> {
        assert_eq!(len, self.images * self.height * self.width * channels);
        let mut table = Vec::with_capacity(rows.len() * self.across * side * side);
        for row in rows {
            let (image, top) = (row / self.down, row % self.down * 4);
            for left in (0..self.across).map(|tile| tile * 4) {
                for y in (top..top + side).map(|y| y.wrapping_sub(before)) {
                    for x in (left..left + side).map(|x| x.wrapping_sub(before)) {
                        table.push(match y < self.height && x < self.width {
                            true => {
                                let at = ((image * self.height + y) * self.width + x) * channels;
                                // `at` is the start of a pixel inside the slice that was measured above.
                                values.wrapping_add(at)
                            }
                            false => std::ptr::null_mut(),
                        });
                    }
                }
            }
        }
        table
    }
}
