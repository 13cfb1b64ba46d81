#![doc = include_str!("../README.md")]

mod axis;
mod cells;
mod contour;
mod error;
mod font;
mod grid;
mod labels;
mod map;
mod number;
mod palette;
mod ramp;
mod raster;
mod scale;
mod scene;
mod shades;
mod svg;
mod text;
mod triangle;

pub use axis::{Frame, LABEL_SIZE, TICK_SIZE, fitting};
pub use contour::{Contour, contours};
pub use error::PlotError;
pub use font::text_width;
pub use grid::Grid;
pub use labels::{Key, Room, columns, keys, legend};
pub use map::{Map, Ticks, place_ticks};
pub use number::{MISSING, fixed};
pub use palette::{Ink, Marker, custom_properties};
pub use ramp::STEPS;
pub use raster::{png, png_with};
pub use scale::Scale;
pub use scene::{Anchor, Dash, Mark, Region, Scene};
pub use shades::Shades;
pub use svg::{Reader, svg};
pub use text::escaped;
pub use triangle::Triangle;
