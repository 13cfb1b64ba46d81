//! Calibrated negative log-likelihood: how good predictions are once a temperature has made them as certain as they may
//! be, so that methods compare by what they know and not by how sure they sound.

use crate::MetricError;
use crate::shape::check_labelled;
use basin_core::{Citation, Labels, Probs, SeedTree};

/// Where this score comes from.
pub const CITATION: Citation = Citation {
    key: "ashukha2020pitfalls",
    authors: "Ashukha, Arsenii and Lyzhov, Alexander and Molchanov, Dmitry and Vetrov, Dmitry",
    title: "Pitfalls of In-Domain Uncertainty Estimation and Ensembling in Deep Learning",
    year: 2020,
    locator: "2002.06470",
};

/// How often the images are parted in halves.
const REPETITIONS: u64 = 5;

/// Added to probabilities before their logarithm is taken, as in the code of Ashukha et al.
const FLOOR: f64 = 1e-12;

/// Bounds of the temperature. A half without errors, or one worse than chance, has no best temperature inside.
const TEMPERATURES: [f64; 2] = [0.01, 100.0];

/// Scores at the best temperature, each the mean over ten halves of the images.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibrated {
    /// Negative log-likelihood in nats, ≥ 0.
    pub nll: f64,
    /// Brier score, in 0..=2.
    pub brier: f64,
    /// The ten temperatures, each fitted on one half and used on the other.
    pub temperatures: Vec<f64>,
}

/// Negative log-likelihood and Brier score at the best temperature (Ashukha et al. 2020, and their published code). Lower is better.
///
/// Five times the images are shuffled and parted in two halves; a temperature T is fitted on one half by minimising the
/// negative log-likelihood of `softmax(ln(p + 1e-12) / T)`, and the other half is scored with it, either way. `probs` are
/// the ensemble's predictions, the mean over members. Both halves are of the test set: say so where the number stands.
///
/// The likelihood is convex in 1/T, so its one minimum is found to the last digits where Ashukha et al. stop a simplex
/// search at 1e-3; T stays in 0.01..=100. They add 1e-12 to scaled probabilities where this adds it to the predictions.
/// Halves are a function of `seed` and n: ensembles that are to be compared share a seed. Cost: O(n C), about two hundred
/// times.
///
/// ```
/// use basin_core::{Labels, Logits, SeedTree};
/// use basin_metrics::{calibrated_nll, nll};
/// // Right in 3 of 4 cases, and far too sure of itself.
/// let logits = Logits::new(2, [9.0, 0.0].repeat(40)).unwrap();
/// let labels = Labels::new(2, (0..40).map(|i| u32::from(i % 4 == 0)).collect()).unwrap();
/// let sure = logits.softmax(1.0);
/// let calibrated = calibrated_nll(&sure, &labels, &SeedTree::root(0)).unwrap();
/// assert!(nll(&sure, &labels).unwrap() > 2.0 && calibrated.nll < 0.7);
/// assert!(calibrated.temperatures.iter().all(|t| *t > 3.0));
/// ```
///
/// # Errors
/// [`MetricError::Values`] for fewer than two images, [`MetricError::LabelShape`] or [`MetricError::NotFinite`].
pub fn calibrated_nll(probs: &Probs, labels: &Labels, seed: &SeedTree) -> Result<Calibrated, MetricError> {
    check_labelled(probs, labels)?;
    let n = probs.len();
    if n < 2 {
        return Err(MetricError::Values { found: n, needed: 2 });
    }
    let halves: Vec<_> = (0..REPETITIONS).map(|repetition| halves(n, &seed.index(repetition))).collect();
    Ok(Scaled::new(probs, labels).over(&halves))
}

/// Two halves of n images, the first with one more where n is odd, each in the order of the images.
fn halves(n: usize, seed: &SeedTree) -> [Vec<usize>; 2] {
    let mut order: Vec<usize> = (0..n).collect();
    seed.rng().shuffle(&mut order);
    let mut second = order.split_off(n.div_ceil(2));
    order.sort_unstable();
    second.sort_unstable();
    [order, second]
}

/// Predictions as logarithms of probabilities, to be divided by a temperature.
struct Scaled<'a> {
    logs: Vec<f64>,
    classes: usize,
    labels: &'a [u32],
}

impl<'a> Scaled<'a> {
    fn new(probs: &Probs, labels: &'a Labels) -> Self {
        let logs = probs.rows().flatten().map(|p| (p + FLOOR).ln()).collect();
        Self { logs, classes: probs.classes(), labels: labels.values() }
    }

    fn over(&self, halves: &[[Vec<usize>; 2]]) -> Calibrated {
        let mut sum = Calibrated { nll: 0.0, brier: 0.0, temperatures: Vec::new() };
        for [a, b] in halves {
            for (fitted, scored) in [(b, a), (a, b)] {
                let temperature = self.temperature(fitted);
                let [nll, brier] = self.scores(scored, temperature);
                sum.nll += nll;
                sum.brier += brier;
                sum.temperatures.push(temperature);
            }
        }
        let count = sum.temperatures.len() as f64;
        Calibrated { nll: sum.nll / count, brier: sum.brier / count, temperatures: sum.temperatures }
    }

    /// Log-probability of every class at 1/temperature, written over `row`.
    fn scale(&self, image: usize, inverse: f64, row: &mut [f64]) {
        let logs = &self.logs[image * self.classes..][..self.classes];
        row.iter_mut().zip(logs).for_each(|(z, log)| *z = log * inverse);
        let top = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = row.iter().map(|z| (z - top).exp()).sum();
        let normaliser = top + sum.ln();
        row.iter_mut().for_each(|z| *z -= normaliser);
    }

    /// First and second derivative of the mean negative log-likelihood with respect to 1/temperature: expected
    /// logarithm minus that of the true class, and the logarithm's variance.
    fn derivatives(&self, images: &[usize], inverse: f64) -> [f64; 2] {
        let mut row = vec![0.0; self.classes];
        let mut sums = [0.0; 2];
        for &image in images {
            self.scale(image, inverse, &mut row);
            let logs = &self.logs[image * self.classes..][..self.classes];
            let (mut mean, mut square) = (0.0, 0.0);
            let own = logs[self.labels[image] as usize];
            for (log, z) in logs.iter().zip(&row) {
                let (p, from_own) = (z.exp(), log - own);
                mean += p * from_own;
                square += p * from_own * from_own;
            }
            sums[0] += mean;
            sums[1] += square - mean * mean;
        }
        sums.map(|sum| sum / images.len() as f64)
    }

    /// The temperature of the least negative log-likelihood on these images: Newton's method on the rising first
    /// derivative, halving the bracket where it would leave it.
    fn temperature(&self, images: &[usize]) -> f64 {
        let [mut low, mut high] = [1.0 / TEMPERATURES[1], 1.0 / TEMPERATURES[0]];
        if self.derivatives(images, low)[0] >= 0.0 {
            return TEMPERATURES[1];
        }
        if self.derivatives(images, high)[0] <= 0.0 {
            return TEMPERATURES[0];
        }
        let mut inverse: f64 = 1.0;
        for _ in 0..100 {
            let [slope, curvature] = self.derivatives(images, inverse);
            if slope < 0.0 {
                low = inverse
            } else {
                high = inverse
            }
            let newton = inverse - slope / curvature;
            let next = if newton > low && newton < high { newton } else { (low * high).sqrt() };
            if (next - inverse).abs() <= 1e-14 * inverse {
                break;
            }
            inverse = next;
        }
        1.0 / inverse
    }

    /// Mean negative log-likelihood and Brier score of these images.
    fn scores(&self, images: &[usize], temperature: f64) -> [f64; 2] {
        let mut row = vec![0.0; self.classes];
        let mut sums = [0.0; 2];
        for &image in images {
            self.scale(image, 1.0 / temperature, &mut row);
            let label = self.labels[image] as usize;
            sums[0] -= row[label];
            let miss = |(c, z): (usize, &f64)| z.exp() - f64::from(u8::from(c == label));
            sums[1] += row.iter().enumerate().map(miss).map(|miss| miss * miss).sum::<f64>();
        }
        sums.map(|sum| (sum / images.len() as f64).max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use basin_core::Logits;
    use serde_json::Value;

    fn numbers(value: &Value) -> Vec<f64> {
        value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
    }

    /// The same halves scored by NumPy, the temperatures by SciPy's root finder: `fixtures/metrics/landscape.py`.
    #[test]
    fn scores_and_temperatures_match_an_independent_program() {
        let golden: Value =
            serde_json::from_str(include_str!("../../../fixtures/metrics/landscape.json")).unwrap();
        let case = &golden["calibrated"];
        let member =
            |v: &Value| Logits::new(5, numbers(v).iter().map(|z| *z as f32).collect()).unwrap().softmax(1.0);
        let members: Vec<Probs> = case["logits"].as_array().unwrap().iter().map(member).collect();
        let labels = Labels::new(5, numbers(&case["labels"]).iter().map(|y| *y as u32).collect()).unwrap();
        let indices = |v: &Value| numbers(v).iter().map(|i| *i as usize).collect::<Vec<_>>();
        let halves: Vec<_> = case["halves"]
            .as_array()
            .unwrap()
            .iter()
            .map(|pair| [indices(&pair[0]), indices(&pair[1])])
            .collect();

        let got = Scaled::new(&Probs::mean(&members), &labels).over(&halves);
        for (t, expected) in got.temperatures.iter().zip(numbers(&case["temperatures"])) {
            assert!((t / expected - 1.0).abs() < 1e-10, "temperature {t}, expected {expected}");
        }
        let off = |got: f64, key: &str| (got - case[key].as_f64().unwrap()).abs();
        assert!(off(got.nll, "nll") < 1e-12 && off(got.brier, "brier") < 1e-12, "{got:?}");
        // The objective as Ashukha et al. have it, 1e-12 added to scaled probabilities: searched to the end by a simplex, and
        // to its own tolerance of 1e-3 in T, in single precision.
        assert!(off(got.nll, "nll_searched") < 1e-8, "{got:?}");
        assert!(off(got.nll, "nll_as_published") < 1e-4, "{got:?}");
    }

    #[test]
    fn halves_part_the_images_and_differ() {
        let root = SeedTree::root(1);
        let all: Vec<_> = (0..REPETITIONS).map(|i| halves(11, &root.index(i))).collect();
        for [a, b] in &all {
            assert_eq!((a.len(), b.len()), (6, 5));
            let mut both = [a.clone(), b.clone()].concat();
            both.sort_unstable();
            assert_eq!(both, (0..11).collect::<Vec<_>>());
        }
        assert!(all.windows(2).all(|pair| pair[0] != pair[1]));
    }

    /// Predictions are judged by what they know: a network and itself at another temperature score alike.
    #[test]
    fn the_temperature_of_the_predictions_does_not_matter() {
        let mut rng = SeedTree::root(2).rng();
        let z: Vec<f32> = (0..600).map(|_| rng.normal() as f32).collect();
        let logits = Logits::new(3, z).unwrap();
        let probs = logits.softmax(1.0);
        let labels = probs.argmax().map(|c| if rng.chance(0.6) { c } else { rng.below(3) });
        let labels = Labels::new(3, labels.collect()).unwrap();
        let score = |t: f64| calibrated_nll(&logits.softmax(t), &labels, &SeedTree::root(0)).unwrap();
        let (cold, warm) = (score(0.5), score(1.5));
        assert!(
            (cold.nll - warm.nll).abs() < 1e-8 && (cold.brier - warm.brier).abs() < 1e-8,
            "{cold:?} {warm:?}"
        );
        assert!((warm.temperatures[3] * 3.0 - cold.temperatures[3]).abs() < 1e-6);
    }

    #[test]
    fn without_errors_the_coldest_and_without_hits_the_warmest_temperature_is_taken() {
        let labels = Labels::new(2, vec![0; 6]).unwrap();
        let right = Logits::new(2, [1.0, 0.0].repeat(6)).unwrap().softmax(1.0);
        let wrong = Logits::new(2, [0.0, 1.0].repeat(6)).unwrap().softmax(1.0);
        let at = |p| calibrated_nll(p, &labels, &SeedTree::root(0)).unwrap();
        assert_eq!(at(&right).temperatures, [0.01; 10]);
        assert!(at(&right).nll < 1e-12);
        assert_eq!(at(&wrong).temperatures, [100.0; 10]);
    }

    #[test]
    fn one_image_has_no_halves() {
        let one = Logits::new(2, vec![0.0, 1.0]).unwrap().softmax(1.0);
        let score = calibrated_nll(&one, &Labels::new(2, vec![0]).unwrap(), &SeedTree::root(0));
        assert_eq!(score, Err(MetricError::Values { found: 1, needed: 2 }));
        let other = calibrated_nll(&one, &Labels::new(2, vec![0, 1]).unwrap(), &SeedTree::root(0));
        assert!(matches!(other, Err(MetricError::LabelShape { .. })));
    }
}
