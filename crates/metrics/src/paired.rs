//! Difference of two accuracies on the same inputs, which is known far better than either accuracy.

use crate::MetricError;
use crate::shape::{check_labelled, check_labelled_members};
use basin_core::{Labels, Probs};

/// Accuracy of one prediction minus another's, with its uncertainty over the choice of test inputs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairedDifference {
    /// Mean over inputs of d(x) = 1\[a right\] − 1\[b right\], in −1..=1.
    pub mean: f64,
    /// Its standard error, sd(d) / √n with divisor n − 1; NaN for a single input. Mean ± 1.96 of these is a 95 % interval
    /// over inputs by the normal approximation (n in the thousands); it says nothing of what other seeds would give.
    pub standard_error: f64,
}

/// The difference of the accuracies of `a` and `b` on the same inputs. Cost: O(n C).
///
/// ```
/// use basin_core::{Labels, Logits};
/// let labels = Labels::new(2, vec![0, 0, 1, 1]).unwrap();
/// let predict = |logits: [f32; 8]| Logits::new(2, logits.to_vec()).unwrap().softmax(1.0);
/// let right = predict([2.0, 0.0, 1.0, 0.0, 0.0, 2.0, 0.0, 1.0]);
/// let three = predict([2.0, 0.0, 1.0, 0.0, 0.0, 2.0, 1.0, 0.0]);
/// let difference = basin_metrics::paired_difference(&right, &three, &labels).unwrap();
/// assert_eq!((difference.mean, difference.standard_error), (0.25, 0.25));
/// ```
///
/// # Errors
/// As [`fn@crate::accuracy`], [`MetricError::MemberShape`] when the predictions differ in shape.
pub fn paired_difference(a: &Probs, b: &Probs, labels: &Labels) -> Result<PairedDifference, MetricError> {
    check_labelled(a, labels)?;
    check_labelled_members(&[a.clone(), b.clone()], labels, 2)?;
    let right = |probs: &Probs| -> Vec<bool> {
        probs.argmax().zip(labels.values()).map(|(class, label)| class == *label).collect()
    };
    let differences = right(a).into_iter().zip(right(b)).map(|(a, b)| i32::from(a) - i32::from(b));
    let (sum, squares) = differences.fold((0, 0), |(sum, squares), d| (sum + d, squares + d * d));
    let (n, sum, squares) = (labels.len() as f64, f64::from(sum), f64::from(squares));
    let variance = (squares - sum * sum / n) / (n - 1.0);
    Ok(PairedDifference { mean: sum / n, standard_error: (variance / n).sqrt() })
}
