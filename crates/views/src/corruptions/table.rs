//! Every corruption with its constants, severity 1 to 5.

use super::{blur, colour, digital, elastic, frost, jpeg, motion, noise, spatter, weather, zoom};
use crate::view::{Channels, Takes, Transformation};
use basin_core::Extent;

/// The types of the benchmark's mean that need nothing but the image: fourteen of its fifteen, all but frost.
pub const MAIN: [&str; 14] = [
    "gaussian_noise",
    "shot_noise",
    "impulse_noise",
    "defocus_blur",
    "glass_blur",
    "motion_blur",
    "zoom_blur",
    "snow",
    "fog",
    "brightness",
    "contrast",
    "elastic_transform",
    "pixelate",
    "jpeg_compression",
];

/// The types of the benchmark's mean that there are for such images: those of [`MAIN`] that take them, which `frost` is not among,
/// for it needs photographs; with the published arrays all fifteen.
pub fn main_kinds(extent: Extent, published: bool) -> Vec<&'static str> {
    let takes = |kind: &&&str| {
        let one = TABLE.iter().find(|one| one.id == **kind);
        one.is_some_and(|one| one.channels.take(extent.channels) && one.least_side <= extent.side)
    };
    match published {
        true => MAIN.into_iter().chain(["frost"]).collect(),
        false => MAIN.iter().filter(takes).copied().collect(),
    }
}

/// The benchmark's additional types, meant for choosing hyper-parameters.
pub const EXTRA: [&str; 4] = ["speckle_noise", "gaussian_blur", "spatter", "saturate"];

/// A corruption that draws.
const DRAWN: Transformation = Transformation { random: true, ..FIXED };
/// One that does not. Smaller images than these have no middle to speak of.
const FIXED: Transformation = Transformation { least_side: 8, ..Transformation::PLAIN };

/// Every type, with the constants in the order in which its function takes them.
pub(crate) const TABLE: &[Transformation] = &[
    Transformation {
        id: "gaussian_noise",
        doc: "normal noise on every value",
        takes: Takes::Severity(&[&[0.04], &[0.06], &[0.08], &[0.09], &[0.10]]),
        function: noise::gaussian_noise,
        ..DRAWN
    },
    Transformation {
        id: "shot_noise",
        doc: "photons counted: Poisson noise on every value",
        takes: Takes::Severity(&[&[500.0], &[250.0], &[100.0], &[75.0], &[50.0]]),
        function: noise::shot_noise,
        ..DRAWN
    },
    Transformation {
        id: "impulse_noise",
        doc: "salt and pepper on single values",
        takes: Takes::Severity(&[&[0.01], &[0.02], &[0.03], &[0.05], &[0.07]]),
        function: noise::impulse_noise,
        ..DRAWN
    },
    Transformation {
        id: "speckle_noise",
        doc: "normal noise in proportion to the value",
        takes: Takes::Severity(&[&[0.06], &[0.1], &[0.12], &[0.16], &[0.2]]),
        function: noise::speckle_noise,
        ..DRAWN
    },
    // Radius of the disk, deviation of its smoothing.
    Transformation {
        id: "defocus_blur",
        doc: "a disk, as a lens out of focus",
        takes: Takes::Severity(&[&[0.3, 0.4], &[0.4, 0.5], &[0.5, 0.6], &[1.0, 0.2], &[1.5, 0.1]]),
        function: blur::defocus_blur,
        ..FIXED
    },
    // Deviation of the blur, reach, repetitions.
    Transformation {
        id: "glass_blur",
        doc: "pixels taken from neighbours, as behind frosted glass",
        takes: Takes::Severity(&[
            &[0.05, 1.0, 1.0],
            &[0.25, 1.0, 1.0],
            &[0.4, 1.0, 1.0],
            &[0.25, 1.0, 2.0],
            &[0.4, 1.0, 2.0],
        ]),
        function: blur::glass_blur,
        ..DRAWN
    },
    // Radius, deviation.
    Transformation {
        id: "motion_blur",
        doc: "moved along a line while exposed",
        takes: Takes::Severity(&[&[6.0, 1.0], &[6.0, 1.5], &[6.0, 2.0], &[8.0, 2.0], &[9.0, 2.5]]),
        function: motion::motion_blur,
        ..DRAWN
    },
    // Number of zooms, from 1 in steps of .01.
    Transformation {
        id: "zoom_blur",
        doc: "moved towards the scene while exposed",
        takes: Takes::Severity(&[&[7.0], &[12.0], &[16.0], &[21.0], &[26.0]]),
        function: zoom::zoom_blur,
        ..FIXED
    },
    Transformation {
        id: "gaussian_blur",
        doc: "Gaussian blur",
        takes: Takes::Severity(&[&[0.4], &[0.6], &[0.7], &[0.8], &[1.0]]),
        function: blur::gaussian_blur,
        ..FIXED
    },
    // Mean and deviation of the layer, its zoom, threshold, radius and deviation of the fall, share of the image.
    Transformation {
        id: "snow",
        doc: "flakes that fall, and a whitened image",
        takes: Takes::Severity(&[
            &[0.1, 0.2, 1.0, 0.6, 8.0, 3.0, 0.95],
            &[0.1, 0.2, 1.0, 0.5, 10.0, 4.0, 0.9],
            &[0.15, 0.3, 1.75, 0.55, 10.0, 4.0, 0.9],
            &[0.25, 0.3, 2.25, 0.6, 12.0, 6.0, 0.85],
            &[0.3, 0.3, 1.25, 0.65, 14.0, 12.0, 0.8],
        ]),
        channels: Channels::Three,
        function: weather::snow,
        ..DRAWN
    },
    // Share of the image and of the photograph.
    Transformation {
        id: "frost",
        doc: "photographs of frost laid over the image, from the folder data.frost_dir",
        takes: Takes::Severity(&[&[1.0, 0.2], &[1.0, 0.3], &[0.9, 0.4], &[0.85, 0.4], &[0.75, 0.45]]),
        channels: Channels::Three,
        photographs: true,
        function: frost::frost,
        ..DRAWN
    },
    // The same of the image and of a plasma.
    Transformation {
        id: "frost-like",
        doc: "a plasma laid over the image; not the benchmark's frost, which needs photographs",
        takes: Takes::Severity(&[&[1.0, 0.2], &[1.0, 0.3], &[0.9, 0.4], &[0.85, 0.4], &[0.75, 0.45]]),
        function: weather::frost_like,
        ..DRAWN
    },
    // Amount, decay of the plasma from level to level.
    Transformation {
        id: "fog",
        doc: "a plasma of fog",
        takes: Takes::Severity(&[&[0.2, 3.0], &[0.5, 3.0], &[0.75, 2.5], &[1.0, 2.0], &[1.5, 1.75]]),
        function: weather::fog,
        ..DRAWN
    },
    Transformation {
        id: "brightness",
        doc: "value of HSV raised",
        takes: Takes::Severity(&[&[0.05], &[0.1], &[0.15], &[0.2], &[0.3]]),
        channels: Channels::Three,
        function: colour::brightness,
        ..FIXED
    },
    // Factor, offset.
    Transformation {
        id: "saturate",
        doc: "saturation of HSV scaled",
        takes: Takes::Severity(&[&[0.3, 0.0], &[0.1, 0.0], &[1.5, 0.0], &[2.0, 0.1], &[2.5, 0.2]]),
        channels: Channels::Three,
        function: colour::saturate,
        ..FIXED
    },
    Transformation {
        id: "contrast",
        doc: "distance from the mean of each channel scaled",
        takes: Takes::Severity(&[&[0.75], &[0.5], &[0.4], &[0.3], &[0.15]]),
        function: digital::contrast,
        ..FIXED
    },
    // Strength and smoothness of the displacement, reach of the affine part; pixels.
    Transformation {
        id: "elastic_transform",
        doc: "pulled by a random affine map and by random displacements",
        takes: Takes::Severity(&[
            &[0.0, 0.0, 2.56],
            &[1.6, 6.4, 2.24],
            &[2.56, 1.92, 1.92],
            &[3.2, 1.28, 1.6],
            &[3.2, 0.96, 0.96],
        ]),
        function: elastic::elastic_transform,
        ..DRAWN
    },
    Transformation {
        id: "pixelate",
        doc: "shrunk and enlarged",
        takes: Takes::Severity(&[&[0.95], &[0.9], &[0.85], &[0.75], &[0.65]]),
        function: digital::pixelate,
        ..FIXED
    },
    Transformation {
        id: "jpeg_compression",
        doc: "what JPEG leaves at a quality",
        takes: Takes::Severity(&[&[80.0], &[65.0], &[58.0], &[50.0], &[40.0]]),
        function: jpeg::jpeg_compression,
        ..FIXED
    },
    // Mean and deviation of the layer, its blur, threshold, strength (mud: blur of the mask), whether it is mud.
    Transformation {
        id: "spatter",
        doc: "drops of water, or of mud from severity 4",
        takes: Takes::Severity(&[
            &[0.62, 0.1, 0.7, 0.7, 0.5, 0.0],
            &[0.65, 0.1, 0.8, 0.7, 0.5, 0.0],
            &[0.65, 0.3, 1.0, 0.69, 0.5, 0.0],
            &[0.65, 0.1, 0.7, 0.69, 0.6, 1.0],
            &[0.65, 0.1, 0.5, 0.68, 0.6, 1.0],
        ]),
        channels: Channels::Three,
        function: spatter::spatter,
        ..DRAWN
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_of_one_channel_have_fewer_types() {
        assert_eq!(main_kinds(Extent::colour(32), false), MAIN);
        let grey = main_kinds(Extent::grey(28), false);
        assert_eq!(grey.len(), MAIN.len() - 2);
        assert!(!grey.contains(&"snow") && !grey.contains(&"brightness"));
        assert!(main_kinds(Extent::colour(7), false).is_empty());
        assert_eq!(main_kinds(Extent::colour(32), true).len(), 15);
    }

    #[test]
    fn nineteen_types_are_here_of_which_one_needs_photographs() {
        let here = |name: &&str| TABLE.iter().any(|one| one.id == *name);
        assert_eq!(MAIN.iter().chain(&EXTRA).filter(|name| here(name)).count(), 18);
        assert!(here(&"frost") && TABLE.len() == 20);
        assert_eq!(TABLE.iter().filter(|one| one.photographs).count(), 1);
    }
}
