//! Matrix products: the one place that calls into `gemm`.

use gemm::Parallelism;

/// AᵀB for A and B of `[k, n]`, into `out` of `[n, n]`, all row-major.
///
/// The sum over k runs in an order that is the same for every number of threads.
///
/// # Panics
/// When the slices are not of these sizes.
pub(crate) fn transpose_product(a: &[f32], b: &[f32], n: usize, out: &mut [f32]) {
    transpose_product_on(a, b, n, out, Parallelism::Rayon(0));
}

fn transpose_product_on(a: &[f32], b: &[f32], n: usize, out: &mut [f32], parallelism: Parallelism) {
    let k = a.len().checked_div(n).unwrap_or(0);
    product([n, k, n], Stored::Transposed(a), Stored::Plain(b), out, [0.0, 1.0], parallelism);
}

/// An operand as its rows lie in memory, or with its columns in their place.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stored<'a, T> {
    Plain(&'a [T]),
    Transposed(&'a [T]),
}

impl<'a, T> Stored<'a, T> {
    fn data(self) -> &'a [T] {
        match self {
            Self::Plain(data) | Self::Transposed(data) => data,
        }
    }

    /// Strides over rows and columns of an operand of `rows` rows and `cols` columns.
    fn strides(self, rows: usize, cols: usize) -> (isize, isize) {
        match self {
            Self::Plain(_) => (cols as isize, 1),
            Self::Transposed(_) => (1, rows as isize),
        }
    }
}

/// AB for A of `[m, k]` and B of `[k, n]`, in `f64`, added to `out` of `[m, n]`, row-major.
///
/// # Panics
/// When the slices are not of these sizes.
pub(crate) fn add_product(shape: [usize; 3], a: Stored<'_, f64>, b: Stored<'_, f64>, out: &mut [f64]) {
    product(shape, a, b, out, [1.0, 1.0], Parallelism::Rayon(0));
}

/// `out` ← old · `out` + new · AB, for `[old, new]`; an old factor of 0 leaves what was in `out` unread.
#[allow(unsafe_code, reason = "the only entry point of gemm takes pointers; sizes are checked here")]
fn product<T: Copy + PartialEq + Default + 'static>(
    [m, k, n]: [usize; 3],
    a: Stored<'_, T>,
    b: Stored<'_, T>,
    out: &mut [T],
    [old, new]: [T; 2],
    parallelism: Parallelism,
) {
    let ((a_row, a_col), (b_row, b_col)) = (a.strides(m, k), b.strides(k, n));
    let (a, b) = (a.data(), b.data());
    let fits = |len: usize, rows: usize, cols: usize| rows.checked_mul(cols) == Some(len);
    assert!(
        fits(a.len(), m, k) && fits(b.len(), k, n) && fits(out.len(), m, n),
        "matrices of [m, k], [k, n] and [m, n]"
    );
    // SAFETY: element (row, col) of each operand lies within its slice: the slices have rows * cols elements,
    // asserted above, and the strides are those of a row-major matrix or of the transpose of one. `out` is
    // borrowed exclusively. `T` is a type that gemm knows: both callers fix it to `f32` or `f64`.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            n as isize,
            old != T::default(),
            a.as_ptr(),
            a_col,
            a_row,
            b.as_ptr(),
            b_col,
            b_row,
            old,
            new,
            false,
            false,
            false,
            parallelism,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use basin_core::SeedTree;

    fn random(len: usize, seed: u64) -> Vec<f32> {
        let mut rng = SeedTree::root(seed).rng();
        (0..len).map(|_| rng.normal() as f32).collect()
    }

    #[test]
    fn the_product_is_that_of_the_definition() {
        for (k, n) in [(0, 3), (1, 1), (1, 5), (7, 3), (300, 17)] {
            let (a, b) = (random(k * n, 1), random(k * n, 2));
            let mut out = vec![f32::NAN; n * n];
            transpose_product(&a, &b, n, &mut out);
            for (at, &got) in out.iter().enumerate() {
                let (i, j) = (at / n, at % n);
                let want: f64 = (0..k).map(|k| f64::from(a[k * n + i]) * f64::from(b[k * n + j])).sum();
                assert!((f64::from(got) - want).abs() < 1e-4, "{k} {n} ({i}, {j}): {got} {want}");
            }
        }
    }

    #[test]
    fn products_in_f64_are_added_for_every_way_to_store_the_operands() {
        for [m, k, n] in [[0, 3, 2], [2, 0, 3], [1, 1, 1], [4, 7, 3], [33, 65, 17]] {
            let wide = |len, seed| random(len, seed).into_iter().map(f64::from).collect::<Vec<f64>>();
            let (a, b) = (wide(m * k, 5), wide(k * n, 6));
            let transposed = |x: &[f64], rows: usize, cols: usize| -> Vec<f64> {
                (0..x.len()).map(|at| x[(at % rows.max(1)) * cols + at / rows.max(1)]).collect()
            };
            let (at, bt) = (transposed(&a, m, k), transposed(&b, k, n));
            let run = |a, b| {
                let mut out = vec![1.0; m * n];
                add_product([m, k, n], a, b, &mut out);
                out
            };
            let results = [
                run(Stored::Plain(&a), Stored::Plain(&b)),
                run(Stored::Transposed(&at), Stored::Plain(&b)),
                run(Stored::Plain(&a), Stored::Transposed(&bt)),
            ];
            for out in &results {
                for (at, got) in out.iter().enumerate() {
                    let (i, j) = (at / n, at % n);
                    let want: f64 = 1.0 + (0..k).map(|c| a[i * k + c] * b[c * n + j]).sum::<f64>();
                    assert!((got - want).abs() < 1e-12, "{m} {k} {n} ({i}, {j}): {got} {want}");
                }
            }
        }
    }

    #[test]
    fn the_number_of_threads_does_not_change_a_bit() {
        for (k, n) in [(576, 64), (1153, 100), (2304, 256), (9, 300)] {
            let (a, b) = (random(k * n, 3), random(k * n, 4));
            let on = |parallelism| {
                let mut out = vec![0.0; n * n];
                transpose_product_on(&a, &b, n, &mut out, parallelism);
                out
            };
            let alone = on(Parallelism::None);
            let wide = |x: &[f32]| x.iter().copied().map(f64::from).collect::<Vec<f64>>();
            let (wide_a, wide_b) = (wide(&a), wide(&b));
            let in_f64 = |parallelism| {
                let mut out = vec![0.0; n * n];
                let (a, b) = (Stored::Transposed(&wide_a[..]), Stored::Plain(&wide_b[..]));
                product([n, k, n], a, b, &mut out, [1.0, 1.0], parallelism);
                out
            };
            let alone_in_f64 = in_f64(Parallelism::None);
            for threads in 1..=5 {
                assert!(alone == on(Parallelism::Rayon(threads)), "{k} {n} on {threads} threads");
                let same = alone_in_f64 == in_f64(Parallelism::Rayon(threads));
                assert!(same, "{k} {n} in f64 on {threads} threads");
            }
        }
    }
}
