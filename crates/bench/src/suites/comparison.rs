//! From times to rates, and from the rates of two sides to their ratio.

use super::spread::{Spread, rounded};
use serde::Serialize;
use serde_json::Value;

/// Seconds of every step, by round.
pub(crate) type Rounds = Vec<Vec<f64>>;

/// One side's line about one case.
#[derive(Debug, Serialize)]
pub(super) struct Measured<'a> {
    pub(super) suite: &'static str,
    pub(super) program: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) layout: Option<&'a str>,
    #[serde(flatten)]
    pub(super) labels: &'a Value,
    pub(super) batch: usize,
    pub(super) threads: usize,
    pub(super) rounds: usize,
    pub(super) steps: usize,
    pub(super) seconds_per_step: Spread,
    pub(super) images_per_second: f64,
    pub(super) gflop_per_second: Option<f64>,
    pub(super) fma_peak_gflops: Option<f64>,
    pub(super) share_of_peak: Option<f64>,
    pub(super) peak_memory_mib: Option<f64>,
}

/// A layout in which the peer could not measure, with its reason.
#[derive(Debug, Serialize)]
pub(super) struct Skipped<'a> {
    pub(super) suite: &'static str,
    pub(super) program: &'a str,
    pub(super) layout: &'a str,
    #[serde(flatten)]
    pub(super) labels: &'a Value,
    pub(super) skipped: &'a str,
}

/// The last line of a case: our rate against that of the peer's best layout.
#[derive(Debug, Serialize)]
pub(super) struct Compared<'a> {
    pub(super) suite: &'static str,
    #[serde(flatten)]
    pub(super) labels: &'a Value,
    pub(super) batch: usize,
    pub(super) threads: usize,
    pub(super) ours_images_per_second: f64,
    pub(super) peer_images_per_second: f64,
    pub(super) peer: &'a str,
    pub(super) peer_layout: &'a str,
    #[serde(flatten)]
    pub(super) ratio: Ratio,
}

/// How often we are as fast as the peer: above 1 we are faster.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Ratio {
    /// Median over rounds.
    pub(crate) ratio: f64,
    pub(crate) ratio_min: f64,
    pub(crate) ratio_max: f64,
    rounds: usize,
    ratios: Vec<f64>,
}

impl Ratio {
    /// Round by round: the peer's median step over ours, so that what slows a whole round slows both.
    pub(crate) fn of(ours: &Rounds, peers: &Rounds) -> Option<Self> {
        let medians = |rounds: &Rounds| -> Option<Vec<f64>> {
            rounds.iter().map(|steps| Spread::of(steps).map(|spread| spread.median)).collect()
        };
        let pairs = medians(peers)?.into_iter().zip(medians(ours)?);
        let ratios: Vec<f64> = pairs.map(|(peer, ours)| peer / ours).collect();
        let spread = Spread::of(&ratios)?;
        Some(Self {
            ratio: rounded(spread.median),
            ratio_min: rounded(spread.min),
            ratio_max: rounded(spread.max),
            rounds: ratios.len(),
            ratios: ratios.into_iter().map(rounded).collect(),
        })
    }
}

/// The median step over all rounds.
pub(crate) fn median(rounds: &Rounds) -> Option<f64> {
    Some(Spread::of(&rounds.concat())?.median)
}

/// The place of the layout whose median step is the shortest.
pub(crate) fn fastest(layouts: &[Rounds]) -> Option<usize> {
    let medians = layouts.iter().enumerate().filter_map(|(place, rounds)| Some((place, median(rounds)?)));
    medians.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(place, _)| place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_taken_round_by_round() {
        // In the second round everything takes twice as long: the pairing keeps that out of the ratio.
        let ours = vec![vec![1.0, 1.0, 9.0], vec![2.0, 2.0, 2.0], vec![1.0, 1.0, 1.0]];
        let peers = vec![vec![3.0, 3.0, 3.0], vec![6.0, 0.1, 6.0], vec![2.0, 4.0, 2.0]];
        let ratio = Ratio::of(&ours, &peers).unwrap();
        assert_eq!(
            ratio,
            Ratio { ratio: 3.0, ratio_min: 2.0, ratio_max: 3.0, rounds: 3, ratios: vec![3.0, 3.0, 2.0] }
        );
        assert_eq!(Ratio::of(&vec![], &vec![]), None);
    }

    #[test]
    fn the_fastest_layout_is_that_of_the_shortest_median_not_of_the_luckiest_step() {
        let steady = vec![vec![2.0, 2.0], vec![2.0, 2.0]];
        let lucky = vec![vec![0.5, 3.0], vec![3.0, 3.0]];
        assert_eq!(fastest(&[lucky.clone(), steady.clone()]), Some(1));
        assert_eq!(fastest(&[steady, lucky]), Some(0));
        assert_eq!(fastest(&[]), None);
    }
}
