//! What can go wrong while a spectrum is measured.

use thiserror::Error;

/// Why a direction, a product or a stored state cannot be used.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum SpectrumError {
    /// An operator on nothing. Check that the network has parameters.
    #[error("an operator of dimension 0 has no spectrum")]
    Dimension,
    /// No products were asked for. Ask for at least one.
    #[error("0 products, expected at least 1")]
    Products,
    /// A product of another length than the direction. Multiply all parameters.
    #[error("product {index} holds {found} numbers, expected {expected} as the direction")]
    Length {
        /// Which product, from 0.
        index: usize,
        /// Its length.
        found: usize,
        /// The operator's dimension.
        expected: usize,
    },
    /// A product that is not finite: the loss or its gradient is not. Look at the network.
    #[error("product {index} holds a value that is not finite")]
    NotFinite {
        /// Which product, from 0.
        index: usize,
    },
    /// One more product than there are directions. Stop when there is no next direction.
    #[error("all {dimension} directions have been multiplied")]
    Exhausted {
        /// The operator's dimension.
        dimension: usize,
    },
    /// A stored state that no measurement of this dimension leaves. Start again.
    #[error("the stored state holds {found} {what}, expected {expected}")]
    State {
        /// What of it.
        what: &'static str,
        /// How much or many there are.
        found: String,
        /// What there must be.
        expected: String,
    },
}

/// Why a spectrum could not be measured. `E` is the error of the caller's operator.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum ProductError<E> {
    /// The operator itself failed; the cause is the source of this error.
    #[error("product {index} failed")]
    Operator {
        /// Which product, from 0.
        index: usize,
        /// The caller's error.
        source: E,
    },
    /// What the operator returned, or was asked for, is of no use.
    #[error(transparent)]
    Spectrum(#[from] SpectrumError),
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A new variant does not compile here until it has a line in the test.
    fn place(error: &ProductError<std::fmt::Error>) -> usize {
        match error {
            ProductError::Operator { .. } => 0,
            ProductError::Spectrum(error) => match error {
                SpectrumError::Dimension => 1,
                SpectrumError::Products => 2,
                SpectrumError::Length { .. } => 3,
                SpectrumError::NotFinite { .. } => 4,
                SpectrumError::Exhausted { .. } => 5,
                SpectrumError::State { .. } => 6,
            },
        }
    }

    #[test]
    fn every_error_says_what_where_and_what_to_do() {
        let state = || SpectrumError::State { what: "alphas", found: "3".into(), expected: "2".into() };
        let told: [(ProductError<std::fmt::Error>, &str); 7] = [
            (ProductError::Operator { index: 3, source: std::fmt::Error }, "product 3 failed"),
            (SpectrumError::Dimension.into(), "an operator of dimension 0 has no spectrum"),
            (SpectrumError::Products.into(), "0 products, expected at least 1"),
            (
                SpectrumError::Length { index: 1, found: 3, expected: 4 }.into(),
                "product 1 holds 3 numbers, expected 4 as the direction",
            ),
            (SpectrumError::NotFinite { index: 2 }.into(), "product 2 holds a value that is not finite"),
            (SpectrumError::Exhausted { dimension: 5 }.into(), "all 5 directions have been multiplied"),
            (state().into(), "the stored state holds 3 alphas, expected 2"),
        ];
        let mut seen = [false; 7];
        for (error, text) in &told {
            assert_eq!(error.to_string(), *text);
            seen[place(error)] = true;
        }
        assert_eq!(seen, [true; 7], "every variant is told");
        assert!(std::error::Error::source(&told[0].0).is_some(), "the operator's own error is the source");
    }
}
