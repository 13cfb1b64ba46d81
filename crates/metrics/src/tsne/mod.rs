//! t-SNE: points of many dimensions drawn in two so that near ones stay near.

mod affinities;

use crate::{MetricError, pca, vector};
use affinities::affinities;

/// Standard deviation of the first coordinate at the start.
const START: f64 = 1e-4;

/// Iterations with exaggerated probabilities and the first momentum.
const EARLY: usize = 250;

/// By how much probabilities are exaggerated in them.
const EXAGGERATION: f64 = 12.0;

/// Momentum in the early iterations and after them.
const MOMENTUM: [f64; 2] = [0.5, 0.8];

/// Smallest gain of a coordinate.
const LEAST_GAIN: f64 = 0.01;

/// How an embedding is made. The defaults are those of scikit-learn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TsneSettings {
    /// Effective number of neighbours of a point, 1 to n − 1.
    pub perplexity: f64,
    /// Iterations, of which the first 250 exaggerate.
    pub iterations: usize,
}

impl Default for TsneSettings {
    fn default() -> Self {
        Self { perplexity: 30.0, iterations: 1000 }
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
/// The start is the first two principal components, the first scaled to a standard deviation of 1e-4 (Kobak and Berens
/// 2019), so nothing is drawn and there is no seed. Bandwidths by bisection to 1e-5 in entropy; exaggeration 12 for 250
/// iterations; momentum 0.5, then 0.8; gains of Jacobs 1988 (+0.2, × 0.8, at least 0.01); learning rate
/// max(n / 48, 50); a fixed number of iterations. In f64 on one thread: the same rows give the same bits. Rows on one line
/// stay on one. Distances between clusters mean little, and neither do their sizes.
///
/// Cost: O(n² (d + iterations)) time, 16 n² bytes; 120 rows of 5 000 take about 0.1 s.
///
/// ```
/// use basin_metrics::{TsneSettings, tsne};
/// let rows: Vec<Vec<f64>> = (0..12).map(|i| vec![f64::from(i % 4), f64::from(i / 6) * 50.0]).collect();
/// let embedding = tsne(&rows, &TsneSettings { perplexity: 4.0, ..TsneSettings::default() }).unwrap();
/// let side = |i: usize| embedding.points[i][0] > 0.0;
/// assert!((0..12).all(|i| side(i) == side(i / 6 * 6)) && side(0) != side(6), "two clusters stay apart");
/// ```
///
/// # Errors
/// Those of [`pca()`]; [`MetricError::Perplexity`] for a perplexity below 1 or above n − 1.
pub fn tsne<R: AsRef<[f64]>>(rows: &[R], settings: &TsneSettings) -> Result<Embedding, MetricError> {
    pca::check(rows)?;
    let n = rows.len();
    if !(1.0..=(n - 1) as f64).contains(&settings.perplexity) {
        return Err(MetricError::Perplexity { value: settings.perplexity, points: n });
    }
    let start = start(rows)?;
    let joint = affinities(&squared_distances(rows), n, settings.perplexity);
    let mut descent = Descent::from(start);
    for iteration in 0..settings.iterations {
        let early = iteration < EARLY;
        if iteration == EARLY {
            descent.rest();
        }
        descent.step(&joint, if early { EXAGGERATION } else { 1.0 }, MOMENTUM[usize::from(!early)]);
    }
    Ok(Embedding { divergence: descent.divergence(&joint), points: descent.centred() })
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

/// Gradient descent with momentum and a gain for each coordinate.
struct Descent {
    points: Vec<[f64; 2]>,
    velocity: Vec<[f64; 2]>,
    gains: Vec<[f64; 2]>,
    rate: f64,
    /// 1/(1 + squared distance) of every pair, `[n][n]`.
    kernel: Vec<f64>,
}

impl From<Vec<[f64; 2]>> for Descent {
    fn from(points: Vec<[f64; 2]>) -> Self {
        let n = points.len();
        let rate = (n as f64 / EXAGGERATION / 4.0).max(50.0);
        Self { velocity: vec![[0.0; 2]; n], gains: vec![[1.0; 2]; n], rate, kernel: vec![0.0; n * n], points }
    }
}

impl Descent {
    /// Forgets momentum and gains, when the exaggeration ends.
    fn rest(&mut self) {
        self.velocity.fill([0.0; 2]);
        self.gains.fill([1.0; 2]);
    }

    /// Fills the kernel and returns its sum over ordered pairs.
    fn measure(&mut self) -> f64 {
        let n = self.points.len();
        let mut sum = 0.0;
        for i in 0..n {
            let [x, y] = self.points[i];
            for j in 0..i {
                let (dx, dy) = (x - self.points[j][0], y - self.points[j][1]);
                let near = 1.0 / (1.0 + dx * dx + dy * dy);
                (self.kernel[i * n + j], self.kernel[j * n + i]) = (near, near);
                sum += near;
            }
        }
        2.0 * sum
    }

    fn step(&mut self, joint: &[f64], exaggeration: f64, momentum: f64) {
        let n = self.points.len();
        let sum = self.measure();
        // All gradients are of the points before the step.
        let gradient = |i: usize| {
            let [x, y] = self.points[i];
            let (mut gx, mut gy) = (0.0, 0.0);
            let pairs = joint[i * n..][..n].iter().zip(&self.kernel[i * n..][..n]).zip(&self.points);
            for ((p, near), other) in pairs {
                let pull = (exaggeration * p - near / sum) * near;
                gx += pull * (x - other[0]);
                gy += pull * (y - other[1]);
            }
            [4.0 * gx, 4.0 * gy]
        };
        let gradients: Vec<[f64; 2]> = (0..n).map(gradient).collect();
        for (i, gradient) in gradients.iter().enumerate() {
            for (c, gradient) in gradient.iter().enumerate() {
                let gain = &mut self.gains[i][c];
                let against = self.velocity[i][c] * gradient < 0.0;
                *gain = (if against { *gain + 0.2 } else { *gain * 0.8 }).max(LEAST_GAIN);
                self.velocity[i][c] = momentum * self.velocity[i][c] - self.rate * *gain * gradient;
                self.points[i][c] += self.velocity[i][c];
            }
        }
    }

    fn divergence(&mut self, joint: &[f64]) -> f64 {
        let sum = self.measure();
        let term = |(p, near): (&f64, &f64)| if *p > 0.0 { p * (p * sum / near).ln() } else { 0.0 };
        joint.iter().zip(&self.kernel).map(term).sum::<f64>().max(0.0)
    }

    fn centred(self) -> Vec<[f64; 2]> {
        let n = self.points.len() as f64;
        let mean = [0, 1].map(|c| self.points.iter().map(|point| point[c]).sum::<f64>() / n);
        self.points.iter().map(|[x, y]| [x - mean[0], y - mean[1]]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spiral(n: u32) -> Vec<[f64; 3]> {
        (0..n).map(|i| f64::from(i) * 0.3).map(|t| [t * t.cos(), t * t.sin(), (7.0 * t).sin()]).collect()
    }

    /// The gradient that `step` follows is that of the divergence, by central differences.
    #[test]
    fn a_step_goes_down_the_gradient_of_the_divergence() {
        let rows = spiral(9);
        let joint = affinities(&squared_distances(&rows), 9, 3.0);
        let points: Vec<[f64; 2]> = rows.iter().map(|row| [row[0], row[1] * 0.5]).collect();
        let mut descent = Descent::from(points.clone());
        descent.rate = 1e-3;
        descent.step(&joint, 1.0, 0.0);
        for (i, c) in [(0, 0), (3, 1), (8, 0), (8, 1)] {
            let at = |h: f64| {
                let mut moved = points.clone();
                moved[i][c] += h;
                Descent::from(moved).divergence(&joint)
            };
            let slope = (at(1e-5) - at(-1e-5)) / 2e-5;
            // The first step has gain 0.8.
            let taken = -(descent.points[i][c] - points[i][c]) / 0.8e-3;
            assert!((slope - taken).abs() < 1e-5 * slope.abs().max(1e-2), "{i} {c}: {slope} {taken}");
        }
    }

    #[test]
    fn the_same_rows_give_the_same_bits_and_other_iterations_others() {
        let settings = TsneSettings { perplexity: 6.0, iterations: 400 };
        let once = tsne(&spiral(30), &settings).unwrap();
        assert_eq!(once, tsne(&spiral(30), &settings).unwrap());
        let less = tsne(&spiral(30), &TsneSettings { iterations: 260, ..settings }).unwrap();
        assert!(once.divergence < less.divergence);
        let sum: f64 = once.points.iter().map(|point| point[0] + point[1]).sum();
        assert!(sum.abs() < 1e-9);
    }

    #[test]
    fn copies_and_lines_are_drawn() {
        let mut rows = spiral(12);
        rows.extend_from_within(..);
        let copies = tsne(&rows, &TsneSettings { perplexity: 5.0, iterations: 300 }).unwrap();
        assert!(copies.points.iter().flatten().all(|x| x.is_finite()));
        let line: Vec<[f64; 2]> = (0..9).map(|i| [f64::from(i), 2.0]).collect();
        let line = tsne(&line, &TsneSettings { perplexity: 3.0, iterations: 300 }).unwrap();
        assert!(line.points.iter().all(|point| point[1] == 0.0 && point[0].is_finite()));
    }

    #[test]
    fn what_cannot_be_embedded_is_refused() {
        for value in [0.5, 9.5, f64::NAN] {
            let error = tsne(&spiral(10), &TsneSettings { perplexity: value, iterations: 10 }).unwrap_err();
            assert!(matches!(error, MetricError::Perplexity { points: 10, .. }), "{error}");
        }
        let settings = TsneSettings { perplexity: 1.0, iterations: 10 };
        assert_eq!(tsne(&[[1.0]; 4], &settings), Err(MetricError::Identical { points: 4 }));
        assert_eq!(tsne(&[[1.0]], &settings), Err(MetricError::Values { found: 1, needed: 2 }));
        assert_eq!(
            tsne(&[[0.0], [f64::INFINITY]], &settings),
            Err(MetricError::NotFinite { member: 0, row: 1 })
        );
    }
}
