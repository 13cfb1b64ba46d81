#![doc = include_str!("../README.md")]

mod claims;
mod compare;
mod csv;
mod error;
mod figures;
mod html;
mod latex;
mod markdown;
mod number;
mod render;
mod sheet;
mod spread;
mod table;
mod telling;
mod terminal;
mod timing;
mod told;

pub use claims::{
    Basis, Finding, Judgement, ShareFound, Verdict, claim_in_words, finding_in_words, judge,
    judgement_in_words,
};
pub use compare::{ComparedRow, Comparison, Estimate, KeyDifference, RowName, compare};
pub use error::ReportError;
pub use markdown::escaped as markdown_escaped;
pub use render::{Artifact, render};
pub use sheet::{SheetRow, Tile, contact_sheet};
pub use terminal::{terminal_comparison, terminal_table};
pub use timing::{LastCheck, Timing};
