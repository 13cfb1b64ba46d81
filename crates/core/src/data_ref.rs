//! Which images a piece of work looks at: a name, resolved by whoever holds the data.

use std::fmt;

/// A part of a data set. The test part never decides anything during training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Split {
    /// What networks are trained on.
    Train,
    /// What networks are measured on. For Tiny ImageNet this is the official `val`: its own test labels were
    /// never published.
    Test,
}

impl Split {
    /// `train` or `test`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Test => "test",
        }
    }
}

/// Which images of a split. Every part is a pure function of the set's labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// All of them.
    Whole,
    /// The first n, at least 1.
    First(usize),
    /// One of `of` random disjoint shares with equally many images of every class, numbered from 0.
    Share {
        /// Which.
        index: usize,
        /// Of how many, at least 1.
        of: usize,
        /// What draws them.
        seed: u64,
    },
    /// All images but those of one share.
    Rest {
        /// The share that is left out.
        index: usize,
        /// Of how many.
        of: usize,
        /// What draws them.
        seed: u64,
    },
    /// One of two random sides with equally many images, whose labels are distributed differently.
    Skewed {
        /// Which, 0 or 1.
        side: usize,
        /// How labels are dealt out.
        skew: LabelSkew,
        /// What draws the images of a class.
        seed: u64,
    },
}

/// How the images of a class are dealt to two sides. The lower half of the classes are those below half of their number;
/// of an odd number, the one in the middle belongs to the upper half.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LabelSkew {
    /// Of every class in the lower half, so many thousandths go to the first side and the rest to the second; of the
    /// others the other way round. In 1..1000; 500 is not a skew.
    PerMille(u32),
    /// A fifth of all images of the lower half and four fifths of those of the upper half, whatever their classes, to the
    /// first side (Ainsworth et al. 2022, *Git Re-Basin*, in its numbers; its permutation is another generator's).
    GitReBasin,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => f.write_str("all"),
            Self::First(n) => write!(f, "first {n}"),
            Self::Share { index, of, seed } => write!(f, "share {index} of {of} by seed {seed}"),
            Self::Rest { index, of, seed } => write!(f, "all but share {index} of {of} by seed {seed}"),
            Self::Skewed { side, skew, seed } => write!(f, "side {side} with {skew} by seed {seed}"),
        }
    }
}

impl fmt::Display for LabelSkew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PerMille(share) => write!(f, "{share} ‰ of lower classes"),
            Self::GitReBasin => f.write_str("a fifth of lower classes"),
        }
    }
}

/// Images by name: set, split, part, view. Trainings and measurements refer to data by it and never hold images;
/// equal references are equal images.
///
/// ```
/// use basin_core::{DataRef, Part};
/// let probe = DataRef { part: Part::First(300), ..DataRef::test() };
/// assert_eq!((DataRef::train().id(), probe.id()), ("train".into(), "test, first 300".into()));
/// assert_eq!(DataRef::train().share(1, 2, 7).seen("grey").id(), "train, share 1 of 2 by seed 7, seen grey");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DataRef {
    /// The data set's name, as the registry has it; `None`: the one of the experiment.
    pub set: Option<String>,
    /// The split.
    pub split: Split,
    /// Which of its images.
    pub part: Part,
    /// Through which view, by the name that the data has it by; `None`: as they are.
    pub view: Option<String>,
}

impl DataRef {
    /// All of the experiment's training images.
    pub fn train() -> Self {
        Self { set: None, split: Split::Train, part: Part::Whole, view: None }
    }

    /// All of the experiment's test images.
    pub fn test() -> Self {
        Self { split: Split::Test, ..Self::train() }
    }

    /// The first `n` images of this reference; all of them for `n` = 0.
    #[must_use]
    pub fn first(self, n: usize) -> Self {
        Self { part: if n == 0 { Part::Whole } else { Part::First(n) }, ..self }
    }

    /// One of `of` random shares of this reference's split.
    #[must_use]
    pub fn share(self, index: usize, of: usize, seed: u64) -> Self {
        Self { part: Part::Share { index, of, seed }, ..self }
    }

    /// What one of `of` random shares of this reference's split leaves: training images beside held-out ones.
    #[must_use]
    pub fn without_share(self, index: usize, of: usize, seed: u64) -> Self {
        Self { part: Part::Rest { index, of, seed }, ..self }
    }

    /// One of two sides of this reference's split with other labels each.
    #[must_use]
    pub fn skewed(self, side: usize, skew: LabelSkew, seed: u64) -> Self {
        Self { part: Part::Skewed { side, skew, seed }, ..self }
    }

    /// This reference through a view.
    #[must_use]
    pub fn seen(self, view: impl Into<String>) -> Self {
        Self { view: Some(view.into()), ..self }
    }

    /// The reference in words.
    pub fn id(&self) -> String {
        let set = self.set.iter().map(|set| format!("{set} "));
        let part = match self.part {
            Part::Whole => String::new(),
            part => format!(", {part}"),
        };
        let view = self.view.iter().map(|view| format!(", seen {view}"));
        set.collect::<String>() + self.split.name() + &part + &view.collect::<String>()
    }
}
