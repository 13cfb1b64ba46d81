//! A figure before it has a format: marks with roles on a ground of fixed size, in drawing order.

use super::font::text_width;
use super::palette::{Ink, Marker};

/// A drawing of `width` × `height` pixels, y pointing down.
#[derive(Clone, Debug)]
pub struct Scene {
    /// From left to right.
    pub width: f64,
    /// From top to bottom.
    pub height: f64,
    /// What the figure shows, for readers who do not see it.
    pub title: String,
    /// What is drawn, from the bottom up.
    pub marks: Vec<Mark>,
}

/// Where a text's anchor stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// At its left end.
    Start,
    /// In its middle.
    Middle,
    /// At its right end.
    End,
}

/// How a line is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dash {
    /// Not at all.
    Solid,
    /// Long pieces.
    Dashed,
    /// Dots.
    Dotted,
}

/// One thing drawn. Places are pixels of the scene, widths and radii too; opacities lie in `[0, 1]`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Mark {
    /// An open line through points.
    Line {
        /// Its points, in order.
        points: Vec<(f64, f64)>,
        /// Its colour.
        ink: Ink,
        /// How wide it is.
        width: f64,
        /// How little shows through.
        opacity: f64,
        /// How it is broken.
        dash: Dash,
    },
    /// A filled area without outline.
    Area {
        /// Its corners, in order.
        points: Vec<(f64, f64)>,
        /// Its colour.
        ink: Ink,
        /// How little shows through.
        opacity: f64,
    },
    /// A data point, with a rim of the ground's colour so that neighbours stay apart.
    Point {
        /// Its middle.
        at: (f64, f64),
        /// Its shape.
        marker: Marker,
        /// Its size.
        radius: f64,
        /// Its colour.
        ink: Ink,
    },
    /// The outline of a data point, for numbers that are not ours.
    Hollow {
        /// Its middle.
        at: (f64, f64),
        /// Its shape.
        marker: Marker,
        /// Its size.
        radius: f64,
        /// Its colour.
        ink: Ink,
    },
    /// Filled boxes, edge to edge: cells of one colour. They are drawn without smoothing, so that no seam shows between them.
    Cells {
        /// The boxes.
        boxes: Vec<Region>,
        /// Their colour.
        ink: Ink,
    },
    /// Filled polygons that touch: cells of one colour that are not boxes. Each is a hair larger than it is, so that no seam shows.
    Tiles {
        /// The corners of each, in order.
        tiles: Vec<Vec<(f64, f64)>>,
        /// Their colour.
        ink: Ink,
    },
    /// Open lines, all alike: contours of one level, or a hatching.
    Strokes {
        /// The points of each, in order.
        lines: Vec<Vec<(f64, f64)>>,
        /// Their colour.
        ink: Ink,
        /// How wide they are.
        width: f64,
        /// How little shows through.
        opacity: f64,
    },
    /// A point that stands out from whatever lies below it, by a rim of another ink.
    Rimmed {
        /// Its middle.
        at: (f64, f64),
        /// Its shape.
        marker: Marker,
        /// Its size.
        radius: f64,
        /// Its colour.
        ink: Ink,
        /// The rim's colour.
        rim: Ink,
    },
    /// A line of bold text with a rim around its letters, for any ground.
    Haloed {
        /// Where its anchor stands, on the baseline.
        at: (f64, f64),
        /// What it says.
        text: String,
        /// The font's size.
        size: f64,
        /// Its colour.
        ink: Ink,
        /// The rim's colour.
        rim: Ink,
        /// Which of its points the anchor is.
        anchor: Anchor,
    },
    /// A line of text.
    Text {
        /// Where its anchor stands, on the baseline.
        at: (f64, f64),
        /// What it says.
        text: String,
        /// The font's size.
        size: f64,
        /// Its colour.
        ink: Ink,
        /// Which of its points the anchor is.
        anchor: Anchor,
        /// Whether it is semibold.
        bold: bool,
        /// Whether it reads from bottom to top, turned around the anchor.
        upright: bool,
    },
}

/// An axis-parallel box, in pixels; y points down.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Region {
    /// Its least x.
    pub left: f64,
    /// Its least y.
    pub top: f64,
    /// Its greatest x.
    pub right: f64,
    /// Its greatest y.
    pub bottom: f64,
}

impl Region {
    /// The box around a text whose baseline anchor is `at`.
    pub fn of_text(text: &str, size: f64, (x, y): (f64, f64), anchor: Anchor) -> Self {
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
    pub fn around((x, y): (f64, f64), reach: f64) -> Self {
        Self { left: x - reach, top: y - reach, right: x + reach, bottom: y + reach }
    }

    /// Whether the two share a point.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.top < other.bottom
            && other.top < self.bottom
    }

    /// Whether `other` lies inside.
    pub fn holds(&self, other: &Self) -> bool {
        self.left <= other.left
            && other.right <= self.right
            && self.top <= other.top
            && other.bottom <= self.bottom
    }
}

impl Scene {
    /// An empty scene.
    pub fn new(width: f64, height: f64, title: &str) -> Self {
        Self { width, height, title: title.to_owned(), marks: Vec::new() }
    }

    /// A solid, opaque line.
    pub fn rule(&mut self, from: (f64, f64), to: (f64, f64), ink: Ink, dash: Dash) {
        self.marks.push(Mark::Line { points: vec![from, to], ink, width: 1.0, opacity: 1.0, dash });
    }

    /// The outline of a box.
    pub fn outline(&mut self, of: Region, ink: Ink) {
        let Region { left, top, right, bottom } = of;
        let points = vec![(left, top), (right, top), (right, bottom), (left, bottom), (left, top)];
        self.marks.push(Mark::Line { points, ink, width: 1.0, opacity: 1.0, dash: Dash::Solid });
    }

    /// A horizontal text of normal weight.
    pub fn text(&mut self, at: (f64, f64), text: &str, size: f64, ink: Ink, anchor: Anchor) {
        let text = text.to_owned();
        self.marks.push(Mark::Text { at, text, size, ink, anchor, bold: false, upright: false });
    }
}
