//! What can be wrong with the tensors that an operation is given.

use thiserror::Error;

/// Why an operation was not done.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OpError {
    /// No kernel for the device.
    #[error(
        "{operation} has no kernel for {device} in this build, expected tensors on {expected}; move them there, or use candle's own operation"
    )]
    Device {
        /// The operation.
        operation: &'static str,
        /// Where a tensor is.
        device: String,
        /// Where there are kernels.
        expected: &'static str,
    },
    /// No kernel for the type.
    #[error("{operation} was given {found}, expected f32")]
    Type {
        /// The operation.
        operation: &'static str,
        /// The type found.
        found: String,
    },
    /// Shapes do not fit each other or the operation.
    #[error("{operation} was given {found}, expected {expected}")]
    Shape {
        /// The operation.
        operation: &'static str,
        /// What was found.
        found: String,
        /// What is taken.
        expected: &'static str,
    },
    /// A number outside of its range.
    #[error("{operation} with {name} {found}, expected {expected}")]
    Number {
        /// The operation.
        operation: &'static str,
        /// What the number is.
        name: &'static str,
        /// Its value.
        found: String,
        /// Its range.
        expected: &'static str,
    },
}

impl OpError {
    /// The refusal inside of an error of candle's, if that is what it is.
    pub fn within(error: &candle_core::Error) -> Option<&Self> {
        match error {
            candle_core::Error::WithBacktrace { inner, .. } => Self::within(inner),
            candle_core::Error::Cuda(cause) => cause.downcast_ref(),
            _ => None,
        }
    }
}

/// Whatever its name says, this is the variant of candle's that keeps an error with its type.
impl From<OpError> for candle_core::Error {
    fn from(error: OpError) -> Self {
        Self::Cuda(Box::new(error)).bt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A new variant does not compile here until it has a line in the test.
    fn place(error: &OpError) -> usize {
        match error {
            OpError::Device { .. } => 0,
            OpError::Type { .. } => 1,
            OpError::Shape { .. } => 2,
            OpError::Number { .. } => 3,
        }
    }

    #[test]
    fn every_error_says_what_where_and_what_to_do() {
        let told = [
            (
                OpError::Device { operation: "attention", device: "Cuda(0)".into(), expected: "the CPU" },
                "attention has no kernel for Cuda(0) in this build, expected tensors on the CPU; move them there, or use candle's own operation",
            ),
            (
                OpError::Type { operation: "attention", found: "bf16".into() },
                "attention was given bf16, expected f32",
            ),
            (
                OpError::Shape { operation: "mean_pool", found: "[3]".into(), expected: "[n, h, w, c]" },
                "mean_pool was given [3], expected [n, h, w, c]",
            ),
            (
                OpError::Number {
                    operation: "max_pool",
                    name: "stride",
                    found: "0".into(),
                    expected: "at least 1",
                },
                "max_pool with stride 0, expected at least 1",
            ),
        ];
        let mut seen = [false; 4];
        for (error, text) in &told {
            assert_eq!(error.to_string(), *text);
            seen[place(error)] = true;
        }
        assert_eq!(seen, [true; 4], "every variant is told");
    }
}
