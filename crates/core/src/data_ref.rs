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
}

/// Images by name: set, split, part. Trainings and measurements refer to data by it and never hold images;
/// equal references are equal images.
///
/// ```
/// use basin_core::{DataRef, Part};
/// let probe = DataRef { part: Part::First(300), ..DataRef::test() };
/// assert_eq!((DataRef::train().id(), probe.id()), ("train".into(), "test, first 300".into()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DataRef {
    /// The data set's name, as the registry has it; `None`: the one of the experiment.
    pub set: Option<String>,
    /// The split.
    pub split: Split,
    /// Which of its images.
    pub part: Part,
}

impl DataRef {
    /// All of the experiment's training images.
    pub fn train() -> Self {
        Self { set: None, split: Split::Train, part: Part::Whole }
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

    /// The reference in words.
    pub fn id(&self) -> String {
        let set = self.set.iter().map(|set| format!("{set} "));
        let part = match self.part {
            Part::Whole => String::new(),
            Part::First(n) => format!(", first {n}"),
        };
        set.collect::<String>() + self.split.name() + &part
    }
}
