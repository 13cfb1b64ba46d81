//! Two runs side by side: configuration keys that differ, and every number over its seeds.

mod keys;
mod names;

pub use keys::KeyDifference;
pub use names::RowName;

use crate::spread::summary;
use crate::table::over_images;
use basin_metrics::stats::t_interval;
use basin_papers::Paper;
use basin_results::Results;
use names::Rows;
use serde::Serialize;

/// What two runs have in common and what not; the first is `a`, the second `b`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Keys of the configuration that differ, in order.
    pub keys: Vec<KeyDifference>,
    /// Rows that both runs have, in the order of the first.
    pub rows: Vec<ComparedRow>,
    /// Rows that the first run alone has.
    pub only_in_a: Vec<RowName>,
    /// Rows that the second run alone has.
    pub only_in_b: Vec<RowName>,
}

/// One row of both runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ComparedRow {
    /// What it is of.
    #[serde(flatten)]
    pub name: RowName,
    /// In the first run.
    pub a: Estimate,
    /// In the second run.
    pub b: Estimate,
    /// Mean of the second minus mean of the first; NaN, in files null, where one is missing.
    pub difference: f64,
    /// Whether the intervals do not overlap; none where a run has no interval.
    pub apart: Option<bool>,
}

/// A number over the seeds of a run, in the metric's own unit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// Mean; NaN, in files null, when a seed could not be measured.
    pub mean: f64,
    /// 95 % interval; none where neither seeds nor test images tell one.
    pub interval: Option<[f64; 2]>,
    /// Number of seeds.
    pub seeds: usize,
}

/// Sets two runs side by side. Rows are matched by data set, network, case, members, method, subject and metric; those of the
/// first three that are one for each whole run are a difference of its configuration and match whatever they are.
///
/// An interval is Student's over seeds. Of a single seed only differences within a run have one, over test images.
pub fn compare(a: (&Results, &dyn Paper), b: (&Results, &dyn Paper)) -> Comparison {
    let told = names::told([a.0, b.0]);
    let rows = [Rows::of(a.0, told), Rows::of(b.0, told)];
    let compared = |name: &RowName| {
        let (in_a, in_b) = (estimate(&rows[0], name, a.1)?, estimate(&rows[1], name, b.1)?);
        Some(ComparedRow {
            name: name.clone(),
            a: in_a,
            b: in_b,
            difference: in_b.mean - in_a.mean,
            apart: in_a.interval.zip(in_b.interval).map(|(a, b)| a[0] > b[1] || b[0] > a[1]),
        })
    };
    let without = |rows: &Rows, other: &Rows| -> Vec<RowName> {
        rows.order.iter().filter(|name| !other.values.contains_key(name)).cloned().collect()
    };
    Comparison {
        keys: keys::differences(a.0, b.0),
        rows: rows[0].order.iter().filter_map(compared).collect(),
        only_in_a: without(&rows[0], &rows[1]),
        only_in_b: without(&rows[1], &rows[0]),
    }
}

fn estimate(rows: &Rows, name: &RowName, paper: &dyn Paper) -> Option<Estimate> {
    let values = rows.values.get(name)?;
    let over_seeds = summary(values);
    let interval = match values[..] {
        [only] => {
            let within = paper.layout().within.iter().find(|within| within.metric == name.metric);
            let error = within.map(|within| RowName { metric: within.error.to_owned(), ..name.clone() });
            let error = error.and_then(|name| rows.values.get(&name)?.first().copied());
            error.and_then(|error| over_images(only, error)).map(|(low, high)| [low, high])
        }
        _ => t_interval(&over_seeds, 0.95).ok().map(|interval| [interval.low, interval.high]),
    };
    Some(Estimate { mean: over_seeds.mean, interval, seeds: values.len() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use basin_paper_single_basin::SingleBasin;
    use basin_results::Ensemble;

    fn run(members: usize, accuracies: &[f64]) -> Results {
        let ensemble = |(seed, accuracy): (usize, &f64)| {
            let named = Ensemble { method: "deep".into(), members, seed: seed as u64, ..Ensemble::default() };
            named.with("ensemble-accuracy", *accuracy)
        };
        Results { ensembles: accuracies.iter().enumerate().map(ensemble).collect(), ..Results::default() }
    }

    fn compared(a: &Results, b: &Results) -> Comparison {
        compare((a, &SingleBasin), (b, &SingleBasin))
    }

    #[test]
    fn only_intervals_that_do_not_overlap_are_apart() {
        // With two seeds the interval is the mean ± 12.706 times half of their difference.
        let apart = |a: &[f64], b: &[f64]| compared(&run(3, a), &run(3, b)).rows[0].apart;
        assert_eq!(apart(&[0.50, 0.501], &[0.60, 0.601]), Some(true));
        assert_eq!(apart(&[0.60, 0.601], &[0.50, 0.501]), Some(true));
        assert_eq!(apart(&[0.50, 0.52], &[0.60, 0.62]), Some(false));
        // One seed, or one that could not be measured, has no interval.
        assert_eq!(apart(&[0.5], &[0.6]), None);
        assert_eq!(apart(&[0.50, f64::NAN], &[0.60, 0.601]), None);
    }

    #[test]
    fn a_difference_within_a_run_has_an_interval_over_test_images_with_one_seed() {
        let with = |mean: f64| {
            let mut run = run(3, &[0.5]);
            run.ensembles[0].set(basin_results::Subject::Ensemble, "minus-deep", mean);
            run.ensembles[0].set(basin_results::Subject::Ensemble, "minus-deep-se", 0.01);
            run
        };
        let found = compared(&with(0.0), &with(0.05));
        let row = found.rows.iter().find(|row| row.name.metric == "minus-deep").unwrap();
        assert_eq!(row.a.interval, Some([-0.0196, 0.0196]));
        assert_eq!(row.apart, Some(true));
    }

    #[test]
    fn what_is_one_for_a_whole_run_does_not_keep_rows_from_each_other() {
        let found = compared(&run(3, &[0.5]), &run(5, &[0.6]));
        assert_eq!((found.rows.len(), found.rows[0].name.members), (1, None));
        assert!(found.only_in_a.is_empty() && found.only_in_b.is_empty());

        let mut several = run(3, &[0.5]);
        several.ensembles.push(run(5, &[0.6]).ensembles.remove(0));
        let found = compared(&several, &run(5, &[0.6]));
        assert_eq!((found.rows.len(), found.rows[0].name.members), (1, Some(5)));
        assert_eq!((found.only_in_a.len(), found.only_in_a[0].members), (1, Some(3)));
    }
}
