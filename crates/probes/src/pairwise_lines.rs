//! Pairwise connectivity: accuracy along straight lines between members.

use crate::inputs::{accuracies_on, as_many, logits, subject};
use crate::joint_connectivity::{cost, data, mark, unwrapped};
use basin_core::{Citation, DataRef, Record, Simplex};
use basin_ensemble::{Lab, Mixing, Probe, ProbeError};
use basin_metrics::{accuracy, choose_pairs};

/// Accuracy along the lines between random pairs of members ([`fn@basin_metrics::pairwise_connectivity`]).
///
/// Inputs: M ≥ 1 networks, and the logits of each on images that begin with `data`. Record: lists `alpha`
/// `[points]`, and `q i-j` and `accuracy i-j` `[points]` for each pair of members, counted from 0; a single network has no
/// pairs. Goes on at the point at which it was stopped. Cost: one pass over `data` per inner point, ends are not evaluated again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairwiseLines {
    /// The images.
    pub data: DataRef,
    /// Pairs, at most all there are.
    pub pairs: usize,
    /// Points on each line, ends included, at least 2.
    pub points: usize,
    /// How networks between the members are made.
    pub mixing: Mixing,
}

/// One line of a record of [`PairwiseLines`].
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The members at α = 0 and α = 1, counted from 0.
    pub pair: (usize, usize),
    /// The points, in 0..=1.
    pub alphas: Vec<f64>,
    /// q at each, a fraction; 0 at the ends.
    pub q: Vec<f64>,
}

const DONE: &str = "evaluated";
const ALPHA: &str = "alpha";

impl PairwiseLines {
    /// The lines of a record, in the order of their pairs.
    pub fn lines(record: &Record) -> Vec<Line> {
        let alphas = record.lists.get(ALPHA).cloned().unwrap_or_default();
        let line = |(name, q): (&String, &Vec<f64>)| {
            let (i, j) = name.strip_prefix("q ")?.split_once('-')?;
            Some(Line { pair: (i.parse().ok()?, j.parse().ok()?), alphas: alphas.clone(), q: q.clone() })
        };
        let mut lines: Vec<Line> = record.lists.iter().filter_map(line).collect();
        lines.sort_by_key(|line| line.pair);
        lines
    }
}

impl Probe for PairwiseLines {
    fn id(&self) -> &'static str {
        "pairwise-lines"
    }

    fn settings(&self) -> String {
        format!("1 ({} pairs, {} points{})", self.pairs, self.points, mark(&self.mixing))
    }

    fn citations(&self) -> Vec<Citation> {
        vec![basin_metrics::pairwise_connectivity::CITATION]
    }

    fn data(&self) -> Vec<DataRef> {
        data(&self.data, &self.mixing)
    }

    fn cost(&self, inputs: usize, images: &dyn Fn(&DataRef) -> usize) -> u64 {
        match self.pairs.min(inputs * inputs.saturating_sub(1) / 2) {
            0 => 0,
            pairs => cost(pairs * self.points.saturating_sub(2), inputs, &self.data, &self.mixing, images),
        }
    }

    fn check(&self, networks: usize, records: usize) -> Result<(), ProbeError> {
        as_many(self.id(), networks, records)?;
        match self.points {
            0 | 1 => {
                Err(subject(self.id(), format!("{} points on a line, expected at least 2", self.points)))
            }
            _ => Ok(()),
        }
    }

    fn run(&self, lab: &mut dyn Lab) -> Result<Record, ProbeError> {
        self.check(lab.networks(), lab.records().len())?;
        let labels = lab.labels(&self.data)?;
        let members = accuracies_on(self.id(), &labels, &logits(self.id(), lab)?)?;
        let pairs = choose_pairs(members.len(), self.pairs, &lab.seeds().child("pairs"));
        let alphas: Vec<f64> = (0..self.points).map(|i| i as f64 / (self.points - 1) as f64).collect();
        let mut done = lab.kept().and_then(|kept| kept.lists.get(DONE)).cloned().unwrap_or_default();
        let (mut point, all) = (0, (pairs.len() * (self.points - 2)) as u64);
        let mut record = Record::default().with_list(ALPHA, alphas.clone());
        for (i, j) in pairs {
            let evaluate = |weights: &Simplex| {
                if point == done.len() {
                    let logits = lab.logits_between(&[i, j], weights, &self.mixing, &self.data)?;
                    let accuracy = accuracy(&logits.softmax(1.0), &labels);
                    done.push(accuracy.map_err(|error| subject(self.id(), error))?);
                    lab.step(done.len() as u64, all, &|| Record::default().with_list(DONE, done.clone()))?;
                }
                point += 1;
                Ok(done[point - 1])
            };
            let curve = basin_metrics::pairwise_connectivity(members[i], members[j], &alphas, evaluate)
                .map_err(|error| unwrapped(self.id(), error))?;
            record = record
                .with_list(format!("q {i}-{j}"), curve.q)
                .with_list(format!("accuracy {i}-{j}"), curve.accuracy);
        }
        Ok(record)
    }
}
