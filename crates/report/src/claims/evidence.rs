//! What results say of one comparison: an effect with its interval, and on which side of the bound that lies.

use super::{Basis, Finding, ShareFound, Verdict, without};
use crate::spread::summary;
use crate::table::over_images;
use crate::telling::Telling;
use basin_metrics::stats::{fieller, ratio, t_interval};
use basin_papers::{CaseKeys, Contrast, Expected, Share};
use basin_results::Ensemble;

/// A finding before it is named: one value per seed, and what a single seed offers in place of an interval over seeds.
struct Values {
    per_seed: Vec<f64>,
    of_images: Option<(f64, f64)>,
    /// Whether a single seed's value may be compared with the bound without an interval.
    a_point_speaks: bool,
}

impl Values {
    fn find(self, what: String, metric: &'static str, expected: Expected) -> Finding {
        let all = summary(&self.per_seed);
        let over_seeds = t_interval(&all, 0.95).ok().map(|interval| (interval.low, interval.high));
        let (interval, basis) = match (over_seeds, self.of_images) {
            (Some(interval), _) => (Some(interval), Basis::Seeds),
            (None, Some(interval)) if all.n == 1 => (Some(interval), Basis::Images),
            _ => (None, Basis::Nothing),
        };
        let (above, bound) = match expected {
            Expected::Above(bound) => (true, bound),
            Expected::Below(bound) => (false, bound),
        };
        let point =
            (self.a_point_speaks && all.n == 1 && all.mean.is_finite()).then_some((all.mean, all.mean));
        let says = interval.or(point).map_or(Verdict::Undecided, |(low, high)| side(low, high, bound, above));
        Finding { what, metric, effect: all.mean, interval, basis, seeds: all.n, bound, above, says }
    }
}

/// On which side of the bound an interval lies.
fn side(low: f64, high: f64, bound: f64, above: bool) -> Verdict {
    let (inside, outside) = match above {
        true => (low > bound, high < bound),
        false => (high < bound, low > bound),
    };
    match (inside, outside) {
        (true, _) => Verdict::Holds,
        (_, true) => Verdict::Fails,
        _ => Verdict::Undecided,
    }
}

/// Seeds for which all of these methods were run.
fn common_seeds(group: &[&Ensemble], methods: &[&str]) -> Vec<u64> {
    let mut seeds: Vec<u64> = group.iter().map(|ensemble| ensemble.seed).collect();
    seeds.sort_unstable();
    seeds.dedup();
    seeds.retain(|&seed| methods.iter().all(|method| ensemble_of(group, method, seed).is_some()));
    seeds
}

fn ensemble_of<'a>(group: &[&'a Ensemble], method: &str, seed: u64) -> Option<&'a Ensemble> {
    group.iter().copied().find(|ensemble| ensemble.method == method && ensemble.seed == seed)
}

/// A weighted sum over methods; none where no seed has all of them, or the metric was measured of none.
pub(super) fn contrast(telling: &Telling<'_>, group: &[&Ensemble], contrast: &Contrast) -> Option<Finding> {
    let methods: Vec<&str> = contrast.terms.iter().map(|(_, method)| *method).collect();
    let value = |seed: u64, (weight, method): &(f64, &str)| {
        ensemble_of(group, method, seed).map(|ensemble| weight * ensemble.number(contrast.metric))
    };
    let seeds = common_seeds(group, &methods);
    let measured = |seed: &u64| {
        methods.iter().all(|m| ensemble_of(group, m, *seed).is_some_and(|e| e.get(contrast.metric).is_some()))
    };
    let seeds: Vec<u64> = seeds.into_iter().filter(measured).collect();
    let per_seed: Vec<f64> =
        seeds.iter().map(|&seed| contrast.terms.iter().filter_map(|term| value(seed, term)).sum()).collect();
    let of_images = match (&seeds[..], contrast.terms, contrast.error) {
        ([seed], [(1.0, method)], Some(error)) => ensemble_of(group, method, *seed)
            .and_then(|e| over_images(e.number(contrast.metric), e.number(error))),
        _ => None,
    };
    (!per_seed.is_empty()).then(|| {
        let values = Values { per_seed, of_images, a_point_speaks: false };
        values.find(super::words::terms(telling, contrast), contrast.metric, contrast.expected)
    })
}

/// A part beside a whole over the seeds that have both; none where a value is missing or the whole is not above 0.
pub(super) fn share(group: &[&Ensemble], share: &Share) -> Option<ShareFound> {
    let methods: Vec<&str> = share.part.iter().chain(share.whole).map(|(_, method)| *method).collect();
    let seeds = common_seeds(group, &methods);
    let sums = |terms: &[(f64, &str)]| -> Vec<f64> {
        let value = |seed: u64, method: &str| {
            ensemble_of(group, method, seed).map_or(f64::NAN, |e| e.number(share.metric))
        };
        let sum = |seed: &u64| terms.iter().map(|(weight, method)| weight * value(*seed, method)).sum();
        seeds.iter().map(sum).collect()
    };
    let (part, whole) = (sums(share.part), sums(share.whole));
    if !summary(&whole).mean.is_finite() || summary(&whole).mean <= 0.0 {
        return None;
    }
    let interval = fieller(&part, &whole, 0.95).ok().flatten().map(|interval| (interval.low, interval.high));
    Some(ShareFound { share: ratio(&part, &whole).ok()?, interval, of: share.of })
}

/// A connectivity against a margin below zero.
pub(super) fn connected(
    telling: &Telling<'_>,
    group: &[&Ensemble],
    (method, metric): (&str, &'static str),
    margin: f64,
    connected: bool,
) -> Option<Finding> {
    let own = group.iter().filter(|ensemble| ensemble.method == method);
    let per_seed: Vec<f64> = own.filter_map(|ensemble| ensemble.get(metric)).collect();
    let expected = if connected { Expected::Above(-margin) } else { Expected::Below(-margin) };
    (!per_seed.is_empty()).then(|| {
        let values = Values { per_seed, of_images: None, a_point_speaks: true };
        values.find(telling.name(method).to_owned(), metric, expected)
    })
}

/// The slope of a metric over a key, for every method and every setting of the other keys that has several positions: its
/// network, the setting, what was found.
pub(super) fn trends(
    telling: &Telling<'_>,
    methods: &[&str],
    metric: &'static str,
    over: &str,
    expected: Expected,
) -> Vec<(String, String, Finding)> {
    let position = |e: &Ensemble| e.case.get(over).and_then(|text| text.parse::<f64>().ok());
    // With other keys fixed; the number of members may be one of them.
    let key = |e: &'_ Ensemble| {
        (e.dataset.clone(), e.model.clone(), without(&e.case, over), e.members, e.method.clone())
    };
    let mut found = Vec::new();
    for group in telling.groups(key) {
        let swept: Vec<(f64, &Ensemble)> = group.iter().filter_map(|e| Some((position(e)?, *e))).collect();
        if !methods.contains(&group[0].method.as_str()) {
            continue;
        }
        if let Some(values) = slopes(&swept, metric, expected) {
            let (first, rest) = (group[0], without(&group[0].case, over));
            let what = format!("{}, slope over {}", telling.name(&first.method), symbol(telling, over));
            let setting = setting(telling, first, &rest);
            found.push((first.model.clone(), setting, values.find(what, metric, expected)));
        }
    }
    found
}

fn setting(telling: &Telling<'_>, first: &Ensemble, rest: &CaseKeys) -> String {
    let rest = telling.label(rest);
    let rest = if rest.is_empty() { rest } else { format!(" · {rest}") };
    format!(
        "{} · {} · {} members · {}{rest}",
        first.dataset,
        first.model,
        first.members,
        telling.name(&first.method)
    )
}

fn symbol<'a>(telling: &Telling<'_>, key: &'a str) -> &'a str {
    telling.paper.symbols().iter().find(|symbol| symbol.key == key).map_or(key, |symbol| symbol.symbol)
}

/// The least-squares slope of every seed that was measured at all positions; none for fewer than two positions.
fn slopes(swept: &[(f64, &Ensemble)], metric: &str, expected: Expected) -> Option<Values> {
    let mut positions: Vec<f64> = swept.iter().map(|(at, _)| *at).collect();
    positions.sort_by(f64::total_cmp);
    positions.dedup();
    let mut seeds: Vec<u64> = swept.iter().map(|(_, ensemble)| ensemble.seed).collect();
    seeds.sort_unstable();
    seeds.dedup();
    let curve = |&seed: &u64| -> Option<Vec<f64>> {
        let at = |x: &f64| swept.iter().find(|(at, e)| at == x && e.seed == seed)?.1.get(metric);
        positions.iter().map(at).collect()
    };
    let curves: Vec<Vec<f64>> = seeds.iter().filter_map(curve).collect();
    if positions.len() < 2 || curves.is_empty() {
        return None;
    }
    let middle = positions.iter().sum::<f64>() / positions.len() as f64;
    let width: f64 = positions.iter().map(|x| (x - middle).powi(2)).sum();
    let slope = |ys: &Vec<f64>| positions.iter().zip(ys).map(|(x, y)| (x - middle) * y).sum::<f64>() / width;
    // A single seed has no interval; that every step goes one way is all it can show.
    let of_images = None;
    let one_way = curves.len() == 1 && positions.len() > 2 && {
        let rises = matches!(expected, Expected::Above(_));
        curves[0].windows(2).all(|pair| if rises { pair[1] > pair[0] } else { pair[1] < pair[0] })
    };
    Some(Values { per_seed: curves.iter().map(slope).collect(), of_images, a_point_speaks: one_way })
}
