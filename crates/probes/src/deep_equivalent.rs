//! How many independent runs an ensemble is worth.

use crate::inputs::{logits, subject};
use basin_core::{Citation, DataRef, Labels, Logits, Record, SeedTree};
use basin_ensemble::{Lab, Probe, ProbeError};
use basin_metrics::{
    Combine, DeepEnsemble, MetricError, Size, calibrated_nll, combine, deep_ensemble_equivalent, stats,
};

/// Deep-ensemble equivalent of an ensemble ([`fn@deep_ensemble_equivalent`]): the size at which deep ensembles reach its
/// calibrated negative log-likelihood.
///
/// Inputs: the logits of the ensemble's `own` members on `data`, then those of the deep ensemble's, at least two. The curve over
/// sizes ℓ = 1 … M is the mean over subsets of ℓ deep members, all of them where there are at most ten, else ten drawn ones. Record: scalar
/// `deep-equivalent`, with `deep-equivalent-lower` and `-upper` from the curve's standard deviation, each left out where it lies
/// beyond the curve; then `deep-equivalent-above` (better than all M) or `deep-equivalent-below` (worse than one) holds the end
/// of the curve. List `deep-curve`, the calibrated NLL by size. Cost: nothing passes forward.
#[derive(Clone, Debug, PartialEq)]
pub struct DeepEquivalent {
    /// The images that the logits belong to.
    pub data: DataRef,
    /// How members are averaged.
    pub combine: Combine,
    /// Members of the ensemble; the other records are the deep ensemble's.
    pub own: usize,
}

/// Subsets of one size at most.
const SUBSETS: usize = 10;

impl Probe for DeepEquivalent {
    fn id(&self) -> &'static str {
        "deep-equivalent"
    }

    fn settings(&self) -> String {
        format!("1 ({:?}, {} of its own)", self.combine, self.own)
    }

    fn citations(&self) -> Vec<Citation> {
        vec![basin_metrics::calibrated_nll::CITATION]
    }

    fn data(&self) -> Vec<DataRef> {
        vec![self.data.clone()]
    }

    fn cost(&self, _: usize, _: &dyn Fn(&DataRef) -> usize) -> u64 {
        0
    }

    fn check(&self, _: usize, records: usize) -> Result<(), ProbeError> {
        match self.own > 0 && records >= self.own + 2 {
            true => Ok(()),
            false => {
                let expected =
                    format!("expected those of {} members and of at least two deep ones", self.own);
                Err(subject(self.id(), format!("{records} logits, {expected}")))
            }
        }
    }

    fn run(&self, lab: &mut dyn Lab) -> Result<Record, ProbeError> {
        self.check(lab.networks(), lab.records().len())?;
        let (labels, logits) = (lab.labels(&self.data)?, logits(self.id(), lab)?);
        let (own, deep) = logits.split_at(self.own);
        self.measured(own, deep, &labels, &lab.seeds()).map_err(|error| subject(self.id(), error))
    }
}

impl DeepEquivalent {
    fn measured(
        &self,
        own: &[Logits],
        deep: &[Logits],
        labels: &Labels,
        seeds: &SeedTree,
    ) -> Result<Record, MetricError> {
        // The same halves for all ensembles of a seed.
        let halves = seeds.child("halves");
        let nll = |members: &[Logits]| {
            Ok::<_, MetricError>(calibrated_nll(&combine(members, self.combine)?, labels, &halves)?.nll)
        };
        let (mut curve, mut means) = (Vec::new(), Vec::new());
        for members in 1..=deep.len() {
            let subsets = subsets(deep.len(), members, &seeds.child("subsets").index(members as u64));
            let of = |subset: &Vec<usize>| nll(&subset.iter().map(|&i| deep[i].clone()).collect::<Vec<_>>());
            let values = subsets.iter().map(of).collect::<Result<Vec<f64>, _>>()?;
            let mean = stats::mean(&values)?;
            let sd = if values.len() > 1 { stats::sample_sd(&values)? } else { 0.0 };
            curve.push(DeepEnsemble { members, nll: mean, sd });
            means.push(mean);
        }
        let found = deep_ensemble_equivalent(nll(own)?, &curve)?;
        let mut record = Record::default().with_list("deep-curve", means);
        for (name, size) in [("", found.value), ("-lower", found.lower), ("-upper", found.upper)] {
            record = match (size, name) {
                (Size::At(size), _) => record.with(format!("deep-equivalent{name}"), size),
                (Size::Above(end), "") => record.with("deep-equivalent-above", end),
                (Size::Below(end), "") => record.with("deep-equivalent-below", end),
                (Size::Above(_) | Size::Below(_), _) => record,
            };
        }
        Ok(record)
    }
}

/// Subsets of `size` out of `n` in the order of their members: all, if these are few, else different drawn ones.
fn subsets(n: usize, size: usize, seed: &SeedTree) -> Vec<Vec<usize>> {
    let mut all: Vec<Vec<usize>> = vec![Vec::new()];
    // Grows by the next larger member each time, and stops to list them all once they are too many.
    for _ in 0..size {
        let longer = |subset: &Vec<usize>| {
            let from = subset.last().map_or(0, |last| last + 1);
            let subset = subset.clone();
            (from..n).map(move |next| [&subset[..], &[next]].concat()).collect::<Vec<_>>()
        };
        all = all
            .iter()
            .flat_map(longer)
            .filter(|subset| n - subset[subset.len() - 1] > size - subset.len())
            .collect();
        if all.len() > 100 * SUBSETS {
            return drawn(n, size, seed);
        }
    }
    if all.len() > SUBSETS { drawn(n, size, seed) } else { all }
}

fn drawn(n: usize, size: usize, seed: &SeedTree) -> Vec<Vec<usize>> {
    let mut found: Vec<Vec<usize>> = Vec::new();
    let mut rng = seed.rng();
    while found.len() < SUBSETS {
        let mut order: Vec<usize> = (0..n).collect();
        rng.shuffle(&mut order);
        order.truncate(size);
        order.sort_unstable();
        if !found.contains(&order) {
            found.push(order);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_subsets_are_all_and_many_are_drawn_each_once() {
        let seed = SeedTree::root(0);
        assert_eq!(subsets(3, 2, &seed), [[0, 1], [0, 2], [1, 2]]);
        assert_eq!(subsets(5, 2, &seed).len(), 10);
        assert_eq!(subsets(5, 5, &seed), [[0, 1, 2, 3, 4]]);
        for (n, size) in [(10, 3), (40, 20)] {
            let found = subsets(n, size, &seed);
            assert_eq!(found.len(), SUBSETS);
            for (i, subset) in found.iter().enumerate() {
                assert!(subset.len() == size && subset.windows(2).all(|two| two[0] < two[1]), "{subset:?}");
                assert!(subset[size - 1] < n && !found[..i].contains(subset));
            }
        }
    }
}
