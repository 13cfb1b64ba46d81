//! Colours for amounts: from a dark violet over blue and green to a light yellow, even steps for the eye.
//!
//! Made as a curve in Oklab (lightness 0.30 to 0.93, hue 298° to 104°, chroma 0.12, less where the screen has none),
//! divided into pieces of equal length in CIE L*a*b*. Lightness alone tells the order, with full and with deficient colour
//! vision (tested), so that a copy without colours reads the same. The colours are the same on light and dark grounds.

/// Number of colours.
pub const STEPS: usize = 64;

/// From the least to the most.
pub(crate) const RAMP: [&str; STEPS] = [
    "#361a5e", "#382066", "#38266d", "#382c74", "#38327a", "#373880", "#363d85", "#34428a", "#32478e",
    "#2f4c92", "#2c5195", "#295598", "#255a9b", "#205e9e", "#1a62a0", "#1366a1", "#0b6aa2", "#086da2",
    "#0870a2", "#0873a1", "#0976a1", "#0979a1", "#0a7da1", "#0a80a1", "#0b84a1", "#1087a1", "#188ba0",
    "#1f8ea0", "#2492a0", "#2896a0", "#2c9aa0", "#2e9ea0", "#31a2a0", "#33a6a0", "#35aaa0", "#38ada0",
    "#3bb19f", "#3eb59e", "#42b89d", "#47bc9c", "#4dbf9a", "#53c299", "#59c597", "#60c895", "#68cb93",
    "#70cd91", "#77d08f", "#7fd28d", "#87d48b", "#8ed689", "#96d887", "#9dda85", "#a5dc84", "#acde82",
    "#b4e080", "#bbe17f", "#c2e37d", "#cae47c", "#d1e67b", "#d9e77b", "#e0e97a", "#e8ea7a", "#efeb7b",
    "#f7ec7c",
];
