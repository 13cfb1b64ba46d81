//! Jensen–Shannon divergences: how much the members' whole predictions differ.

use crate::MetricError;
use crate::shape::{check_members, mean_from_first, rows_of_members};
use basin_core::{Citation, Probs};

/// Where the one-vs-all form comes from.
pub const CITATION: Citation = Citation {
    key: "abe2023pathologies",
    authors: "Abe, Taiga and Buchanan, E. Kelly and Pleiss, Geoff and Cunningham, John P.",
    title: "Pathologies of Predictive Diversity in Deep Ensembles",
    year: 2023,
    locator: "2302.00704",
};

/// Where the generalised divergence of several distributions comes from.
pub const UNIFORM_CITATION: Citation = Citation {
    key: "lin1991divergence",
    authors: "Lin, Jianhua",
    title: "Divergence Measures Based on the Shannon Entropy",
    year: 1991,
    locator: "10.1109/18.61115",
};

/// One-vs-all Jensen–Shannon divergence in nats, in 0..=ln 2: the diversity of Fig. 3a of Lion et al.
///
/// With rᵢ = (1/(M−1)) Σ_{j≠i} pⱼ the prediction of the others and mᵢ = ½(pᵢ + rᵢ),
/// `(1/n) Σₓ (1/M) Σᵢ ½ KL(pᵢ ‖ mᵢ) + ½ KL(rᵢ ‖ mᵢ)`, with 0 ln 0 = 0.
/// This is `Model_JS_Avg` in the code of Abe et al. Members that predict alike bit for bit give exactly 0.
/// Cost: O(M² n C).
///
/// # Errors
/// [`MetricError::Members`] for fewer than two members, [`MetricError::NoRows`],
/// [`MetricError::MemberShape`] or [`MetricError::NotFinite`].
pub fn jsd_one_vs_all(members: &[Probs]) -> Result<f64, MetricError> {
    check_members(members, 2)?;
    let row_divergence = |row: &[&[f64]]| -> f64 {
        let one_vs_all = |i: usize| {
            let term = |c: usize| {
                let p = row[i][c];
                let others = row.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, q)| q[c]);
                let r = mean_from_first(others);
                let m = 0.5 * (p + r);
                0.5 * (kl_term(p, m) + kl_term(r, m))
            };
            (0..row[i].len()).map(term).sum::<f64>()
        };
        (0..row.len()).map(one_vs_all).sum::<f64>() / row.len() as f64
    };
    Ok(mean_divergence(members, row_divergence))
}

/// Generalised Jensen–Shannon divergence of all members in nats, in 0..=ln M.
///
/// With p̄ = (1/M) Σᵢ pᵢ, `(1/n) Σₓ (1/M) Σᵢ KL(pᵢ ‖ p̄) = H(p̄) − (1/M) Σᵢ H(pᵢ)`: the mutual information
/// between prediction and member, `Model_JS_Unif` in the code of Abe et al. Computed in the first form, which
/// does not cancel; members that predict alike bit for bit give exactly 0. Cost: O(M n C).
///
/// # Errors
/// [`MetricError::Members`] for fewer than two members, [`MetricError::NoRows`],
/// [`MetricError::MemberShape`] or [`MetricError::NotFinite`].
pub fn jsd_uniform(members: &[Probs]) -> Result<f64, MetricError> {
    check_members(members, 2)?;
    Ok(mean_divergence(members, row_information))
}

/// The generalised divergence of one row of every member; rounding can make it some 1e-17 less than 0.
pub(crate) fn row_information(row: &[&[f64]]) -> f64 {
    let term = |c: usize| {
        let mean = mean_from_first(row.iter().map(|p| p[c]));
        row.iter().map(|p| kl_term(p[c], mean)).sum::<f64>()
    };
    (0..row[0].len()).map(term).sum::<f64>() / row.len() as f64
}

/// Averages a divergence over the rows. A divergence is not negative; its sum of signed terms can be, by
/// some 1e-17, when members nearly agree.
fn mean_divergence(members: &[Probs], row_divergence: impl Fn(&[&[f64]]) -> f64) -> f64 {
    let sum: f64 = rows_of_members(members).map(|row| row_divergence(&row).max(0.0)).sum();
    sum / members[0].len() as f64
}

/// p ln(p/m), zero at p = 0. Subnormal p counts as zero: it contributes under 1e-304, and half of it, which
/// m may be, may not exist.
fn kl_term(p: f64, m: f64) -> f64 {
    if p < f64::MIN_POSITIVE { 0.0 } else { p * (p / m).ln() }
}
