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

/// Steps on either side of zero.
pub(crate) const REACH: i8 = 31;

/// For amounts on both sides of zero: brown below, blue above, a near white between them. Curves in Oklab as well (lightness 0.955
/// in the middle to 0.36 at both ends, hue 75° to 35° below and 225° to 262° above, chroma up to 0.135), each in pieces of equal
/// length. Either side grows darker away from zero, and brown and blue stay apart for protanopes and deuteranopes (tested).
pub(crate) const AROUND: [&str; 2 * REACH as usize + 1] = [
    "#682413", "#702a16", "#793018", "#82361a", "#8a3c1c", "#93431e", "#9c4920", "#a44f21", "#ac5623",
    "#b55c24", "#bd6428", "#c46d2f", "#cb7638", "#d07f41", "#d4874a", "#d78e53", "#da965c", "#dd9c65",
    "#dfa36e", "#e1aa77", "#e3b081", "#e4b68a", "#e6bc94", "#e7c29d", "#e8c8a7", "#e9ceb1", "#ead4bb",
    "#ebdac6", "#ecdfd0", "#eee5da", "#efeae5", "#f0f0f0", "#e6edf0", "#dce9ef", "#d2e6ef", "#c8e2ef",
    "#bedeee", "#b4daee", "#aad6ee", "#9fd2ed", "#95cded", "#8bc8ec", "#80c3eb", "#76beea", "#6cb8e8",
    "#62b3e6", "#59ade4", "#4fa6e1", "#47a0de", "#3f99da", "#3892d5", "#328bd0", "#2d84ca", "#2b7cc2",
    "#2b74b9", "#2a6db0", "#2965a7", "#275e9e", "#265695", "#244f8c", "#224883", "#20417a", "#1e3a71",
];
