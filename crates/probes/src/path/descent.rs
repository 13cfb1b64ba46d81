//! SGD on networks that belong to a path.

use crate::inputs::subject;
use crate::similarity::is_weight;
use basin_core::{DataRef, Params, ParamsError, SeedTree};
use basin_ensemble::{Lab, ProbeError};

/// How the points of a path are trained: SGD on the cross-entropy of training images without augmentation, dropout and weight
/// decay, at a constant rate.
#[derive(Clone, Debug, PartialEq)]
pub struct Descent {
    /// Steps: of every point of a tunnel, of the bend of a curve; at least 1.
    pub steps: usize,
    /// Images of a step, at least 1; where statistics are over the batch, at least 2.
    pub batch: usize,
    /// Learning rate, above 0.
    pub rate: f64,
    /// Momentum, in `[0, 1)`.
    pub momentum: f64,
    /// Training images, at least a batch.
    pub data: DataRef,
}

/// Images that a gradient costs, in passes forward.
pub(crate) const GRADIENT: u64 = 3;

impl Descent {
    pub(crate) fn settings(&self) -> String {
        let Self { steps, batch, rate, momentum, .. } = self;
        format!("{steps} steps of {batch} images at rate {rate:?} and momentum {momentum:?}")
    }

    pub(crate) fn check(&self, id: &'static str) -> Result<(), ProbeError> {
        let refuse = |reason: String| Err(subject(id, reason));
        if self.steps == 0 {
            return refuse("0 steps, expected at least 1".into());
        }
        if self.batch == 0 {
            return refuse("batches of 0 images, expected at least 1".into());
        }
        if !(self.rate.is_finite() && self.rate > 0.0) {
            return refuse(format!("learning rate {:?}, expected above 0", self.rate));
        }
        if !(0.0..1.0).contains(&self.momentum) {
            return refuse(format!("momentum {:?}, expected 0 ≤ momentum < 1", self.momentum));
        }
        Ok(())
    }

    /// Price of one step.
    pub(crate) fn step_cost(&self) -> u64 {
        GRADIENT * self.batch as u64
    }

    /// The batches there are.
    ///
    /// # Errors
    /// When the images do not make one.
    pub(crate) fn batches(&self, id: &'static str, lab: &dyn Lab) -> Result<Batches, ProbeError> {
        let (images, batch) = (lab.labels(&self.data)?.len(), self.batch);
        match batch <= images {
            true => Ok(Batches { images, batch }),
            false => {
                let reason = format!(
                    "batches of {batch} images from {images} training images, expected at most as many"
                );
                Err(subject(id, reason))
            }
        }
    }
}

/// Batches in epochs, each in an order of its own; the rest of an epoch that does not fill a batch is left out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batches {
    images: usize,
    batch: usize,
}

impl Batches {
    /// The images of a step, counted from 0: a function of the step alone.
    pub(crate) fn of(&self, order: &SeedTree, step: usize) -> Vec<usize> {
        let per_epoch = self.images / self.batch;
        let mut all: Vec<usize> = (0..self.images).collect();
        order.index((step / per_epoch) as u64).rng().shuffle(&mut all);
        all[step % per_epoch * self.batch..][..self.batch].to_vec()
    }
}

/// The straight way from one network to another, without running statistics.
#[derive(Clone, Debug)]
pub(crate) struct Chord {
    direction: Params,
    squares: f64,
}

impl Chord {
    pub(crate) fn new([first, second]: &[Params; 2]) -> Result<Self, ParamsError> {
        let all = Params::linear_combination(&[second, first], &[1.0, -1.0])?;
        let direction = all.map(|name, values| match is_weight(name) {
            true => values.to_vec(),
            false => vec![0.0; values.len()],
        });
        Ok(Self { squares: direction.dot(&direction, is_weight)?, direction })
    }

    /// A vector without its part along the chord.
    fn across(&self, vector: &Params) -> Result<Params, ParamsError> {
        let along = vector.dot(&self.direction, is_weight)? / self.squares;
        Params::linear_combination(&[vector, &self.direction], &[1.0, -along])
    }
}

/// A network on its way, with its velocity.
#[derive(Clone, Debug)]
pub(crate) struct Moving {
    pub(crate) point: Params,
    pub(crate) velocity: Params,
}

impl Moving {
    /// At rest.
    pub(crate) fn at(point: Params) -> Self {
        let velocity = point.map(|_, values| vec![0.0; values.len()]);
        Self { point, velocity }
    }

    /// v ← μ v + share · g, without its part along the chord if there is one; θ ← θ − rate · v.
    pub(crate) fn step(
        &mut self,
        gradient: &Params,
        share: f64,
        descent: &Descent,
        chord: Option<&Chord>,
    ) -> Result<(), ParamsError> {
        let both = [&self.velocity, gradient];
        let velocity = Params::linear_combination(&both, &[descent.momentum, share])?;
        self.velocity = match chord {
            Some(chord) => chord.across(&velocity)?,
            None => velocity,
        };
        self.point = Params::linear_combination(&[&self.point, &self.velocity], &[1.0, -descent.rate])?;
        Ok(())
    }

    /// Refuses what has diverged.
    pub(crate) fn check(
        &self,
        id: &'static str,
        place: &str,
        loss: f64,
        rate: f64,
    ) -> Result<(), ProbeError> {
        match loss.is_finite() && self.point.first_non_finite().is_none() {
            true => Ok(()),
            false => {
                let reason = format!(
                    "{place} is not finite (loss {loss}); lower the learning rate of the path, which is {rate:?}"
                );
                Err(subject(id, reason))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use basin_core::Array;

    fn params(w: [f32; 3], mean: f32) -> Params {
        let array = |data: &[f32]| Array::new(vec![data.len()], data.to_vec()).unwrap();
        [("w".to_owned(), array(&w)), ("n.running_mean".to_owned(), array(&[mean]))].into_iter().collect()
    }

    fn descent() -> Descent {
        Descent { steps: 3, batch: 4, rate: 0.5, momentum: 0.5, data: DataRef::train() }
    }

    #[test]
    fn a_step_keeps_its_place_along_the_chord() {
        let ends = [params([0.0, 0.0, 0.0], 1.0), params([3.0, 0.0, 4.0], 9.0)];
        let chord = Chord::new(&ends).unwrap();
        let mut moving = Moving::at(params([1.5, 0.0, 2.0], 5.0));
        // 25 along (0.6, 0, 0.8), and across it (4, 8, −3).
        let gradient = params([19.0, 8.0, 17.0], 0.0);
        moving.step(&gradient, 1.0, &descent(), Some(&chord)).unwrap();
        assert_eq!(moving.velocity, params([4.0, 8.0, -3.0], 0.0));
        assert_eq!(moving.point, params([-0.5, -4.0, 3.5], 5.0));
        moving.step(&gradient, 2.0, &descent(), Some(&chord)).unwrap();
        assert_eq!(moving.velocity, params([10.0, 20.0, -7.5], 0.0));
        let along = |point: &Params| point.dot(&chord.direction, is_weight).unwrap();
        assert_eq!(along(&moving.point), along(&params([1.5, 0.0, 2.0], 0.0)));
        let mut free = Moving::at(params([1.5, 0.0, 2.0], 5.0));
        free.step(&gradient, 2.0, &descent(), None).unwrap();
        assert_eq!(free.velocity, params([38.0, 16.0, 34.0], 0.0));
    }

    #[test]
    fn every_image_is_drawn_once_an_epoch() {
        let batches = Batches { images: 11, batch: 4 };
        let order = SeedTree::root(1);
        let epoch = |first: usize| -> Vec<usize> {
            let mut all: Vec<usize> = (first..first + 2).flat_map(|step| batches.of(&order, step)).collect();
            all.sort_unstable();
            all.dedup();
            all
        };
        assert_eq!((epoch(0).len(), epoch(2).len()), (8, 8));
        assert_ne!(batches.of(&order, 0), batches.of(&order, 2));
        assert_eq!(batches.of(&order, 3), batches.of(&order, 3));
    }

    #[test]
    fn descents_that_lead_nowhere_are_refused() {
        let refused = |descent: Descent| descent.check("tunnel").unwrap_err().to_string();
        assert_eq!(refused(Descent { steps: 0, ..descent() }), "tunnel: 0 steps, expected at least 1");
        assert_eq!(
            refused(Descent { batch: 0, ..descent() }),
            "tunnel: batches of 0 images, expected at least 1"
        );
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let told = refused(Descent { rate, ..descent() });
            assert_eq!(told, format!("tunnel: learning rate {rate:?}, expected above 0"));
        }
        for momentum in [1.0, -0.1, f64::NAN] {
            let told = refused(Descent { momentum, ..descent() });
            assert_eq!(told, format!("tunnel: momentum {momentum:?}, expected 0 ≤ momentum < 1"));
        }
        descent().check("tunnel").unwrap();
        let moving = Moving::at(params([f32::INFINITY, 0.0, 0.0], 0.0));
        let told = moving.check("tunnel", "step 3 of point 2", 0.5, 0.5).unwrap_err().to_string();
        assert_eq!(
            told,
            "tunnel: step 3 of point 2 is not finite (loss 0.5); lower the learning rate of the path, which is 0.5"
        );
    }
}
