//! Snow, fog, and what resembles frost.

use super::motion::along;
use super::noise::Normals;
use super::plasma::plasma;
use super::zoom::zoomed;
use crate::view::Given;
use crate::view::picture::{Picture, cut};

/// A layer of flakes: normal values, enlarged, those below a threshold taken away, blurred along a direction from −135°
/// to −45°. The image becomes a mixture with its own bright grey, the layer and the layer turned by 180° are added.
///
/// The benchmark asks ImageMagick for the motion; see [`super::motion::motion_blur`].
pub(super) fn snow(picture: &mut Picture, given: &Given<'_>) {
    let &[mean, deviation, zoom, threshold, radius, sigma, mix] = given.values else { return };
    let (mut rng, side) = (given.rng(), picture.side);
    let mut normals = Normals::new(&mut rng);
    let flakes: Vec<f64> = (0..side * side).map(|_| mean + deviation * normals.draw()).collect();
    let mut layer = zoomed(&flakes, side, 1, zoom);
    let falling = |x: f64| if x < threshold { 0.0 } else { f64::from(cut(x)) / 255.0 };
    layer.iter_mut().for_each(|x| *x = falling(*x));
    let layer = along(&layer, side, 1, radius, sigma, rng.uniform_in(-135.0, -45.0));
    let mut values = picture.unit();
    let turned = layer.iter().rev();
    for ((rgb, down), up) in values.chunks_exact_mut(3).zip(&layer).zip(turned) {
        let grey = 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2];
        for x in rgb {
            *x = mix * *x + (1.0 - mix) * x.max(grey * 1.5 + 0.5) + down + up;
        }
    }
    picture.store(&values);
}

/// (x + a · plasma) · m / (m + a), m the image's largest value.
pub(super) fn fog(picture: &mut Picture, given: &Given<'_>) {
    let &[amount, decay] = given.values else { return };
    let mut values = picture.unit();
    let most = values.iter().copied().fold(0.0, f64::max);
    over(picture, &mut values, &plasma(picture.side, decay, &mut given.rng()), |x, fog| {
        (x + amount * fog) * most / (most + amount)
    });
    picture.store(&values);
}

/// a · x + b · plasma: frost with a plasma in the place of its photographs.
pub(super) fn frost_like(picture: &mut Picture, given: &Given<'_>) {
    let &[image, frost] = given.values else { return };
    let mut values = picture.unit();
    over(picture, &mut values, &plasma(picture.side, 2.0, &mut given.rng()), |x, ice| {
        image * x + frost * ice
    });
    picture.store(&values);
}

/// Each value with that of the map at its pixel; the map may be larger than the image.
fn over(picture: &Picture, values: &mut [f64], map: &[f64], mixed: impl Fn(f64, f64) -> f64) {
    let (side, width) = (picture.side, picture.side.next_power_of_two());
    for (i, pixel) in values.chunks_exact_mut(picture.channels).enumerate() {
        let at = map[i / side * width + i % side];
        pixel.iter_mut().for_each(|x| *x = mixed(*x, at));
    }
}
