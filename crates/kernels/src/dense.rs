//! Dense layers of few rows on all cores, on weights as they are: nothing of a layer's size is packed.
//!
//! With 32 rows a layer's weights are read once forward, once back, and their gradient is written once: a packed copy would
//! move as many bytes again. A task takes the columns of one block of vectors, lays what it needs of the weights out in
//! its cache, and goes over all rows; the weight gradient is cut by rows of the weights instead, which are written in order.
//! Every value is a sum in one order by one task, whatever the threads: the order of [`crate::conv`].

use crate::buffer::Buffer;
use crate::conv::Blocks;
use crate::product::{Along, Product, multiply};
use crate::simd::{Isa, Simd, dispatch};
use rayon::prelude::*;

/// Rows up to which this is faster than packed weights: the input of all rows must stay in cache while the weights pass.
pub const FEW_ROWS: usize = 256;
/// Rows of the weights in one task of their gradient: whole tiles of the inner loop.
const OUTPUTS: usize = 12;
/// Rows of a result that one task puts together.
const GATHERED: usize = 8;

/// y = x Wᵀ + b for `x` `[rows, in]` and `W` `[out, in]`; `y` `[rows, out]` is written. `sizes` are `[in, out]`.
///
/// # Panics
/// When a size is 0 or lengths disagree.
pub fn forward(x: &[f32], weight: &[f32], bias: Option<&[f32]>, sizes: [usize; 2], y: &mut [f32], isa: Isa) {
    let [inputs, outputs] = sizes;
    let rows = rows(sizes, x.len(), weight.len(), y.len());
    assert!(bias.is_none_or(|bias| bias.len() == outputs), "a bias for {outputs}");
    let columns = |blocks: Blocks, block: usize, panel: &mut [f32]| {
        let lines = &weight[block * blocks.width * inputs..][..blocks.used(block) * inputs];
        transposed(lines, inputs, blocks.width, panel);
    };
    by_columns(x, inputs, rows, Blocks::new(isa, outputs), columns, y);
    if let Some(bias) = bias {
        crate::bias::add_bias(y, bias, None, isa);
    }
}

/// dx = dy W for `dy` `[rows, out]`; `dx` `[rows, in]` is written.
///
/// # Panics
/// As [`forward`].
pub fn input_gradient(dy: &[f32], weight: &[f32], sizes: [usize; 2], dx: &mut [f32], isa: Isa) {
    let [inputs, outputs] = sizes;
    let rows = rows(sizes, dx.len(), weight.len(), dy.len());
    let columns = |blocks: Blocks, block: usize, panel: &mut [f32]| {
        cut_out(weight, inputs, blocks, block, panel);
    };
    by_columns(dy, outputs, rows, Blocks::new(isa, inputs), columns, dx);
}

/// dW = dyᵀ x; `dw` `[out, in]` is written.
///
/// # Panics
/// As [`forward`].
pub fn weight_gradient(x: &[f32], dy: &[f32], sizes: [usize; 2], dw: &mut [f32], isa: Isa) {
    let [inputs, outputs] = sizes;
    let rows = rows(sizes, x.len(), dw.len(), dy.len());
    let blocks = Blocks::new(isa, inputs);
    // Rows in pieces that stay in cache for a block of columns.
    for first in (0..rows).step_by(FEW_ROWS) {
        let depth = FEW_ROWS.min(rows - first);
        let (x, dy) = (&x[first * inputs..][..depth * inputs], &dy[first * outputs..][..depth * outputs]);
        let mut panels = Buffer::stale(blocks.count() * depth * blocks.width);
        let each = panels.par_chunks_exact_mut(depth * blocks.width).with_min_len(8).enumerate();
        each.for_each(|(block, panel)| cut_out(x, inputs, blocks, block, panel));
        let product = Product::matrices(depth, Along::Rows(outputs), blocks.width, inputs);
        let tasks = dw.par_chunks_mut(OUTPUTS * inputs).enumerate();
        tasks.for_each(|(task, dw)| {
            let count = dw.len() / inputs;
            for (block, panel) in panels.chunks_exact(depth * blocks.width).enumerate() {
                // SAFETY: `dy` holds `depth` rows of `outputs`, of which `count` columns are read; the panel holds `depth`
                // whole blocks, `dw` `count` rows of `inputs` whose used columns are written; the set is available.
                unsafe {
                    multiply(
                        blocks.isa,
                        blocks.vectors(),
                        dy.as_ptr().add(task * OUTPUTS),
                        panel.as_ptr(),
                        dw.as_mut_ptr().add(block * blocks.width),
                        product,
                        count,
                        blocks.used(block),
                        first > 0,
                    );
                }
            }
        });
    }
    if rows == 0 {
        dw.fill(0.0);
    }
}

/// Number of rows, after checking all lengths.
fn rows([inputs, outputs]: [usize; 2], x: usize, weight: usize, y: usize) -> usize {
    assert!(
        inputs > 0 && outputs > 0 && weight == inputs * outputs,
        "{weight} weights of {outputs}×{inputs}"
    );
    let rows = x / inputs;
    assert!(x == rows * inputs && y == rows * outputs, "{x} inputs and {y} outputs of {outputs}×{inputs}");
    rows
}

/// out = a B for `a` `[rows, depth]` and the columns of B, which a function lays out: `[depth, width]` for every block.
fn by_columns(
    a: &[f32],
    depth: usize,
    rows: usize,
    blocks: Blocks,
    columns: impl Fn(Blocks, usize, &mut [f32]) + Sync,
    out: &mut [f32],
) {
    if rows == 0 {
        return;
    }
    assert!(a.len() == rows * depth);
    let width = blocks.width;
    let mut parts = Buffer::stale(blocks.count() * rows * width);
    parts.par_chunks_exact_mut(rows * width).enumerate().for_each(|(block, part)| {
        let mut panel = Buffer::stale(depth * width);
        columns(blocks, block, &mut panel);
        let product = Product::matrices(depth, Along::Terms(depth), width, width);
        // SAFETY: `a` holds `rows` rows of `depth`, the panel `depth` and the part `rows` whole blocks; the set is available.
        unsafe {
            let (a, panel, part) = (a.as_ptr(), panel.as_ptr(), part.as_mut_ptr());
            multiply(blocks.isa, blocks.vectors(), a, panel, part, product, rows, width, false);
        }
    });
    let gathered = out.par_chunks_mut(GATHERED * blocks.columns).enumerate();
    gathered.for_each(|(task, out)| {
        for (row, out) in out.chunks_exact_mut(blocks.columns).enumerate() {
            let at = (task * GATHERED + row) * width;
            for (to, part) in out.chunks_mut(width).zip(parts.chunks_exact(rows * width)) {
                to.copy_from_slice(&part[at..at + to.len()]);
            }
        }
    });
}

/// The columns of one block of `[rows, columns]`, zeros in what its width has more.
fn cut_out(lines: &[f32], columns: usize, blocks: Blocks, block: usize, panel: &mut [f32]) {
    let (first, used) = (block * blocks.width, blocks.used(block));
    for (to, from) in panel.chunks_exact_mut(blocks.width).zip(lines.chunks_exact(columns)) {
        let from = &from[first..first + used];
        // Whole vectors as arrays: a call of memcpy per row would cost more than the copy.
        let ((whole, _), (values, last)) = (to.as_chunks_mut::<SIDE>(), from.as_chunks::<SIDE>());
        whole.iter_mut().zip(values).for_each(|(to, from)| *to = *from);
        if used < blocks.width {
            let rest = &mut to[values.len() * SIDE..];
            rest[..last.len()].copy_from_slice(last);
            rest[last.len()..].fill(0.0);
        }
    }
}

/// Values of the narrowest block, and columns that are turned together.
const SIDE: usize = 8;

/// `[columns, depth]` as `[depth, width]`, zeros in what `width` has more.
fn transposed(lines: &[f32], depth: usize, width: usize, panel: &mut [f32]) {
    let columns = lines.len() / depth;
    let whole = columns / SIDE * SIDE;
    if columns < width {
        panel.fill(0.0);
    }
    for first in (0..whole).step_by(SIDE) {
        // SAFETY: the set is the machine's; the body indexes within its slices.
        unsafe {
            eight_on(
                Isa::detect(),
                &lines[first * depth..][..SIDE * depth],
                depth,
                width,
                &mut panel[first..],
            )
        };
    }
    for column in whole..columns {
        let line = &lines[column * depth..][..depth];
        line.iter().enumerate().for_each(|(at, value)| panel[at * width + column] = *value);
    }
}

dispatch!(fn eight_on(lines: &[f32], depth: usize, width: usize, panel: &mut [f32]) => eight);

/// Eight lines as columns, in squares: lines lie in memory where they would push each other out of the cache, so a whole piece of
/// each is read at once.
#[inline(always)]
unsafe fn eight<S: Simd>(lines: &[f32], depth: usize, width: usize, panel: &mut [f32]) {
    for at in (0..depth).step_by(SIDE) {
        let used = SIDE.min(depth - at);
        let mut square = [[0.0f32; SIDE]; SIDE];
        for (row, line) in square.iter_mut().zip(lines.chunks_exact(depth)) {
            match line[at..].first_chunk::<SIDE>() {
                Some(values) => *row = *values,
                None => row[..used].copy_from_slice(&line[at..]),
            }
        }
        for k in 0..used {
            let to = &mut panel[(at + k) * width..][..SIDE];
            for (to, row) in to.iter_mut().zip(&square) {
                *to = row[k];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(count: usize, step: usize) -> Vec<f32> {
        (0..count).map(|i| ((i * step) % 211) as f32 / 100.0 - 1.0).collect()
    }

    fn close(found: &[f32], expected: impl Fn(usize) -> f64, what: &str) {
        for (i, found) in found.iter().enumerate() {
            let expected = expected(i);
            assert!((f64::from(*found) - expected).abs() < 1e-4, "{what} {i}: {found} {expected}");
        }
    }

    #[test]
    fn all_passes_are_sums_of_products_on_ragged_sizes() {
        for (rows, inputs, outputs) in [(1, 1, 1), (5, 7, 3), (32, 65, 41), (7, 16, 32), (600, 19, 13)] {
            let (x, w) = (values(rows * inputs, 37), values(outputs * inputs, 53));
            let (dy, bias) = (values(rows * outputs, 29), values(outputs, 11));
            let at = |values: &[f32], i: usize| f64::from(values[i]);
            for isa in Isa::available() {
                let what = format!("{rows}×{inputs}×{outputs} {isa:?}");
                let sizes = [inputs, outputs];
                let mut y = vec![f32::NAN; rows * outputs];
                forward(&x, &w, Some(&bias), sizes, &mut y, isa);
                let sum = |i: usize| {
                    let (n, o) = (i / outputs, i % outputs);
                    let products = (0..inputs).map(|k| at(&x, n * inputs + k) * at(&w, o * inputs + k));
                    products.sum::<f64>() + at(&bias, o)
                };
                close(&y, sum, &what);
                let mut dx = vec![f32::NAN; rows * inputs];
                input_gradient(&dy, &w, sizes, &mut dx, isa);
                let sum = |i: usize| {
                    let (n, k) = (i / inputs, i % inputs);
                    (0..outputs).map(|o| at(&dy, n * outputs + o) * at(&w, o * inputs + k)).sum()
                };
                close(&dx, sum, &what);
                let mut dw = vec![f32::NAN; outputs * inputs];
                weight_gradient(&x, &dy, sizes, &mut dw, isa);
                let sum = |i: usize| {
                    let (o, k) = (i / inputs, i % inputs);
                    (0..rows).map(|n| at(&dy, n * outputs + o) * at(&x, n * inputs + k)).sum()
                };
                close(&dw, sum, &what);
            }
        }
    }

    #[test]
    fn threads_change_no_bit() {
        let (rows, sizes, isa) = (33, [70, 45], Isa::detect());
        let [inputs, outputs] = sizes;
        let (x, w, dy) =
            (values(rows * inputs, 37), values(outputs * inputs, 53), values(rows * outputs, 29));
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let (mut y, mut dx, mut dw) = (vec![0.0; dy.len()], vec![0.0; x.len()], vec![0.0; w.len()]);
                forward(&x, &w, None, sizes, &mut y, isa);
                input_gradient(&dy, &w, sizes, &mut dx, isa);
                weight_gradient(&x, &dy, sizes, &mut dw, isa);
                (y, dx, dw)
            })
        };
        assert_eq!(run(1), run(3));
    }

    #[test]
    fn no_row_is_no_gradient() {
        let mut dw = [f32::NAN; 6];
        weight_gradient(&[], &[], [3, 2], &mut dw, Isa::detect());
        assert_eq!(dw, [0.0; 6]);
        forward(&[], &dw, None, [3, 2], &mut [], Isa::detect());
    }
}
