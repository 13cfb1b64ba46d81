#![doc = include_str!("../README.md")]

mod csv;
mod error;
mod figures;
mod html;
mod latex;
mod markdown;
mod method;
mod number;
mod paper;
mod plot;
mod render;
mod results;
mod setup;
mod spread;
mod table;
mod terminal;

pub use error::ReportError;
pub use render::{Artifact, render};
pub use results::{Case, Cost, MinusDeep, PairwiseLine, Results, Row, TrainingCurve, TrainingPoint};
pub use terminal::terminal_table;
