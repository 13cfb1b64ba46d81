//! Which images a piece of work looks at: a name, resolved by whoever holds the data.

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

/// Which images of a split. Every part is a pure function of the set.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
            Part::First(n) => format!(", first {n}"),
            Part::Share { index, of, seed } => format!(", share {index} of {of} by seed {seed}"),
        };
        let view = self.view.iter().map(|view| format!(", seen {view}"));
        set.collect::<String>() + self.split.name() + &part + &view.collect::<String>()
    }
}
