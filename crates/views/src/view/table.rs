//! What views are made of: transformations of an image, by name. A new one is a function and a line of [`TABLE`].

use super::given::Given;
use super::picture::Picture;
use super::{bands, coloured, rotate, soft};
use crate::corruptions;
use std::fmt;

/// A transformation of one image.
#[derive(Clone, Copy)]
pub struct Transformation {
    /// Its name.
    pub id: &'static str,
    /// What it does, in a line.
    pub doc: &'static str,
    /// What is written after the name and a colon.
    pub takes: Takes,
    /// Which images it takes, by their number of channels.
    pub channels: Channels,
    /// Smallest side of an image in pixels.
    pub least_side: usize,
    /// Whether it draws from the view's seed.
    pub random: bool,
    /// Whether it needs photographs: see [`View::with_frost`](super::View::with_frost).
    pub photographs: bool,
    /// Channels and classes of what comes out, where they are others.
    pub(crate) turns_into: Option<(usize, usize)>,
    /// A pure function of the image and of what is given.
    pub(crate) function: fn(&mut Picture, &Given<'_>),
}

/// What a transformation is written with.
#[derive(Clone, Copy, Debug)]
pub enum Takes {
    /// So many numbers, separated by commas; none for an empty list.
    Numbers(&'static [Parameter]),
    /// A severity in 1 to 5, which stands for these constants.
    Severity(&'static [&'static [f64]; 5]),
}

/// A number of a transformation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parameter {
    /// What it is.
    pub name: &'static str,
    /// Its unit; empty where it has none.
    pub unit: &'static str,
    /// Smallest value.
    pub least: f64,
    /// Largest value.
    pub most: f64,
    /// Whether only whole numbers are meant.
    pub whole: bool,
}

impl Parameter {
    /// The severity of a corruption.
    pub const SEVERITY: Self = Self::whole("severity", 1.0, 5.0);

    const CHANNEL: Self = Self::whole("channel", 0.0, 2.0);

    const fn whole(name: &'static str, least: f64, most: f64) -> Self {
        Self { name, unit: "", least, most, whole: true }
    }

    const fn real(name: &'static str, unit: &'static str, least: f64, most: f64) -> Self {
        Self { name, unit, least, most, whole: false }
    }

    /// Its range in words.
    pub fn range(&self) -> String {
        let kind = if self.whole { "a whole number" } else { "a number" };
        let unit = if self.unit.is_empty() { String::new() } else { format!(" {}", self.unit) };
        format!("{kind} in {}..={}{unit}", self.least, self.most)
    }
}

/// Which images are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channels {
    /// Those of one channel.
    One,
    /// Red, green, blue.
    Three,
    /// Both.
    OneOrThree,
}

impl Channels {
    pub(crate) fn take(self, channels: usize) -> bool {
        match self {
            Self::One => channels == 1,
            Self::Three => channels == 3,
            Self::OneOrThree => channels == 1 || channels == 3,
        }
    }

    pub(super) fn words(self) -> &'static str {
        match self {
            Self::One => "of 1 channel",
            Self::Three => "of 3 channels",
            Self::OneOrThree => "of 1 or 3 channels",
        }
    }
}

const NONE: Takes = Takes::Numbers(&[]);

/// Every transformation that is not a corruption.
const OWN: &[Transformation] = &[
    Transformation {
        id: "grey",
        doc: "luma of ITU-R BT.601 in all channels",
        takes: NONE,
        channels: Channels::Three,
        function: bands::grey,
        ..Transformation::PLAIN
    },
    Transformation {
        id: "band",
        doc: "one channel in all channels",
        takes: Takes::Numbers(&[Parameter::CHANNEL]),
        channels: Channels::Three,
        function: bands::band,
        ..Transformation::PLAIN
    },
    Transformation {
        id: "drop",
        doc: "one channel replaced by its training mean",
        takes: Takes::Numbers(&[Parameter::CHANNEL]),
        channels: Channels::Three,
        function: bands::without,
        ..Transformation::PLAIN
    },
    Transformation {
        id: "pair",
        doc: "two channels and the mean of both",
        takes: Takes::Numbers(&[Parameter::CHANNEL, Parameter::CHANNEL]),
        channels: Channels::Three,
        function: bands::pair,
        ..Transformation::PLAIN
    },
    Transformation {
        id: "rotate",
        doc: "rotated anticlockwise around the centre, bicubic, zeros outside",
        takes: Takes::Numbers(&[Parameter::real("angle", "degrees", -360.0, 360.0)]),
        function: rotate::rotate,
        ..Transformation::PLAIN
    },
    Transformation {
        id: "coloured",
        doc: "red or green, two classes (ColoredMNIST): colour and noisy label differ with this probability",
        takes: Takes::Numbers(&[Parameter::real("probability", "", 0.0, 1.0)]),
        channels: Channels::One,
        random: true,
        turns_into: Some((3, 2)),
        function: coloured::coloured,
        ..Transformation::PLAIN
    },
    Transformation {
        id: "low-contrast",
        doc: "distance from the mean of each channel times a factor; the corruption contrast has its own five",
        takes: Takes::Numbers(&[Parameter::real("factor", "", 0.0, 1.0)]),
        function: soft::low_contrast,
        ..Transformation::PLAIN
    },
    Transformation {
        id: "blur",
        doc: "Gaussian blur of this standard deviation, edge pixels repeated",
        takes: Takes::Numbers(&[Parameter::real("deviation", "pixels", 0.1, 8.0)]),
        function: soft::blur,
        ..Transformation::PLAIN
    },
];

impl Transformation {
    /// What most of them have in common.
    pub(crate) const PLAIN: Self = Self {
        id: "",
        doc: "",
        takes: NONE,
        channels: Channels::OneOrThree,
        least_side: 1,
        random: false,
        photographs: false,
        turns_into: None,
        function: |_, _| {},
    };

    /// Every transformation, corruptions last.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        OWN.iter().chain(corruptions::TABLE)
    }

    /// The numbers that are written after its name.
    pub fn parameters(&self) -> &'static [Parameter] {
        match self.takes {
            Takes::Numbers(parameters) => parameters,
            Takes::Severity(_) => &[Parameter::SEVERITY],
        }
    }

    /// How it is written, such as `pair:channel,channel`.
    pub fn usage(&self) -> String {
        let names: Vec<&str> = self.parameters().iter().map(|parameter| parameter.name).collect();
        if names.is_empty() { self.id.to_owned() } else { format!("{}:{}", self.id, names.join(",")) }
    }
}

impl fmt::Debug for Transformation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transformation").field("id", &self.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_one_and_every_line_is_whole() {
        let mut seen = std::collections::BTreeSet::new();
        for one in Transformation::all() {
            assert!(seen.insert(one.id), "{} twice", one.id);
            assert!(
                !one.doc.is_empty() && one.id.chars().all(|c| c.is_ascii_lowercase() || "_-".contains(c))
            );
            assert!(one.parameters().iter().all(|parameter| parameter.least <= parameter.most));
        }
        assert!(seen.len() > 20);
    }
}
