#![doc = include_str!("../README.md")]

mod check;
mod claims;
mod compare;
mod content;
mod csv;
mod curve;
mod earlier;
mod ensemble;
mod environments;
mod error;
mod figures;
mod html;
mod latex;
mod markdown;
mod nulls;
mod number;
mod render;
mod results;
mod sheet;
mod spread;
mod subject;
mod surface;
mod table;
mod telling;
mod terminal;
mod timing;
mod told;

pub use check::check;
pub use claims::{
    Basis, Finding, Judgement, ShareFound, Verdict, claim_in_words, finding_in_words, judge,
    judgement_in_words,
};
pub use compare::{ComparedRow, Comparison, Estimate, KeyDifference, RowName, compare};
pub use content::check_content;
pub use curve::Curve;
pub use ensemble::{Ensemble, Scalars};
pub use environments::environments_in_words;
pub use error::{CurveName, ReportError};
pub use markdown::escaped as markdown_escaped;
pub use render::{Artifact, render};
pub use results::{CaseConfig, Cost, PairwiseLine, Results, Row, TrainingCurve, TrainingPoint};
pub use sheet::{SheetRow, Tile, contact_sheet};
pub use subject::Subject;
pub use surface::Surface;
pub use terminal::{terminal_comparison, terminal_table};
pub use timing::{LastCheck, Timing};
