//! Joint connectivity: whether all members of an ensemble lie in one basin.

use crate::inputs::{accuracies_on, as_many, logits, subject};
use basin_core::{Citation, DataRef, Record, Simplex};
use basin_ensemble::{Lab, Mixing, Probe, ProbeError};
use basin_metrics::{ConnectivityError, accuracy};

/// q̄ of Lion et al. over random points of the simplex between all members
/// ([`fn@basin_metrics::joint_connectivity`]).
///
/// Inputs: M ≥ 1 networks, and the logits of each on images that begin with `data`. Record: scalars
/// `joint-connectivity` (q̄, a fraction), `joint-connectivity-sd` (over draws); lists `accuracy` and `q`, one entry
/// a draw. A single network, such as an average of others, is connected to nothing: its lists are empty, and there is no
/// q̄. Goes on at the draw at which it was stopped. Cost: one pass over `data` per draw, and with REPAIR one
/// over its training images per draw and member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JointConnectivity {
    /// The images.
    pub data: DataRef,
    /// Draws N, at least 2.
    pub draws: usize,
    /// How networks between the members are made.
    pub mixing: Mixing,
}

const ACCURACY: &str = "accuracy";

impl Probe for JointConnectivity {
    fn id(&self) -> &'static str {
        "joint-connectivity"
    }

    fn settings(&self) -> String {
        format!("1 ({} draws{})", self.draws, mark(&self.mixing))
    }

    fn citations(&self) -> Vec<Citation> {
        vec![basin_metrics::joint_connectivity::CITATION]
    }

    fn data(&self) -> Vec<DataRef> {
        data(&self.data, &self.mixing)
    }

    fn cost(&self, inputs: usize, images: &dyn Fn(&DataRef) -> usize) -> u64 {
        match inputs {
            1 => 0,
            _ => cost(self.draws, inputs, &self.data, &self.mixing, images),
        }
    }

    fn check(&self, networks: usize, records: usize) -> Result<(), ProbeError> {
        as_many(self.id(), networks, records)
    }

    fn run(&self, lab: &mut dyn Lab) -> Result<Record, ProbeError> {
        self.check(lab.networks(), lab.records().len())?;
        let labels = lab.labels(&self.data)?;
        let members = accuracies_on(self.id(), &labels, &logits(self.id(), lab)?)?;
        if members.len() == 1 {
            return Ok(Record::default().with_list("q", Vec::new()).with_list(ACCURACY, Vec::new()));
        }
        let who: Vec<usize> = (0..members.len()).collect();
        let mut done = lab.kept().and_then(|kept| kept.lists.get(ACCURACY)).cloned().unwrap_or_default();
        let mut draw = 0;
        let seed = lab.seeds().child("lambda");
        let found = basin_metrics::joint_connectivity(&members, self.draws, &seed, |weights: &Simplex| {
            if draw == done.len() {
                let logits = lab.logits_between(&who, weights, &self.mixing, &self.data)?;
                let accuracy = accuracy(&logits.softmax(1.0), &labels);
                done.push(accuracy.map_err(|error| subject(self.id(), error))?);
                lab.step(done.len() as u64, self.draws as u64, &|| {
                    Record::default().with_list(ACCURACY, done.clone())
                })?;
            }
            draw += 1;
            Ok(done[draw - 1])
        });
        let found = found.map_err(|error| unwrapped(self.id(), error))?;
        Ok(Record::default()
            .with("joint-connectivity", found.mean)
            .with("joint-connectivity-sd", found.sd)
            .with_list("q", found.draws.iter().map(|draw| draw.q).collect())
            .with_list(ACCURACY, done))
    }
}

/// What mixing adds to the settings of a probe; nothing where networks are mixed and no more.
pub(crate) fn mark(mixing: &Mixing) -> String {
    match mixing {
        Mixing::Plain => String::new(),
        Mixing::Repair { images } => format!(", repaired on {images}"),
        Mixing::Reestimated(on) => on.mark(),
    }
}

/// The images that mixing looks at besides the probe's own.
pub(crate) fn data(own: &DataRef, mixing: &Mixing) -> Vec<DataRef> {
    [own.clone()].into_iter().chain(mixing.data()).collect()
}

/// Images forward for so many networks between `members`.
pub(crate) fn cost(
    networks: usize,
    members: usize,
    own: &DataRef,
    mixing: &Mixing,
    images: &dyn Fn(&DataRef) -> usize,
) -> u64 {
    let looked_at = mixing.training_images();
    (networks * (images(own) + looked_at) + members * looked_at) as u64
}

/// The laboratory's own error where it failed.
pub(crate) fn unwrapped(probe: &'static str, error: ConnectivityError<ProbeError>) -> ProbeError {
    match error {
        ConnectivityError::Evaluation { source, .. } => source,
        other => subject(probe, other),
    }
}
