//! Data sets from disk or from a seed, each once for all cases of a study, as many of their images as were asked for.

use crate::others::Others;
use crate::problem::Problem;
use crate::source::{blank_images, blank_or_digest, sized, source};
use anyhow::Result;
use basin_config::{Config, Data, TaskName};
use basin_core::Digest;
use basin_data::{ImageSet, Normalisation, Source, Split};
use basin_exit::Usage;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The two splits of a data set.
#[derive(Clone, Debug)]
pub(crate) struct Splits {
    pub(crate) train: Arc<ImageSet>,
    pub(crate) train_digest: Digest,
    pub(crate) test: Arc<ImageSet>,
    pub(crate) test_digest: Digest,
}

/// Data sets that were loaded, so that the cases of a study share them.
#[derive(Debug, Default)]
pub struct Datasets {
    loaded: BTreeMap<String, Splits>,
    /// Whether blank images may stand in for a data set without a folder.
    may_be_blank: bool,
    /// Whether they did.
    pub(crate) blank: bool,
    /// Those beside the experiment's own.
    pub(crate) others: Others,
    /// In what the loaded sets are not the published ones.
    pub(crate) notes: Vec<String>,
}

impl Datasets {
    /// Takes blank images of the official number for a data set without a folder.
    pub fn or_blank() -> Self {
        Self { may_be_blank: true, others: Others::or_blank(), ..Self::default() }
    }

    pub(crate) fn load(&mut self, config: &Config) -> Result<Splits> {
        let (source, data) = (source(config), config.data());
        let dataset = config.dataset();
        let Data { train_images, test_images, halved, padded, .. } = data;
        let (classes, task) = (&data.classes, data.task);
        let key = format!("{source:?} {train_images} {test_images} {halved} {padded} {classes} {task:?}");
        if let Some(splits) = self.loaded.get(&key) {
            return Ok(splits.clone());
        }
        let blank =
            self.may_be_blank && source.dir.is_none() && dataset.official_images(Split::Train).is_some();
        self.blank |= blank;
        let notes = &mut self.notes;
        let mut load = |split| -> Result<ImageSet> {
            match dataset.official_images(split).filter(|_| blank) {
                Some(n) => sized(config, told_apart(config, split, blank_images(dataset, n)?)?),
                None => images(config, &source, split, &mut |note| notes.push(note.to_owned())),
            }
        };
        let (train, test) = (load(Split::Train)?, load(Split::Test)?);
        let (train_digest, test_digest) = (blank_or_digest(&train, blank), blank_or_digest(&test, blank));
        let splits = Splits { train: Arc::new(train), train_digest, test: Arc::new(test), test_digest };
        self.loaded.insert(key, splits.clone());
        Ok(splits)
    }
}

/// The key that limits the images of a split.
pub fn limit(split: Split) -> &'static str {
    match split {
        Split::Train => "data.train_images",
        Split::Test => "data.test_images",
    }
}

/// As many of the first images as the configuration takes.
fn limited(config: &Config, split: Split, set: ImageSet) -> Result<ImageSet> {
    let Data { train_images, test_images, .. } = *config.data();
    let images = match split {
        Split::Train => train_images,
        Split::Test => test_images,
    };
    match images {
        0 => Ok(set),
        n if n > set.len() => Err(too_many(limit(split), n, set.len()).into()),
        n => Ok(set.take(n)?),
    }
}

/// One part of the configured data set, as many images of it as configured, at the configured size. Where it is not the
/// published set, that is said.
pub fn images(config: &Config, source: &Source, split: Split, say: &mut dyn FnMut(&str)) -> Result<ImageSet> {
    sized(config, told_apart(config, split, source.load_and_tell(split, say)?)?)
}

/// The images of the configured classes, as many of the first as configured, with what they are to be told apart by.
fn told_apart(config: &Config, split: Split, set: ImageSet) -> Result<ImageSet> {
    let chosen = |set: ImageSet, classes| {
        set.of_classes(classes).map_err(|error| Usage(format!("data.classes: {error}")))
    };
    let set = match config.classes() {
        // Of a set that is made, as many were made, of all classes.
        Some(classes) if config.dataset().folder.is_none() => chosen(limited(config, split, set)?, classes)?,
        Some(classes) => limited(config, split, chosen(set, classes)?)?,
        None => limited(config, split, set)?,
    };
    Ok(match config.data().task {
        TaskName::Labels => set,
        TaskName::Rotations => set.rotations()?,
    })
}

/// The configured statistics for images of so many channels.
pub fn normalisation(config: &Config, channels: usize) -> Result<Option<Normalisation>, Usage> {
    let Some(statistics) = config.normalisation() else { return Ok(None) };
    match statistics.channels() == channels {
        true => Ok(Some(statistics)),
        false => Err(Usage(format!(
            "data.normalisation is {}, which is of {} channels, the images of {} have {channels}; set \
             data.normalisation=dataset, half or view",
            config.data().normalisation.word(),
            statistics.channels(),
            config.dataset(),
        ))),
    }
}

/// What asks for more images than there are.
pub(crate) fn too_few_images(config: &Config, train: usize, test: usize) -> Vec<Problem> {
    let mut problems = Vec::new();
    let (batch, metrics) = (config.train().batch, config.metrics());
    if batch > train {
        let error = basin_train::TrainError::Batch { batch, images: train };
        problems.push(Problem::new(&["train.batch", "data."], error));
    }
    if metrics.connectivity_images > test {
        let error = too_many("metrics.connectivity_images", metrics.connectivity_images, test);
        problems.push(Problem::new(&["metrics.connectivity_images", "data."], error));
    }
    if metrics.repair_images > train {
        let found = metrics.repair_images;
        let text = format!(
            "metrics.repair_images is {found}, expected at most {train}, the training images there are"
        );
        problems.push(Problem::new(&["metrics.repair_images", "data."], Usage(text)));
    }
    problems
}

fn too_many(key: &str, found: usize, there: usize) -> Usage {
    Usage(format!("{key} is {found}, expected at most {there}, the images there are; 0 takes them all"))
}
