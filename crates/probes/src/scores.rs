//! What one network is worth on some images.

use basin_core::{Labels, Logits};
use basin_metrics::{MetricError, accuracy, nll};

/// Loss, accuracy and answers of one network.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    /// Mean cross-entropy, nats.
    pub loss: f64,
    /// Fraction of the images whose class was named.
    pub accuracy: f64,
    /// The class named for each image.
    pub classes: Vec<u32>,
}

impl Scores {
    /// From its logits; `None` where one of them is not finite.
    ///
    /// # Errors
    /// [`MetricError`] for labels of other images.
    pub fn of(logits: &Logits, labels: &Labels) -> Result<Option<Self>, MetricError> {
        if logits.values().iter().any(|value| !value.is_finite()) {
            return Ok(None);
        }
        let probs = logits.softmax(1.0);
        let (loss, accuracy) = (nll(&probs, labels)?, accuracy(&probs, labels)?);
        Ok(Some(Self { loss, accuracy, classes: probs.argmax().collect() }))
    }

    /// Loss and accuracy; NaN where there are none.
    pub(crate) fn numbers(of: Option<&Self>) -> [f64; 2] {
        of.map_or([f64::NAN; 2], |scores| [scores.loss, scores.accuracy])
    }
}

/// Share of the images for which two networks name the same class.
pub fn agreement(a: &[u32], b: &[u32]) -> f64 {
    a.iter().zip(b).filter(|(a, b)| a == b).count() as f64 / a.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_those_of_the_metrics_and_none_of_what_is_no_number() {
        let labels = Labels::new(2, vec![0, 1, 1]).unwrap();
        let logits = Logits::new(2, vec![1.0, 0.0, 2.0, 0.0, 0.0, 3.0]).unwrap();
        let scores = Scores::of(&logits, &labels).unwrap().unwrap();
        let softplus = |z: f64| z.exp().ln_1p();
        assert!((scores.loss - (softplus(-1.0) + softplus(2.0) + softplus(-3.0)) / 3.0).abs() < 1e-12);
        assert_eq!((scores.accuracy, &scores.classes[..]), (2.0 / 3.0, &[0, 0, 1][..]));
        assert_eq!(agreement(&scores.classes, labels.values()), 2.0 / 3.0);
        let broken = Logits::new(2, vec![1.0, 0.0, f32::INFINITY, 0.0, 0.0, 3.0]).unwrap();
        assert_eq!(Scores::of(&broken, &labels).unwrap(), None);
        assert!(Scores::numbers(None).iter().all(|number| number.is_nan()));
        assert!(Scores::of(&logits, &Labels::new(2, vec![0]).unwrap()).is_err());
    }
}
