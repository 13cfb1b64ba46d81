#![doc = include_str!("../README.md")]

mod check;
mod content;
mod curve;
mod earlier;
mod ensemble;
mod environments;
mod error;
mod nulls;
mod results;
mod subject;
mod surface;

pub use check::check;
pub use content::{check_content, seal_content};
pub use curve::Curve;
pub use ensemble::{Ensemble, Scalars};
pub use environments::environments_in_words;
pub use error::{CurveName, ResultsError};
pub use results::{CaseConfig, Cost, PairwiseLine, Results, Row, TrainingCurve, TrainingPoint};
pub use subject::{Subject, in_words};
pub use surface::Surface;
