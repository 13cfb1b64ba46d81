//! Dense layers of few rows on all cores, on weights as they are: nothing of a layer's size is packed.
//!
//! With 32 rows a layer's weights are read once forward, once back, and their gradient is written once: a packed copy would
//! move as many bytes again. A task takes the columns of one block of vectors, lays what it needs of the weights out in
//! its cache, and goes over all rows; the weight gradient is cut by rows of the weights instead, which are written in order.
//! Every value is a sum in one order by one task, whatever the threads.

use crate::buffer::Buffer;
use crate::conv::Blocks;
use crate::product::{Along, Product, multiply};
use crate::simd::{Isa, Simd, dispatch};
use rayon::prelude::*;
use std::ops::Range;

/// Rows up to which this is faster than packed weights: the input of all rows must stay in cache while the weights pass.
pub const FEW_ROWS: usize = 256;
/// Rows of the weights in one task of their gradient: whole tiles of the inner loop.
const OUTPUTS: usize = 12;
/// Blocks of columns in one task, laid out together: memory gives neighbouring lines faster.
const TOGETHER: usize = 4;
/// Terms that are added up at a time: few enough that a block of them stays in the first-level cache, and those of all rows in
/// the second.
const TERMS: usize = 512;
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
    let columns = |blocks: Blocks, first: usize, terms: Range<usize>, panels: &mut [f32]| {
        for (at, panel) in panels.chunks_exact_mut(terms.len() * blocks.width).enumerate() {
            let block = first + at;
            let lines = &weight[block * blocks.width * inputs..][..blocks.used(block) * inputs];
            transposed(lines, inputs, terms.clone(), blocks.width, panel);
        }
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
    let columns = |blocks: Blocks, first: usize, terms: Range<usize>, panels: &mut [f32]| {
        cut_out(&weight[terms.start * inputs..terms.end * inputs], inputs, blocks, first, panels);
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
        let tasks = panels.par_chunks_mut(TOGETHER * depth * blocks.width).enumerate();
        tasks.for_each(|(task, panels)| cut_out(x, inputs, blocks, task * TOGETHER, panels));
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

/// out = a B for `a` `[rows, depth]` and the columns of B, which a function lays out for some blocks and terms:
/// `[terms, width]` for each block.
fn by_columns(
    a: &[f32],
    depth: usize,
    rows: usize,
    blocks: Blocks,
    columns: impl Fn(Blocks, usize, Range<usize>, &mut [f32]) + Sync,
    out: &mut [f32],
) {
    if rows == 0 {
        return;
    }
    assert!(a.len() == rows * depth);
    let width = blocks.width;
    let mut parts = Buffer::stale(blocks.count() * rows * width);
    parts.par_chunks_mut(TOGETHER * rows * width).enumerate().for_each(|(task, parts)| {
        let count = parts.len() / (rows * width);
        let mut panels = Buffer::stale(count * TERMS.min(depth) * width);
        for first in (0..depth).step_by(TERMS) {
            let terms = first..depth.min(first + TERMS);
            let panels = &mut panels[..count * terms.len() * width];
            columns(blocks, task * TOGETHER, terms.clone(), panels);
            let product = Product::matrices(terms.len(), Along::Terms(depth), width, width);
            let panels = panels.chunks_exact(terms.len() * width);
            for (part, panel) in parts.chunks_exact_mut(rows * width).zip(panels) {
                // SAFETY: `a` holds `rows` rows of `depth`, of which `terms` are read; the panel holds as many and the part `rows`
                // whole blocks; the set is available.
                unsafe {
                    let (a, panel, part) = (a.as_ptr().add(first), panel.as_ptr(), part.as_mut_ptr());
                    multiply(blocks.isa, blocks.vectors(), a, panel, part, product, rows, width, first > 0);
                }
            }
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

/// The columns of blocks of `[rows, columns]`, `[rows, width]` each, zeros in what the width has more.
fn cut_out(lines: &[f32], columns: usize, blocks: Blocks, first: usize, panels: &mut [f32]) {
    let (width, rows) = (blocks.width, lines.len() / columns);
    for (row, line) in lines.chunks_exact(columns).enumerate() {
        let panels = panels.chunks_exact_mut(rows * width);
        for (to, from) in panels.zip(line[first * width..].chunks(width)) {
            let to = &mut to[row * width..][..width];
            // A call of memcpy would cost more than the copy.
            match (to.first_chunk_mut::<WIDTH>(), from.first_chunk::<WIDTH>()) {
                (Some(to), Some(from)) if width == WIDTH => *to = *from,
                _ => {
                    to[..from.len()].copy_from_slice(from);
                    to[from.len()..].fill(0.0);
                }
            }
        }
    }
}

/// Columns of a block of two vectors of eight.
const WIDTH: usize = 16;
/// Values of the narrowest block, and columns that are turned together.
const SIDE: usize = 8;

/// Some terms of `[columns, depth]` as `[terms, width]`, zeros in what `width` has more.
fn transposed(lines: &[f32], depth: usize, terms: Range<usize>, width: usize, panel: &mut [f32]) {
    let columns = lines.len() / depth;
    let whole = columns / SIDE * SIDE;
    if columns < width {
        panel.fill(0.0);
    }
    for first in (0..whole).step_by(SIDE) {
        let lines: [&[f32]; SIDE] = std::array::from_fn(|i| &lines[(first + i) * depth..][terms.clone()]);
        // SAFETY: the set is the machine's; the body indexes within its slices.
        unsafe { eight_on(Isa::detect(), lines, width, &mut panel[first..]) };
    }
    for column in whole..columns {
        let line = &lines[column * depth..][terms.clone()];
        line.iter().enumerate().for_each(|(at, value)| panel[at * width + column] = *value);
    }
}

dispatch!(fn eight_on(lines: [&[f32]; SIDE], width: usize, panel: &mut [f32]) => eight);

/// Eight lines as columns, in squares: lines may lie where they push each other out of the cache, so that a whole piece of each is
/// read at once.
#[inline(always)]
unsafe fn eight<S: Simd>(lines: [&[f32]; SIDE], width: usize, panel: &mut [f32]) {
    let terms = lines[0].len();
    for at in (0..terms).step_by(SIDE) {
        let used = SIDE.min(terms - at);
        let mut square = [[0.0f32; SIDE]; SIDE];
        for (row, line) in square.iter_mut().zip(lines) {
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

    fn close(found: &[f32], expected: impl Fn(usize) -> f64, terms: usize, what: &str) {
        for (i, found) in found.iter().enumerate() {
            let expected = expected(i);
            assert!(
                (f64::from(*found) - expected).abs() < 2e-6 * (terms as f64),
                "{what} {i}: {found} {expected}"
            );
        }
    }

    #[test]
    fn all_passes_are_sums_of_products_on_ragged_sizes() {
        for (rows, inputs, outputs) in
            [(1, 1, 1), (5, 7, 3), (32, 65, 41), (7, 16, 32), (600, 19, 13), (9, 1100, 70)]
        {
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
                close(&y, sum, inputs + 1, &what);
                let mut dx = vec![f32::NAN; rows * inputs];
                input_gradient(&dy, &w, sizes, &mut dx, isa);
                let sum = |i: usize| {
                    let (n, k) = (i / inputs, i % inputs);
                    (0..outputs).map(|o| at(&dy, n * outputs + o) * at(&w, o * inputs + k)).sum()
                };
                close(&dx, sum, outputs, &what);
                let mut dw = vec![f32::NAN; outputs * inputs];
                weight_gradient(&x, &dy, sizes, &mut dw, isa);
                let sum = |i: usize| {
                    let (o, k) = (i / inputs, i % inputs);
                    (0..rows).map(|n| at(&dy, n * outputs + o) * at(&x, n * inputs + k)).sum()
                };
                close(&dw, sum, rows, &what);
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
