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

/// Where REPAIR comes from.
pub const REPAIR_CITATION: Citation = Citation {
    key: "jordan2023repair",
    authors: "Jordan, Keller and Sedghi, Hanie and Saukh, Olga and Entezari, Rahim and Neyshabur, Behnam",
    title: "REPAIR: REnormalizing Permuted Activations for Interpolation Repair",
    year: 2023,
    locator: "2211.08403",
};
