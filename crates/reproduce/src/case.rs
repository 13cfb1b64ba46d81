//! What all stages of one case share: data, network and the settings that shape training.

use crate::config::{self, Augment, Config, DeviceName, ScheduleName, Train, UpdateRule};
use crate::loading::{Datasets, Splits, extent, normalisation, too_few_images};
use crate::others::Others;
use crate::problem::Problem;
use anyhow::Result;
use basin_core::{DataRef, Digest, Extent, Part, SeedTree, digest};
use basin_data::{AugmentConfig, DataError, ImageSet, Jitter, Normalisation};
use basin_ensemble::{AfterSplit, Constant, PlanContext, Probe, Setting, WarmupCosine};
use basin_models::Network;
use basin_papers::Varied;
use basin_train::{Optimiser, Rule};
use basin_views::View;
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
    images: Box<dyn Fn(&DataRef) -> String + 'a>,
}

impl Identity<'_> {
    pub(crate) fn setting(&self) -> Setting<'_> {
        Setting { training: &self.training, measuring: &self.measuring, images: &*self.images }
    }
}

impl Case {
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
        // Without its images a data set still has their extent.
        let (extent, classes) = match &splits {
            Some(Splits { train, .. }) => (train.extent(), train.classes()),
            None => (extent(&config), config.dataset().classes),
        };
        // Both sides of a division are seen alike in this; others are refused with their images.
        let (extent, classes) = match turned(&config, extent, classes) {
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
                |view: &String| View::parse(view).map_or_else(|_| view.clone(), |view| view.text());
            data.view.iter().fold(part, |part, view| format!("{part} seen {}", canonical(view)))
        });
        Identity { training: self.setting(seed), measuring, images }
    }

    /// What share of the training images a reference has.
    pub(crate) fn share(&self, data: &DataRef) -> f64 {
        self.count(data) as f64 / self.train.len() as f64
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

    /// Whether it is trained and measured on a GPU, here or where it is meant to run.
    pub(crate) fn on_device(&self) -> bool {
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
    let &Train { epochs, peak_lr: peak, warmup, schedule, .. } = config.train();
    PlanContext {
        members: config.ensemble().members,
        epochs,
        schedule: match schedule {
            ScheduleName::Cosine => Arc::new(WarmupCosine { peak, epochs, warmup, floor: None }),
            ScheduleName::Constant => Arc::new(Constant { rate: peak, epochs, warmup }),
        },
        after_split: match config.ensemble().after_split {
            config::AfterSplit::Restart => AfterSplit::Restart { peak, warmup },
            config::AfterSplit::Continue => AfterSplit::Continue,
        },
    }
}

/// Extent and classes of images as the first side sees them.
fn turned(config: &Config, extent: Extent, classes: usize) -> Result<(Extent, usize), DataError> {
    match config.data().view_a.as_str() {
        "" => Ok((extent, classes)),
        view => View::parse(view)?.turned(extent, classes),
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

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{Registry, exit};
    use basin_core::LabelSkew;
    use basin_data::{Dataset, SYNTHETIC};

    pub(crate) fn case() -> Case {
        with(&[])
    }

    fn with(more: &[(&str, &str)]) -> Case {
        with_datasets(Datasets::default(), more)
    }

    static TINY: Dataset = Dataset {
        name: "tiny",
        extent: Extent::colour(8),
        load: |_, _, _| ImageSet::new(8, 10, vec![0; 192], vec![9]),
        ..SYNTHETIC
    };

    fn with_datasets(mut datasets: Datasets, more: &[(&str, &str)]) -> Case {
        let keys = Registry::default().with_dataset(&TINY).keys().unwrap();
        let small = [("data.train_images", "64"), ("data.test_images", "32"), ("model.width", "0.25")];
        let small = small.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let mut settings = small.to_vec();
        settings.push(("train.batch".into(), "8".into()));
        settings.push(("metrics.connectivity_images".into(), "0".into()));
        settings.extend(more.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        let config = Config::plain(&keys, &settings).unwrap();
        Case::attempt(config, Varied::new(), &mut datasets).unwrap()
    }

    #[test]
    fn a_reference_names_images_and_what_is_made_of_them() {
        let case = case();
        let images = |data: &DataRef| case.images(data).unwrap();
        let (first, second) = (DataRef::train().share(0, 2, 7), DataRef::train().share(1, 2, 7));
        // 64 images of ten classes: six or seven each, of which three go to each half.
        assert_eq!((case.count(&first), images(&first).len()), (30, 30));
        assert_eq!(case.steps_per_epoch(&first), 3);
        assert_ne!(images(&first), images(&second));
        assert_eq!(images(&first), images(&DataRef::train().share(0, 2, 7)));
        let grey = images(&DataRef::test().first(5).seen("grey"));
        let noisy = |data: DataRef| images(&data.seen("gaussian_noise:3+rotate:15@7"));
        let (whole, share) = (noisy(DataRef::train()), noisy(first.clone()));
        let numbers = basin_data::chosen(case.train.labels(), case.train.classes(), first.part).unwrap();
        assert!(numbers.iter().enumerate().all(|(at, number)| share.image(at) == whole.image(*number)));
        assert!(
            grey.len() == 5 && grey.images().chunks_exact(3).all(|rgb| rgb[0] == rgb[1] && rgb[1] == rgb[2])
        );
    }

    #[test]
    fn other_images_have_another_identity_and_today_s_keep_theirs() {
        let (case, whole) = (case(), DataRef::train());
        let identity = case.identity(0);
        let name = |data: &DataRef| (identity.setting().images)(data);
        assert_eq!(name(&whole), case.train_digest.to_string());
        let others = [whole.clone().share(0, 2, 7), whole.clone().share(0, 2, 8), whole.clone().seen("grey")];
        let names: std::collections::BTreeSet<String> = others.iter().chain([&whole]).map(name).collect();
        assert_eq!(names.len(), 4);
        assert_eq!(name(&whole.clone().seen("grey")), format!("{} seen grey", case.train_digest));
        assert_eq!(name(&whole.clone().seen("rotate:45.0@3")), name(&whole.seen("rotate:45")));
    }

    fn of_set(set: &str) -> DataRef {
        DataRef { set: Some(set.into()), ..DataRef::test() }
    }

    #[test]
    fn another_data_set_comes_with_its_own_labels_and_its_own_identity() {
        let (case, hundred) = (case(), of_set("synthetic-100"));
        let images = case.images(&hundred).unwrap();
        assert_eq!((images.len(), images.classes(), case.count(&hundred)), (32, 100, 32));
        assert_eq!(case.labels(&hundred).unwrap().values(), images.labels());
        // Loaded once, for all cases that share it.
        assert!(Arc::ptr_eq(&images, &case.clone().images(&hundred).unwrap()));
        assert_eq!(case.normalisation(&hundred).unwrap(), case.normalisation(&DataRef::test()).unwrap());
        let identity = case.identity(0);
        let name = |data: &DataRef| (identity.setting().images)(data);
        assert_eq!(name(&hundred), images.digest().to_string());
        assert_eq!(name(&hundred.clone().first(5)), format!("first 5 of {}", images.digest()));
        assert_eq!(name(&hundred.seen("fog:1@0")), format!("{} seen fog:1", images.digest()));
        // The experiment's own by its name is its own.
        assert_eq!(name(&of_set("synthetic")), case.test_digest.to_string());
        assert!(Arc::ptr_eq(&case.images(&of_set("synthetic")).unwrap(), &case.test));
        // What is seen normalises by the experiment's training images.
        let seen = with(&[("data.normalisation", "view")]);
        let own = seen.normalisation(&DataRef::train()).unwrap();
        assert_eq!(seen.normalisation(&of_set("synthetic-100")).unwrap(), own);
    }

    #[test]
    fn a_data_set_that_is_not_there_is_refused_but_in_a_price() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().display().to_string();
        let (none, empty) = (case(), with(&[("data.other_dir", &place)]));
        let shared = with(&[("data.dir", &place)]);
        let key =
            "data set cifar100 of a measurement, from data.other_dir or, where that is not set, data.dir";
        for (case, words) in [
            (&none, "cifar100 is read from disk but no folder was given".to_owned()),
            (&empty, format!("{place}/cifar-100-binary is missing")),
            (&shared, format!("{place}/cifar-100-binary is missing")),
        ] {
            let error = case.check_images(&of_set("cifar100")).unwrap_err();
            assert_eq!((exit::code(&error), case.count(&of_set("cifar100"))), (exit::DATA, 0));
            let text = format!("{error:#}");
            assert!(text.contains(key) && text.contains(&words), "{words} in {text}");
        }
        let priced = with_datasets(Datasets::or_blank(), &[]);
        priced.check_images(&of_set("cifar100")).unwrap();
        assert_eq!(priced.count(&of_set("cifar100")), 10_000);
        assert!(priced.others.blank() && !none.others.blank());
        let error = none.check_images(&of_set("tiny")).unwrap_err();
        assert_eq!(exit::code(&error), exit::USAGE);
        let words =
            "images of tiny are 8×8×3, expected 32×32×3, which the network takes; name another data set";
        assert!(error.to_string().starts_with(words), "{error}");
        // At the configured size.
        with(&[("data.padded", "32")]).check_images(&of_set("tiny")).unwrap();
    }

    #[test]
    fn images_that_there_are_not_are_refused_with_what_there_is() {
        let case = case();
        let train = DataRef::train;
        for (data, words) in [
            (train().first(65), "expected 1 to 64, the images there are, found 65"),
            (train().share(2, 2, 0), "found share 2 of 2 of 64 images"),
            (train().share(0, 9, 0), "found share 0 of 9 of 64 images"),
            (train().skewed(0, LabelSkew::PerMille(20), 0), "none of class 0"),
            (
                train().seen("gray"),
                "no view gray (in \"gray\"), nearest is grey; expected one of grey, band:channel",
            ),
            (train().seen("coloured:0.1"), "images for coloured must be of 1 channel, found 3"),
            (train().seen("fog:6"), "the severity of fog must be a whole number in 1..=5, found 6"),
            (of_set("mnit"), "a measurement names the data set \"mnit\", expected one of synthetic, "),
            (of_set("synthetic-100").first(33), "expected 1 to 32, the images there are, found 33"),
        ] {
            let error = case.images(&data).unwrap_err().to_string();
            assert!(error.contains(words), "{words} in {error}");
        }
    }
}
