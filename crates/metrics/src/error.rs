//! What can be wrong with the input of a metric, so that a caller learns which input to mend.

use thiserror::Error;

/// Why a metric or a statistic is undefined for the given input.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum MetricError {
    /// There are no predictions to average over. Check that the split is not empty.
    #[error("the predictions have no rows, expected at least one")]
    NoRows,
    /// Too few members. Add members, or leave this metric out.
    #[error("{found} members, expected at least {needed}")]
    Members {
        /// How many were given.
        found: usize,
        /// How many the metric needs.
        needed: usize,
    },
    /// A member's predictions have another shape than those of member 0. Compute all on the same split.
    #[error("member {member} predicts {found:?} [rows, classes], expected {expected:?} as member 0")]
    MemberShape {
        /// The first member that differs.
        member: usize,
        /// Its `[rows, classes]`.
        found: [usize; 2],
        /// Those of member 0.
        expected: [usize; 2],
    },
    /// Predictions and labels do not belong together. Use the labels of the split that was predicted.
    #[error("labels are {found:?} [rows, classes], expected {expected:?} as the predictions")]
    LabelShape {
        /// The labels' `[rows, classes]`.
        found: [usize; 2],
        /// Those of the predictions.
        expected: [usize; 2],
    },
    /// A prediction is NaN or infinite: the network diverged. Look at its training log.
    #[error("row {row} of member {member} holds a value that is not finite; the network has diverged")]
    NotFinite {
        /// The member, 0 when there is only one.
        member: usize,
        /// The first such row.
        row: usize,
    },
    /// No bins. Ask for at least one (15 is customary).
    #[error("0 bins, expected at least 1")]
    Bins,
    /// No way to combine members has this name. Use one of the two that are listed.
    #[error("unknown combination {found:?}, expected mean-probs or mean-logits")]
    UnknownCombine {
        /// The name that was given.
        found: String,
    },
    /// Too few numbers for the statistic. A standard deviation needs two.
    #[error("{found} values, expected at least {needed}")]
    Values {
        /// How many were given.
        found: usize,
        /// How many the statistic needs.
        needed: usize,
    },
    /// A number that enters a statistic is NaN or infinite.
    #[error("value {index} is {value}, expected a finite number")]
    Value {
        /// Its position.
        index: usize,
        /// What it is.
        value: f64,
    },
    /// A summary that no sample can have. Make it from at least two finite values.
    #[error(
        "summary with n = {n}, mean {mean}, sd {sd}; expected n >= 2, a finite mean and a finite sd >= 0"
    )]
    Summary {
        /// Its size.
        n: usize,
        /// Its mean.
        mean: f64,
        /// Its standard deviation.
        sd: f64,
    },
    /// A confidence level outside (0, 1). 95 % is written 0.95.
    #[error("confidence level {level}, expected a number between 0 and 1, for example 0.95")]
    Level {
        /// The level that was given.
        level: f64,
    },
    /// A probability outside the range of the quantile function.
    #[error("probability {p}, expected 1e-100 <= p < 1")]
    Probability {
        /// The probability that was given.
        p: f64,
    },
    /// Degrees of freedom outside the range of the t distribution that is implemented.
    #[error("{df} degrees of freedom, expected 1 to 1e9")]
    DegreesOfFreedom {
        /// The degrees of freedom that were given.
        df: f64,
    },
    /// Lists that belong together have different lengths. Give one entry a point.
    #[error("{found} values for {expected} points, expected one a point")]
    Lengths {
        /// Length of the list.
        found: usize,
        /// Number of points.
        expected: usize,
    },
    /// The points of a curve are not in order. Sort them, each once.
    #[error("point {index} of the curve is at {value}, expected a finite number above the one before")]
    Abscissa {
        /// Its position.
        index: usize,
        /// Where it is.
        value: f64,
    },
    /// Features that are the same for every image. The network has collapsed, or all images are one.
    #[error("the features of matrix {member} are the same for every image; similarity needs some that vary")]
    NoVariation {
        /// Which matrix, 0 or 1.
        member: usize,
    },
    /// A batch that the training set does not hold.
    #[error("a batch of {batch} from {images} images, expected 1 to {images}")]
    Batch {
        /// Its size.
        batch: usize,
        /// Images of the set.
        images: usize,
    },
    /// An accuracy that is not a fraction. Give 0.93, not 93.
    #[error("accuracy {value}, expected a fraction from 0 to 1, such as 0.93")]
    Accuracy {
        /// What was given.
        value: f64,
    },
    /// An accuracy of 1: there are no errors to divide by. Leave the number out.
    #[error("an accuracy of 1 leaves no errors to divide the disagreement by")]
    Faultless,
    /// Too few classes to disagree about.
    #[error("{found} classes, expected at least 2")]
    Classes {
        /// How many were given.
        found: usize,
    },
    /// Rows of a matrix that differ in length.
    #[error("row {row} holds {found} numbers, expected {expected} as row 0")]
    RowLength {
        /// The first row that differs.
        row: usize,
        /// Its length.
        found: usize,
        /// That of row 0.
        expected: usize,
    },
    /// Points that are all one. Look at whether the networks differ.
    #[error("all {points} points are the same; principal components and embeddings need some that differ")]
    Identical {
        /// How many there are.
        points: usize,
    },
    /// A perplexity that the points cannot have: it is a number of neighbours. Lower it, or give more points.
    #[error("perplexity {value} for {points} points, expected 1 to the number of points minus 1")]
    Perplexity {
        /// What was asked for.
        value: f64,
        /// How many points there are.
        points: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A new variant does not compile here until it has a line in the test.
    fn place(error: &MetricError) -> usize {
        match error {
            MetricError::NoRows => 0,
            MetricError::Members { .. } => 1,
            MetricError::MemberShape { .. } => 2,
            MetricError::LabelShape { .. } => 3,
            MetricError::NotFinite { .. } => 4,
            MetricError::Bins => 5,
            MetricError::UnknownCombine { .. } => 6,
            MetricError::Values { .. } => 7,
            MetricError::Value { .. } => 8,
            MetricError::Summary { .. } => 9,
            MetricError::Level { .. } => 10,
            MetricError::Probability { .. } => 11,
            MetricError::DegreesOfFreedom { .. } => 12,
            MetricError::Lengths { .. } => 13,
            MetricError::Abscissa { .. } => 14,
            MetricError::NoVariation { .. } => 15,
            MetricError::Batch { .. } => 16,
            MetricError::Accuracy { .. } => 17,
            MetricError::Faultless => 18,
            MetricError::Classes { .. } => 19,
            MetricError::RowLength { .. } => 20,
            MetricError::Identical { .. } => 21,
            MetricError::Perplexity { .. } => 22,
        }
    }

    #[test]
    fn every_error_says_what_where_and_what_to_do() {
        let told = [
            (MetricError::NoRows, "the predictions have no rows, expected at least one"),
            (MetricError::Members { found: 1, needed: 2 }, "1 members, expected at least 2"),
            (
                MetricError::MemberShape { member: 1, found: [3, 2], expected: [4, 2] },
                "member 1 predicts [3, 2] [rows, classes], expected [4, 2] as member 0",
            ),
            (
                MetricError::LabelShape { found: [3, 2], expected: [4, 2] },
                "labels are [3, 2] [rows, classes], expected [4, 2] as the predictions",
            ),
            (
                MetricError::NotFinite { member: 1, row: 7 },
                "row 7 of member 1 holds a value that is not finite; the network has diverged",
            ),
            (MetricError::Bins, "0 bins, expected at least 1"),
            (
                MetricError::UnknownCombine { found: "vote".into() },
                "unknown combination \"vote\", expected mean-probs or mean-logits",
            ),
            (MetricError::Values { found: 1, needed: 2 }, "1 values, expected at least 2"),
            (MetricError::Value { index: 3, value: f64::NAN }, "value 3 is NaN, expected a finite number"),
            (
                MetricError::Summary { n: 1, mean: 0.5, sd: 0.1 },
                "summary with n = 1, mean 0.5, sd 0.1; expected n >= 2, a finite mean and a finite sd >= 0",
            ),
            (
                MetricError::Level { level: 95.0 },
                "confidence level 95, expected a number between 0 and 1, for example 0.95",
            ),
            (MetricError::Probability { p: 1.0 }, "probability 1, expected 1e-100 <= p < 1"),
            (MetricError::DegreesOfFreedom { df: 0.5 }, "0.5 degrees of freedom, expected 1 to 1e9"),
            (MetricError::Lengths { found: 3, expected: 26 }, "3 values for 26 points, expected one a point"),
            (
                MetricError::Abscissa { index: 1, value: 0.0 },
                "point 1 of the curve is at 0, expected a finite number above the one before",
            ),
            (
                MetricError::NoVariation { member: 1 },
                "the features of matrix 1 are the same for every image; similarity needs some that vary",
            ),
            (MetricError::Batch { batch: 64, images: 50 }, "a batch of 64 from 50 images, expected 1 to 50"),
            (
                MetricError::Accuracy { value: 93.0 },
                "accuracy 93, expected a fraction from 0 to 1, such as 0.93",
            ),
            (MetricError::Faultless, "an accuracy of 1 leaves no errors to divide the disagreement by"),
            (MetricError::Classes { found: 1 }, "1 classes, expected at least 2"),
            (
                MetricError::RowLength { row: 2, found: 3, expected: 4 },
                "row 2 holds 3 numbers, expected 4 as row 0",
            ),
            (
                MetricError::Identical { points: 3 },
                "all 3 points are the same; principal components and embeddings need some that differ",
            ),
            (
                MetricError::Perplexity { value: 30.0, points: 20 },
                "perplexity 30 for 20 points, expected 1 to the number of points minus 1",
            ),
        ];
        let mut seen = [false; 23];
        for (error, text) in &told {
            assert_eq!(error.to_string(), *text);
            seen[place(error)] = true;
        }
        assert_eq!(seen, [true; 23], "every variant is told");
    }
}
