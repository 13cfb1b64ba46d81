//! Drops of water or of mud on the lens.

mod shine;

use super::filter::{Edge, Shape, gaussian};
use super::noise::Normals;
use crate::view::Given;
use crate::view::picture::Picture;

/// Pale turquoise.
const WATER: [f64; 3] = [175.0 / 255.0, 238.0 / 255.0, 238.0 / 255.0];
/// Brown.
const MUD: [f64; 3] = [63.0 / 255.0, 42.0 / 255.0, 20.0 / 255.0];
/// What is less covered than this is not covered.
const COVERED: f64 = 0.8;

/// A blurred layer of normal values, those below a threshold dry. Water: the layer, brighter away from the edges of the
/// drops ([`shine`]), scaled to the strength, adds its colour. Mud: where the layer is wet, blurred, its colour covers.
pub(super) fn spatter(picture: &mut Picture, given: &Given<'_>) {
    let &[mean, deviation, blur, threshold, strength, mud] = given.values else { return };
    let (mut rng, side) = (given.rng(), picture.side);
    let plane = Shape { side, channels: 1 };
    let blurred = |values: &[f64], sigma: f64| gaussian(values, plane, sigma, 4.0, Edge::Repeat);
    let mut normals = Normals::new(&mut rng);
    let raw: Vec<f64> = (0..side * side).map(|_| mean + deviation * normals.draw()).collect();
    let layer: Vec<f64> =
        blurred(&raw, blur).into_iter().map(|x| if x < threshold { 0.0 } else { x }).collect();
    let mut values = picture.unit();
    if mud > 0.0 {
        let wet: Vec<f64> = layer.iter().map(|x| f64::from(u8::from(*x > threshold))).collect();
        let cover = blurred(&wet, strength);
        for (rgb, cover) in values.chunks_exact_mut(3).zip(cover) {
            let cover = if cover < COVERED { 0.0 } else { cover };
            rgb.iter_mut().zip(MUD).for_each(|(x, mud)| *x = *x * (1.0 - cover) + mud * cover);
        }
    } else {
        let layer: Vec<u8> = layer.iter().map(|x| (x * 255.0) as u8).collect();
        let shine = shine::shine(&layer, side);
        let wet: Vec<f64> =
            layer.iter().zip(shine).map(|(x, shine)| f64::from(*x) * f64::from(shine)).collect();
        let most = wet.iter().copied().fold(0.0, f64::max);
        // Without a drop the image stays dry.
        let scale = if most > 0.0 { strength / most } else { 0.0 };
        for (rgb, wet) in values.chunks_exact_mut(3).zip(wet) {
            rgb.iter_mut().zip(WATER).for_each(|(x, water)| *x += wet * scale * water);
        }
    }
    picture.store(&values);
}
