//! What becomes of the pixels of a set before anybody sees them: views, written as text.

mod bands;
mod coloured;
mod given;
pub(crate) mod picture;
mod rotate;
mod soft;
mod table;
mod text;

pub use table::{Channels, Parameter, Takes, Transformation};

use crate::corruptions::Frost;
use basin_core::{Extent, SeedTree};
use basin_data::{DataError, ImageSet, Normalisation};
pub(crate) use given::Given;
use picture::Picture;
use rayon::prelude::*;
use std::sync::Arc;

/// A pure function of an image, its number in the whole set, parameters and a seed: a part of a set is seen as the whole
/// would be.
///
/// As text it is a chain of transformations with their parameters, joined by `+`, and `@` with a seed (0 if there is
/// none): `grey`, `band:0`, `rotate:45+fog:2`, `gaussian_noise:3@7`. [`Transformation::all`] are those that there are.
///
/// ```
/// use basin_views::View;
/// assert_eq!(View::parse("rotate:45.0+fog:2@0")?.text(), "rotate:45+fog:2");
/// assert!(View::parse("fog:6").unwrap_err().to_string().contains("a whole number in 1..=5, found 6"));
/// # Ok::<(), basin_data::DataError>(())
/// ```
#[derive(Clone, Debug)]
pub struct View {
    stages: Vec<Stage>,
    seed: u64,
    frost: Option<Arc<Frost>>,
}

/// A transformation with its numbers.
#[derive(Clone, Debug)]
struct Stage {
    transformation: &'static Transformation,
    /// As they are written.
    numbers: Vec<f64>,
}

impl Stage {
    /// What its function is given.
    fn values(&self) -> &[f64] {
        match self.transformation.takes {
            Takes::Numbers(_) => &self.numbers,
            Takes::Severity(constants) => constants[self.numbers[0] as usize - 1],
        }
    }
}

impl View {
    /// Reads a view. See [`View`] for how it is written.
    ///
    /// # Errors
    /// [`DataError::NoView`] for a name that there is not, with the nearest that there is; [`DataError::View`] for numbers
    /// that are too few, too many or out of their range, and for a seed that is not a whole number.
    pub fn parse(text: &str) -> Result<Self, DataError> {
        text::parse(text)
    }

    /// How it is written, one way for equal views: [`View::parse`] reads it back. A seed is left out where it is 0 and
    /// where nothing is drawn.
    pub fn text(&self) -> String {
        text::write(self)
    }

    /// Whether it lays photographs over images, which [`View::with_frost`] brings.
    pub fn needs_photographs(&self) -> bool {
        self.stages.iter().any(|stage| stage.transformation.photographs)
    }

    /// The photographs that it lays over images.
    pub fn frost(&self) -> Option<&Frost> {
        self.frost.as_deref()
    }

    /// With these photographs for `frost`.
    #[must_use]
    pub fn with_frost(self, frost: Arc<Frost>) -> Self {
        Self { frost: Some(frost), ..self }
    }

    /// Whether there is a view of such images.
    ///
    /// # Errors
    /// [`DataError::View`] when a transformation does not take images of so many channels or so few pixels, or needs photographs
    /// and there are none, or smaller ones.
    pub fn check(&self, set: &ImageSet) -> Result<(), DataError> {
        self.turns(set.size(), set.channels(), set.classes()).map(|_| ())
    }

    /// Extent and classes of what is seen of images of these.
    ///
    /// # Errors
    /// As [`View::check`].
    pub fn turned(&self, extent: Extent, classes: usize) -> Result<(Extent, usize), DataError> {
        let (channels, classes) = self.turns(extent.side, extent.channels, classes)?;
        Ok((Extent { channels, ..extent }, classes))
    }

    /// Channels and classes of what is seen of images of these.
    fn turns(&self, side: usize, channels: usize, classes: usize) -> Result<(usize, usize), DataError> {
        let mut now = (channels, classes);
        for Stage { transformation, .. } in &self.stages {
            let what = format!("images for {}", transformation.id);
            let refused = |what: String, expected, found| {
                Err(DataError::View { view: self.text(), what, expected, found })
            };
            if !transformation.channels.take(now.0) {
                return refused(what, transformation.channels.words().to_owned(), now.0.to_string());
            }
            if side < transformation.least_side {
                let expected = format!("of at least {0} x {0} pixels", transformation.least_side);
                return refused(what, expected, format!("{side} x {side}"));
            }
            if transformation.photographs {
                let what = "the photographs".to_owned();
                let expected = "those of a folder; set data.frost_dir, or leave this view out";
                match self.frost.as_ref().map(|frost| frost.side()) {
                    None => return refused(what, expected.to_owned(), "none".to_owned()),
                    Some(found) if found < side => {
                        let expected = format!("at least {side} pixels a side at a fifth of their size");
                        return refused(what, expected, found.to_string());
                    }
                    Some(_) => {}
                }
            }
            // The training images' means are those of their own channels.
            if transformation.id == "drop" && now.0 != channels {
                return refused(what, "with the channels that the set has".into(), now.0.to_string());
            }
            now = transformation.turns_into.unwrap_or(now);
        }
        Ok(now)
    }

    /// The images of `whole` with these numbers, in this order, through the view; `statistics` are those of the training
    /// images. Images are worked on in parallel; what comes out does not depend on it, nor on which others are chosen.
    ///
    /// # Errors
    /// As [`View::check`]; [`DataError::Set`] when no image is chosen, or one that is not there.
    pub fn apply(
        &self,
        whole: &ImageSet,
        chosen: &[usize],
        statistics: &Normalisation,
    ) -> Result<ImageSet, DataError> {
        let side = whole.size();
        let (after, classes) = self.turns(side, whole.channels(), whole.classes())?;
        if let Some(beyond) = chosen.iter().find(|i| **i >= whole.len()) {
            let expected = format!("0..{}", whole.len());
            return Err(DataError::Set { what: "image to look at", expected, found: beyond.to_string() });
        }
        let (seeds, bytes) = (self.seeds(), side * side * after);
        let (mut pixels, mut labels) = (vec![0; chosen.len() * bytes], vec![0; chosen.len()]);
        let places = pixels.par_chunks_exact_mut(bytes).zip(labels.par_iter_mut());
        places.zip(chosen).for_each(|((pixels, label), &image)| {
            let seen = self.look(Picture::of(whole, image), image, statistics.mean(), &seeds);
            pixels.copy_from_slice(&seen.pixels);
            *label = seen.label;
        });
        ImageSet::new(Extent { side, channels: after }, classes, pixels, labels)
    }

    /// The place of each transformation's randomness.
    fn seeds(&self) -> Vec<SeedTree> {
        let root = SeedTree::root(self.seed).child("view");
        let place = |(i, stage): (usize, &Stage)| root.child(stage.transformation.id).index(i as u64);
        self.stages.iter().enumerate().map(place).collect()
    }

    fn look(&self, mut picture: Picture, image: usize, means: &[f32], seeds: &[SeedTree]) -> Picture {
        for (stage, seeds) in self.stages.iter().zip(seeds) {
            let (frost, seeds) = (self.frost.as_deref(), seeds.index(image as u64));
            let given = Given { values: stage.values(), means, frost, seeds };
            (stage.transformation.function)(&mut picture, &given);
        }
        picture
    }
}

impl PartialEq for View {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::view::picture::tests::picture;

    /// One image through a view.
    pub(crate) fn of_picture(view: &str, picture: Picture, image: usize) -> Picture {
        let view = View::parse(view).unwrap();
        view.turns(picture.side, picture.channels, picture.classes).unwrap();
        view.look(picture, image, Normalisation::CIFAR10.mean(), &view.seeds())
    }

    /// One RGB image's bytes through a view.
    pub(crate) fn seen(view: &str, side: usize, pixels: &[u8]) -> Vec<u8> {
        let picture = Picture { side, channels: 3, pixels: pixels.to_vec(), label: 0, classes: 2 };
        of_picture(view, picture, 0).pixels
    }

    /// Twelve images: 32×32 in colour, or 28×28 of one channel.
    fn set(channels: usize) -> ImageSet {
        let extent = Extent { side: if channels == 1 { 28 } else { 32 }, channels };
        let one =
            |i: u8| picture(extent.side, channels).pixels.into_iter().map(move |x| x.wrapping_add(9 * i));
        ImageSet::new(extent, 10, (0..12).flat_map(one).collect(), (0..12).map(|i| i % 10).collect()).unwrap()
    }

    fn apply(text: &str, chosen: &[usize]) -> Result<ImageSet, DataError> {
        View::parse(text).unwrap().apply(&set(3), chosen, &Normalisation::CIFAR10)
    }

    #[test]
    fn a_part_is_seen_as_the_whole_would_be_on_any_number_of_threads() {
        let all: Vec<usize> = (0..12).collect();
        let (_folder, frost) = crate::corruptions::frost::tests::photographs();
        for (channels, kind) in
            [1, 3].into_iter().flat_map(|n| Transformation::all().map(move |kind| (n, kind)))
        {
            if !kind.channels.take(channels) {
                continue;
            }
            let set = set(channels);
            let numbers = if kind.id == "pair" { "1,2" } else { "1" };
            let view =
                if kind.parameters().is_empty() { kind.id.into() } else { format!("{}:{numbers}", kind.id) };
            let of = |view: &str, chosen: &[usize]| {
                let view = View::parse(view).unwrap();
                let view = if view.needs_photographs() { view.with_frost(frost.clone()) } else { view };
                view.apply(&set, chosen, &Normalisation::CIFAR10).unwrap()
            };
            let whole = of(&view, &all);
            assert_eq!(of(&view, &[7, 2]), whole.pick(&[7, 2]).unwrap(), "{view}");
            let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
            assert_eq!(alone.install(|| of(&view, &all)), whole, "{view}");
            let (after, classes) = kind.turns_into.unwrap_or((channels, 10));
            assert_eq!((whole.channels(), whole.classes(), whole.size()), (after, classes, set.size()));
            assert_eq!(whole.labels() == set.labels(), classes == 10);
            let other = of(&format!("{view}@1"), &all);
            assert_eq!(other != whole, kind.random, "{view}: another seed");
        }
    }

    #[test]
    fn a_chain_is_one_after_the_other() {
        let chain = apply("rotate:30+band:1", &[3]).unwrap();
        let first = apply("rotate:30", &[3]).unwrap();
        let second = View::parse("band:1").unwrap().apply(&first, &[0], &Normalisation::CIFAR10).unwrap();
        assert_eq!(chain, second);
    }

    #[test]
    fn images_that_a_view_does_not_take_are_refused() {
        let refused = |text: &str, chosen: &[usize]| apply(text, chosen).unwrap_err().to_string();
        assert_eq!(
            refused("coloured:0.1", &[0]),
            "view \"coloured:0.1\": images for coloured must be of 1 channel, found 3"
        );
        assert_eq!(refused("grey", &[12]), "image to look at: expected 0..12, found 12");
        assert!(matches!(apply("grey", &[]), Err(DataError::Set { .. })));
        let one = |text: &str, side, channels| View::parse(text).unwrap().turns(side, channels, 10);
        assert!(
            one("grey", 28, 1)
                .unwrap_err()
                .to_string()
                .contains("images for grey must be of 3 channels, found 1")
        );
        assert!(one("grey", 28, 2).is_err() && one("rotate:1", 28, 2).is_err());
        assert!(
            one("fog:1", 7, 3)
                .unwrap_err()
                .to_string()
                .contains("must be of at least 8 x 8 pixels, found 7 x 7")
        );
        // Coloured first, other bands after: the channels follow the chain.
        assert_eq!(one("rotate:45+coloured:0.1+band:0", 28, 1).unwrap(), (3, 2));
    }
}
