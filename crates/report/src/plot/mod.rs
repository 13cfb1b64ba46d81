//! Plotting, as much of it as three figures need: scenes of marks, scales, a palette, SVG and PNG.

mod axis;
mod font;
mod labels;
mod palette;
mod raster;
mod scale;
mod scene;
mod svg;

pub(crate) use axis::{Frame, LABEL_SIZE, TICK_SIZE, fitting};
pub(crate) use font::text_width;
pub(crate) use labels::{Key, Room, keys, legend};
pub(crate) use palette::{Ink, custom_properties};
pub(crate) use raster::{png, png_with};
pub(crate) use scale::Scale;
pub(crate) use scene::{Anchor, Dash, Mark, Region, Scene};
pub(crate) use svg::{Reader, svg};
