//! How undecided an ensemble is: the entropy of its mean prediction, and how much of it is disagreement.

use basin_core::{Citation, DataRef, Probs, Record};
use basin_ensemble::{Lab, Probe, ProbeError};

/// Inputs: the logits of the members. Record: scalars `predictive-entropy` H(p̄) and `mutual-information`
/// H(p̄) − mean H(p), in nats, means over the test images.
#[derive(Clone, Copy, Debug)]
pub struct Entropy;

/// Mean entropy in nats.
fn entropy(probs: &Probs) -> f64 {
    let of = |row: &[f64]| -row.iter().filter(|p| **p > 0.0).map(|p| p * p.ln()).sum::<f64>();
    probs.rows().map(of).sum::<f64>() / probs.len() as f64
}

impl Probe for Entropy {
    fn id(&self) -> &'static str {
        "entropy"
    }

    fn settings(&self) -> String {
        "1".into()
    }

    fn citations(&self) -> Vec<Citation> {
        Vec::new()
    }

    fn data(&self) -> Vec<DataRef> {
        vec![DataRef::test()]
    }

    fn cost(&self, _: usize, _: &dyn Fn(&DataRef) -> usize) -> u64 {
        0
    }

    fn run(&self, lab: &mut dyn Lab) -> Result<Record, ProbeError> {
        let members: Vec<Probs> =
            basin_probes::logits(self.id(), lab)?.iter().map(|logits| logits.softmax(1.0)).collect();
        let whole = entropy(&Probs::mean(&members));
        let own = members.iter().map(entropy).sum::<f64>() / members.len() as f64;
        Ok(Record::default().with("predictive-entropy", whole).with("mutual-information", whole - own))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use basin_ensemble::conformance::{Given, assert_probe_conforms};

    #[test]
    fn it_conforms() {
        assert_probe_conforms(&Entropy, Given { networks: 0, logits: 3 });
    }
}
