//! What joint and pairwise connectivity share: the gap q(λ) and what can go wrong while measuring it.

use thiserror::Error;

/// Why connectivity could not be measured. `E` is the error of the caller's evaluation.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum ConnectivityError<E> {
    /// Too few members. Connectivity compares at least two.
    #[error("expected at least 2 members, found {found}")]
    Members {
        /// How many member accuracies were given.
        found: usize,
    },
    /// Too few draws. The standard deviation over draws needs two; the paper uses 50.
    #[error("expected at least 2 draws, found {found}")]
    Draws {
        /// How many were asked for.
        found: usize,
    },
    /// A member's accuracy is not a fraction. Give 0.93, not 93.
    #[error("accuracy of member {member} is {value}, expected a fraction from 0 to 1, such as 0.93")]
    MemberAccuracy {
        /// The member.
        member: usize,
        /// What was given.
        value: f64,
    },
    /// A point of the path lies outside the segment between the two members.
    #[error("alpha {index} is {alpha}, expected a number from 0 to 1")]
    Alpha {
        /// Its position in the list.
        index: usize,
        /// Its value.
        alpha: f64,
    },
    /// A path without points. Give at least one α.
    #[error("no alphas, expected at least one")]
    NoAlphas,
    /// The evaluation returned no fraction. Have it return an accuracy in 0..=1.
    #[error("evaluation {index} returned {value}, expected an accuracy from 0 to 1, such as 0.93")]
    Accuracy {
        /// Which draw or point of the path.
        index: usize,
        /// What it returned.
        value: f64,
    },
    /// The evaluation itself failed; the cause is the source of this error.
    #[error("evaluation {index} failed")]
    Evaluation {
        /// Which draw or point of the path.
        index: usize,
        /// The caller's error.
        source: E,
    },
}

/// q(λ) = A − Σᵢ λᵢ Aᵢ, computed as Σᵢ λᵢ (A − Aᵢ). The two are equal because Σᵢ λᵢ = 1, and the second is
/// exactly 0 at a vertex and for equal members, where the first leaves a rounding error.
pub(crate) fn gap(weights: &[f64], accuracy: f64, members: &[f64]) -> f64 {
    weights.iter().zip(members).map(|(weight, member)| weight * (accuracy - member)).sum()
}

/// Checks that the members' accuracies are fractions.
pub(crate) fn check_member_accuracies<E>(accuracies: &[f64]) -> Result<(), ConnectivityError<E>> {
    match accuracies.iter().position(|a| !is_fraction(*a)) {
        Some(member) => Err(ConnectivityError::MemberAccuracy { member, value: accuracies[member] }),
        None => Ok(()),
    }
}

/// Checks what the caller's evaluation returned.
pub(crate) fn check_evaluation<E>(index: usize, result: Result<f64, E>) -> Result<f64, ConnectivityError<E>> {
    match result {
        Ok(value) if is_fraction(value) => Ok(value),
        Ok(value) => Err(ConnectivityError::Accuracy { index, value }),
        Err(source) => Err(ConnectivityError::Evaluation { index, source }),
    }
}

fn is_fraction(value: f64) -> bool {
    (0.0..=1.0).contains(&value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A new variant does not compile here until it has a line in the test.
    fn place(error: &ConnectivityError<std::fmt::Error>) -> usize {
        match error {
            ConnectivityError::Members { .. } => 0,
            ConnectivityError::Draws { .. } => 1,
            ConnectivityError::MemberAccuracy { .. } => 2,
            ConnectivityError::Alpha { .. } => 3,
            ConnectivityError::NoAlphas => 4,
            ConnectivityError::Accuracy { .. } => 5,
            ConnectivityError::Evaluation { .. } => 6,
        }
    }

    #[test]
    fn every_error_says_what_where_and_what_to_do() {
        let told: [(ConnectivityError<std::fmt::Error>, &str); 7] = [
            (ConnectivityError::Members { found: 1 }, "expected at least 2 members, found 1"),
            (ConnectivityError::Draws { found: 1 }, "expected at least 2 draws, found 1"),
            (
                ConnectivityError::MemberAccuracy { member: 1, value: 93.0 },
                "accuracy of member 1 is 93, expected a fraction from 0 to 1, such as 0.93",
            ),
            (
                ConnectivityError::Alpha { index: 2, alpha: 1.5 },
                "alpha 2 is 1.5, expected a number from 0 to 1",
            ),
            (ConnectivityError::NoAlphas, "no alphas, expected at least one"),
            (
                ConnectivityError::Accuracy { index: 2, value: 93.0 },
                "evaluation 2 returned 93, expected an accuracy from 0 to 1, such as 0.93",
            ),
            (ConnectivityError::Evaluation { index: 2, source: std::fmt::Error }, "evaluation 2 failed"),
        ];
        let mut seen = [false; 7];
        for (error, text) in &told {
            assert_eq!(error.to_string(), *text);
            seen[place(error)] = true;
        }
        assert_eq!(seen, [true; 7], "every variant is told");
    }
}
