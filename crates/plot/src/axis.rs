//! A plotting frame: two scales, their grid, ticks and names.

use super::Ink;
use super::font::text_width;
use super::scale::Scale;
use super::scene::{Anchor, Dash, Mark, Region, Scene};

/// Font size of tick labels.
pub const TICK_SIZE: f64 = 12.0;
/// Font size of axis names and direct labels.
pub const LABEL_SIZE: f64 = 13.0;

/// The size in which a text fits into a width: the one given, or smaller, but never too small to read.
pub fn fitting(text: &str, size: f64, width: f64) -> f64 {
    let wide = 1.06 * text_width(text, size);
    if wide <= width { size } else { (size * width / wide).max(9.0) }
}

/// Two scales at right angles.
#[derive(Clone, Debug)]
pub struct Frame {
    /// From left to right.
    pub x: Scale,
    /// From the bottom pixel to the top one.
    pub y: Scale,
}

impl Frame {
    /// The plotting area.
    pub fn region(&self) -> Region {
        let ((left, right), (bottom, top)) = (self.x.span(), self.y.span());
        Region { left, top, right, bottom }
    }

    /// Grid, bottom line and tick labels; goes in first, under the data.
    pub fn draw(&self, scene: &mut Scene) {
        let Region { left, top, right, bottom } = self.region();
        for (at, label) in &self.y.ticks {
            let y = self.y.at(*at);
            scene.rule((left, y), (right, y), Ink::Grid, Dash::Solid);
            scene.text((left - 7.0, y + 0.35 * TICK_SIZE), label, TICK_SIZE, Ink::Muted, Anchor::End);
        }
        for (at, label) in &self.x.ticks {
            let x = self.x.at(*at);
            scene.rule((x, top), (x, bottom), Ink::Grid, Dash::Solid);
            scene.rule((x, bottom), (x, bottom + 4.0), Ink::Axis, Dash::Solid);
            scene.text((x, bottom + 5.0 + TICK_SIZE), label, TICK_SIZE, Ink::Muted, Anchor::Middle);
        }
        scene.rule((left, bottom), (right, bottom), Ink::Axis, Dash::Solid);
    }

    /// Name of the x axis, centred below the tick labels.
    pub fn name_x(&self, scene: &mut Scene, name: &str) {
        let Region { left, right, bottom, .. } = self.region();
        let at = ((left + right) / 2.0, bottom + 24.0 + LABEL_SIZE);
        scene.text(at, name, LABEL_SIZE, Ink::Text, Anchor::Middle);
    }

    /// Name of the y axis, upright at the left edge of the scene, centred between `top` and `bottom`; a long one in a smaller
    /// size.
    pub fn name_y(scene: &mut Scene, name: &str, (top, bottom): (f64, f64)) {
        scene.marks.push(Mark::Text {
            at: (14.0, (top + bottom) / 2.0),
            text: name.to_owned(),
            size: fitting(name, LABEL_SIZE, bottom - top + 24.0),
            ink: Ink::Text,
            anchor: Anchor::Middle,
            bold: false,
            upright: true,
        });
    }

    /// Pixel of a data point; none when it is not finite or lies off the scales.
    pub fn point(&self, x: f64, y: f64) -> Option<(f64, f64)> {
        (self.x.contains(x) && self.y.contains(y)).then(|| (self.x.at(x), self.y.at(y)))
    }
}
