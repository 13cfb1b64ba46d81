//! REPAIR of whole networks: statistics of every layer's channels, and parameters that restore them between networks.

use crate::{ModelError, Network};
use basin_core::{Params, Simplex};
use basin_graph::{CpuLayers, Layers, Site, Tapped};
use basin_kernels::Activation;
use candle_core::{Error, Result};
use rayon::prelude::*;
use std::rc::Rc;
use weight_matching::{ChannelCorrection, ChannelStatistics, repair};

/// Images of one part of a batch: a constant, so that sums over parts have one order on all machines.
const PART: usize = 16;

/// Pixels or tokens that are corrected in one task.
const ROWS: usize = 256;

/// Statistics of the channels at every place where a network scales and shifts them, in the order of its forward pass: the
/// outputs of norms and of dense layers with a GELU, before the nonlinearity, over all pixels or tokens of some images.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkStatistics {
    sites: Vec<ChannelStatistics>,
}

impl NetworkStatistics {
    /// One entry per place.
    pub fn sites(&self) -> &[ChannelStatistics] {
        &self.sites
    }
}

impl Network {
    /// Statistics on normalised images `[n, side, side, channels]`, all in memory at once, on all cores.
    ///
    /// # Errors
    /// [`ModelError`] when parameters or images do not fit the network.
    pub fn statistics(
        &self,
        params: &Params,
        images: &[f32],
    ) -> std::result::Result<NetworkStatistics, ModelError> {
        let weights = self.weights(params, false)?;
        self.statistics_on(CpuLayers::new(&weights), self.parts(images)?)
    }

    /// As [`Network::statistics`], wherever these layers compute, of images that lie there in parts. Sums are made on the
    /// CPU.
    ///
    /// # Errors
    /// [`ModelError`] when weights or images do not fit the network.
    pub fn statistics_on<L: Layers>(
        &self,
        layers: L,
        images: Vec<L::Value>,
    ) -> std::result::Result<NetworkStatistics, ModelError> {
        let mut sites = Vec::new();
        let visit = |layers: &L, _: Site, y: &mut [L::Value]| {
            sites.push(channel_statistics(layers, y)?);
            Ok(())
        };
        self.forward(&mut Tapped::new(layers, visit), &Rc::new(images.into()))?;
        Ok(NetworkStatistics { sites })
    }

    /// REPAIR (see [`weight_matching::repair`]) of the combination Σ λᵢ θᵢ of networks with these statistics: from the
    /// first layer to the last, every channel gets the mean and deviation Σ λᵢ (μᵢ, σᵢ) on the images, by a change of
    /// the parameters that scale and shift it. At a vertex of the simplex nothing changes, bit for bit.
    ///
    /// # Errors
    /// [`ModelError`] when parameters, images or statistics do not fit the network, or each other.
    pub fn repaired(
        &self,
        merged: &Params,
        endpoints: &[&NetworkStatistics],
        lambda: &Simplex,
        images: &[f32],
    ) -> std::result::Result<Params, ModelError> {
        let weights = self.weights(merged, false)?;
        self.repaired_on(CpuLayers::new(&weights), self.parts(images)?, merged, endpoints, lambda)
    }

    /// As [`Network::repaired`], wherever these layers compute; their weights are those of `merged`.
    ///
    /// # Errors
    /// As [`Network::repaired`].
    pub fn repaired_on<L: Layers>(
        &self,
        layers: L,
        images: Vec<L::Value>,
        merged: &Params,
        endpoints: &[&NetworkStatistics],
        lambda: &Simplex,
    ) -> std::result::Result<Params, ModelError> {
        let mut corrections: Vec<(Site, ChannelCorrection)> = Vec::new();
        let visit = |layers: &L, site: Site, y: &mut [L::Value]| {
            let place = corrections.len();
            let ends = endpoints.iter().map(|end| end.sites.get(place));
            let ends = ends.collect::<Option<Vec<_>>>();
            let ends = ends.ok_or_else(|| Error::msg(format!("no statistics of layer {place}")))?;
            let correction = repair(&ends, lambda, &channel_statistics(layers, y)?).map_err(Error::wrap)?;
            y.iter_mut().try_for_each(|y| correct(layers, y, &correction))?;
            corrections.push((site, correction));
            Ok(())
        };
        self.forward(&mut Tapped::new(layers, visit), &Rc::new(images.into()))?;
        let mut repaired = merged.clone();
        for (site, correction) in corrections {
            let [scale, shift] = [site.scale, site.shift].map(|id| &self.layout().params[id.0].name);
            let array = |name: &str| repaired.get(name).ok_or_else(|| Error::msg(format!("no {name}")));
            let (weight, bias) =
                correction.absorb(array(scale)?, Some(array(shift)?)).map_err(Error::wrap)?;
            repaired.insert(scale.clone(), weight);
            repaired.insert(shift.clone(), bias);
        }
        Ok(repaired)
    }

    /// Images as a batch in parts.
    fn parts(&self, images: &[f32]) -> Result<Vec<Activation>> {
        images.chunks((PART * self.extent().values()).max(1)).map(|part| self.input(part)).collect()
    }
}

/// Scales and shifts the channels of a value.
fn correct<L: Layers>(layers: &L, y: &mut L::Value, correction: &ChannelCorrection) -> Result<()> {
    let (channels, mut numbers) = (layers.channels(y).max(1), layers.read(y)?.into_owned());
    numbers.par_chunks_mut(ROWS * channels).for_each(|rows| {
        for row in rows.chunks_exact_mut(channels) {
            for ((y, scale), shift) in row.iter_mut().zip(&correction.scale).zip(&correction.shift) {
                *y = (scale * f64::from(*y) + shift) as f32;
            }
        }
    });
    layers.write(y, &numbers)
}

/// Every pixel or token is a sample.
fn channel_statistics<L: Layers>(layers: &L, y: &[L::Value]) -> Result<ChannelStatistics> {
    let channels = y.first().map_or(0, |part| layers.channels(part));
    let parts = y.iter().map(|part| layers.read(part)).collect::<Result<Vec<_>>>()?;
    let parts: Vec<&[f32]> = parts.iter().map(|part| &**part).collect();
    ChannelStatistics::of_parts(channels, &parts).map_err(Error::wrap)
}
