//! PNG from a scene, the same on every machine: the font is shipped, the resolution fixed.

use super::scene::Scene;
use super::svg::{Reader, svg};
use crate::ReportError;
use resvg::{tiny_skia, usvg};

/// Pixels of the PNG per pixel of the scene: sharp on dense screens and in print.
const DENSITY: f32 = 2.0;

/// The scene on white, at twice its size, as a PNG file. `figure` names it in errors.
pub(crate) fn png(scene: &Scene, figure: &str) -> Result<Vec<u8>, ReportError> {
    drawn(scene, figure, DENSITY, &mut |_, _| {})
}

/// The scene on white, at its size, as a PNG file. What is drawn over it goes into its pixels, opaque RGBA from the top
/// left, given with their number in a line.
pub(crate) fn png_with(
    scene: &Scene,
    figure: &str,
    over: &mut dyn FnMut(&mut [u8], usize),
) -> Result<Vec<u8>, ReportError> {
    drawn(scene, figure, 1.0, over)
}

fn drawn(
    scene: &Scene,
    figure: &str,
    density: f32,
    over: &mut dyn FnMut(&mut [u8], usize),
) -> Result<Vec<u8>, ReportError> {
    let fail = |reason: String| ReportError::Raster { figure: figure.to_owned(), reason };
    let text = svg(scene, Reader::Rasteriser);
    let tree = usvg::Tree::from_str(&text, &usvg::Options::default()).map_err(|e| fail(e.to_string()))?;
    let size =
        tree.size().to_int_size().scale_by(density).ok_or_else(|| fail("it has no area".to_owned()))?;
    let mut pixels = tiny_skia::Pixmap::new(size.width(), size.height())
        .ok_or_else(|| fail(format!("{} × {} pixels are too many", size.width(), size.height())))?;
    resvg::render(&tree, tiny_skia::Transform::from_scale(density, density), &mut pixels.as_mut());
    over(pixels.data_mut(), size.width() as usize);
    pixels.encode_png().map_err(|e| fail(e.to_string()))
}
