//! How members do on training images that were kept from them: what hyper-parameters and soups are chosen by.

use crate::inputs::{mean, subject};
use crate::sweep::sweep;
use basin_core::{Citation, DataRef, Probs, Record};
use basin_ensemble::{Lab, Probe, ProbeError};
use basin_metrics::{Combine, accuracy, combine, member_accuracies};

/// Accuracy on held-out images. The test images take no part, so that a choice made by it leaves these unseen.
///
/// Inputs: M ≥ 1 networks; records are passed over. Record: scalars `held-out-accuracy`, of the ensemble, and
/// `held-out-member-accuracy`, the mean over members, both fractions; list `held-out-member-accuracy`, one entry a member.
/// Goes on at the network at which it was stopped. Cost: one pass over `data` a network; memory: the logits of all.
#[derive(Clone, Debug, PartialEq)]
pub struct HeldOut {
    /// The images: training images of which no member saw any.
    pub data: DataRef,
    /// How members are averaged.
    pub combine: Combine,
}

impl Probe for HeldOut {
    fn id(&self) -> &'static str {
        "held-out"
    }

    fn settings(&self) -> String {
        format!("1 ({:?})", self.combine)
    }

    fn citations(&self) -> Vec<Citation> {
        vec![Citation::PRETRAIN_BASIN]
    }

    fn data(&self) -> Vec<DataRef> {
        vec![self.data.clone()]
    }

    fn cost(&self, inputs: usize, images: &dyn Fn(&DataRef) -> usize) -> u64 {
        (inputs * images(&self.data)) as u64
    }

    fn check(&self, networks: usize, _: usize) -> Result<(), ProbeError> {
        match networks {
            0 => Err(subject(self.id(), "no networks, expected at least one")),
            _ => Ok(()),
        }
    }

    fn run(&self, lab: &mut dyn Lab) -> Result<Record, ProbeError> {
        self.check(lab.networks(), lab.records().len())?;
        let labels = lab.labels(&self.data)?;
        // The ensemble's number, then the members'.
        let numbers = sweep(self.id(), lab, std::slice::from_ref(&self.data), &|_, logits| {
            let probs: Vec<Probs> = logits.iter().map(|l| l.softmax(1.0)).collect();
            let together = accuracy(&combine(logits, self.combine)?, &labels)?;
            Ok([vec![together], member_accuracies(&probs, &labels)?].concat())
        })?;
        let Some((together, members)) = numbers.first().and_then(|numbers| numbers.split_first()) else {
            return Err(subject(self.id(), "no images"));
        };
        let record = Record::default()
            .with("held-out-accuracy", *together)
            .with_list("held-out-member-accuracy", members.to_vec());
        Ok(mean(members).into_iter().fold(record, |record, of| record.with("held-out-member-accuracy", of)))
    }
}
