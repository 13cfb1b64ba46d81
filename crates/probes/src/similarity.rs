//! How alike networks from one start are: in their weights, their errors and what they see.

use crate::inputs::{logits, subject};
use crate::shift_line::pairs;
use basin_core::{Array, Citation, DataRef, Params, ParamsError, Probs, Record};
use basin_ensemble::{Lab, Probe, ProbeError};
use basin_metrics::{MetricError, linear_cka, shared_errors};

/// Similarity of the members of an ensemble, means over all pairs.
///
/// Inputs: M ≥ 2 members, then their common start, if they have one; the logits of each member on `data`. Record: scalars
/// `weight-cosine` and `displacement-cosine` (from the start; running statistics take no part, as no gradient moves them),
/// `shared-errors` ([`fn@shared_errors`]) and `cka` ([`linear_cka`] of what goes into the last dense layer on `features_on`).
/// A number that does not exist is left out: a cosine where a member is all zeros or did not move, the second one without a
/// common start, `cka` where the backend does not know that layer or a member's features are the same for all images. How often members name different classes is
/// `disagreement` of [`Performance`](crate::Performance).
///
/// Cost: one pass over `features_on` a member; memory: the parameters of three networks, the features of all members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Similarity {
    /// The images that the logits belong to.
    pub data: DataRef,
    /// The images whose features are compared, well more than there are features.
    pub features_on: DataRef,
}

impl Probe for Similarity {
    fn id(&self) -> &'static str {
        "similarity"
    }

    fn settings(&self) -> String {
        "1".into()
    }

    fn citations(&self) -> Vec<Citation> {
        vec![basin_metrics::shared_errors::CITATION, basin_metrics::cka::CITATION]
    }

    fn data(&self) -> Vec<DataRef> {
        let other = (self.features_on != self.data).then(|| self.features_on.clone());
        [self.data.clone()].into_iter().chain(other).collect()
    }

    fn cost(&self, inputs: usize, images: &dyn Fn(&DataRef) -> usize) -> u64 {
        (inputs * images(&self.features_on)) as u64
    }

    fn check(&self, networks: usize, records: usize) -> Result<(), ProbeError> {
        match records >= 2 && (networks == records || networks == records + 1) {
            true => Ok(()),
            false => Err(subject(
                self.id(),
                format!(
                    "{networks} networks and {records} logits, expected at least two members, as the last network \
                     their common start, if they have one, and the logits of each member"
                ),
            )),
        }
    }

    fn run(&self, lab: &mut dyn Lab) -> Result<Record, ProbeError> {
        self.check(lab.networks(), lab.records().len())?;
        let (labels, logits) = (lab.labels(&self.data)?, logits(self.id(), lab)?);
        let probs: Vec<Probs> = logits.iter().map(|logits| logits.softmax(1.0)).collect();
        let shared = shared_errors(&probs, &labels).map_err(|error| subject(self.id(), error))?;
        let mut record = Record::default().with("shared-errors", shared);
        let members = probs.len();
        let mut add = |name: &str, mean: Option<f64>| {
            if let Some(mean) = mean {
                record.scalars.insert(name.to_owned(), mean);
            }
        };
        let [weights, displacements] = self.cosines(lab, members)?;
        add("weight-cosine", weights);
        add("displacement-cosine", displacements);
        add("cka", self.cka(lab, members)?);
        Ok(record)
    }
}

impl Similarity {
    /// Of weights and of displacements from the start.
    fn cosines(&self, lab: &mut dyn Lab, members: usize) -> Result<[Option<f64>; 2], ProbeError> {
        let start = (lab.networks() > members).then(|| lab.params(members)).transpose()?;
        let (mut weights, mut displacements) = (Vec::new(), Vec::new());
        for i in 0..members {
            let first = lab.params(i)?;
            for j in i + 1..members {
                let second = lab.params(j)?;
                let [of_weights, moved] =
                    cosines(&first, &second, start.as_ref()).map_err(|e| subject(self.id(), e))?;
                weights.push(of_weights);
                displacements.push(moved);
            }
        }
        Ok([mean(weights), mean(displacements)])
    }

    /// Of what goes into the last layer.
    fn cka(&self, lab: &mut dyn Lab, members: usize) -> Result<Option<f64>, ProbeError> {
        let mut features: Vec<Array> = Vec::new();
        for member in 0..members {
            let params = lab.params(member)?;
            let Some(of) = lab.features(&params, &self.features_on)? else { return Ok(None) };
            features.push(of);
        }
        let alike = |(i, j): (usize, usize)| match linear_cka(&features[i], &features[j]) {
            Ok(cka) => Ok(Some(cka)),
            Err(MetricError::NoVariation { .. }) => Ok(None),
            Err(error) => Err(subject(self.id(), error)),
        };
        Ok(mean(pairs(members).map(alike).collect::<Result<_, _>>()?))
    }
}

fn cosines(first: &Params, second: &Params, start: Option<&Params>) -> Result<[Option<f64>; 2], ParamsError> {
    let moved = start.map(|start| first.displacement_cosine(second, start, is_weight)).transpose()?;
    Ok([first.cosine(second, is_weight)?, moved.flatten()])
}

/// Whether a name is none of a running statistic, as PyTorch and candle name them.
pub(crate) fn is_weight(name: &str) -> bool {
    !matches!(name.rsplit('.').next(), Some("running_mean" | "running_var" | "num_batches_tracked"))
}

/// The mean, if every pair has a number.
fn mean(values: Vec<Option<f64>>) -> Option<f64> {
    let pairs = values.len() as f64;
    Some(values.into_iter().sum::<Option<f64>>()? / pairs)
}
