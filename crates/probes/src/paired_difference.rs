//! One ensemble against another on the same images.

use crate::inputs::{logits, subject};
use basin_core::{Citation, DataRef, Record};
use basin_ensemble::{Lab, Probe, ProbeError};
use basin_metrics::{Combine, combine, paired_difference};

/// Accuracy of an ensemble minus that of a reference, paired by image ([`fn@basin_metrics::paired_difference`]).
///
/// Inputs: the logits of the ensemble's members, then as many of the reference's. Record: scalars `minus-deep` and
/// `minus-deep-se`, fractions. Cost: nothing passes forward.
#[derive(Clone, Debug, PartialEq)]
pub struct MinusReference {
    /// The images that the logits belong to.
    pub data: DataRef,
    /// How members are averaged.
    pub combine: Combine,
}

impl Probe for MinusReference {
    fn id(&self) -> &'static str {
        "minus-deep"
    }

    fn settings(&self) -> String {
        format!("1 ({:?})", self.combine)
    }

    fn citations(&self) -> Vec<Citation> {
        Vec::new()
    }

    fn data(&self) -> Vec<DataRef> {
        vec![self.data.clone()]
    }

    fn cost(&self, _: usize, _: &dyn Fn(&DataRef) -> usize) -> u64 {
        0
    }

    fn run(&self, lab: &mut dyn Lab) -> Result<Record, ProbeError> {
        let (labels, logits) = (lab.labels(&self.data)?, logits(self.id(), lab)?);
        let (own, reference) = logits.split_at(logits.len() / 2);
        if own.len() != reference.len() {
            let reason =
                format!("{} logits, expected as many of the reference as of the ensemble", logits.len());
            return Err(subject(self.id(), reason));
        }
        let together = |members| combine(members, self.combine).map_err(|error| subject(self.id(), error));
        let difference = paired_difference(&together(own)?, &together(reference)?, &labels)
            .map_err(|error| subject(self.id(), error))?;
        Ok(Record::default()
            .with("minus-deep", difference.mean)
            .with("minus-deep-se", difference.standard_error))
    }
}
