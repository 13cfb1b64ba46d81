//! The work that weight matching comes from, for reports that cite what they used.

use basin_core::Citation;

/// Ainsworth, Hayase, Srinivasa: "Git Re-Basin", whose weight matching (Section 3.2, Algorithm 1) this
/// crate implements.
pub const CITATION: Citation = Citation {
    key: "ainsworth2023rebasin",
    authors: "Ainsworth, Samuel K. and Hayase, Jonathan and Srinivasa, Siddhartha",
    title: "Git Re-Basin: Merging Models modulo Permutation Symmetries",
    year: 2023,
    locator: "2209.04836",
};
