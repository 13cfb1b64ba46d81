//! PNG from a scene, the same on every machine: the font is shipped, the resolution fixed.

use super::scene::Scene;
use super::svg::{Reader, svg};
use crate::PlotError;
use resvg::{tiny_skia, usvg};

/// Pixels of the PNG per pixel of the scene: sharp on dense screens and in print.
const DENSITY: f32 = 2.0;

/// More pixels than this are refused before there is memory for them, four bytes each: 100 million.
const MOST: u64 = 100_000_000;

/// The scene on white, at twice its size, as a PNG file.
///
/// Cost: some milliseconds for each 100 000 pixels.
///
/// # Errors
/// [`PlotError::NoArea`] for a scene without extent, [`PlotError::TooLarge`] beyond 100 million pixels.
pub fn png(scene: &Scene) -> Result<Vec<u8>, PlotError> {
    drawn(scene, DENSITY, &mut |_, _| {})
}

/// The scene on white, at its size, as a PNG file. What is drawn over it goes into its pixels, opaque RGBA from the top
/// left, given with their number in a line.
///
/// # Errors
/// As [`png()`].
pub fn png_with(scene: &Scene, over: &mut dyn FnMut(&mut [u8], usize)) -> Result<Vec<u8>, PlotError> {
    drawn(scene, 1.0, over)
}

fn drawn(scene: &Scene, density: f32, over: &mut dyn FnMut(&mut [u8], usize)) -> Result<Vec<u8>, PlotError> {
    if !(scene.width > 0.0 && scene.height > 0.0) {
        return Err(PlotError::NoArea);
    }
    let text = svg(scene, Reader::Rasteriser);
    let tree = usvg::Tree::from_str(&text, &usvg::Options::default())
        .map_err(|e| PlotError::Svg { reason: e.to_string() })?;
    let size = tree.size().to_int_size().scale_by(density).ok_or(PlotError::NoArea)?;
    let (width, height) = (size.width(), size.height());
    let too_large = PlotError::TooLarge { width, height };
    if u64::from(width) * u64::from(height) > MOST {
        return Err(too_large);
    }
    let mut pixels = tiny_skia::Pixmap::new(width, height).ok_or(too_large)?;
    resvg::render(&tree, tiny_skia::Transform::from_scale(density, density), &mut pixels.as_mut());
    over(pixels.data_mut(), width as usize);
    pixels.encode_png().map_err(|e| PlotError::Png { reason: e.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenes_without_area_or_end_are_refused() {
        for (width, height) in [(0.0, 10.0), (10.0, -1.0), (f64::NAN, 10.0)] {
            assert_eq!(png(&Scene::new(width, height, "")), Err(PlotError::NoArea), "{width} x {height}");
        }
        let error = png(&Scene::new(1e6, 1e6, "")).unwrap_err();
        assert!(matches!(error, PlotError::TooLarge { .. }), "{error:?}");
        assert!(png(&Scene::new(3.0, 2.0, "")).unwrap().starts_with(b"\x89PNG\r\n\x1a\n"));
    }
}
