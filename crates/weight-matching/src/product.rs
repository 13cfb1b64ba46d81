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

#[allow(unsafe_code, reason = "the only entry point of gemm takes pointers; sizes are checked here")]
fn transpose_product_on(a: &[f32], b: &[f32], n: usize, out: &mut [f32], parallelism: Parallelism) {
    let k = a.len().checked_div(n).unwrap_or(0);
    assert!(a.len() == k * n && b.len() == k * n && out.len() == n * n, "matrices of [k, n] and [n, n]");
    let stride = n as isize;
    // SAFETY: element (row, col) of each operand lies at `row * n + col < len`, asserted above: `out` is
    // read and written as [n, n], `a` is read as its transpose, and `out` is borrowed exclusively.
    unsafe {
        gemm::gemm(
            n,
            n,
            k,
            out.as_mut_ptr(),
            1,
            stride,
            false,
            a.as_ptr(),
            stride,
            1,
            b.as_ptr(),
            1,
            stride,
            0.0,
            1.0,
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
    fn the_number_of_threads_does_not_change_a_bit() {
        for (k, n) in [(576, 64), (1153, 100), (2304, 256), (9, 300)] {
            let (a, b) = (random(k * n, 3), random(k * n, 4));
            let on = |parallelism| {
                let mut out = vec![0.0; n * n];
                transpose_product_on(&a, &b, n, &mut out, parallelism);
                out
            };
            let alone = on(Parallelism::None);
            for threads in 1..=5 {
                assert!(alone == on(Parallelism::Rayon(threads)), "{k} {n} on {threads} threads");
            }
        }
    }
}
