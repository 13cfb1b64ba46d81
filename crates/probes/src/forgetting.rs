//! What fine-tuning made networks forget of the set that they were pre-trained on.

use crate::inputs::{logits, mean, subject};
use basin_core::{Citation, DataRef, Probs, Record};
use basin_ensemble::{Lab, Probe, ProbeError};
use basin_metrics::member_accuracies;

/// Accuracy on the source before and after fine-tuning, each network with the source's head.
///
/// A member's trunk is put below the head that its pre-trained network had, so that what is measured is how much of the
/// source the trunk still tells apart in the way that the head knew. A trunk may know the source and no longer fit the head:
/// this is an upper bound of what was forgotten, as no head is trained again.
///
/// Inputs: the logits on `data`, the source's test images, of M ≥ 1 members with the source's head, then of the pre-trained
/// networks, member i's at place M + i. Record: scalars `source-accuracy` and `source-accuracy-before`, means over members,
/// fractions in 0..=1; `forgetting`, the second minus the first, in −1..=1 and above 0 where something was lost; lists of the
/// first two names, one entry a member. Cost: nothing passes forward.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forgetting {
    /// The source's test images.
    pub data: DataRef,
}

impl Probe for Forgetting {
    fn id(&self) -> &'static str {
        "forgetting"
    }

    fn settings(&self) -> String {
        "1".into()
    }

    fn citations(&self) -> Vec<Citation> {
        vec![Citation::PRETRAIN_BASIN]
    }

    fn data(&self) -> Vec<DataRef> {
        vec![self.data.clone()]
    }

    fn cost(&self, _: usize, _: &dyn Fn(&DataRef) -> usize) -> u64 {
        0
    }

    fn check(&self, _: usize, records: usize) -> Result<(), ProbeError> {
        match records >= 2 && records.is_multiple_of(2) {
            true => Ok(()),
            false => {
                let expected = "expected those of at least one member and as many of pre-trained networks";
                Err(subject(self.id(), format!("{records} logits, {expected}")))
            }
        }
    }

    fn run(&self, lab: &mut dyn Lab) -> Result<Record, ProbeError> {
        self.check(lab.networks(), lab.records().len())?;
        let (labels, logits) = (lab.labels(&self.data)?, logits(self.id(), lab)?);
        let probs: Vec<Probs> = logits.iter().map(|l| l.softmax(1.0)).collect();
        let all = member_accuracies(&probs, &labels).map_err(|error| subject(self.id(), error))?;
        let (after, before) = all.split_at(all.len() / 2);
        let mut record = Record::default()
            .with_list("source-accuracy", after.to_vec())
            .with_list("source-accuracy-before", before.to_vec());
        if let (Some(after), Some(before)) = (mean(after), mean(before)) {
            record = record
                .with("source-accuracy", after)
                .with("source-accuracy-before", before)
                .with("forgetting", before - after);
        }
        Ok(record)
    }
}
