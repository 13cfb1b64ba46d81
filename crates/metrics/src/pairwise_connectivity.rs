//! Pairwise connectivity: accuracy along the straight line between two members.

use crate::connectivity::{ConnectivityError, check_evaluation, check_member_accuracies, gap};
use basin_core::{Citation, SeedTree, Simplex};

/// Where this metric comes from.
pub const CITATION: Citation = Citation::SINGLE_BASIN;

/// Accuracy and q along the segment from member i (α = 0) to member j (α = 1).
#[derive(Clone, Debug, PartialEq)]
pub struct PairwiseCurve {
    /// The points α, as given.
    pub alphas: Vec<f64>,
    /// Acc((1 − α) θᵢ + α θⱼ) at each, a fraction.
    pub accuracy: Vec<f64>,
    /// q at each, in −1..=1; 0 at the end points.
    pub q: Vec<f64>,
}

impl PairwiseCurve {
    /// The error barrier, `max_α −q(α)` over the points and the two ends, in 0..=1: by how much accuracy
    /// falls below the straight line between the members' own.
    ///
    /// This is the loss barrier of Entezari et al. (2110.06296) with error in place of loss. See
    /// [`fn@crate::loss_barrier`] for the form measured from the mean of the ends.
    #[must_use]
    pub fn barrier(&self) -> f64 {
        self.q.iter().fold(0.0, |barrier, q| f64::max(barrier, -q))
    }
}

/// Accuracy along the line between two members (Lion et al., Fig. 2a and b):
/// `q(α) = Acc((1 − α) θᵢ + α θⱼ) − (1 − α) Acc(θᵢ) − α Acc(θⱼ)`.
///
/// `acc_i` and `acc_j` are fractions. `evaluate(λ)` is called once, in order, for each α strictly between 0
/// and 1, with λ = `[1 − α, α]`; α = 0 and α = 1 take the member's accuracy and are not evaluated. Cost: one
/// evaluation per inner point.
///
/// # Errors
/// [`ConnectivityError::NoAlphas`] for an empty list, [`ConnectivityError::Alpha`],
/// [`ConnectivityError::MemberAccuracy`] and [`ConnectivityError::Accuracy`] for numbers outside 0..=1,
/// [`ConnectivityError::Evaluation`] with the first error of `evaluate`.
pub fn pairwise_connectivity<E>(
    acc_i: f64,
    acc_j: f64,
    alphas: &[f64],
    mut evaluate: impl FnMut(&Simplex) -> Result<f64, E>,
) -> Result<PairwiseCurve, ConnectivityError<E>> {
    let members = [acc_i, acc_j];
    check_member_accuracies(&members)?;
    if alphas.is_empty() {
        return Err(ConnectivityError::NoAlphas);
    }
    // All points are checked before the first evaluation, which may take minutes.
    let to_point = |(index, &alpha): (usize, &f64)| {
        Simplex::segment(alpha).map_err(|_| ConnectivityError::Alpha { index, alpha })
    };
    let points = alphas.iter().enumerate().map(to_point).collect::<Result<Vec<_>, _>>()?;

    let mut curve = PairwiseCurve { alphas: alphas.to_vec(), accuracy: Vec::new(), q: Vec::new() };
    for (index, point) in points.iter().enumerate() {
        let accuracy = match alphas[index] {
            0.0 => acc_i,
            1.0 => acc_j,
            _ => check_evaluation(index, evaluate(point))?,
        };
        curve.accuracy.push(accuracy);
        curve.q.push(gap(point.weights(), accuracy, &members));
    }
    Ok(curve)
}

/// `count` distinct unordered pairs (i, j), i < j < `members`, at random; all pairs when there are fewer.
/// The paper uses five pairs for each of three seeds (Fig. 2a and b).
///
/// The order is random too and does not depend on `count`: asking for more pairs keeps the first ones.
/// Empty for fewer than two members. Cost: O(members²).
#[must_use]
pub fn choose_pairs(members: usize, count: usize, seed: &SeedTree) -> Vec<(usize, usize)> {
    let mut pairs: Vec<_> = (0..members).flat_map(|i| (i + 1..members).map(move |j| (i, j))).collect();
    seed.rng().shuffle(&mut pairs);
    pairs.truncate(count);
    pairs
}
