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

/// A left operand of `[terms, units]`, row-major.
fn columns(matrix: &[f32], units: usize) -> Left<'_, f32> {
    let terms = matrix.len() / units;
    Left::new(units, vec![Part { values: matrix.into(), start: 0, stride: 1, block: units, terms }])
}

#[test]
fn some_terms_of_several_arrays_are_those_of_the_whole() {
    // Two blocks of three terms, as of a convolution's input axis, then seven terms of rows of units.
    let (units, first, second) = (21, random(2 * 21 * 3, 1), random(21 * 7, 2));
    let parts = vec![
        Part { values: first[..].into(), start: 0, stride: 3, block: 63, terms: 6 },
        Part { values: second[..].into(), start: 0, stride: 7, block: 147, terms: 7 },
    ];
    let left = Left::new(units, parts);
    let value = |term: usize, unit: usize| match term {
        0..6 => first[term / 3 * 63 + unit * 3 + term % 3],
        _ => second[unit * 7 + term - 6],
    };
    for term in 0..13 {
        let near: Neighbours<'_, f32, 4> = left.neighbours(term);
        for unit in [0, 20] {
            let expected = |n: usize| if term + n < 13 { value(term + n, unit) } else { 0.0 };
            assert_eq!(near.of(unit), std::array::from_fn(expected));
        }
    }
    let right = random(13 * 5, 3);
    let panels = Panels::of_columns(&right, 5);
    for terms in [(0..13).collect(), vec![0, 2, 5, 6, 12], vec![4], vec![11, 12], vec![]] {
        let order: Vec<usize> = terms.iter().map(|term| 12 - term).collect();
        for isa in Isa::available() {
            let mut products = Products::default();
            products.compute_on(isa, (&left, &terms), &panels, &order);
            for (at, got) in matrix(&products, units * 5).into_iter().enumerate() {
                let (i, j) = (at / 5, at % 5);
                let of = |term: &usize| f64::from(value(*term, i)) * f64::from(right[(12 - term) * 5 + j]);
                let want: f64 = terms.iter().map(of).sum();
                assert!((got - want).abs() < 1e-5, "{isa:?} {terms:?} ({i}, {j}): {got} {want}");
            }
        }
    }
}

#[test]
fn the_product_is_that_of_the_definition_on_every_instruction_set() {
    for (k, m, n) in
        [(0, 3, 3), (1, 1, 1), (1, 5, 5), (7, 3, 16), (300, 17, 33), (600, 48, 20), (513, 64, 64)]
    {
        let (a, b) = (random(k * m, 1), random(k * n, 2));
        let mut order: Vec<usize> = (0..k).collect();
        SeedTree::root(3).rng().shuffle(&mut order);
        let (left, right) = (columns(&a, m), Panels::of_columns(&b, n));
        let terms: Vec<usize> = (0..k).collect();
        for isa in Isa::available() {
            let mut products = Products::default();
            products.compute_on(isa, (&left, &terms), &right, &order);
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
        let (a, b) = (random(k * n, 3), Panels::of_columns(&random(k * n, 4), n));
        let (a, terms) = (columns(&a, n), (0..k).collect::<Vec<usize>>());
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads start");
            let mut products = Products::default();
            pool.install(|| products.compute((&a, &terms), &b, &terms));
            products.rows
        };
        let alone = on(1);
        for threads in 2..=5 {
            assert!(alone == on(threads), "{k} {n} on {threads} threads");
        }
    }
}
