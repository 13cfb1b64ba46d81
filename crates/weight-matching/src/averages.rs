//! Averages of networks whose units are in one order.

use basin_core::{Params, ParamsError, Simplex};
use thiserror::Error;

/// Why networks have no such average.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum AverageError {
    /// No networks at all.
    #[error("a mean needs at least one network")]
    Empty,
    /// The networks have different parameters.
    #[error(transparent)]
    Layout(#[from] ParamsError),
    /// The position is not between the networks.
    #[error("position {t} is not between two networks, expected a number from 0 to 1")]
    Position {
        /// What was asked for.
        t: f64,
    },
    /// A weight is NaN or infinite.
    #[error(
        "parameter {parameter} of network {network} holds a value that is not finite, expected finite weights"
    )]
    NonFinite {
        /// Which network.
        network: usize,
        /// Its first such parameter.
        parameter: String,
    },
    /// A network of zeros has no direction, and opposite networks have no shortest arc between them.
    #[error(
        "no single arc joins networks whose cosine is {cosine}, expected more than -1 + 1e-9; interpolate on the \
         straight line"
    )]
    NoArc {
        /// Their cosine; NaN when one of them is zero.
        cosine: f64,
    },
    /// An arc of equal norm bulges beyond its ends: weights near the largest `f32` may leave its range.
    #[error(
        "the arc takes parameter {parameter} beyond the range of f32; make both networks smaller by one factor, \
         or interpolate on the straight line"
    )]
    Overflow {
        /// The first such parameter.
        parameter: String,
    },
}

/// (1/M) Σ w_i, weight by weight, summed in f64 and rounded once. Align the networks first.
///
/// # Errors
/// [`AverageError`] for no networks, different layouts and weights that are not finite.
pub fn mean(networks: &[&Params]) -> Result<Params, AverageError> {
    if networks.is_empty() {
        return Err(AverageError::Empty);
    }
    check(networks)?;
    Ok(Params::convex_combination(networks, &Simplex::uniform(networks.len()))?)
}

/// (1 − t) a + t b, weight by weight, in f64 and rounded once. The ends return the networks bit for bit.
///
/// # Errors
/// [`AverageError`] for t outside `[0, 1]`, different layouts and weights that are not finite.
#[doc(alias = "lerp")]
pub fn interpolate(a: &Params, b: &Params, t: f64) -> Result<Params, AverageError> {
    let weights = Simplex::segment(t).map_err(|_| AverageError::Position { t })?;
    check(&[a, b])?;
    match t {
        0.0 => Ok(a.clone()),
        1.0 => Ok(b.clone()),
        _ => Ok(Params::convex_combination(&[a, b], &weights)?),
    }
}

/// Spherical interpolation (Shoemake, *Animating rotation with quaternion curves*, SIGGRAPH 1985):
///
/// ```text
/// (sin((1 − t) ω) / sin ω) a + (sin(t ω) / sin ω) b,    cos ω = ⟨a, b⟩ / (‖a‖ ‖b‖)
/// ```
///
/// with one angle ω for the network as a whole, so that the result does not depend on how its weights are cut
/// into arrays. Networks of equal norm have that norm along the whole arc, while a straight line shrinks in the
/// middle. Where ω vanishes the limit is taken, [`interpolate`]. In f64, rounded once.
///
/// # Errors
/// [`AverageError`] as for [`interpolate`], [`AverageError::NoArc`] for opposite networks or a network of zeros,
/// and [`AverageError::Overflow`] for a point of the arc that no `f32` holds.
pub fn slerp(a: &Params, b: &Params, t: f64) -> Result<Params, AverageError> {
    let straight = interpolate(a, b, t)?;
    let (mut dot, mut of_a, mut of_b) = (0.0f64, 0.0f64, 0.0f64);
    for (name, array) in a.iter() {
        for (&x, &y) in array.data().iter().zip(b.get(name).map_or(&[][..], |b| b.data())) {
            let (x, y) = (f64::from(x), f64::from(y));
            (dot, of_a, of_b) = (dot + x * y, of_a + x * x, of_b + y * y);
        }
    }
    let cosine = dot / (of_a.sqrt() * of_b.sqrt());
    if cosine.is_nan() || cosine <= -1.0 + 1e-9 {
        return Err(AverageError::NoArc { cosine });
    }
    // Below this angle, sin ω / ω is 1 to the last bit of an f32 and the arc is a line.
    let angle = cosine.min(1.0).acos();
    if angle < 1e-4 || t == 0.0 || t == 1.0 {
        return Ok(straight);
    }
    let (from, to) = (((1.0 - t) * angle).sin() / angle.sin(), (t * angle).sin() / angle.sin());
    let point = a.map(|name, values| {
        let other = b.get(name).map_or(&[][..], |b| b.data());
        values.iter().zip(other).map(|(&x, &y)| (from * f64::from(x) + to * f64::from(y)) as f32).collect()
    });
    match point.first_non_finite() {
        Some(parameter) => Err(AverageError::Overflow { parameter: parameter.to_owned() }),
        None => Ok(point),
    }
}

fn check(networks: &[&Params]) -> Result<(), AverageError> {
    for (network, params) in networks.iter().enumerate() {
        networks[0].check_same_layout(params)?;
        if let Some(parameter) = params.first_non_finite() {
            return Err(AverageError::NonFinite { network, parameter: parameter.to_owned() });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A new variant does not compile here until it has a line in the test.
    fn place(error: &AverageError) -> usize {
        match error {
            AverageError::Empty => 0,
            AverageError::Layout(_) => 1,
            AverageError::Position { .. } => 2,
            AverageError::NonFinite { .. } => 3,
            AverageError::NoArc { .. } => 4,
            AverageError::Overflow { .. } => 5,
        }
    }

    #[test]
    fn every_error_says_what_where_and_what_to_do() {
        let told = [
            (AverageError::Empty, "a mean needs at least one network"),
            (
                AverageError::Layout(ParamsError::Count { weights: 3, networks: 2 }),
                "3 weights for 2 networks, expected one for each",
            ),
            (
                AverageError::Position { t: 1.5 },
                "position 1.5 is not between two networks, expected a number from 0 to 1",
            ),
            (
                AverageError::NonFinite { network: 1, parameter: "fc.bias".into() },
                "parameter fc.bias of network 1 holds a value that is not finite, expected finite weights",
            ),
            (
                AverageError::NoArc { cosine: -1.0 },
                "no single arc joins networks whose cosine is -1, expected more than -1 + 1e-9; interpolate on the straight line",
            ),
            (
                AverageError::Overflow { parameter: "fc.bias".into() },
                "the arc takes parameter fc.bias beyond the range of f32; make both networks smaller by one factor, or interpolate on the straight line",
            ),
        ];
        let mut seen = [false; 6];
        for (error, text) in &told {
            assert_eq!(error.to_string(), *text);
            seen[place(error)] = true;
        }
        assert_eq!(seen, [true; 6], "every variant is told");
    }
}
