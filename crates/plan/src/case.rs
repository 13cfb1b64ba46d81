//! What all stages of one case share: data, network and the settings that shape training.

use crate::loading::{Datasets, Splits, normalisation, too_few_images};
use crate::others::Others;
use crate::problem::Problem;
use crate::published::Published;
use anyhow::Result;
use basin_config::{self, Augment, Config, DeviceName, ScheduleName, Train, UpdateRule};
use basin_core::{DataRef, Digest, Extent, Part, SeedTree, digest};
use basin_data::{AugmentConfig, ImageSet, Jitter, Normalisation};
use basin_ensemble::{
    Acceptance, AfterSplit, Constant, Halving, ParamOp, PlanContext, Probe, Setting, WarmupCosine,
};
use basin_exit::Usage;
use basin_models::Network;
use basin_papers::Varied;
use basin_train::{Optimiser, Rule};
use basin_views::View;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Loaded data and the built network of one configuration.
#[derive(Clone, Debug)]
pub struct Case {
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
    /// Pixel normalisation, where it is the same whatever the images are seen through.
    pub(crate) normalisation: Option<Normalisation>,
    /// What networks are pre-trained on, where anything is.
    pub(crate) source: Option<Arc<Case>>,
    /// Data sets beside its own.
    pub(crate) others: Others,
    /// Statistics of what training images look like through views, once they are known.
    pub(crate) seen: Arc<Mutex<BTreeMap<Option<String>, Normalisation>>>,
    /// Training augmentation.
    pub augment: AugmentConfig,
    identity: String,
}

/// What determines a node's result besides its recipe, for one seed of one case.
pub(crate) struct Identity<'a> {
    /// Of training.
    pub(crate) training: String,
    measuring: String,
    statistics: String,
    source: Option<Box<Identity<'a>>>,
    images: Box<dyn Fn(&DataRef) -> String + 'a>,
}

impl Identity<'_> {
    pub(crate) fn setting(&self) -> Setting<'_> {
        let Self { training, measuring, statistics, source, images } = self;
        let source = source.as_ref().map(|source| Box::new(source.setting()));
        Setting { training, measuring, statistics, source, images: &**images }
    }
}

impl Case {
    /// Loads the data and builds the network.
    ///
    /// # Errors
    /// Everything that is wrong, with the file or key, what was expected and what was found.
    pub fn attempt(config: Config, varied: Varied, datasets: &mut Datasets) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let source = config.pretraining().map(|config| Self::attempt(config, Vec::new(), datasets));
        let source = source.transpose().unwrap_or_else(|more| {
            let of_source = |p: Problem| {
                Problem::new(
                    &["source.", "data.", "model.", "train."],
                    p.error.context("pre-training, whose data.… is source.…"),
                )
            };
            problems.extend(more.into_iter().map(of_source));
            None
        });
        let splits =
            datasets.load(&config).map_err(|error| problems.push(Problem::new(&["data."], error))).ok();
        if let Some(Splits { train, test, .. }) = &splits {
            problems.extend(too_few_images(&config, train.len(), test.len()));
        }
        let augment = augment(&config);
        problems.extend(augment.check().err().map(|error| Problem::new(&["augment."], error)));
        // Without its images a data set still has their extent.
        let (extent, classes) = match &splits {
            Some(Splits { train, .. }) => (train.extent(), train.classes()),
            None => (config.extent(), config.dataset().classes),
        };
        // Both sides of a division are seen alike in this; others are refused with their images.
        let (extent, classes) = match turned(&config, &datasets.others, extent, classes) {
            Ok(turned) => turned,
            Err(error) => {
                problems.push(Problem::new(&["data.view_a", "data."], error));
                (extent, classes)
            }
        };
        let normalisation = normalisation(&config, extent.channels);
        let normalisation = normalisation
            .map_err(|error| problems.push(Problem::new(&["data.normalisation", "data."], error)));
        let network = config.network(extent, classes);
        let network = network.map_err(|error| {
            let named = error.context("model");
            problems.push(Problem::new(&["model.", "data."], named));
        });
        if let Some(source) = &source {
            problems
                .extend(unlike(source, extent).map(|text| Problem::new(&["source.", "data."], Usage(text))));
        }
        let (Some(splits), Ok(network), Ok(normalisation)) = (splits, network, normalisation) else {
            return Err(problems);
        };
        if !problems.is_empty() {
            return Err(problems);
        }
        let Splits { train, train_digest, test, test_digest } = splits;
        let identity = config.training_identity(train_digest) + &foreign(&network);
        Ok(Self {
            config,
            varied,
            network,
            train,
            train_digest,
            test,
            test_digest,
            normalisation,
            source: source.map(Arc::new),
            others: datasets.others.clone(),
            seen: Arc::default(),
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
            "basin measuring 1\nnetwork {} {:?}, {} classes of {} pixels\nnormalisation {}\nprecision {}\n\
             seed {seed}\n",
            config.model().name,
            config.model().width,
            set.classes(),
            set.size(),
            self.normalisation
                .map_or_else(|| "of what is seen".into(), |own| format!("{:?} {:?}", own.mean(), own.std())),
            config.run().precision.name(),
        ) + &foreign(&self.network);
        let images = Box::new(|data: &DataRef| {
            // What cannot be loaded is refused before anything is named by it.
            let whole =
                self.whole_digest(data).map_or_else(|_| "missing".to_owned(), |whole| whole.to_string());
            let part = match data.part {
                Part::Whole => whole,
                part => format!("{part} of {whole}"),
            };
            // Equal views have one name, however they were written; one that there is not is refused elsewhere.
            let canonical =
                |view: &String| self.view(view).map_or_else(|_| view.clone(), |view| named(&view));
            let seen = data.view.iter().fold(part, |part, view| format!("{part} seen {}", canonical(view)));
            match Published::of(data.view.as_deref()) {
                // Named by what is in the files, too.
                Ok(Some(published)) => match published.digest(self, data) {
                    Ok(content) => format!("{seen} of {content}"),
                    Err(_) => seen,
                },
                _ => seen,
            }
        });
        let statistics = match self.measured_again() {
            0 => String::new(),
            n => format!(", running statistics of {n} images"),
        };
        let source = self.source.as_ref().map(|source| Box::new(source.identity(seed)));
        Identity { training: self.setting(seed), measuring, statistics, source, images }
    }

    /// The images, network and settings of work: its own, or the source's.
    pub fn stage(&self, at_source: bool) -> &Self {
        self.source.as_deref().filter(|_| at_source).unwrap_or(self)
    }

    /// The network for so many classes instead of its own.
    ///
    /// # Errors
    /// When the settings make none.
    pub fn network_of(&self, classes: Option<usize>) -> Result<Cow<'_, Network>> {
        match classes {
            None => Ok(Cow::Borrowed(&self.network)),
            Some(classes) => Ok(Cow::Owned(self.config.network(self.network.extent(), classes)?)),
        }
    }

    /// What share of the training images a reference has.
    pub fn share(&self, data: &DataRef) -> f64 {
        self.count(data) as f64 / self.train.len() as f64
    }

    /// Price of a probe in passes over the training set, a forward pass counting a third.
    pub fn passes_of(&self, probe: &dyn Probe, networks: usize) -> f64 {
        probe.cost(networks, &|data| self.count(data)) as f64 / 3.0 / self.train.len() as f64
    }

    /// Price of an operation's evaluations, as [`Case::passes_of`]; an upper bound where it draws until it is accepted.
    /// What is judged is counted as networks and each network but one that is made of them.
    pub fn passes_of_operation(&self, operation: &dyn ParamOp, networks: usize) -> f64 {
        let (statistics, there) = (self.statistics_images(operation), self.train.len());
        let images = match operation.acceptance() {
            None => statistics as f64,
            Some(Acceptance { images, tries, .. }) => {
                let (tries, images) = (tries as f64, images.min(there) as f64);
                images + tries * (images + statistics as f64)
            }
        };
        let judged =
            operation.judged_on().map_or(0, |data| self.count(&data) * (2 * networks).saturating_sub(1));
        (images + judged as f64) / 3.0 / there as f64
    }

    /// Training images on which the running statistics of an operation's result are measured again; 0 where they are not.
    pub fn statistics_images(&self, operation: &dyn ParamOp) -> usize {
        if operation.new_statistics() { self.measured_again() } else { 0 }
    }

    /// The same of networks that belong to no training; 0 where the network has no running statistics.
    fn measured_again(&self) -> usize {
        match self.network.coupled() {
            true => self.config.metrics().statistics_images.min(self.train.len()),
            false => 0,
        }
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

    /// Whether it is trained and measured on a GPU, here or where it is meant to run.
    pub fn on_device(&self) -> bool {
        self.config.run().device == DeviceName::Cuda
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
    let &Train { epochs, peak_lr: peak, warmup, schedule, halve_every, .. } = config.train();
    let plain = PlanContext {
        after_split: match config.ensemble().after_split {
            basin_config::AfterSplit::Restart => AfterSplit::Restart { peak, warmup },
            basin_config::AfterSplit::Continue => AfterSplit::Continue,
        },
        warmup_from: Some(config.train().warmup_from).filter(|from| *from > 0.0),
        source: config.pretraining().map(|source| Box::new(plan_context(&source))),
        ..PlanContext::new(config.ensemble().members, epochs, peak)
    };
    let whole = (peak, epochs, warmup);
    let schedule = match schedule {
        ScheduleName::Cosine => plain.warmed(WarmupCosine { peak, epochs, warmup, floor: None }, whole),
        ScheduleName::Constant => plain.warmed(Constant { rate: peak, epochs, warmup }, whole),
        ScheduleName::Halving => {
            plain.warmed(Halving { rate: peak, every: halve_every, epochs, warmup }, whole)
        }
    };
    PlanContext { schedule, ..plain }
}

/// Why networks that are pre-trained on the source do not take such images, if that is so.
fn unlike(source: &Case, extent: Extent) -> Option<String> {
    let of_source = source.network.extent();
    (of_source != extent).then(|| {
        format!(
            "images of source.dataset = {} are {of_source}, those to fine-tune on are {extent}, expected one size; set source.halved, \
             data.halved or data.padded so that they agree",
            source.config.data().dataset
        )
    })
}

/// What names a view: its text, and the photographs that it lays over images.
fn named(view: &View) -> String {
    let frost = view.frost().map(|frost| format!(" with photographs {}", frost.digest()));
    view.text() + &frost.unwrap_or_default()
}

/// Extent and classes of images as the first side sees them.
fn turned(config: &Config, others: &Others, extent: Extent, classes: usize) -> Result<(Extent, usize)> {
    match config.data().view_a.as_str() {
        "" => Ok((extent, classes)),
        view => Ok(others.view(config, view)?.turned(extent, classes)?),
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

fn augment(config: &Config) -> AugmentConfig {
    let &Augment {
        flip,
        crop_padding,
        brightness,
        contrast,
        saturation,
        hue,
        zoom_low,
        zoom_high,
        rotation,
        erasing,
        mixup,
        cutmix,
    } = config.augment();
    AugmentConfig {
        flip,
        crop_padding,
        jitter: Jitter { brightness, contrast, saturation, hue },
        zoom: Some((zoom_low, zoom_high)).filter(|zoom| *zoom != (1.0, 1.0)),
        rotation_degrees: rotation,
        erasing,
        mixup,
        cutmix,
    }
}

#[cfg(test)]
pub(crate) mod tests;
