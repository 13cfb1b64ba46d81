//! Products against their definition, on every instruction set and number of threads.

use super::*;
use basin_core::SeedTree;

fn random(len: usize, seed: u64) -> Vec<f32> {
    let mut rng = SeedTree::root(seed).rng();
    (0..len).map(|_| rng.normal() as f32).collect()
}

/// `products` as a matrix.
fn matrix<T: Element>(products: &Products<T>, len: usize) -> Vec<f64>
where
    f64: From<T>,
{
    let mut out = vec![0.0; len];
    products.add_to(&mut out, 1.0);
    out
}

#[test]
fn the_product_is_that_of_the_definition_on_every_instruction_set() {
    for (k, m, n) in
        [(0, 3, 3), (1, 1, 1), (1, 5, 5), (7, 3, 16), (300, 17, 33), (600, 48, 20), (513, 64, 64)]
    {
        let (a, b) = (random(k * m, 1), random(k * n, 2));
        let mut order: Vec<usize> = (0..k).collect();
        SeedTree::root(3).rng().shuffle(&mut order);
        let (left, right) = (Panels::of_columns(&a, m), Panels::of_columns(&b, n));
        for isa in Isa::available() {
            let mut products = Products::default();
            products.compute_on(isa, &left, &right, &order);
            for (at, got) in matrix(&products, m * n).into_iter().enumerate() {
                let (i, j) = (at / n, at % n);
                let terms = (0..k).map(|k| f64::from(a[k * m + i]) * f64::from(b[order[k] * n + j]));
                let want: f64 = terms.sum();
                assert!((got - want).abs() < 1e-4, "{isa:?} {k} {m} {n} ({i}, {j}): {got} {want}");
            }
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
        for a_stored in [Stored::Plain(&a), Stored::Transposed(&at)] {
            for b_stored in [Stored::Plain(&b), Stored::Transposed(&bt)] {
                let mut out = vec![1.0; m * n];
                add_product([m, k, n], a_stored, b_stored, &mut out);
                for (at, got) in out.iter().enumerate() {
                    let (i, j) = (at / n, at % n);
                    let want: f64 = 1.0 + (0..k).map(|c| a[i * k + c] * b[c * n + j]).sum::<f64>();
                    assert!((got - want).abs() < 1e-12, "{m} {k} {n} ({i}, {j}): {got} {want}");
                }
            }
        }
    }
}

#[test]
fn the_number_of_threads_does_not_change_a_bit() {
    for (k, n) in [(576, 64), (1153, 100), (2304, 256), (9, 300)] {
        let (a, b) = (Panels::of_columns(&random(k * n, 3), n), Panels::of_columns(&random(k * n, 4), n));
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads start");
            let mut products = Products::default();
            pool.install(|| products.compute(&a, &b, &(0..k).collect::<Vec<usize>>()));
            products.rows
        };
        let alone = on(1);
        for threads in 2..=5 {
            assert!(alone == on(threads), "{k} {n} on {threads} threads");
        }
    }
}
