//! What trains and evaluates networks: one contract, whatever the device.

use crate::{EvaluateError, Moments, Recipe, Segment, TrainError};
use basin_core::{Array, Logits, Params, Simplex};
use basin_data::{ImageSet, Normalisation};
use basin_models::{Network, NetworkStatistics};

/// The CPU, or a device with the arithmetic to use on it.
///
/// A state that one backend leaves is a state that any other can go on from; parameters are the same files everywhere.
/// What a backend computes is a pure function of what it is given and of the kind of device, never of the time,
/// the number of threads, or of what else is computed beside it.
pub trait Backend: std::fmt::Debug {
    /// What it computes on and how, for messages and prices.
    fn name(&self) -> String;

    /// A trainer that goes on from the segment's state.
    ///
    /// # Errors
    /// [`TrainError`] when recipe, state and network do not fit together or there is no room on the device.
    fn trainer<'a>(
        &self,
        network: &'a Network,
        recipe: &'a Recipe,
        segment: &Segment,
    ) -> Result<Box<dyn Trainer + 'a>, TrainError>;

    /// An evaluator of networks on some images, without augmentation. It shares the images' memory, so that it may outlive
    /// what it was made from.
    ///
    /// # Errors
    /// [`EvaluateError`] when the images do not fit the network or the device.
    fn evaluator<'a>(
        &self,
        network: &'a Network,
        images: &ImageSet,
        normalisation: &Normalisation,
    ) -> Result<Box<dyn Evaluator + 'a>, EvaluateError>;

    /// A network with its running statistics measured on images, as they are in training, in order and without augmentation:
    /// they belong to no network any more where weights were combined. Of several kinds of images, each with how it is
    /// normalised, one image of each is taken in turn until one kind has no more, so that a batch's statistics are of all kinds.
    /// Networks without any come back as they are.
    ///
    /// # Errors
    /// [`EvaluateError`] when the parameters do not fit the network, or the images do not, and the backend's.
    fn reestimated(
        &self,
        network: &Network,
        params: &Params,
        kinds: &[(&ImageSet, &Normalisation)],
    ) -> Result<Params, EvaluateError> {
        let _ = (network, kinds);
        Ok(params.clone())
    }

    /// The training that tells the speed here, for a recipe of so many images per step.
    fn trial(&self, batch: usize) -> Trial;
}

/// A network in training: steps of one segment, in order.
///
/// Steps may be done later than they are begun. What became of them is told in order and once; after one that was not
/// finite, nothing more is begun. How often a trainer is waited for leaves no trace in what it computes.
pub trait Trainer {
    /// Begins the segment's next step, and tells what is known by now of steps that were not told of yet.
    ///
    /// # Errors
    /// [`TrainError::Beyond`] after the last step, and the backend's.
    fn step(&mut self) -> Result<Vec<StepSum>, TrainError>;

    /// Waits for the steps that were begun, and tells of those not told of yet.
    ///
    /// # Errors
    /// The backend's.
    fn wait(&mut self) -> Result<Vec<StepSum>, TrainError>;

    /// Parameters and moments after the steps that were begun; waits for them.
    ///
    /// # Errors
    /// The backend's.
    fn tables(&self) -> Result<(Params, Moments), TrainError>;
}

/// Sums over one step's batch.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StepSum {
    /// Σ losses.
    pub loss: f64,
    /// Correctly classified images.
    pub correct: u64,
    /// Whether loss and all gradients were finite; if not, nothing was updated.
    pub finite: bool,
    /// Whether parameters and moments are finite after the update; if not, they are of no use any more.
    pub usable: bool,
}

/// Networks of one layout on one image set. Memory is kept from one evaluation to the next.
pub trait Evaluator {
    /// Logits `[n, classes]`. Each row depends on its image alone.
    ///
    /// # Errors
    /// [`EvaluateError`] when the parameters do not fit the network, and the backend's.
    fn logits(&mut self, params: &Params) -> Result<Logits, EvaluateError> {
        self.logits_between(&[params], &Simplex::vertex(1, 0))
    }

    /// As [`Evaluator::logits`], of the convex combination Σ λᵢ θᵢ.
    ///
    /// # Errors
    /// As [`Evaluator::logits`], or where λ has another number of weights.
    fn logits_between(&mut self, networks: &[&Params], lambda: &Simplex) -> Result<Logits, EvaluateError>;

    /// What goes into the network's last dense layer, `[n, d]`; `None` where the backend does not know that layer of a network
    /// defined elsewhere. Each row depends on its image alone.
    ///
    /// # Errors
    /// As [`Evaluator::logits`].
    fn features(&mut self, params: &Params) -> Result<Option<Array>, EvaluateError> {
        let _ = params;
        Ok(None)
    }

    /// Mean cross-entropy of some images, by their places, and its gradient for every parameter; zeros for running statistics.
    /// Networks that couple a batch (BatchNorm) use its own statistics, as in training.
    ///
    /// # Errors
    /// [`EvaluateError::NoGradient`] where the backend has none, else as [`Evaluator::logits`].
    fn gradient(&mut self, params: &Params, images: &[usize]) -> Result<(f64, Params), EvaluateError>;

    /// Statistics of every layer's channels, see [`Network::statistics`].
    ///
    /// # Errors
    /// As [`Evaluator::logits`].
    fn statistics(&mut self, params: &Params) -> Result<NetworkStatistics, EvaluateError>;

    /// REPAIR of the combination `merged` of networks with these statistics, see [`Network::repaired`].
    ///
    /// # Errors
    /// As [`Evaluator::logits`], or where the statistics are of another network.
    fn repaired(
        &mut self,
        merged: &Params,
        endpoints: &[&NetworkStatistics],
        lambda: &Simplex,
    ) -> Result<Params, EvaluateError>;
}

/// A short training whose result is thrown away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trial {
    /// Images per step.
    pub batch: usize,
    /// Steps before the clock runs.
    pub warm: u64,
    /// Steps that are measured.
    pub steps: u64,
}
