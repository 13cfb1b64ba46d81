//! The sections of a configuration, each by its name.

use crate::{
    Augment, Config, Data, Ensemble, Landscape, Metrics, Model, Run, Slurm, Source, Subspace, Train, Transfer,
};

impl Config {
    /// The images.
    pub fn data(&self) -> &Data {
        &self.sections.data
    }

    /// The network.
    pub fn model(&self) -> &Model {
        &self.sections.model
    }

    /// Training of one network.
    pub fn train(&self) -> &Train {
        &self.sections.train
    }

    /// Augmentation of training images.
    pub fn augment(&self) -> &Augment {
        &self.sections.augment
    }

    /// Which ensembles, and what their methods take.
    pub fn ensemble(&self) -> &Ensemble {
        &self.sections.ensemble
    }

    /// What networks are pre-trained on.
    pub fn source(&self) -> &Source {
        &self.sections.source
    }

    /// How networks are fine-tuned.
    pub fn transfer(&self) -> &Transfer {
        &self.sections.transfer
    }

    /// Samples around solutions.
    pub fn subspace(&self) -> &Subspace {
        &self.sections.subspace
    }

    /// What is measured, and how finely.
    pub fn metrics(&self) -> &Metrics {
        &self.sections.metrics
    }

    /// What planes, paths and states are measured with.
    pub fn landscape(&self) -> &Landscape {
        &self.sections.landscape
    }

    /// What is asked of Slurm.
    pub fn slurm(&self) -> &Slurm {
        &self.sections.slurm
    }

    /// Where and how to run.
    pub fn run(&self) -> &Run {
        &self.sections.run
    }
}
