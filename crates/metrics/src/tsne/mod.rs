//! t-SNE: points of many dimensions drawn in two so that near ones stay near.

mod affinities;
mod descent;

use crate::{MetricError, pca, vector};
use affinities::affinities;
use basin_core::SeedTree;
use descent::{Descent, EXAGGERATION};

/// Standard deviation of the first coordinate at the start.
const START: f64 = 1e-4;

/// Standard deviation of what the other starts are shaken by.
const SHAKEN: f64 = 1e-6;

/// Iterations with exaggerated probabilities and the first momentum.
const EARLY: usize = 250;

/// Momentum in the early iterations and after them.
const MOMENTUM: [f64; 2] = [0.5, 0.8];

/// How an embedding is made. Perplexity and iterations default to scikit-learn's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TsneSettings {
    /// Effective number of neighbours of a point, 1 to n − 1.
    pub perplexity: f64,
    /// Iterations of each descent, of which the first 250 exaggerate.
    pub iterations: usize,
    /// Descents, each from a start of its own; at least one is made.
    pub starts: usize,
}

impl Default for TsneSettings {
    fn default() -> Self {
        Self { perplexity: 30.0, iterations: 1000, starts: 10 }
    }
}

/// Points in two dimensions.
#[derive(Clone, Debug, PartialEq)]
pub struct Embedding {
    /// `[n]`, centred; without a unit.
    pub points: Vec<[f64; 2]>,
    /// Kullback–Leibler divergence of the points' similarities from those of the rows in nats, ≥ 0: what t-SNE minimises.
    /// Lower is better, at equal rows and perplexity.
    pub divergence: f64,
}

/// Exact t-SNE in two dimensions (van der Maaten and Hinton 2008, JMLR 9:2579, Algorithm 1) of n rows of d numbers.
///
/// The first start is the first two principal components, the first scaled to a standard deviation of 1e-4 (Kobak and Berens
/// 2019). A descent ends in one of many optima, and rounding decides in which: so there are as many starts as asked for,
/// each the same shaken by 1 % (drawn from `seed`), and the descent that ends lowest goes on for as many iterations again, as
/// van der Maaten advises to choose among ten runs. With one start `seed` is not used.
///
/// Bandwidths by bisection to 1e-5 in entropy; exaggeration 12 for 250 iterations; momentum 0.5, then 0.8; gains of Jacobs
/// 1988 (+0.2, × 0.8, at least 0.01); learning rate max(n / 48, 50); a fixed number of iterations. In f64 on one thread: the
/// same rows and seed give the same bits. Rows on one line stay near one. Distances between clusters mean little, and
/// neither do their sizes.
///
/// Cost: O(n² (d + starts · iterations)) time, 24 n² bytes.
///
/// ```
/// use basin_core::SeedTree;
/// use basin_metrics::{TsneSettings, tsne};
/// let rows: Vec<Vec<f64>> = (0..12).map(|i| vec![f64::from(i % 4), f64::from(i / 6) * 50.0]).collect();
/// let settings = TsneSettings { perplexity: 4.0, ..TsneSettings::default() };
/// let embedding = tsne(&rows, &settings, &SeedTree::root(0)).unwrap();
/// let side = |i: usize| embedding.points[i][0] > 0.0;
/// assert!((0..12).all(|i| side(i) == side(i / 6 * 6)) && side(0) != side(6), "two clusters stay apart");
/// ```
///
/// # Errors
/// Those of [`pca()`]; [`MetricError::Perplexity`] for a perplexity below 1 or above n − 1.
pub fn tsne<R: AsRef<[f64]>>(
    rows: &[R],
    settings: &TsneSettings,
    seed: &SeedTree,
) -> Result<Embedding, MetricError> {
    pca::check(rows)?;
    let n = rows.len();
    if !(1.0..=(n - 1) as f64).contains(&settings.perplexity) {
        return Err(MetricError::Perplexity { value: settings.perplexity, points: n });
    }
    let start = start(rows)?;
    let joint = affinities(&squared_distances(rows), n, settings.perplexity);
    let mut best = descend(&joint, start.clone(), settings.iterations);
    for number in 1..settings.starts {
        let mut rng = seed.index(number as u64).rng();
        let shaken = start.iter().map(|point| point.map(|x| x + SHAKEN * rng.normal())).collect();
        let other = descend(&joint, shaken, settings.iterations);
        // Of equals the first stays.
        if other.1 < best.1 {
            best = other;
        }
    }
    let mut descent = best.0;
    if settings.starts > 1 {
        (0..settings.iterations).for_each(|_| descent.step(&joint, 1.0, MOMENTUM[1]));
    }
    Ok(Embedding { divergence: descent.divergence(&joint), points: descent.centred() })
}

/// One descent and the divergence at its end.
fn descend(joint: &[f64], start: Vec<[f64; 2]>, iterations: usize) -> (Descent, f64) {
    let mut descent = Descent::from(start);
    for iteration in 0..iterations {
        let early = iteration < EARLY;
        if iteration == EARLY {
            descent.rest();
        }
        descent.step(joint, if early { EXAGGERATION } else { 1.0 }, MOMENTUM[usize::from(!early)]);
    }
    let divergence = descent.divergence(joint);
    (descent, divergence)
}

/// Scores of the first two components; of one where the rows lie on a line.
fn start<R: AsRef<[f64]>>(rows: &[R]) -> Result<Vec<[f64; 2]>, MetricError> {
    let pca = pca(rows, 2)?;
    let n = rows.len() as f64;
    let sd = (pca.variances[0] * (n - 1.0) / n).sqrt();
    let at = |row: &Vec<f64>, c: usize| row.get(c).map_or(0.0, |score| score / sd * START);
    Ok(pca.scores.iter().map(|row| [at(row, 0), at(row, 1)]).collect())
}

fn squared_distances<R: AsRef<[f64]>>(rows: &[R]) -> Vec<f64> {
    let n = rows.len();
    let mut all = vec![0.0; n * n];
    let mut between = Vec::new();
    for i in 0..n {
        for j in 0..i {
            between.clear();
            between.extend(rows[i].as_ref().iter().zip(rows[j].as_ref()).map(|(a, b)| a - b));
            let squared = vector::dot(&between, &between);
            (all[i * n + j], all[j * n + i]) = (squared, squared);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spiral(n: u32) -> Vec<[f64; 3]> {
        (0..n).map(|i| f64::from(i) * 0.3).map(|t| [t * t.cos(), t * t.sin(), (7.0 * t).sin()]).collect()
    }

    const FEW: TsneSettings = TsneSettings { perplexity: 5.0, iterations: 400, starts: 1 };

    #[test]
    fn the_same_rows_give_the_same_bits_and_more_work_a_lower_divergence() {
        let draw = |settings| tsne(&spiral(30), &settings, &SeedTree::root(0)).unwrap();
        let once = draw(FEW);
        assert_eq!(once, draw(FEW));
        assert_eq!(once, tsne(&spiral(30), &FEW, &SeedTree::root(1)).unwrap(), "one start draws nothing");
        assert!(once.divergence < draw(TsneSettings { iterations: 260, ..FEW }).divergence);
        let several = draw(TsneSettings { starts: 4, ..FEW });
        assert!(several.divergence < once.divergence);
        assert_eq!(several, draw(TsneSettings { starts: 4, ..FEW }));
        let sum: f64 = once.points.iter().map(|point| point[0] + point[1]).sum();
        assert!(sum.abs() < 1e-9);
    }

    #[test]
    fn copies_and_lines_are_drawn() {
        let mut rows = spiral(12);
        rows.extend_from_within(..);
        let copies = tsne(&rows, &FEW, &SeedTree::root(0)).unwrap();
        assert!(copies.points.iter().flatten().all(|x| x.is_finite()));
        let line: Vec<[f64; 2]> = (0..9).map(|i| [f64::from(i), 2.0]).collect();
        let line = tsne(&line, &TsneSettings { perplexity: 3.0, ..FEW }, &SeedTree::root(0)).unwrap();
        assert!(line.points.iter().all(|point| point[1] == 0.0 && point[0].is_finite()));
    }

    #[test]
    fn what_cannot_be_embedded_is_refused() {
        let refused = |rows: &[[f64; 1]], perplexity| {
            tsne(rows, &TsneSettings { perplexity, ..FEW }, &SeedTree::root(0)).unwrap_err()
        };
        for value in [0.5, 3.5, f64::NAN] {
            let error = refused(&[[1.0], [2.0], [3.0], [4.0]], value);
            assert!(matches!(error, MetricError::Perplexity { points: 4, .. }), "{error}");
        }
        assert_eq!(refused(&[[1.0]; 4], 1.0), MetricError::Identical { points: 4 });
        assert_eq!(refused(&[[1.0]], 1.0), MetricError::Values { found: 1, needed: 2 });
        let infinite = MetricError::NotFinite { member: 0, row: 1 };
        assert_eq!(refused(&[[0.0], [f64::INFINITY]], 1.0), infinite);
    }
}
