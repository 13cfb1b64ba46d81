//! REPAIR: give the channels of a merged network the statistics that lie between those of its parents.

use basin_core::{Array, Simplex};
use rayon::prelude::*;
use thiserror::Error;

/// Mean and standard deviation of each channel over many inputs.
#[derive(Clone, Debug, PartialEq)]
pub struct ChannelStatistics {
    mean: Vec<f64>,
    deviation: Vec<f64>,
}

/// Why statistics cannot be used to repair a network.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum RepairError {
    /// Two counts of channels disagree.
    #[error("{what} has {found} channels, expected {expected}")]
    Channels {
        /// What was counted.
        what: &'static str,
        /// Expected number of channels.
        expected: usize,
        /// Its number of channels.
        found: usize,
    },
    /// Activations are not `[samples, channels]` with at least one sample.
    #[error("activations are {shape:?}, expected [samples, channels] with at least one sample")]
    Activations {
        /// Their shape.
        shape: Vec<usize>,
    },
    /// Activations in parts are not rows of channels, or there are none.
    #[error("parts of {lengths:?} values, expected whole rows of {channels} channels, at least one row")]
    Parts {
        /// Channels of a row.
        channels: usize,
        /// Values of each part.
        lengths: Vec<usize>,
    },
    /// The number of weights is not the number of endpoints.
    #[error("{weights} weights for {endpoints} endpoints, expected one for each")]
    Count {
        /// How many weights.
        weights: usize,
        /// How many endpoints.
        endpoints: usize,
    },
    /// A mean or deviation is not finite, or a deviation is negative.
    #[error(
        "channel {channel} has mean {mean} and deviation {deviation}, expected finite numbers and a deviation >= 0"
    )]
    Channel {
        /// The channel.
        channel: usize,
        /// Its mean.
        mean: f64,
        /// Its deviation.
        deviation: f64,
    },
}

impl ChannelStatistics {
    /// Statistics measured elsewhere.
    ///
    /// # Errors
    /// [`RepairError::Channels`] when the lengths differ, [`RepairError::Channel`] at the first channel whose
    /// numbers are not those of a distribution.
    pub fn new(mean: Vec<f64>, deviation: Vec<f64>) -> Result<Self, RepairError> {
        if mean.len() != deviation.len() {
            let (expected, found) = (mean.len(), deviation.len());
            return Err(RepairError::Channels { what: "the list of deviations", expected, found });
        }
        for (channel, (&mean, &deviation)) in mean.iter().zip(&deviation).enumerate() {
            if !mean.is_finite() || !deviation.is_finite() || deviation < 0.0 {
                return Err(RepairError::Channel { channel, mean, deviation });
            }
        }
        Ok(Self { mean, deviation })
    }

    /// The statistics of activations `[samples, channels]`, in f64, with the number of samples as divisor. For
    /// a convolution every pixel of every image is a sample.
    ///
    /// # Errors
    /// [`RepairError::Activations`] for other shapes, [`RepairError::Channel`] for values that are not finite.
    pub fn of(activations: &Array) -> Result<Self, RepairError> {
        let (samples, channels) = match *activations.shape() {
            [samples, channels] if samples > 0 => (samples, channels),
            _ => return Err(RepairError::Activations { shape: activations.shape().to_vec() }),
        };
        Self::of_rows(channels, &[activations.data()], samples)
    }

    /// As [`ChannelStatistics::of`], of samples that lie in several parts of rows of `channels` values. Each part is summed on
    /// one core, and the parts are added in their order: the result does not depend on the number of cores.
    ///
    /// # Errors
    /// [`RepairError::Parts`] where a part does not end with a row or there is no row, [`RepairError::Channel`] for values
    /// that are not finite.
    pub fn of_parts(channels: usize, parts: &[&[f32]]) -> Result<Self, RepairError> {
        let values: usize = parts.iter().map(|part| part.len()).sum();
        let samples = values.checked_div(channels).unwrap_or(0);
        if samples == 0 || !parts.iter().all(|part| part.len().is_multiple_of(channels)) {
            return Err(RepairError::Parts {
                channels,
                lengths: parts.iter().map(|part| part.len()).collect(),
            });
        }
        Self::of_rows(channels, parts, samples)
    }

    fn of_rows(channels: usize, parts: &[&[f32]], samples: usize) -> Result<Self, RepairError> {
        // Row by row, as the values lie in memory.
        let average = |term: &(dyn Fn(usize, f64) -> f64 + Sync)| -> Vec<f64> {
            let sums = parts.par_iter().map(|part| {
                let mut sums = vec![0.0; channels];
                for row in part.chunks_exact(channels.max(1)) {
                    for (c, (sum, x)) in sums.iter_mut().zip(row).enumerate() {
                        *sum += term(c, f64::from(*x));
                    }
                }
                sums
            });
            let mut total = vec![0.0; channels];
            for part in sums.collect::<Vec<_>>() {
                total.iter_mut().zip(part).for_each(|(total, sum)| *total += sum);
            }
            total.into_iter().map(|sum| sum / samples as f64).collect()
        };
        let mean = average(&|_, x| x);
        let variance = average(&|c, x| (x - mean[c]).powi(2));
        Self::new(mean, variance.into_iter().map(f64::sqrt).collect())
    }

    /// Mean of each channel.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// Standard deviation of each channel.
    pub fn deviation(&self) -> &[f64] {
        &self.deviation
    }

    /// Number of channels.
    pub fn channels(&self) -> usize {
        self.mean.len()
    }
}

/// y = scale · x + shift, channel by channel.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ChannelCorrection {
    /// Factor of each channel.
    pub scale: Vec<f64>,
    /// What is added to each channel.
    pub shift: Vec<f64>,
}

/// The affine correction of REPAIR (Jordan et al., *REPAIR: REnormalizing Permuted Activations for Interpolation
/// Repair*, arXiv 2211.08403, Section 4).
///
/// Averaging networks shrinks the deviations of their activations, since units are never perfectly correlated:
/// the "variance collapse" of merged networks. REPAIR rescales every channel c of the merged network so that
/// mean and deviation become those in between the endpoints. With λ the weights of the merge,
///
/// ```text
/// μ* = Σ_i λ_i μ_i,   σ* = Σ_i λ_i σ_i,   scale = σ* / σ_merged,   shift = μ* − scale · μ_merged
/// ```
///
/// A channel that is constant in the merged network has no scale to correct; its scale is 1 and its shift moves
/// it to μ*. Statistics are those of the outputs of a convolution, dense layer or normalisation, before the
/// activation function, with the units of the endpoints aligned. Correcting a layer changes the inputs of those
/// behind it: go from the first layer to the last and measure each in the network corrected so far.
///
/// # Errors
/// [`RepairError`] when the numbers of channels, or of endpoints and weights, differ.
pub fn repair(
    endpoints: &[&ChannelStatistics],
    weights: &Simplex,
    merged: &ChannelStatistics,
) -> Result<ChannelCorrection, RepairError> {
    let lambda = weights.weights();
    if endpoints.len() != lambda.len() {
        return Err(RepairError::Count { weights: lambda.len(), endpoints: endpoints.len() });
    }
    for endpoint in endpoints {
        let (expected, found) = (merged.channels(), endpoint.channels());
        if expected != found {
            return Err(RepairError::Channels { what: "an endpoint", expected, found });
        }
    }
    let between = |of: fn(&ChannelStatistics) -> &[f64], channel: usize| -> f64 {
        endpoints.iter().zip(lambda).map(|(endpoint, lambda)| lambda * of(endpoint)[channel]).sum()
    };
    let mut correction = ChannelCorrection { scale: Vec::new(), shift: Vec::new() };
    for (channel, (&mean, &deviation)) in merged.mean.iter().zip(&merged.deviation).enumerate() {
        let ratio = between(ChannelStatistics::deviation, channel) / deviation;
        let scale = if ratio.is_finite() { ratio } else { 1.0 };
        correction.scale.push(scale);
        correction.shift.push(between(ChannelStatistics::mean, channel) - scale * mean);
    }
    Ok(correction)
}

impl ChannelCorrection {
    /// The correction absorbed into the layer whose outputs were measured, so that the architecture stays: for a
    /// convolution or dense layer with channels on axis 0, and likewise for scale γ and shift β of a
    /// normalisation as weight and bias,
    ///
    /// ```text
    /// W'[c, …] = scale_c W[c, …],    b'_c = scale_c b_c + shift_c
    /// ```
    ///
    /// A layer without bias has b = 0 and needs one afterwards. In f64, rounded once.
    ///
    /// # Errors
    /// [`RepairError::Channels`] when weight or bias have another number of channels.
    pub fn absorb(&self, weight: &Array, bias: Option<&Array>) -> Result<(Array, Array), RepairError> {
        let expected = self.scale.len();
        let count = |what: &'static str, found: usize| {
            if found == expected { Ok(()) } else { Err(RepairError::Channels { what, expected, found }) }
        };
        count("the weight", weight.shape().first().copied().unwrap_or(0))?;
        let (mut weight, mut shifted) = (weight.clone(), Array::full(vec![expected], 0.0));
        if let Some(bias) = bias {
            count("the bias", bias.data().len())?;
            shifted = bias.clone();
        }
        let per_channel = weight.data().len().checked_div(expected).unwrap_or(0).max(1);
        for (values, scale) in weight.data_mut().chunks_exact_mut(per_channel).zip(&self.scale) {
            values.iter_mut().for_each(|x| *x = (scale * f64::from(*x)) as f32);
        }
        for ((x, scale), shift) in shifted.data_mut().iter_mut().zip(&self.scale).zip(&self.shift) {
            *x = (scale * f64::from(*x) + shift) as f32;
        }
        Ok((weight, shifted))
    }
}

#[cfg(test)]
mod tests;
