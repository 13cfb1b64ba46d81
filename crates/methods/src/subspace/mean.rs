//! The mean of networks, and networks around it.

use super::weights::Networks;
use basin_core::{Params, Rng};

/// The mean of networks.
pub(crate) fn mean_of(networks: &Networks<'_>) -> Params {
    Around { coefficients: &[], diagonal: None }.network(networks)
}

/// A network around the mean μ of networks θₖ, weight by weight, with σ the population's deviation over the networks:
/// μ + Σₖ cₖ (θₖ − μ) + d·σ·z, z standard normal, where d is not 0.
pub(super) struct Around<'a> {
    /// c; one for each network, or none.
    pub(super) coefficients: &'a [f64],
    /// d with where z is from.
    pub(super) diagonal: Option<(f64, Rng)>,
}

impl Around<'_> {
    /// The network, in f64 until it is rounded once. Cost: linear in networks times weights.
    pub(super) fn network(self, networks: &Networks<'_>) -> Params {
        let Self { coefficients, mut diagonal } = self;
        let count = networks.len() as f64;
        networks.made(|slices| {
            let value = |i: usize| {
                let values = || slices.iter().map(|slice| f64::from(slice[i]));
                let mean = values().sum::<f64>() / count;
                let shift: f64 = values().zip(coefficients).map(|(value, c)| c * (value - mean)).sum();
                let drawn = diagonal.as_mut().map_or(0.0, |(factor, rng)| {
                    let variance = values().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
                    *factor * variance.sqrt() * rng.normal()
                });
                (mean + shift + drawn) as f32
            };
            (0..slices[0].len()).map(value).collect()
        })
    }
}
