//! Noise on single values.

use crate::view::Given;
use crate::view::picture::{Picture, cut};
use basin_core::Rng;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Standard normals in pairs, by the polar method of Marsaglia: both of a pair are used.
pub(super) struct Normals<'a> {
    rng: &'a mut Rng,
    second: Option<f64>,
}

impl<'a> Normals<'a> {
    pub(super) fn new(rng: &'a mut Rng) -> Self {
        Self { rng, second: None }
    }

    pub(super) fn draw(&mut self) -> f64 {
        if let Some(second) = self.second.take() {
            return second;
        }
        loop {
            let (x, y) = (2.0 * self.rng.uniform() - 1.0, 2.0 * self.rng.uniform() - 1.0);
            let s = x * x + y * y;
            if s > 0.0 && s < 1.0 {
                let factor = (-2.0 * s.ln() / s).sqrt();
                self.second = Some(y * factor);
                return x * factor;
            }
        }
    }
}

/// x + N(0, c²) for every value.
pub(super) fn gaussian_noise(picture: &mut Picture, given: &Given<'_>) {
    let (mut rng, c) = (given.rng(), given.values[0]);
    let mut normals = Normals::new(&mut rng);
    picture.pixels.iter_mut().for_each(|x| *x = cut(f64::from(*x) / 255.0 + c * normals.draw()));
}

/// x + x · N(0, c²) for every value.
pub(super) fn speckle_noise(picture: &mut Picture, given: &Given<'_>) {
    let (mut rng, c) = (given.rng(), given.values[0]);
    let mut normals = Normals::new(&mut rng);
    for byte in &mut picture.pixels {
        let x = f64::from(*byte) / 255.0;
        *byte = cut(x + x * (c * normals.draw()));
    }
}

/// With probability c a value becomes 0 or 1, each as often; channels apart.
pub(super) fn impulse_noise(picture: &mut Picture, given: &Given<'_>) {
    let (mut rng, c) = (given.rng(), given.values[0]);
    for byte in &mut picture.pixels {
        match rng.uniform() {
            u if u < 0.5 * c => *byte = 255,
            u if u < c => *byte = 0,
            // As every value: there and back through x / 255.
            _ => *byte = cut(f64::from(*byte) / 255.0),
        }
    }
}

/// Poisson(x · c) / c for every value, by inversion of the distribution function: one draw a value.
pub(super) fn shot_noise(picture: &mut Picture, given: &Given<'_>) {
    let (mut rng, c) = (given.rng(), given.values[0]);
    let tables = tables(c);
    for byte in &mut picture.pixels {
        let u = rng.uniform();
        *byte = cut(tables[usize::from(*byte)].partition_point(|below| *below < u) as f64 / c);
    }
}

/// The distributions of every byte at a c, made once: at most 2 MB for each of the five.
fn tables(c: f64) -> Arc<Vec<Vec<f64>>> {
    static KNOWN: Mutex<BTreeMap<u64, Arc<Vec<Vec<f64>>>>> = Mutex::new(BTreeMap::new());
    let all = || Arc::new((0..256).map(|byte| poisson(f64::from(byte) / 255.0 * c)).collect());
    // Whole tables are put in, so that one left by a thread that died is as good as any.
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    known.entry(c.to_bits()).or_insert_with(all).clone()
}

/// P(X ≤ k) for k = 0, 1, … until it is 1 in f64 or grows no more; mean at most 700.
fn poisson(mean: f64) -> Vec<f64> {
    let (mut term, mut below) = ((-mean).exp(), 0.0);
    let mut table = Vec::new();
    for k in 1.. {
        let before = below;
        below += term;
        table.push(below);
        if below >= 1.0 || (below == before && f64::from(k) > mean) {
            return table;
        }
        term *= mean / f64::from(k);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use basin_core::SeedTree;

    #[test]
    fn a_table_is_the_distribution_function() {
        assert_eq!(poisson(0.0), [1.0]);
        let two = poisson(2.0);
        let e2 = (-2f64).exp();
        for (k, expected) in [e2, 3.0 * e2, 5.0 * e2, 5.0 * e2 + 4.0 / 3.0 * e2].into_iter().enumerate() {
            assert!((two[k] - expected).abs() < 1e-15, "P(X <= {k})");
        }
        let large = poisson(500.0);
        assert!(large.is_sorted() && (large.last().unwrap() - 1.0).abs() < 1e-12);
        // The mean is the sum of P(X > k).
        let mean: f64 = large.iter().map(|below| 1.0 - below).sum();
        assert!((mean - 500.0).abs() < 1e-8, "{mean}");
    }

    #[test]
    fn normals_have_their_moments_and_no_memory() {
        let mut rng = SeedTree::root(3).rng();
        let mut normals = Normals::new(&mut rng);
        let all: Vec<f64> = (0..40_000).map(|_| normals.draw()).collect();
        let mean = |f: &dyn Fn(usize) -> f64| (0..39_999).map(f).sum::<f64>() / 39_999.0;
        // Standard errors: .005, .007, .005; five of each.
        assert!(mean(&|i| all[i]).abs() < 0.025);
        assert!((mean(&|i| all[i] * all[i]) - 1.0).abs() < 0.036);
        assert!(mean(&|i| all[i] * all[i + 1]).abs() < 0.025);
    }
}
