//! Measuring as work: what a probe is, and the laboratory in which it runs.

use basin_core::{Array, Citation, DataRef, Labels, Logits, Params, Record, SeedTree, Simplex};
use std::error::Error;
use std::fmt::Debug;
use thiserror::Error;

/// What goes wrong in a laboratory: files, devices, the wish to stop. The engine gets its own error back.
pub type LabError = Box<dyn Error + Send + Sync>;

/// Why a measurement ended without a record.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProbeError {
    /// The laboratory failed, or was asked to stop.
    #[error(transparent)]
    Lab(LabError),
    /// What was handed in cannot be measured.
    #[error("{probe}: {reason}")]
    Subject {
        /// The probe's id.
        probe: &'static str,
        /// What is wrong, with names, expected and found.
        reason: String,
    },
}

impl From<LabError> for ProbeError {
    fn from(error: LabError) -> Self {
        Self::Lab(error)
    }
}

/// A measurement: what is computed from which networks and earlier records. Like all work of a plan it is named by
/// the digest of all that determines it, done once, sealed, resumed, priced and run beside other work.
///
/// One file a probe. A probe holds its settings and nothing else; networks, data, randomness and progress come from
/// the [`Lab`].
pub trait Probe: Debug + Send + Sync {
    /// Short id, for example `joint-connectivity`: lower case, digits and dashes.
    fn id(&self) -> &'static str;

    /// Everything besides inputs, data and seed that determines the record, as text with a version number.
    fn settings(&self) -> String;

    /// The works that a report should cite when it shows this measurement.
    fn citations(&self) -> Vec<Citation>;

    /// The images it looks at; the laboratory offers no others.
    fn data(&self) -> Vec<DataRef>;

    /// Images that pass forward through a network. `inputs` counts the networks handed in, `images` tells the size of
    /// a reference. An upper bound is enough: it is a price.
    fn cost(&self, inputs: usize, images: &dyn Fn(&DataRef) -> usize) -> u64;

    /// About how many bytes its record takes; a few numbers unless a probe says otherwise.
    fn record_bytes(&self, classes: usize, images: &dyn Fn(&DataRef) -> usize) -> u64 {
        let _ = (classes, images);
        1024
    }

    /// Whether so many networks and records would be taken. Asked when a run is planned, so that nothing is refused after
    /// training what [`Probe::run`] needs.
    ///
    /// # Errors
    /// [`ProbeError::Subject`] as [`Probe::run`] would say.
    fn check(&self, networks: usize, records: usize) -> Result<(), ProbeError> {
        let _ = (networks, records);
        Ok(())
    }

    /// Measures. What an interrupted attempt kept is handed back by [`Lab::kept`]; going on from it must lead to the
    /// same record.
    ///
    /// # Errors
    /// [`ProbeError::Lab`] as the laboratory says; [`ProbeError::Subject`] for inputs that cannot be measured.
    fn run(&self, lab: &mut dyn Lab) -> Result<Record, ProbeError>;
}

/// The training images on which the running statistics (BatchNorm) of a network whose weights were combined are measured again,
/// without augmentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatisticsOn {
    /// How many, at least 2.
    pub images: usize,
    /// What each side was trained on, where sides see their images through views: one image of each is taken in turn, seen and
    /// normalised as its side sees it, equally many of each. None: the first of all training images, as they are.
    pub sides: Vec<DataRef>,
}

impl StatisticsOn {
    /// The first so many training images, as they are.
    pub fn first(images: usize) -> Self {
        Self { images, sides: Vec::new() }
    }

    /// The images that are looked at: these, or the first of each of these.
    pub fn data(&self) -> Vec<DataRef> {
        match self.sides.is_empty() {
            true => vec![DataRef::train().first(self.images)],
            false => self.sides.clone(),
        }
    }

    /// What is said of it in the settings of a probe.
    pub fn mark(&self) -> String {
        match (self.images, self.sides.len()) {
            (images, 0) => format!(", statistics of {images}"),
            (images, sides) => format!(", statistics of {images} of {sides} sides in turn"),
        }
    }
}

/// How a network between others is made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Mixing {
    /// Σ λᵢ θᵢ and nothing more.
    #[default]
    Plain,
    /// REPAIR: afterwards its channels get the λ-weighted statistics of the ends', measured on so many training
    /// images without augmentation, at least 1.
    Repair {
        /// The first so many.
        images: usize,
    },
    /// For networks with running statistics (BatchNorm): those of the combination are measured again. A network by itself keeps
    /// its own, unless sides see their images through views: its own are of one side's images alone then, and a line on which
    /// only the networks between had those of all sides would jump at its ends.
    Reestimated(StatisticsOn),
}

impl Mixing {
    /// How many training images it looks at; 0 for none.
    pub fn training_images(&self) -> usize {
        match self {
            Self::Plain => 0,
            Self::Repair { images } => *images,
            Self::Reestimated(on) => on.images,
        }
    }

    /// The training images that it looks at, as a probe announces them.
    pub fn data(&self) -> Vec<DataRef> {
        match self {
            Self::Plain | Self::Repair { images: 0 } => Vec::new(),
            Self::Repair { images } => vec![DataRef::train().first(*images)],
            Self::Reestimated(on) => on.data(),
        }
    }
}

/// Where a probe runs: networks, data, randomness and progress, on whatever backend. Inputs are numbered in the
/// order of the recipe, networks and records each from 0. What a laboratory does not offer it refuses.
pub trait Lab {
    /// Number of networks handed in.
    fn networks(&self) -> usize;

    /// The parameters of a network.
    ///
    /// # Errors
    /// When it is not there or its file is damaged.
    fn params(&mut self, network: usize) -> Result<Params, LabError>;

    /// The records handed in.
    fn records(&self) -> &[Record];

    /// Labels of some images.
    ///
    /// # Errors
    /// For images that the probe did not announce.
    fn labels(&self, data: &DataRef) -> Result<Labels, LabError>;

    /// Logits `[n, classes]` of one network.
    ///
    /// # Errors
    /// The backend's.
    fn logits(&mut self, params: &Params, data: &DataRef) -> Result<Logits, LabError>;

    /// What goes into the last dense layer of one network, `[n, d]`; `None` where the backend does not know that layer, as in a
    /// network defined elsewhere.
    ///
    /// # Errors
    /// The backend's.
    fn features(&mut self, params: &Params, data: &DataRef) -> Result<Option<Array>, LabError> {
        let _ = (params, data);
        Err("this laboratory has no features".into())
    }

    /// Logits of the network between those `who`, one weight each.
    ///
    /// # Errors
    /// The backend's; networks that do not fit each other.
    fn logits_between(
        &mut self,
        who: &[usize],
        weights: &Simplex,
        mixing: &Mixing,
        data: &DataRef,
    ) -> Result<Logits, LabError> {
        let _ = (who, weights, mixing, data);
        Err("this laboratory mixes no networks".into())
    }

    /// A network with its running statistics (BatchNorm) measured again; as it is where it has none. The images are among what
    /// the probe announced.
    ///
    /// # Errors
    /// The backend's.
    fn reestimated(&mut self, params: &Params, on: &StatisticsOn) -> Result<Params, LabError> {
        let _ = (params, on);
        Err("this laboratory measures no statistics".into())
    }

    /// Mean cross-entropy of some images (by their places in `data`, without augmentation) and its gradient for every parameter;
    /// zeros for running statistics. Networks that couple a batch (BatchNorm) use its own statistics, as in training.
    ///
    /// # Errors
    /// The backend's; a backend that has no gradients outside of training says so.
    fn gradient(
        &mut self,
        params: &Params,
        data: &DataRef,
        images: &[usize],
    ) -> Result<(f64, Params), LabError> {
        let _ = (params, data, images);
        Err("this laboratory has no gradients".into())
    }

    /// The probe's own branch of the seed tree.
    fn seeds(&self) -> SeedTree;

    /// What an interrupted attempt kept last; `None` on the first.
    fn kept(&self) -> Option<&Record> {
        None
    }

    /// So many of `of` equal steps are done, with this to go on from. Keeps it where that is due.
    ///
    /// # Errors
    /// When the disk fails, and when the run is to stop: what was handed in is kept then.
    fn step(&mut self, done: u64, of: u64, partial: &dyn Fn() -> Record) -> Result<(), LabError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A new variant does not compile here until it has a line in the test.
    fn place(error: &ProbeError) -> usize {
        match error {
            ProbeError::Lab(_) => 0,
            ProbeError::Subject { .. } => 1,
        }
    }

    #[test]
    fn every_error_says_what_where_and_what_to_do() {
        let told = [
            (ProbeError::Lab("the disk is full".into()), "the disk is full"),
            (
                ProbeError::Subject {
                    probe: "pairwise-lines",
                    reason: "1 points on a line, expected at least 2".into(),
                },
                "pairwise-lines: 1 points on a line, expected at least 2",
            ),
        ];
        let mut seen = [false; 2];
        for (error, text) in &told {
            assert_eq!(error.to_string(), *text);
            seen[place(error)] = true;
        }
        assert_eq!(seen, [true; 2], "every variant is told");
    }
}
