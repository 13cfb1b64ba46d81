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

/// An operand of `[terms, units]`, row-major.
fn columns(matrix: &[f32], units: usize) -> Operand<'_, f32> {
    let terms = matrix.len() / units;
    Operand::new(units, vec![Part { values: matrix.into(), start: 0, stride: 1, block: units, terms }])
}

/// Two blocks of three terms, as of a convolution's input axis, then seven terms of rows of units.
fn parts<'a>(first: &'a [f32], second: &'a [f32], units: usize) -> Operand<'a, f32> {
    let parts = vec![
        Part { values: first.into(), start: 0, stride: 3, block: 3 * units, terms: 6 },
        Part { values: second.into(), start: 0, stride: 7, block: 7 * units, terms: 7 },
    ];
    Operand::new(units, parts)
}

/// What such an operand holds.
fn value(first: &[f32], second: &[f32], units: usize, term: usize, unit: usize) -> f64 {
    f64::from(match term {
        0..6 => first[term / 3 * 3 * units + unit * 3 + term % 3],
        _ => second[unit * 7 + term - 6],
    })
}

#[test]
fn some_terms_of_several_arrays_are_those_of_the_whole() {
    let (m, n) = (21, 37);
    let a = (random(6 * m, 1), random(7 * m, 2));
    let b = (random(6 * n, 3), random(7 * n, 4));
    let (left, right) = (parts(&a.0, &a.1, m), parts(&b.0, &b.1, n));
    assert_eq!((left.terms(), right.terms()), (13, 13));
    let reversed = |terms: &[usize]| terms.iter().map(|term| 12 - term).collect::<Vec<usize>>();
    let within = |terms: &[usize]| -> Vec<usize> {
        terms.iter().map(|term| if *term < 6 { 5 - term } else { 18 - term }).collect()
    };
    for terms in [(0..13).collect(), vec![0, 2, 5, 6, 12], vec![4], vec![11, 12], vec![7, 3, 3], vec![]] {
        // Rows that lie in other parts than the terms they meet, and what one row has more than another one.
        let (other, own) = (reversed(&terms), within(&terms));
        let cases = [
            Rows { at: &other, less: None },
            Rows { at: &own, less: Some(&terms) },
            Rows { at: &terms, less: Some(&own) },
        ];
        for (rows, isa) in
            cases.iter().flat_map(|rows| Isa::available().into_iter().map(move |isa| (rows, isa)))
        {
            let mut products = Products::default();
            products.compute_on(isa, (&left, &terms), (&right, *rows));
            for (at, got) in matrix(&products, m * n).into_iter().enumerate() {
                let (i, j) = (at / n, at % n);
                let of = |k: usize| {
                    let less = rows.less.map_or(0.0, |less| value(&b.0, &b.1, n, less[k], j));
                    value(&a.0, &a.1, m, terms[k], i) * (value(&b.0, &b.1, n, rows.at[k], j) - less)
                };
                let want: f64 = (0..terms.len()).map(of).sum();
                assert!((got - want).abs() < 1e-5, "{isa:?} {terms:?} {rows:?} ({i}, {j}): {got} {want}");
            }
        }
    }
}

#[test]
#[should_panic(expected = "a term that the operand has")]
fn a_term_that_is_not_there_is_refused() {
    let values = random(26, 5);
    let operand = columns(&values, 2);
    Products::default().compute((&operand, &[0, 13]), (&operand, [0, 1][..].into()));
}

#[test]
fn the_product_is_that_of_the_definition_on_every_instruction_set() {
    for (k, m, n) in
        [(0, 3, 3), (1, 1, 1), (1, 5, 5), (7, 3, 16), (300, 17, 33), (600, 48, 20), (513, 64, 64)]
    {
        let (a, b) = (random(k * m, 1), random(k * n, 2));
        let mut order: Vec<usize> = (0..k).collect();
        SeedTree::root(3).rng().shuffle(&mut order);
        let (left, right) = (columns(&a, m), columns(&b, n));
        let terms: Vec<usize> = (0..k).collect();
        for isa in Isa::available() {
            let mut products = Products::default();
            products.compute_on(isa, (&left, &terms), (&right, order[..].into()));
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
        let (a, b) = (random(k * n, 3), random(k * n, 4));
        let (a, b, terms) = (columns(&a, n), columns(&b, n), (0..k).collect::<Vec<usize>>());
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads start");
            let mut products = Products::default();
            pool.install(|| products.compute((&a, &terms), (&b, terms[..].into())));
            products.rows
        };
        let alone = on(1);
        for threads in 2..=5 {
            assert!(alone == on(threads), "{k} {n} on {threads} threads");
        }
    }
}
