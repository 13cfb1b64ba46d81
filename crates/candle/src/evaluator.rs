//! Logits of a whole image set by a module in evaluation, and gradients of some images.

use crate::Variables;
use crate::derivative::Derivative;
use crate::layers::without_dropout;
use crate::module::{Module, input};
use crate::variables::values;
use basin_core::{Array, Extent, Logits, Params, Simplex};
use basin_data::{ImageSet, Normalisation, fill_plain};
use basin_kernels::reuse;
use basin_models::{Network, NetworkStatistics, ParamSpec};
use basin_train::{Batch, EvaluateError, Evaluator, Mixture, Teacher, Teaching, learn, plain_batch};
use candle_core::{Device, Result, Tensor};
use candle_nn::ModuleT;

/// Images of one forward pass: enough to be fast, few enough for their activations.
pub(crate) const CHUNK: usize = 128;

pub(crate) struct CandleEvaluator<'a> {
    network: &'a Network,
    module: Module,
    images: ImageSet,
    normalisation: Normalisation,
    device: Device,
    mixture: Mixture,
    /// The variables with the module on them, once there are values for them.
    built: Option<(Variables, Box<dyn ModuleT>)>,
    /// Variables of its own for gradients.
    derivative: Option<Derivative<'a>>,
    /// Some images, normalised; the memory stays from pass to pass.
    pixels: Vec<f32>,
}

impl<'a> CandleEvaluator<'a> {
    pub(crate) fn new(
        network: &'a Network,
        images: &ImageSet,
        normalisation: &Normalisation,
        device: &Device,
    ) -> std::result::Result<Self, EvaluateError> {
        if images.extent() != network.extent() {
            return Err(EvaluateError::Extent { images: images.extent(), network: network.extent() });
        }
        let (module, device) = (Module::of(network)?, device.clone());
        let (images, normalisation) = (images.clone(), *normalisation);
        let (mixture, built, derivative, pixels) = (Mixture::default(), None, None, Vec::new());
        Ok(Self { network, module, images, normalisation, device, mixture, built, derivative, pixels })
    }
}

impl Evaluator for CandleEvaluator<'_> {
    fn logits_between(
        &mut self,
        networks: &[&Params],
        lambda: &Simplex,
    ) -> std::result::Result<Logits, EvaluateError> {
        let (network, images) = (self.network, &self.images);
        let mixed = self.mixture.of(network, networks, lambda)?;
        let (_, built) = match &mut self.built {
            Some(built) => {
                built.0.set(network, mixed)?;
                built
            }
            none => {
                let variables = Variables::new(self.module.name(), network, mixed, &self.device)?;
                let variables = variables.without_graph();
                let built = self.module.on(&variables, &self.device)?;
                none.insert((variables, built))
            }
        };
        let (one, mut values) = (images.extent().values(), Vec::new());
        for first in (0..images.len()).step_by(CHUNK) {
            let range = first..images.len().min(first + CHUNK);
            self.pixels.resize(range.len() * one, 0.0);
            fill_plain(images, range, &self.normalisation, &mut self.pixels);
            values.extend(logits_of(&self.module, &**built, &self.pixels, network.extent(), &self.device)?);
        }
        Ok(Logits::new(network.classes(), values)?)
    }

    fn features(&mut self, params: &Params) -> std::result::Result<Option<Array>, EvaluateError> {
        let (network, images) = (self.network, &self.images);
        let slices = network.slices(params)?;
        let variables = Variables::new(self.module.name(), network, &slices, &self.device)?.without_graph();
        let Some(built) = self.module.featured_on(&variables, &self.device)? else { return Ok(None) };
        let (one, mut rows) = (images.extent().values(), Vec::new());
        for first in (0..images.len()).step_by(CHUNK) {
            let range = first..images.len().min(first + CHUNK);
            self.pixels.resize(range.len() * one, 0.0);
            fill_plain(images, range, &self.normalisation, &mut self.pixels);
            let x = input(&self.pixels, network.extent(), &self.device)?;
            rows.extend(values(&self.module.features(&*built, &x)?)?);
        }
        let shape = vec![images.len(), rows.len() / images.len().max(1)];
        Ok(Some(Array::new(shape, rows).map_err(candle_core::Error::wrap)?))
    }

    /// The whole list is one batch, at once.
    fn gradient(
        &mut self,
        params: &Params,
        images: &[usize],
    ) -> std::result::Result<(f64, Params), EvaluateError> {
        let (network, n) = (self.network, images.len());
        let (pixels, labels) = plain_batch(&self.images, images, network.classes(), &self.normalisation)?;
        self.module.check_batch(network, n)?;
        let derivative = match &mut self.derivative {
            Some(derivative) => {
                // Running statistics, too, which the pass before has moved.
                derivative.variables().set(network, &network.slices(params)?)?;
                derivative
            }
            none => none.insert(Derivative::new(network, params, &self.device)?),
        };
        let pass = |x: &Tensor| without_dropout(|| derivative.logits(x));
        let batch = Batch::new(&pixels, &labels);
        let unasked = |_: &Teacher, _: &[f32]| candle_core::bail!("labels are taught by no teacher");
        let (classes, scale) = (network.classes(), 1.0 / n as f32);
        let taught = |logits: &[f32]| learn(&Teaching::Labels, classes, logits, batch, scale, &unasked);
        let of = || derivative.of(&pixels, pass, taught);
        let (sum, gradients) = if derivative.taped() { reuse::keeping(of)? } else { of()? };
        let specs = network.layout().params.iter();
        let zeros = |spec: &ParamSpec| vec![0.0; spec.shape.iter().product()];
        let filled = specs.zip(gradients).map(|(spec, gradient)| gradient.unwrap_or_else(|| zeros(spec)));
        Ok((sum.loss / n as f64, network.table(filled)?))
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

/// Logits of normalised images `[n, side, side, channels]`, some at a time.
pub(crate) fn logits_of(
    module: &Module,
    built: &dyn ModuleT,
    pixels: &[f32],
    extent: Extent,
    device: &Device,
) -> Result<Vec<f32>> {
    let mut all = Vec::new();
    for some in pixels.chunks(CHUNK * extent.values()) {
        all.extend(values(&module.logits(built, &input(some, extent, device)?, false)?)?);
    }
    Ok(all)
}
