//! Logits of a whole image set by a module in evaluation.

use crate::module::{Module, input};
use crate::variables::values;
use crate::{Variables, reestimated};
use basin_core::{Logits, Params, Simplex};
use basin_data::{ImageSet, Normalisation, fill_plain};
use basin_models::{Network, NetworkStatistics};
use basin_train::{EvaluateError, Evaluator, Mixture};
use candle_core::{Device, Result};
use candle_nn::ModuleT;

/// Images of one forward pass: enough to be fast, few enough for their activations.
pub(crate) const CHUNK: usize = 128;

pub(crate) struct CandleEvaluator<'a> {
    network: &'a Network,
    module: &'a Module,
    images: &'a ImageSet,
    normalisation: &'a Normalisation,
    device: Device,
    mixture: Mixture,
    /// The variables with the module on them, once there are values for them.
    built: Option<(Variables, Box<dyn ModuleT>)>,
    /// All images, normalised.
    pixels: Vec<f32>,
}

impl<'a> CandleEvaluator<'a> {
    pub(crate) fn new(
        network: &'a Network,
        images: &'a ImageSet,
        normalisation: &'a Normalisation,
        device: &Device,
    ) -> std::result::Result<Self, EvaluateError> {
        if images.size() != network.side() {
            return Err(EvaluateError::Side { images: images.size(), network: network.side() });
        }
        let mut pixels = vec![0.0; images.len() * images.size() * images.size() * 3];
        fill_plain(images, 0..images.len(), normalisation, &mut pixels);
        let (module, device) = (Module::of(network)?, device.clone());
        let (mixture, built) = (Mixture::default(), None);
        Ok(Self { network, module, images, normalisation, device, mixture, built, pixels })
    }
}

impl Evaluator for CandleEvaluator<'_> {
    fn logits_between(
        &mut self,
        networks: &[&Params],
        lambda: &Simplex,
    ) -> std::result::Result<Logits, EvaluateError> {
        let (network, module) = (self.network, self.module);
        let mixed = self.mixture.of(network, networks, lambda)?;
        let (_, built) = match &mut self.built {
            Some(built) => {
                built.0.set(network, mixed)?;
                built
            }
            none => {
                let variables = Variables::new(module.name(), network, mixed, &self.device)?;
                let built = module.on(&variables, &self.device)?;
                none.insert((variables, built))
            }
        };
        let values = logits_of(module, &**built, &self.pixels, network.side(), &self.device)?;
        Ok(Logits::new(network.classes(), values)?)
    }

    fn reestimated(&mut self, params: &Params) -> std::result::Result<Params, EvaluateError> {
        let backend = (self.network, self.images, self.normalisation);
        Ok(reestimated(backend.0, params, backend.1, backend.2, &self.device)?)
    }

    fn statistics(&mut self, _: &Params) -> std::result::Result<NetworkStatistics, EvaluateError> {
        Err(EvaluateError::NoRepair { backend: "candle" })
    }

    fn repaired(
        &mut self,
        _: &Params,
        _: &[&NetworkStatistics],
        _: &Simplex,
    ) -> std::result::Result<Params, EvaluateError> {
        Err(EvaluateError::NoRepair { backend: "candle" })
    }
}

/// Logits of normalised images `[n, side, side, 3]`, some at a time.
pub(crate) fn logits_of(
    module: &Module,
    built: &dyn ModuleT,
    pixels: &[f32],
    side: usize,
    device: &Device,
) -> Result<Vec<f32>> {
    let mut all = Vec::new();
    for some in pixels.chunks(CHUNK * side * side * 3) {
        all.extend(values(&module.logits(built, &input(some, side, device)?, false)?)?);
    }
    Ok(all)
}
