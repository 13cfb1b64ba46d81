//! Products of a Hessian with directions, by differences of gradients.

use super::told;
use crate::similarity::is_weight;
use basin_core::{DataRef, Params, ParamsError};
use basin_ensemble::{Lab, ProbeError};
use std::ops::Range;

/// The loss around a network.
#[derive(Debug)]
pub(super) struct Around<'p> {
    base: Params,
    length: f64,
    pub(super) dimension: usize,
    data: &'p DataRef,
    batches: Vec<Range<usize>>,
    images: usize,
    share: f64,
}

impl<'p> Around<'p> {
    /// Of the mean loss of images in batches, for steps of this share of the network's length.
    pub(super) fn new(
        base: Params,
        data: &'p DataRef,
        batches: Vec<Range<usize>>,
        share: f64,
    ) -> Result<Self, ParamsError> {
        let length = base.dot(&base, is_weight)?.sqrt();
        let weights = base.iter().filter(|(name, _)| is_weight(name));
        let dimension = weights.map(|(_, array)| array.data().len()).sum();
        let images = batches.iter().map(Range::len).sum();
        Ok(Self { base, length, dimension, data, batches, images, share })
    }

    /// H v for a direction over the weights in the network's order.
    pub(super) fn product(&self, lab: &mut dyn Lab, direction: &[f64]) -> Result<Vec<f64>, ProbeError> {
        let long = direction.iter().map(|v| v * v).sum::<f64>().sqrt();
        // A network of zeros is as long as its direction.
        let epsilon = self.share * if self.length > 0.0 { self.length / long } else { 1.0 };
        let ahead = self.gradient(lab, &self.moved(direction, epsilon))?;
        let behind = self.gradient(lab, &self.moved(direction, -epsilon))?;
        Ok(ahead.iter().zip(behind).map(|(a, b)| (a - b) / (2.0 * epsilon)).collect())
    }

    fn moved(&self, direction: &[f64], by: f64) -> Params {
        let mut rest = direction;
        self.base.map(|name, values| {
            if !is_weight(name) {
                return values.to_vec();
            }
            let (own, others) = rest.split_at(values.len());
            rest = others;
            values.iter().zip(own).map(|(w, v)| (f64::from(*w) + by * v) as f32).collect()
        })
    }

    /// Of the mean loss, over the weights in the network's order.
    fn gradient(&self, lab: &mut dyn Lab, params: &Params) -> Result<Vec<f64>, ProbeError> {
        let mut sum = vec![0.0; self.dimension];
        for batch in &self.batches {
            let images: Vec<usize> = batch.clone().collect();
            let (_, gradient) = lab.gradient(params, self.data, &images)?;
            let share = images.len() as f64 / self.images as f64;
            let mut slots = sum.iter_mut();
            for (name, array) in params.iter().filter(|(name, _)| is_weight(name)) {
                let found = gradient.get(name).filter(|found| found.shape() == array.shape());
                let found =
                    found.ok_or_else(|| told(format!("no gradient of {name} {:?}", array.shape())))?;
                slots.by_ref().zip(found.data()).for_each(|(slot, g)| *slot += share * f64::from(*g));
            }
        }
        Ok(sum)
    }
}
