//! What all stages of one case share: data, network and the settings that shape training.

use crate::config::{self, Augment, Config, Data, Train, UpdateRule};
use crate::exit::Usage;
use crate::problem::Problem;
use anyhow::Result;
use basin_core::{DataRef, Digest, Part, SeedTree, digest};
use basin_data::{AugmentConfig, DatasetId, ImageSet, Jitter, Normalisation, Source, Split};
use basin_ensemble::{AfterSplit, PlanContext, Probe, Setting, WarmupCosine};
use basin_models::Network;
use basin_papers::Varied;
use basin_train::{Optimiser, Rule};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Loaded data and the built network of one configuration.
#[derive(Clone, Debug)]
pub struct Experiment {
    /// The configuration.
    pub config: Config,
    /// What of it the paper's experiment varies.
    pub varied: Varied,
    /// The network.
    pub network: Network,
    /// Training images.
    pub train: Arc<ImageSet>,
    /// Their digest.
    pub train_digest: Digest,
    /// Test images; never seen by training.
    pub test: Arc<ImageSet>,
    /// Their digest.
    pub test_digest: Digest,
    /// Pixel normalisation.
    pub normalisation: Normalisation,
    /// Training augmentation.
    pub augment: AugmentConfig,
    identity: String,
}

/// What determines a node's result besides its recipe, for one seed of one case.
pub(crate) struct Identity<'a> {
    /// Of training.
    pub(crate) training: String,
    measuring: String,
    images: Box<dyn Fn(&DataRef) -> String + 'a>,
}

impl Identity<'_> {
    pub(crate) fn setting(&self) -> Setting<'_> {
        Setting { training: &self.training, measuring: &self.measuring, images: &*self.images }
    }
}

impl Experiment {
    /// Loads the data and builds the network.
    ///
    /// # Errors
    /// Everything that is wrong, with the file or key, what was expected and what was found.
    pub(crate) fn attempt(
        config: Config,
        varied: Varied,
        datasets: &mut Datasets,
    ) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let splits =
            datasets.load(&config).map_err(|error| problems.push(Problem::new(&["data."], error))).ok();
        if let Some(Splits { train, test, .. }) = &splits {
            problems.extend(too_few_images(&config, train.len(), test.len()));
        }
        let augment = augment(&config);
        problems.extend(augment.check().err().map(|error| Problem::new(&["augment."], error)));
        // Without its images a data set still has their size.
        let (side, classes) = match &splits {
            Some(Splits { train, .. }) => (train.size(), train.classes()),
            None => (config.data().dataset.image_size(), config.data().dataset.classes()),
        };
        let network = config.network(side, classes);
        let network = network.map_err(|error| {
            let named = error.context("model");
            problems.push(Problem::new(&["model.", "data."], named));
        });
        let (Some(splits), Ok(network), true) = (splits, network, problems.is_empty()) else {
            return Err(problems);
        };
        let Splits { train, train_digest, test, test_digest } = splits;
        let (identity, normalisation) =
            (config.training_identity(train_digest) + &foreign(&network), config.normalisation());
        Ok(Self {
            config,
            varied,
            network,
            train,
            train_digest,
            test,
            test_digest,
            normalisation,
            augment,
            identity,
        })
    }

    /// Everything outside a recipe that determines a trained node's result, for one seed.
    pub fn setting(&self, seed: u64) -> String {
        format!("{}seed {seed}\n", self.identity)
    }

    /// What names all work of one seed.
    pub(crate) fn identity(&self, seed: u64) -> Identity<'_> {
        let (config, set) = (&self.config, &self.test);
        let measuring = format!(
            "basin measuring 1\nnetwork {} {:?}, {} classes of {} pixels\nnormalisation {:?} {:?}\nprecision {}\n\
             seed {seed}\n",
            config.model().name,
            config.model().width,
            set.classes(),
            set.size(),
            self.normalisation.mean,
            self.normalisation.std,
            config.run().precision.name(),
        ) + &foreign(&self.network);
        let images = Box::new(|data: &DataRef| {
            let whole = match data.split {
                Split::Train => self.train_digest,
                Split::Test => self.test_digest,
            };
            match data.part {
                Part::Whole => whole.to_string(),
                Part::First(n) => format!("first {n} of {whole}"),
            }
        });
        Identity { training: self.setting(seed), measuring, images }
    }

    /// Whether there are the images of a reference.
    ///
    /// # Errors
    /// As [`Experiment::images`].
    pub(crate) fn check_images(&self, data: &DataRef) -> Result<()> {
        if let Some(set) = &data.set {
            return Err(Usage(format!("no data set {set} in this experiment, expected its own")).into());
        }
        let there = self.count(&DataRef { part: Part::Whole, ..data.clone() });
        match data.part {
            Part::First(n) if n == 0 || n > there => {
                Err(Usage(format!("the first {n} of {there} images, expected 1 to {there}")).into())
            }
            _ => Ok(()),
        }
    }

    /// The images of a reference.
    ///
    /// # Errors
    /// When there are not as many.
    pub fn images(&self, data: &DataRef) -> Result<Arc<ImageSet>> {
        self.check_images(data)?;
        let whole = match data.split {
            Split::Train => &self.train,
            Split::Test => &self.test,
        };
        Ok(match data.part {
            Part::First(n) if n != whole.len() => Arc::new(whole.take(n)?),
            _ => whole.clone(),
        })
    }

    /// Number of images of a reference.
    pub fn count(&self, data: &DataRef) -> usize {
        match (&data.part, data.split) {
            (Part::First(n), _) => *n,
            (Part::Whole, Split::Train) => self.train.len(),
            (Part::Whole, Split::Test) => self.test.len(),
        }
    }

    /// Price of a probe in passes over the training set, a forward pass counting a third.
    pub(crate) fn passes_of(&self, probe: &dyn Probe, networks: usize) -> f64 {
        probe.cost(networks, &|data| self.count(data)) as f64 / 3.0 / self.train.len() as f64
    }

    /// The root of one seed's randomness.
    pub fn seeds(&self, seed: u64) -> SeedTree {
        SeedTree::root(seed)
    }

    /// Ensemble seeds in the order given.
    pub fn seed_list(&self) -> &[u64] {
        &self.config.ensemble().seeds
    }

    /// What methods may know when they plan.
    pub fn plan_context(&self) -> PlanContext {
        plan_context(&self.config)
    }

    /// Steps of one epoch over these images.
    pub fn steps_per_epoch(&self, data: &DataRef) -> u64 {
        (self.count(data) / self.batch().max(1)) as u64
    }

    /// Images per step.
    pub fn batch(&self) -> usize {
        self.config.train().batch
    }

    /// Update rule and clipping.
    pub fn optimiser(&self) -> Optimiser {
        let train = self.config.train();
        let clip_norm = Some(train.clip_norm).filter(|norm| *norm > 0.0);
        let adam = |l2, weight_decay| Rule::Adam {
            beta1: train.adam_beta1,
            beta2: train.adam_beta2,
            epsilon: train.adam_epsilon,
            l2,
            weight_decay,
        };
        let rule = match train.optimiser {
            UpdateRule::Adam => adam(train.l2, 0.0),
            UpdateRule::AdamW => adam(0.0, train.l2),
            UpdateRule::Sgd => Rule::Sgd { momentum: train.momentum, l2: train.l2 },
        };
        Optimiser { rule, clip_norm }
    }
}

/// What methods may know of a configuration when they plan.
pub(crate) fn plan_context(config: &Config) -> PlanContext {
    let &Train { epochs, peak_lr: peak, warmup, .. } = config.train();
    PlanContext {
        members: config.ensemble().members,
        epochs,
        schedule: Arc::new(WarmupCosine { peak, epochs, warmup, floor: None }),
        after_split: match config.ensemble().after_split {
            config::AfterSplit::Restart => AfterSplit::Restart { peak, warmup },
            config::AfterSplit::Continue => AfterSplit::Continue,
        },
    }
}

/// What names a network from elsewhere besides its name: what can be seen of it.
fn foreign(network: &Network) -> String {
    match network.program() {
        None => String::new(),
        Some(_) => {
            let seen = digest([format!("{:?}", network.layout()).as_bytes()]);
            format!("run by candle, layout {seen}\n")
        }
    }
}

/// The two splits of a data set.
#[derive(Clone, Debug)]
struct Splits {
    train: Arc<ImageSet>,
    train_digest: Digest,
    test: Arc<ImageSet>,
    test_digest: Digest,
}

/// Data sets that were loaded, so that the cases of a study share them.
#[derive(Debug, Default)]
pub(crate) struct Datasets {
    loaded: BTreeMap<String, Splits>,
    /// Whether blank images may stand in for a data set without a folder.
    may_be_blank: bool,
    /// Whether they did.
    pub(crate) blank: bool,
    /// In what the loaded sets are not the published ones.
    pub(crate) notes: Vec<String>,
}

impl Datasets {
    /// Takes blank images of the official number for a data set without a folder.
    pub(crate) fn or_blank() -> Self {
        Self { may_be_blank: true, ..Self::default() }
    }

    fn load(&mut self, config: &Config) -> Result<Splits> {
        let (source, data) = (source(config), config.data());
        let dataset = data.dataset;
        let key = format!("{source:?} {} {} {}", data.train_images, data.test_images, data.halved);
        if let Some(splits) = self.loaded.get(&key) {
            return Ok(splits.clone());
        }
        let blank =
            self.may_be_blank && source.dir.is_none() && dataset.official_images(Split::Train).is_some();
        self.blank |= blank;
        let notes = &mut self.notes;
        let mut load = |split| -> Result<ImageSet> {
            match dataset.official_images(split).filter(|_| blank) {
                Some(n) => limited(config, split, blank_images(dataset, n)?),
                None => images(config, &source, split, &mut |note| notes.push(note.to_owned())),
            }
        };
        let (train, test) = (load(Split::Train)?, load(Split::Test)?);
        let of = |set: &ImageSet| if blank { digest([&b"blank"[..]]) } else { set.digest() };
        let (train_digest, test_digest) = (of(&train), of(&test));
        let splits = Splits { train: Arc::new(train), train_digest, test: Arc::new(test), test_digest };
        self.loaded.insert(key, splits.clone());
        Ok(splits)
    }
}

/// As many black images of the first class.
fn blank_images(dataset: DatasetId, n: usize) -> Result<ImageSet> {
    let size = dataset.image_size();
    Ok(ImageSet::new(size, dataset.classes(), vec![0; n * size * size * 3], vec![0; n])?)
}

/// The key that limits the images of a split.
pub(crate) fn limit(split: Split) -> &'static str {
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
pub(crate) fn images(
    config: &Config,
    source: &Source,
    split: Split,
    say: &mut dyn FnMut(&str),
) -> Result<ImageSet> {
    let set = limited(config, split, source.load_and_tell(split, say)?)?;
    Ok(if config.data().halved { set.halved()? } else { set })
}

/// Where the configured data set comes from.
pub(crate) fn source(config: &Config) -> Source {
    let data = config.data();
    let standard = Source::synthetic(data.seed);
    let count = |asked, standard| if asked == 0 { standard } else { asked };
    Source {
        dataset: data.dataset,
        dir: Some(data.dir.as_str()).filter(|dir| !dir.is_empty()).map(Into::into),
        train_images: count(data.train_images, standard.train_images),
        test_images: count(data.test_images, standard.test_images),
        ..standard
    }
}

/// What asks for more images than there are.
fn too_few_images(config: &Config, train: usize, test: usize) -> Vec<Problem> {
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

fn augment(config: &Config) -> AugmentConfig {
    let &Augment { flip, crop_padding, brightness, contrast, saturation, hue, zoom_low, zoom_high, rotation } =
        config.augment();
    AugmentConfig {
        flip,
        crop_padding,
        jitter: Jitter { brightness, contrast, saturation, hue },
        zoom: Some((zoom_low, zoom_high)).filter(|zoom| *zoom != (1.0, 1.0)),
        rotation_degrees: rotation,
    }
}
