//! A figure before it has a format: marks with roles on a surface of fixed size, in drawing order.

use super::font::text_width;
use super::palette::{Ink, Marker};

/// A drawing of `width` × `height` pixels, y pointing down.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    pub(crate) width: f64,
    pub(crate) height: f64,
    /// What the figure shows, for readers who do not see it.
    pub(crate) title: String,
    pub(crate) marks: Vec<Mark>,
}

/// Where a text's anchor stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    /// At its left end.
    Start,
    /// In its middle.
    Middle,
    /// At its right end.
    End,
}

/// How a line is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dash {
    /// Not at all.
    Solid,
    /// Long pieces.
    Dashed,
    /// Dots.
    Dotted,
}

/// One thing drawn.
#[derive(Clone, Debug)]
pub(crate) enum Mark {
    /// An open line through points.
    Line { points: Vec<(f64, f64)>, ink: Ink, width: f64, opacity: f64, dash: Dash },
    /// A filled area without outline.
    Area { points: Vec<(f64, f64)>, ink: Ink, opacity: f64 },
    /// A data point of the given radius, with a rim of the ground's colour so that neighbours stay apart.
    Point { at: (f64, f64), marker: Marker, radius: f64, ink: Ink },
    /// The outline of a data point, for numbers that are not ours.
    Hollow { at: (f64, f64), marker: Marker, radius: f64, ink: Ink },
    /// A line of text; `at` is on the baseline. `upright` turns it to read from bottom to top.
    Text { at: (f64, f64), text: String, size: f64, ink: Ink, anchor: Anchor, bold: bool, upright: bool },
}

/// An axis-parallel box: left, top, right, bottom.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Region {
    pub(crate) left: f64,
    pub(crate) top: f64,
    pub(crate) right: f64,
    pub(crate) bottom: f64,
}

impl Region {
    /// The box around a text whose baseline anchor is `at`.
    pub(crate) fn of_text(text: &str, size: f64, (x, y): (f64, f64), anchor: Anchor) -> Self {
        // Semibold, and some system faces, run a little wider.
        let width = 1.06 * text_width(text, size);
        let left = match anchor {
            Anchor::Start => x,
            Anchor::Middle => x - width / 2.0,
            Anchor::End => x - width,
        };
        Self { left, top: y - 0.8 * size, right: left + width, bottom: y + 0.25 * size }
    }

    /// A square around a point.
    pub(crate) fn around((x, y): (f64, f64), reach: f64) -> Self {
        Self { left: x - reach, top: y - reach, right: x + reach, bottom: y + reach }
    }

    /// Whether the two share a point.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.top < other.bottom
            && other.top < self.bottom
    }

    /// Whether `other` lies inside.
    pub(crate) fn holds(&self, other: &Self) -> bool {
        self.left <= other.left
            && other.right <= self.right
            && self.top <= other.top
            && other.bottom <= self.bottom
    }
}

impl Scene {
    /// An empty scene.
    pub(crate) fn new(width: f64, height: f64, title: &str) -> Self {
        Self { width, height, title: title.to_owned(), marks: Vec::new() }
    }

    /// A solid, opaque line.
    pub(crate) fn rule(&mut self, from: (f64, f64), to: (f64, f64), ink: Ink, dash: Dash) {
        self.marks.push(Mark::Line { points: vec![from, to], ink, width: 1.0, opacity: 1.0, dash });
    }

    /// A horizontal text of normal weight.
    pub(crate) fn text(&mut self, at: (f64, f64), text: &str, size: f64, ink: Ink, anchor: Anchor) {
        let text = text.to_owned();
        self.marks.push(Mark::Text { at, text, size, ink, anchor, bold: false, upright: false });
    }
}
