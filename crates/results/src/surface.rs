//! Surfaces that measurements leave: a quantity over a grid of two variables, or over a triangle of it.

use crate::nulls::numbers_or_null;
use crate::{Ensemble, Subject};
use basin_papers::CaseKeys;
use serde::{Deserialize, Serialize};

/// A quantity over a grid, of one ensemble of one seed: a plane through weight space, a matrix over places of networks, or a triangle
/// over the weights of three networks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Surface {
    /// The case of the experiment.
    #[serde(default)]
    pub case: CaseKeys,
    /// Data set.
    pub dataset: String,
    /// Architecture.
    pub model: String,
    /// Method id.
    pub method: String,
    /// Root seed.
    pub seed: u64,
    /// What of the ensemble it is of, for example `radial-1-2`.
    pub subject: Subject,
    /// Which images, for example `test`.
    pub data: String,
    /// Id of the metric, for example `plane-loss`.
    pub quantity: String,
    /// Names of the horizontal and the vertical variable.
    pub variables: [String; 2],
    /// Values of the horizontal variable, n.
    #[serde(deserialize_with = "numbers_or_null")]
    pub x: Vec<f64>,
    /// Values of the vertical variable, m.
    #[serde(deserialize_with = "numbers_or_null")]
    pub y: Vec<f64>,
    /// The quantity at each point, in the metric's own unit: m rows of n, the row of `y[0]` first; of a triangle, where m is n, rows
    /// of n, n − 1, …, 1. What is not finite is null in files, infinite and NaN alike, and reads back as NaN: the node's record still tells them apart.
    #[serde(deserialize_with = "numbers_or_null")]
    pub values: Vec<f64>,
    /// Named places, for example `member-1` at its coordinates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<(String, [f64; 2])>,
}

impl Surface {
    /// What a measurement left of an ensemble.
    pub fn new(ensemble: &Ensemble, surface: basin_core::Surface) -> Self {
        let basin_core::Surface { subject, data, quantity, variables, x, y, values, marks } = surface;
        Self {
            case: ensemble.case.clone(),
            dataset: ensemble.dataset.clone(),
            model: ensemble.model.clone(),
            method: ensemble.method.clone(),
            seed: ensemble.seed,
            subject: subject.as_str().into(),
            data,
            quantity,
            variables,
            x,
            y,
            values,
            marks,
        }
    }

    /// Whether it is over a triangle.
    pub fn is_triangle(&self) -> bool {
        basin_core::Surface::is_triangle(self.x.len(), self.y.len(), self.values.len())
    }

    /// Its points, each with its value, row by row.
    pub fn points(&self) -> impl Iterator<Item = ([f64; 2], f64)> {
        let triangle = self.is_triangle();
        let row = move |(place, y): (usize, &f64)| {
            let row = if triangle { &self.x[..self.x.len() - place] } else { &self.x[..] };
            let y = *y;
            row.iter().map(move |x| [*x, y])
        };
        self.y.iter().enumerate().flat_map(row).zip(self.values.iter().copied())
    }

    /// In words, for messages.
    pub fn told(&self) -> String {
        let Self { method, seed, subject, quantity, data, .. } = self;
        format!("surface {quantity} on {data} of {method}, seed {seed}, {subject}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_finite_is_null_in_files_and_nan_when_read() {
        let ensemble = Ensemble { method: "deep".into(), seed: 3, ..Ensemble::default() };
        let left = basin_core::Surface {
            subject: "radial-1-2".into(),
            quantity: "plane-loss".into(),
            variables: ["x".into(), "y".into()],
            x: vec![0.0, 1.0],
            y: vec![0.5, 1.5],
            values: vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.25],
            marks: vec![("origin".into(), [0.0, 0.5])],
            ..basin_core::Surface::default()
        };
        let surface = Surface::new(&ensemble, left);
        assert_eq!(surface.told(), "surface plane-loss on  of deep, seed 3, radial-1-2");
        let text = serde_json::to_string(&surface).unwrap();
        assert!(
            text.contains(r#""values":[null,null,null,0.25]"#) && text.contains(r#"["origin",[0.0,0.5]]"#),
            "{text}"
        );
        let back: Surface = serde_json::from_str(&text).unwrap();
        assert!(back.values[..3].iter().all(|value| value.is_nan()) && back.values[3] == 0.25);
        assert_eq!((&back.marks, &back.x, back.seed), (&surface.marks, &surface.x, 3));
        let at: Vec<[f64; 2]> = back.points().map(|(at, _)| at).collect();
        assert_eq!(at, [[0.0, 0.5], [1.0, 0.5], [0.0, 1.5], [1.0, 1.5]]);
        let triangle = Surface { values: vec![1.0, 2.0, 3.0], ..surface.clone() };
        let points = [([0.0, 0.5], 1.0), ([1.0, 0.5], 2.0), ([0.0, 1.5], 3.0)];
        assert!(triangle.is_triangle() && triangle.points().eq(points) && !surface.is_triangle());
        let plain = Surface { marks: Vec::new(), ..surface };
        assert!(!serde_json::to_string(&plain).unwrap().contains("marks"));
    }
}
