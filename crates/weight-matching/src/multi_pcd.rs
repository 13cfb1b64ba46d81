//! Two matchings of many networks that differ in their gauge: Multi-PCD and MergeMany.

use crate::joint_ascent::ascend;
use crate::multi_matching::check;
use crate::{MatchingOptions, MultiMatching, MultiMatchingError, PermutationSpec};
use basin_core::{Params, Simplex};

/// Aligns networks jointly: permutation coordinate descent on all pairs (Lion et al., *How Good is a Single
/// Basin?*, arXiv 2402.03187, Appendix A, "Multi-PCD").
///
/// It maximises J(π) = Σ_{i<j} ⟨π_i(w_i), π_j(w_j)⟩. The first network keeps its order: permuting all networks
/// alike changes nothing, so one of them may fix the gauge. A sweep visits the others. For network i the gain
/// matrix of permutation p, the rest held fixed, is linear in the networks it is compared with,
///
/// ```text
/// A_p = Σ_{j≠i} A_p(π_j(w_j), w_i) = A_p(Σ_{j≠i} π_j(w_j), w_i),
/// ```
///
/// so each step is one linear assignment, solved exactly, and network i is matched as
/// [`crate::weight_matching`] matches a pair, with the mean of the others as the reference. The search ends
/// after a sweep in which no network made progress; J never decreases.
///
/// Options apply as for a pair: `order` to the networks of a sweep and to their permutations, `max_sweeps` to
/// the sweeps over networks and to the sweeps within each, `restarts`, with its default, to whole searches. The first
/// search begins with all units as they are, the second with each network matched to the first (the paper's "permuted
/// ensemble"), the others in random orders.
///
/// A sweep costs about as much as M − 1 pairwise matchings; memory is that of three further copies of all
/// networks. The result does not depend on the number of threads.
///
/// # Errors
/// [`MultiMatchingError`] for fewer than two networks, layouts that differ from one another or from the spec,
/// and weights that are not finite.
#[doc(alias = "Multi-PCD")]
pub fn multi_pcd(
    spec: &PermutationSpec,
    networks: &[&Params],
    options: &MatchingOptions,
) -> Result<MultiMatching, MultiMatchingError> {
    let sizes = check(spec, networks)?;
    Ok(ascend(spec, &sizes, networks, &(1..networks.len()), options).0)
}

/// What [`merge_many`] found.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct MergedMany {
    /// The permutations and how the search went.
    pub matching: MultiMatching,
    /// The mean of the aligned networks.
    pub mean: Params,
}

/// Merges networks: matches each to the mean of the others until none moves, and returns the mean of all
/// (Ainsworth et al., *Git Re-Basin*, arXiv 2209.04836, Algorithm 3, "MergeMany").
///
/// ```text
/// repeat  for i in random order:  π_i ← weight matching of w_i to  1/(M−1) Σ_{j≠i} π_j(w_j)
/// until   nothing moved;          return  1/M Σ_i π_i(w_i)
/// ```
///
/// With m the mean of the others, ‖m − π_i(w_i)‖² = ‖m‖² + ‖w_i‖² − 2⟨m, π_i(w_i)⟩: the distance that the
/// algorithm reduces falls exactly when the joint objective of [`multi_pcd`] rises. The two searches differ in
/// that here every network may move, so the mean has the order of none of them; use
/// [`MultiMatching::between`] to go back to the order of one. Options and cost are those of [`multi_pcd`].
///
/// # Errors
/// As [`multi_pcd`].
#[doc(alias = "MergeMany")]
pub fn merge_many(
    spec: &PermutationSpec,
    networks: &[&Params],
    options: &MatchingOptions,
) -> Result<MergedMany, MultiMatchingError> {
    let sizes = check(spec, networks)?;
    let (matching, aligned) = ascend(spec, &sizes, networks, &(0..networks.len()), options);
    let mean =
        Params::convex_combination(&aligned.iter().collect::<Vec<_>>(), &Simplex::uniform(aligned.len()))
            .expect("the networks have one layout");
    Ok(MergedMany { matching, mean })
}
