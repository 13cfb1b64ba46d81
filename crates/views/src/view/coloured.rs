//! ColoredMNIST: a shortcut that holds with a probability (Arjovsky et al., arXiv 1907.02893, §5.2; as DomainBed has it).

use super::given::Given;
use super::picture::Picture;

/// With what probability a label is wrong.
const LABEL_NOISE: f64 = 0.25;

/// Label 1 for the lower half of the classes (digits below 5), else 0, flipped with [`LABEL_NOISE`]; colour = that
/// label, flipped with the given probability. Colour 0 is red, 1 is green; the other channels are 0.
///
/// Whether a label is wrong is drawn first: it is the same for all probabilities.
pub(super) fn coloured(picture: &mut Picture, given: &Given<'_>) {
    let mut rng = given.rng();
    let low = (picture.label as usize) < picture.classes / 2;
    let label = low ^ rng.chance(LABEL_NOISE);
    let colour = usize::from(label ^ rng.chance(given.values[0]));
    let paint = |&grey: &u8| {
        let mut rgb = [0; 3];
        rgb[colour] = grey;
        rgb
    };
    picture.pixels = picture.pixels.iter().flat_map(paint).collect();
    (picture.channels, picture.classes, picture.label) = (3, 2, u32::from(label));
}

#[cfg(test)]
mod tests {
    use super::super::tests::of_picture;
    use crate::view::picture::Picture;

    /// Label and colour of 4 000 images of a digit.
    fn drawn(digit: u32, view: &str) -> Vec<(u32, usize)> {
        let one = Picture { side: 1, channels: 1, pixels: vec![200], label: digit, classes: 10 };
        let look = |image| {
            let seen = of_picture(view, one.clone(), image);
            assert_eq!((seen.channels, seen.classes, seen.pixels[2]), (3, 2, 0));
            (seen.label, seen.pixels.iter().position(|byte| *byte == 200).unwrap())
        };
        (0..4000).map(look).collect()
    }

    /// Standard error of a share of 4 000: at most .008; five of them.
    fn near(share: f64, expected: f64) {
        assert!((share - expected).abs() < 0.04, "{share} instead of {expected}");
    }

    #[test]
    fn labels_are_noisy_and_colours_follow_them() {
        for (digit, low) in [(4, 1), (5, 0)] {
            let all = drawn(digit, "coloured:0.1");
            let share = |what: fn(&(u32, usize), u32) -> bool| {
                all.iter().filter(|one| what(one, low)).count() as f64 / all.len() as f64
            };
            near(share(|(label, _), low| *label != low), 0.25);
            near(share(|(label, colour), _| *label as usize != *colour), 0.1);
        }
    }

    #[test]
    fn the_sides_of_a_shift_agree_on_which_labels_are_wrong() {
        let labels = |view| drawn(7, view).into_iter().map(|(label, _)| label).collect::<Vec<_>>();
        assert_eq!(labels("coloured:0.1@4"), labels("coloured:0.9@4"));
        assert_ne!(labels("coloured:0.1@4"), labels("coloured:0.1@5"));
    }
}
