//! The ensemble's own prediction, made from the predictions of its members.

use crate::MetricError;
use crate::shape::check_shapes;
use basin_core::{Logits, Probs};
use std::fmt;
use std::str::FromStr;

/// How the members' predictions become the ensemble's.
///
/// Lion et al. (2402.03187, Sec. 2) average "fᵢ" without saying whether f is the logits or the
/// probabilities; averaging probabilities is the deep-ensemble default (Lakshminarayanan et al., 1612.01474,
/// Sec. 2.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Combine {
    /// p̄ = (1/M) Σᵢ softmax(zᵢ): the mixture of the members. Written `mean-probs`.
    #[default]
    MeanProbs,
    /// softmax((1/M) Σᵢ zᵢ): the normalised geometric mean of the members' probabilities; averaging
    /// log-probabilities gives the same. Written `mean-logits`.
    MeanLogits,
}

impl fmt::Display for Combine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MeanProbs => "mean-probs",
            Self::MeanLogits => "mean-logits",
        })
    }
}

impl FromStr for Combine {
    type Err = MetricError;

    fn from_str(name: &str) -> Result<Self, MetricError> {
        [Self::MeanProbs, Self::MeanLogits]
            .into_iter()
            .find(|combine| combine.to_string() == name)
            .ok_or_else(|| MetricError::UnknownCombine { found: name.to_owned() })
    }
}

/// The ensemble's prediction `[n, classes]` from its members' logits, each `[n, classes]`; one member is
/// allowed and predicts for itself.
///
/// Sums run in f64 in the order of the members. The mean of logits is rounded to f32, the precision of
/// [`Logits`]. Cost: O(M n C).
///
/// # Errors
/// [`MetricError::Members`] without members, [`MetricError::NoRows`] without rows,
/// [`MetricError::MemberShape`] when members differ in shape, [`MetricError::NotFinite`] when a logit is NaN
/// or infinite.
pub fn combine(members: &[Logits], how: Combine) -> Result<Probs, MetricError> {
    let shapes: Vec<_> = members.iter().map(|m| [m.len(), m.classes()]).collect();
    check_shapes(&shapes, 1)?;
    if shapes[0][0] == 0 {
        return Err(MetricError::NoRows);
    }
    for (member, logits) in members.iter().enumerate() {
        if let Some(row) = logits.rows().position(|row| row.iter().any(|z| !z.is_finite())) {
            return Err(MetricError::NotFinite { member, row });
        }
    }
    match how {
        Combine::MeanProbs => {
            let probs: Vec<Probs> = members.iter().map(|logits| logits.softmax(1.0)).collect();
            Ok(Probs::mean(&probs))
        }
        Combine::MeanLogits => {
            let mut sums = vec![0.0f64; members[0].values().len()];
            for member in members {
                sums.iter_mut().zip(member.values()).for_each(|(sum, &z)| *sum += f64::from(z));
            }
            let mean = sums.into_iter().map(|sum| (sum / members.len() as f64) as f32).collect();
            let logits = Logits::new(members[0].classes(), mean).expect("as many values as member 0 has");
            Ok(logits.softmax(1.0))
        }
    }
}
