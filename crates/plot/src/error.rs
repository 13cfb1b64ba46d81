//! What cannot be drawn.

use thiserror::Error;

/// Why there is no picture. The caller knows which figure it asked for.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PlotError {
    /// A scene without extent.
    #[error("it has no area")]
    NoArea,
    /// More pixels than are drawn.
    #[error("{width} × {height} pixels are too many, expected at most 100 million")]
    TooLarge {
        /// Pixels in a line.
        width: u32,
        /// Lines.
        height: u32,
    },
    /// The SVG that this crate wrote does not read: a bug of this crate.
    #[error("its SVG does not read: {reason}")]
    Svg {
        /// What the reader said.
        reason: String,
    },
    /// The pixels do not turn into a PNG.
    #[error("its pixels cannot be written as PNG: {reason}")]
    Png {
        /// What the writer said.
        reason: String,
    },
    /// A grid whose values do not fill it.
    #[error(
        "{values} values on a grid of {x} × {y} points, expected {}; give one value a point, row by row, and at least one of each",
        x.saturating_mul(*y)
    )]
    Shape {
        /// Points along the horizontal axis.
        x: usize,
        /// Points along the vertical axis.
        y: usize,
        /// Values.
        values: usize,
    },
    /// Points of a grid that do not follow each other.
    #[error(
        "point {place} of the grid's {axis} axis is not finite, or not above the one before; give them in rising order"
    )]
    Order {
        /// `x` or `y`.
        axis: char,
        /// Which point, from 0.
        place: usize,
    },
    /// Values that do not fill a triangle.
    #[error(
        "{values} values on a triangle of {side} points a side, expected n(n + 1)/2 for n points, n at least 2; give one value a \
         point, row by row"
    )]
    Triangle {
        /// Points on a side.
        side: usize,
        /// Values.
        values: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A new variant does not compile here until it has a line in the test.
    fn place(error: &PlotError) -> usize {
        match error {
            PlotError::NoArea => 0,
            PlotError::TooLarge { .. } => 1,
            PlotError::Svg { .. } => 2,
            PlotError::Png { .. } => 3,
            PlotError::Shape { .. } => 4,
            PlotError::Order { .. } => 5,
            PlotError::Triangle { .. } => 6,
        }
    }

    #[test]
    fn every_error_says_what_was_found_and_what_was_expected() {
        let told = [
            (PlotError::NoArea, "it has no area"),
            (
                PlotError::TooLarge { width: 70_000, height: 9 },
                "70000 × 9 pixels are too many, expected at most 100 million",
            ),
            (PlotError::Svg { reason: "no root".into() }, "its SVG does not read: no root"),
            (PlotError::Png { reason: "no room".into() }, "its pixels cannot be written as PNG: no room"),
            (
                PlotError::Shape { x: 3, y: 2, values: 5 },
                "5 values on a grid of 3 × 2 points, expected 6; give one value a point, row by row, and at least one of each",
            ),
            (
                PlotError::Order { axis: 'y', place: 4 },
                "point 4 of the grid's y axis is not finite, or not above the one before; give them in rising order",
            ),
            (
                PlotError::Triangle { side: 3, values: 5 },
                "5 values on a triangle of 3 points a side, expected n(n + 1)/2 for n points, n at least 2; give one value a point, row by row",
            ),
        ];
        let mut seen = [false; 7];
        for (error, text) in told {
            assert_eq!(error.to_string(), text);
            seen[place(&error)] = true;
        }
        assert_eq!(seen, [true; 7], "every variant is told");
    }
}
