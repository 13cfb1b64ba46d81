//! Model Stock: between the mean of fine-tuned networks and the network they began with.

use crate::subspace::{Networks, refusal};
use basin_core::{Citation, Params, SeedTree};
use basin_ensemble::{ParamOp, ParamOpError};

/// Array by array w = t·w̄ + (1 − t)·w₀ with t = k cos θ/(1 + (k − 1) cos θ): w̄ is the mean of k networks, w₀ the one that they were
/// fine-tuned from (the last input), cos θ the mean cosine of the angles between their ways wᵢ − w₀ (Jang, Yun, Han 2024, Eq. 2 and
/// 5, where angles are taken layer by layer). t is kept in 0..1, and is 1 where an array did not move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelStock;

impl ModelStock {
    /// Source of the method.
    pub const CITATION: Citation = Citation {
        key: "jang2024modelstock",
        authors: "Jang, Dong-Hwan and Yun, Sangdoo and Han, Dongyoon",
        title: "Model Stock: All we need is just a few fine-tuned models",
        year: 2024,
        locator: "2403.19522",
    };

    fn check_count(&self, networks: usize) -> Result<(), ParamOpError> {
        match networks {
            0..3 => Err(refusal(self, format!("{networks} networks, expected at least 2 and their start"))),
            _ => Ok(()),
        }
    }
}

/// t of k ways from one start.
fn share(ways: &[Vec<f64>]) -> f64 {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let (mut sum, mut pairs) = (0.0, 0);
    for (i, a) in ways.iter().enumerate() {
        for b in &ways[i + 1..] {
            let lengths = (dot(a, a) * dot(b, b)).sqrt();
            if lengths > 0.0 {
                (sum, pairs) = (sum + dot(a, b) / lengths, pairs + 1);
            }
        }
    }
    if pairs == 0 {
        return 1.0;
    }
    let (k, cosine) = (ways.len() as f64, sum / f64::from(pairs));
    // Ways that point apart on the whole say: stay.
    if cosine <= 0.0 { 0.0 } else { (k * cosine / (1.0 + (k - 1.0) * cosine)).min(1.0) }
}

impl ParamOp for ModelStock {
    fn id(&self) -> String {
        "model stock 1".into()
    }

    fn apply(&self, inputs: &[&Params], _: &SeedTree) -> Result<Params, ParamOpError> {
        self.check_count(inputs.len())?;
        let networks = Networks::of(self, inputs)?;
        Ok(networks.made(|slices| {
            let (start, tuned) = (slices[slices.len() - 1], &slices[..slices.len() - 1]);
            let way = |tuned: &&[f32]| -> Vec<f64> {
                tuned.iter().zip(start).map(|(w, w0)| f64::from(*w) - f64::from(*w0)).collect()
            };
            let ways: Vec<Vec<f64>> = tuned.iter().map(way).collect();
            let factor = share(&ways) / ways.len() as f64;
            let value = |i: usize| f64::from(start[i]) + factor * ways.iter().map(|way| way[i]).sum::<f64>();
            (0..start.len()).map(|i| value(i) as f32).collect()
        }))
    }

    fn check(&self, networks: usize, _: &Params) -> Result<(), ParamOpError> {
        self.check_count(networks)
    }

    fn new_statistics(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use basin_core::Array;

    fn network(values: &[f32]) -> Params {
        let mut params = Params::new();
        params.insert("w", Array::new(vec![values.len()], values.to_vec()).unwrap());
        params
    }

    fn of(inputs: &[&[f32]]) -> Vec<f32> {
        let networks: Vec<Params> = inputs.iter().map(|values| network(values)).collect();
        let borrowed: Vec<&Params> = networks.iter().collect();
        let made = ModelStock.apply(&borrowed, &SeedTree::root(0)).unwrap();
        made.get("w").unwrap().data().to_vec()
    }

    #[test]
    fn the_share_of_the_mean_grows_as_ways_agree() {
        // Equal ways: cos θ = 1, t = 1. At right angles: t = 0. At 60 degrees, two networks: t = 2 · ½ / (1 + ½) = 2/3.
        assert_eq!(of(&[&[2.0, 0.0], &[2.0, 0.0], &[1.0, 0.0]]), [2.0, 0.0]);
        assert_eq!(of(&[&[2.0, 0.0], &[1.0, 1.0], &[1.0, 0.0]]), [1.0, 0.0]);
        let root = 3f32.sqrt();
        let made = of(&[&[1.0, root], &[2.0, 0.0], &[0.0, 0.0]]);
        assert!((made[0] - 1.0).abs() < 1e-6 && (made[1] - root / 3.0).abs() < 1e-6, "{made:?}");
        // Three ways at right angles but one pair that agrees: mean cosine 1/3, t = 3 · ⅓ / (1 + ⅔) = 3/5.
        let made = of(&[&[1.0, 0.0], &[1.0, 0.0], &[0.0, 3.0], &[0.0, 0.0]]);
        assert!((made[0] - 0.4).abs() < 1e-6 && (made[1] - 0.6).abs() < 1e-6, "{made:?}");
        assert_eq!(of(&[&[2.0, 0.0], &[0.0, 0.0], &[1.0, 0.0]]), [1.0, 0.0]);
        assert_eq!(of(&[&[1.0, 0.0], &[1.0, 0.0], &[1.0, 0.0]]), [1.0, 0.0]);
        let error = ModelStock.check(2, &Params::new()).unwrap_err().to_string();
        assert_eq!(error, "model stock 1: 2 networks, expected at least 2 and their start");
    }
}
