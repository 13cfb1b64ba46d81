//! Contact sheets: rows of small images with a label each, as PNG.

use crate::ReportError;
use basin_plot::{Anchor, Ink, Scene, png_with, text_width};

/// A small square image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tile {
    /// Height and width in pixels, at least 1.
    pub side: usize,
    /// Red, green, blue, interleaved, or one channel; `[side, side, channels]`.
    pub pixels: Vec<u8>,
}

/// Images in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SheetRow {
    /// What they are; stands to their left.
    pub label: String,
    /// At least one row of the sheet has one.
    pub tiles: Vec<Tile>,
}

/// About how large an image is shown, in pixels of the PNG.
const SHOWN: usize = 160;
/// Between images, and around all of them.
const GAP: usize = 8;
/// Of labels, pixels of the PNG.
const TEXT: f64 = 26.0;

/// The rows below one another under a title. Pixels are enlarged by a whole factor and are not smoothed.
///
/// # Errors
/// [`ReportError::Raster`] when there is no image, when pixels are not a square of one or three channels, or when the sheet
/// is too large to draw.
pub fn contact_sheet(title: &str, rows: &[SheetRow]) -> Result<Vec<u8>, ReportError> {
    let fail = |reason: String| ReportError::Raster { figure: title.to_owned(), reason };
    let tiles = || rows.iter().flat_map(|row| &row.tiles);
    let Some(side) = tiles().map(|tile| tile.side).max() else {
        return Err(fail("there are no images".to_owned()));
    };
    if let Some(odd) = tiles().find(|tile| channels(tile).is_none()) {
        let (side, bytes) = (odd.side, odd.pixels.len());
        return Err(fail(format!("{bytes} bytes are no {side} x {side} pixels of 1 or 3 channels")));
    }
    let cell = side * (SHOWN / side).max(1);
    let wide = |text: &str| text_width(text, TEXT).ceil() as usize;
    let left = 2 * GAP + rows.iter().map(|row| wide(&row.label)).max().unwrap_or(0);
    let columns = rows.iter().map(|row| row.tiles.len()).max().unwrap_or(0);
    let top = 2 * GAP + TEXT as usize;
    let width = (left + columns * (cell + GAP)).max(wide(title) + 2 * GAP);
    let height = top + rows.len() * (cell + GAP);
    let mut scene = Scene::new(width as f64, height as f64, title);
    scene.text((GAP as f64, GAP as f64 + 0.8 * TEXT), title, TEXT, Ink::Text, Anchor::Start);
    let place = |row: usize| top + row * (cell + GAP);
    for (i, row) in rows.iter().enumerate() {
        let middle = (place(i) + cell / 2) as f64 + 0.3 * TEXT;
        scene.text(((left - GAP) as f64, middle), &row.label, TEXT, Ink::Text, Anchor::End);
    }
    png_with(&scene, &mut |pixels, width| {
        for (i, row) in rows.iter().enumerate() {
            for (j, tile) in row.tiles.iter().enumerate() {
                let corner = (left + j * (cell + GAP), place(i));
                enlarge(tile, corner, cell / tile.side, pixels, width);
            }
        }
    })
    .map_err(|error| fail(error.to_string()))
}

fn channels(tile: &Tile) -> Option<usize> {
    let area = tile.side.checked_mul(tile.side).filter(|area| *area > 0)?;
    [1, 3].into_iter().find(|channels| area.checked_mul(*channels) == Some(tile.pixels.len()))
}

/// Puts a tile into RGBA pixels, each of its own as a square of `factor`.
fn enlarge(tile: &Tile, (left, top): (usize, usize), factor: usize, pixels: &mut [u8], width: usize) {
    let channels = tile.pixels.len() / (tile.side * tile.side);
    for y in 0..tile.side * factor {
        let line = &mut pixels[4 * ((top + y) * width + left)..][..4 * tile.side * factor];
        for (x, out) in line.chunks_exact_mut(4).enumerate() {
            let at = (y / factor * tile.side + x / factor) * channels;
            let rgb = [0, channels / 2, channels - 1].map(|c| tile.pixels[at + c]);
            out[..3].copy_from_slice(&rgb);
            out[3] = 255;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use resvg::tiny_skia::Pixmap;

    fn row(label: &str, tiles: Vec<Tile>) -> SheetRow {
        SheetRow { label: label.to_owned(), tiles }
    }

    #[test]
    fn pixels_are_shown_as_they_are_beside_a_label() {
        let red = Tile { side: 2, pixels: vec![255, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9] };
        let grey = Tile { side: 1, pixels: vec![77] };
        let sheet =
            contact_sheet("sheet", &[row("fog:3", vec![red.clone(), red]), row("", vec![grey])]).unwrap();
        let seen = Pixmap::decode_png(&sheet).unwrap();
        let count =
            |rgb: [u8; 3]| seen.pixels().iter().filter(|p| [p.red(), p.green(), p.blue()] == rgb).count();
        // Two images of 160 x 160, a quarter each; the third is one pixel, as large as the others.
        assert_eq!(count([255, 0, 0]), 2 * 80 * 80);
        assert_eq!(count([7, 8, 9]), 2 * 80 * 80);
        assert!(count([77, 77, 77]) >= 160 * 160);
        let left_of_images = seen.pixels().chunks(seen.width() as usize).skip(60).take(100);
        assert!(left_of_images.flat_map(|line| &line[..30]).any(|p| p.red() < 100), "a label is drawn");
    }

    #[test]
    fn what_is_no_image_is_refused() {
        for rows in
            [vec![], vec![row("a", vec![])], vec![row("a", vec![Tile { side: 2, pixels: vec![0; 5] }])]]
        {
            assert!(matches!(contact_sheet("s", &rows), Err(ReportError::Raster { .. })), "{rows:?}");
        }
    }
}
