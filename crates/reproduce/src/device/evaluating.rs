//! Logits of a whole image set, on the device or on the processor.

use super::OnDevice;
use anyhow::Result;
use basin_core::{Logits, Params, Simplex};
use basin_data::{ImageSet, Normalisation};
use basin_models::Network;
use basin_train::Evaluator;
use basin_train::device::DeviceEvaluator;

/// Evaluates networks where they were asked to be.
#[derive(Debug)]
pub(crate) enum Evaluating<'a> {
    Processor(Evaluator<'a>),
    Device(Box<DeviceEvaluator<'a>>),
}

impl<'a> Evaluating<'a> {
    /// On the device where there is one.
    pub(crate) fn new(
        device: Option<&OnDevice>,
        network: &'a Network,
        images: &'a ImageSet,
        normalisation: &'a Normalisation,
    ) -> Result<Self> {
        Ok(match device {
            None => Self::Processor(Evaluator::new(network, images, normalisation)),
            Some(OnDevice { queue, precision }) => {
                let queue = queue.clone();
                let evaluator = DeviceEvaluator::new(queue, network, images, normalisation, *precision)?;
                Self::Device(Box::new(evaluator))
            }
        })
    }

    /// Logits `[n, classes]` of one network.
    pub(crate) fn logits(&mut self, params: &Params) -> Result<Logits> {
        self.logits_between(&[params], &Simplex::vertex(1, 0))
    }

    /// Logits of the convex combination Σ λᵢ θᵢ.
    pub(crate) fn logits_between(&mut self, networks: &[&Params], lambda: &Simplex) -> Result<Logits> {
        Ok(match self {
            Self::Processor(evaluator) => evaluator.logits_between(networks, lambda)?,
            Self::Device(evaluator) => evaluator.logits_between(networks, lambda)?,
        })
    }
}
