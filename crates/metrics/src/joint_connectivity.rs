//! Joint connectivity q̄: whether all members of an ensemble live in one basin.

use crate::connectivity::{ConnectivityError, check_evaluation, check_member_accuracies, gap};
use crate::stats::{Summary, mean_and_sd};
use basin_core::{Citation, SeedTree, Simplex};

/// Where this metric comes from.
pub const CITATION: Citation = Citation::SINGLE_BASIN;

/// Joint connectivity of one ensemble.
#[derive(Clone, Debug, PartialEq)]
pub struct Connectivity {
    /// q̄, the mean of q over the draws, in −1..=1 (accuracies are fractions). Near 0: one basin.
    pub mean: f64,
    /// Standard deviation of q over the draws (divisor N − 1).
    pub sd: f64,
    /// The draws, in order.
    pub draws: Vec<ConnectivityDraw>,
}

/// One point of the simplex that the members span.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectivityDraw {
    /// λ, `[M]`.
    pub weights: Vec<f64>,
    /// Acc(Σᵢ λᵢ θᵢ), a fraction.
    pub accuracy: f64,
    /// q(λ), in −1..=1.
    pub q: f64,
}

impl Connectivity {
    /// Mean, standard deviation and number of draws: what [`crate::stats::t_interval`] takes to ask whether
    /// q̄ is significantly below 0. The interval is over λ for this one ensemble, not over seeds.
    #[must_use]
    pub fn summary(&self) -> Summary {
        Summary { mean: self.mean, sd: self.sd, n: self.draws.len() }
    }
}

/// Joint linear connectivity of M members (Lion et al., Sec. 3 and App. C):
/// `q(λ) = Acc(Σᵢ λᵢ θᵢ) − Σᵢ λᵢ Acc(θᵢ)` with λ ~ Dir(1, …, 1), and `q̄ = (1/N) Σ q(λ)` over N = `draws`
/// (50 in the paper).
///
/// `member_accuracies` are Acc(θᵢ) as fractions, `[M]`; `evaluate(λ)` returns the accuracy of the network at
/// the convex combination λ, on the same inputs. It is called exactly `draws` times, in order, the i-th time
/// with `Simplex::dirichlet(M, &seed.index(i))`: draw i depends neither on `draws` nor on the members.
/// All members alike, and a λ at a vertex, give q = 0 exactly. Cost: `draws` evaluations.
///
/// The members are jointly connected when q̄ is not significantly below 0; q can be positive, because an
/// average of weights may beat the members it averages.
///
/// # Errors
/// [`ConnectivityError::Members`] and [`ConnectivityError::Draws`] for fewer than two of either,
/// [`ConnectivityError::MemberAccuracy`] and [`ConnectivityError::Accuracy`] for numbers outside 0..=1,
/// [`ConnectivityError::Evaluation`] with the first error of `evaluate`.
pub fn joint_connectivity<E>(
    member_accuracies: &[f64],
    draws: usize,
    seed: &SeedTree,
    mut evaluate: impl FnMut(&Simplex) -> Result<f64, E>,
) -> Result<Connectivity, ConnectivityError<E>> {
    let members = member_accuracies.len();
    if members < 2 {
        return Err(ConnectivityError::Members { found: members });
    }
    if draws < 2 {
        return Err(ConnectivityError::Draws { found: draws });
    }
    check_member_accuracies(member_accuracies)?;
    let draw = |index: usize| {
        let point = Simplex::dirichlet(members, &seed.index(index as u64));
        let accuracy = check_evaluation(index, evaluate(&point))?;
        let q = gap(point.weights(), accuracy, member_accuracies);
        Ok(ConnectivityDraw { weights: point.weights().to_vec(), accuracy, q })
    };
    let draws = (0..draws).map(draw).collect::<Result<Vec<_>, ConnectivityError<E>>>()?;
    let q: Vec<f64> = draws.iter().map(|draw| draw.q).collect();
    let (mean, sd) = mean_and_sd(&q);
    Ok(Connectivity { mean, sd, draws })
}
