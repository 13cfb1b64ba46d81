//! Flip, padded crop, zoom and rotation as one map from output pixels to source pixels.

use super::AugmentConfig;
use basin_core::{Extent, Rng};

/// What was drawn for one image. The source of the output pixel at p (row, column, from the centre) is
/// (flip(rotate(p)) + centre) / zoom + shift: augmax's chain zoom → flip → rotation, in one resampling.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GeometryDraw {
    /// Rows and columns by which the crop window is moved.
    pub shift: [isize; 2],
    /// Whether columns are mirrored.
    pub flip: bool,
    /// None when neither zoom nor rotation is on and whole pixels suffice.
    pub warp: Option<Warp>,
}

/// Zoom factor, centre of the zoomed crop (rows, columns) and angle in radians.
pub type Warp = (f64, [f64; 2], f64);

impl GeometryDraw {
    /// Pixels stay where they are.
    pub(super) const STILL: Self = Self { shift: [0, 0], flip: false, warp: None };

    pub(super) fn new(config: &AugmentConfig, size: usize, rng: &mut Rng) -> Self {
        let flip = rng.chance(config.flip);
        // No padding beyond the image's extent can show anything but zeros.
        let padding = config.crop_padding.min(size) as isize;
        let shift = [0; 2].map(|_: isize| (rng.uniform() * (2 * padding + 1) as f64) as isize - padding);
        let [scale, row, column, turn] = [0; 4].map(|_| rng.uniform());
        let (low, high) = config.zoom.unwrap_or((1.0, 1.0));
        let zoom = (low.ln() + scale * (high.ln() - low.ln())).exp();
        let limit = 0.5 * size as f64 * (zoom - 1.0);
        let centre = [row, column].map(|u| limit * (2.0 * u - 1.0));
        let angle = config.rotation_degrees.to_radians() * (2.0 * turn - 1.0);
        let whole_pixels = config.zoom.is_none() && config.rotation_degrees == 0.0;
        Self { shift, flip, warp: (!whole_pixels).then_some((zoom, centre, angle)) }
    }

    /// Fills `out` `[size, size, channels]` from `image`, with zeros where the source lies outside.
    pub(super) fn apply(&self, image: &[u8], extent: Extent, out: &mut [u8]) {
        match extent.channels {
            1 => self.apply_to::<1>(image, extent.side, out),
            _ => self.apply_to::<3>(image, extent.side, out),
        }
    }

    fn apply_to<const CHANNELS: usize>(&self, image: &[u8], size: usize, out: &mut [u8]) {
        match self.warp {
            None => self.move_rows::<CHANNELS>(image, size, out),
            Some(warp) => self.resample::<CHANNELS>(image, size, warp, out),
        }
    }

    fn move_rows<const CHANNELS: usize>(&self, image: &[u8], size: usize, out: &mut [u8]) {
        let row_bytes = size * CHANNELS;
        let [down, right] = self.shift;
        // Source columns that exist, and where they begin in an unflipped output row.
        let first = right.max(0) as usize;
        let count = size.saturating_sub(right.unsigned_abs());
        let begin = (-right).max(0) as usize;
        for (y, to) in out.chunks_exact_mut(row_bytes).enumerate() {
            to.fill(0);
            let Some(from) = y.checked_add_signed(down).filter(|&source| source < size) else { continue };
            let from = &image[from * row_bytes + first * CHANNELS..][..count * CHANNELS];
            if self.flip {
                let end = (size - begin) * CHANNELS;
                let to = to[end - from.len()..end].rchunks_exact_mut(CHANNELS);
                for (to, from) in to.zip(from.chunks_exact(CHANNELS)) {
                    to.copy_from_slice(from);
                }
            } else {
                to[begin * CHANNELS..][..from.len()].copy_from_slice(from);
            }
        }
    }

    fn resample<const CHANNELS: usize>(
        &self,
        image: &[u8],
        size: usize,
        (zoom, centre, angle): Warp,
        out: &mut [u8],
    ) {
        let middle = 0.5 * size as f64 - 0.5;
        let (sin, cos) = angle.sin_cos();
        let mirror = if self.flip { -1.0 } else { 1.0 };
        for (y, row) in out.chunks_exact_mut(size * CHANNELS).enumerate() {
            let y = y as f64 - middle;
            for (x, pixel) in row.chunks_exact_mut(CHANNELS).enumerate() {
                let x = x as f64 - middle;
                let source_y = (cos * y + sin * x + centre[0]) / zoom + self.shift[0] as f64 + middle;
                let source_x =
                    (mirror * (cos * x - sin * y) + centre[1]) / zoom + self.shift[1] as f64 + middle;
                pixel.copy_from_slice(&bilinear::<CHANNELS>(image, size, source_y as f32, source_x as f32));
            }
        }
    }
}

/// The image at a real position: weights of the four neighbours, zeros outside, rounded to nearest.
fn bilinear<const CHANNELS: usize>(image: &[u8], size: usize, y: f32, x: f32) -> [u8; CHANNELS] {
    let (top, left) = (y.floor(), x.floor());
    let (down, right) = (y - top, x - left);
    let (top, left) = (top as isize, left as isize);
    let mut sum = [0.0f32; CHANNELS];
    for (row, row_weight) in [(top, 1.0 - down), (top + 1, down)] {
        for (column, weight) in [(left, 1.0 - right), (left + 1, right)] {
            let inside = (0..size as isize).contains(&row) && (0..size as isize).contains(&column);
            if inside {
                let at = (row as usize * size + column as usize) * CHANNELS;
                for (sum, &value) in sum.iter_mut().zip(&image[at..at + CHANNELS]) {
                    *sum += row_weight * weight * f32::from(value);
                }
            }
        }
    }
    sum.map(|value| (value + 0.5) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use basin_core::SeedTree;
    use proptest::prelude::*;

    const STILL: GeometryDraw = GeometryDraw::STILL;

    /// A 3×3 image whose red channel counts 1..=9; green is 10 more, blue 20 more.
    fn nine() -> Vec<u8> {
        (1..=9).flat_map(|i| [i, i + 10, i + 20]).collect()
    }

    fn red(draw: GeometryDraw) -> Vec<u8> {
        let mut out = vec![99; 27];
        draw.apply(&nine(), Extent::colour(3), &mut out);
        out.chunks(3).map(|pixel| pixel[0]).collect()
    }

    #[test]
    fn a_flip_mirrors_columns_and_keeps_channels() {
        let mut out = vec![0; 27];
        GeometryDraw { flip: true, ..STILL }.apply(&nine(), Extent::colour(3), &mut out);
        assert_eq!(out[..9], [3, 13, 23, 2, 12, 22, 1, 11, 21]);
    }

    #[test]
    fn a_moved_window_shows_zeros_beyond_the_edge() {
        assert_eq!(red(GeometryDraw { shift: [1, -1], ..STILL }), [0, 4, 5, 0, 7, 8, 0, 0, 0]);
        assert_eq!(red(GeometryDraw { shift: [1, -1], flip: true, ..STILL }), [5, 4, 0, 8, 7, 0, 0, 0, 0]);
        assert_eq!(red(GeometryDraw { shift: [0, 3], ..STILL }), [0; 9]);
    }

    #[test]
    fn a_quarter_turn_moves_whole_pixels() {
        let turn = Some((1.0, [0.0, 0.0], std::f64::consts::FRAC_PI_2));
        assert_eq!(red(GeometryDraw { warp: turn, ..STILL }), [3, 6, 9, 2, 5, 8, 1, 4, 7]);
    }

    #[test]
    fn zoom_interpolates_and_fills_with_zeros() {
        // Magnified twice about the centre, the outer pixels lie half way between neighbours.
        assert_eq!(red(GeometryDraw { warp: Some((2.0, [0.0, 0.0], 0.0)), ..STILL })[..3], [3, 4, 4]);
        // Shrunk by half, only the centre lies inside.
        assert_eq!(
            red(GeometryDraw { warp: Some((0.5, [0.0, 0.0], 0.0)), ..STILL }),
            [0, 0, 0, 0, 5, 0, 0, 0, 0]
        );
    }

    proptest! {
        /// The row-copying path is an optimisation of the resampling one, nothing else.
        #[test]
        fn whole_pixel_moves_agree_with_resampling(down in -5isize..=5, right in -5isize..=5, flip: bool) {
            let image: Vec<u8> = (0..5 * 5 * 3).map(|i| (i * 83 % 256) as u8).collect();
            let draw = GeometryDraw { shift: [down, right], flip, warp: None };
            let (mut fast, mut slow) = (vec![0; 75], vec![0; 75]);
            draw.apply(&image, Extent::colour(5), &mut fast);
            GeometryDraw { warp: Some((1.0, [0.0; 2], 0.0)), ..draw }.apply(&image, Extent::colour(5), &mut slow);
            prop_assert_eq!(fast, slow);
        }

        #[test]
        fn one_channel_moves_as_each_of_three_does(
            down in -5isize..=5,
            right in -5isize..=5,
            flip: bool,
            warp in proptest::option::of((0.5f64..2.0, prop::array::uniform2(-1.0f64..1.0), -3.0f64..3.0)),
        ) {
            let grey: Vec<u8> = (0..5 * 5).map(|i| (i * 83 % 256) as u8).collect();
            let colours: Vec<u8> = grey.iter().flat_map(|&x| [255 - x, x, 0]).collect();
            let draw = GeometryDraw { shift: [down, right], flip, warp };
            let (mut one, mut three) = (vec![0; 25], vec![0; 75]);
            draw.apply(&grey, Extent::grey(5), &mut one);
            draw.apply(&colours, Extent::colour(5), &mut three);
            prop_assert_eq!(one, three.chunks(3).map(|rgb| rgb[1]).collect::<Vec<_>>());
        }
    }

    #[test]
    fn draws_cover_their_ranges_and_no_more() {
        let config = AugmentConfig { crop_padding: 2, ..AugmentConfig::git_rebasin() };
        let draws: Vec<GeometryDraw> =
            (0..2000).map(|i| GeometryDraw::new(&config, 32, &mut SeedTree::root(i).rng())).collect();
        for shift in -2..=2 {
            let share = draws.iter().filter(|d| d.shift[0] == shift).count();
            assert!((330..470).contains(&share), "{shift}: {share}");
        }
        assert!(draws.iter().all(|d| d.shift.iter().all(|s| s.abs() <= 2)));
        assert!((900..1100).contains(&draws.iter().filter(|d| d.flip).count()));
        let extremes = |value: fn(&GeometryDraw) -> f64| {
            let values = draws.iter().map(value);
            (values.clone().fold(f64::INFINITY, f64::min), values.fold(f64::NEG_INFINITY, f64::max))
        };
        let (low, high) = extremes(|d| d.warp.unwrap().0);
        assert!((0.8..0.81).contains(&low) && (1.19..=1.2).contains(&high), "{low} {high}");
        let (low, high) = extremes(|d| d.warp.unwrap().2.to_degrees());
        assert!((-30.0..-29.5).contains(&low) && (29.5..=30.0).contains(&high), "{low} {high}");
        assert!(draws.iter().all(|d| {
            let (zoom, centre, _) = d.warp.unwrap();
            centre.iter().all(|c| c.abs() <= 16.0 * (zoom - 1.0).abs())
        }));
    }
}
