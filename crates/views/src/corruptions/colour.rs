//! Brightness and saturation, in HSV as scikit-image has it.

use crate::view::Given;
use crate::view::picture::Picture;

/// Value + c, clipped.
pub(super) fn brightness(picture: &mut Picture, given: &Given<'_>) {
    let c = given.values[0];
    in_hsv(picture, |[h, s, v]| [h, s, (v + c).clamp(0.0, 1.0)]);
}

/// Saturation · f + o, clipped.
pub(super) fn saturate(picture: &mut Picture, given: &Given<'_>) {
    let &[factor, offset] = given.values else { return };
    in_hsv(picture, |[h, s, v]| [h, (s * factor + offset).clamp(0.0, 1.0), v]);
}

fn in_hsv(picture: &mut Picture, change: impl Fn([f64; 3]) -> [f64; 3]) {
    let mut values = picture.unit();
    for rgb in values.chunks_exact_mut(3) {
        rgb.copy_from_slice(&to_rgb(change(to_hsv([rgb[0], rgb[1], rgb[2]]))));
    }
    picture.store(&values);
}

/// Hue in turns, saturation, value. Where two channels are largest, the later one decides the hue.
fn to_hsv([r, g, b]: [f64; 3]) -> [f64; 3] {
    let value = r.max(g).max(b);
    let spread = value - r.min(g).min(b);
    if spread == 0.0 {
        return [0.0, 0.0, value];
    }
    let sixths = if b == value {
        4.0 + (r - g) / spread
    } else if g == value {
        2.0 + (b - r) / spread
    } else {
        (g - b) / spread
    };
    [(sixths / 6.0).rem_euclid(1.0), spread / value, value]
}

fn to_rgb([h, s, v]: [f64; 3]) -> [f64; 3] {
    let sector = (h * 6.0).floor();
    let f = h * 6.0 - sector;
    let (p, q, t) = (v * (1.0 - s), v * (1.0 - f * s), v * (1.0 - (1.0 - f) * s));
    match sector as u8 % 6 {
        0 => [v, t, p],
        1 => [q, v, p],
        2 => [p, v, t],
        3 => [p, q, v],
        4 => [t, p, v],
        _ => [v, p, q],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_go_there_and_back() {
        for (rgb, hsv) in [
            ([1.0, 0.0, 0.0], [0.0, 1.0, 1.0]),
            ([0.0, 0.5, 0.5], [0.5, 1.0, 0.5]),
            ([0.2, 0.2, 0.2], [0.0, 0.0, 0.2]),
        ] {
            assert_eq!(to_hsv(rgb), hsv);
            assert_eq!(to_rgb(hsv), rgb);
        }
        for i in 0..1000u32 {
            let rgb = [i % 10, i / 10 % 10, i / 100].map(|x| f64::from(x) / 9.0);
            let back = to_rgb(to_hsv(rgb));
            assert!(rgb.iter().zip(back).all(|(a, b)| (a - b).abs() < 1e-14), "{rgb:?}");
        }
    }
}
