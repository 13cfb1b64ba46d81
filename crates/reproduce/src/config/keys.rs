//! What a key is, and the table of the built-in ones. Adding a line here is all it takes to add a key.

use super::Value;
use super::value::Range;
use basin_models::Architecture;

/// One key of the configuration.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Key {
    /// `section.name`.
    pub name: &'static str,
    /// Other accepted spelling, usually the field's symbol.
    pub alias: Option<&'static str>,
    default: &'static str,
    range: Range,
    /// Unit of the value.
    pub unit: &'static str,
    /// What it does.
    pub doc: &'static str,
    /// Whether trained parameters depend on it (methods' own parameters enter through their recipes).
    pub(super) identity: bool,
}

const fn key(
    name: &'static str,
    default: &'static str,
    range: Range,
    unit: &'static str,
    doc: &'static str,
) -> Key {
    Key::new(name, default, range, unit, doc)
}

impl Key {
    /// A key `section.name` with its default as one types it, what it accepts, the unit of its value, and what it does.
    pub const fn new(
        name: &'static str,
        default: &'static str,
        range: Range,
        unit: &'static str,
        doc: &'static str,
    ) -> Self {
        Self { name, alias: None, default, range, unit, doc, identity: false }
    }

    /// With another accepted spelling.
    #[must_use]
    pub const fn alias(self, alias: &'static str) -> Self {
        Self { alias: Some(alias), ..self }
    }

    const fn trains(self) -> Self {
        Self { identity: true, ..self }
    }

    /// The default value.
    ///
    /// # Panics
    /// Never for a key that stands in [`Keys`](super::Keys), which refuses others.
    pub fn default(&self) -> Value {
        self.range.parse(self.default).expect("defaults lie in their ranges")
    }

    /// The allowed values in words.
    pub fn allowed(&self) -> String {
        self.range.describe()
    }

    pub(super) fn parse(&self, text: &str) -> Result<Value, String> {
        self.range.parse(text).map_err(|expected| format!("  {} is {text}, expected {expected}", self.name))
    }

    /// The part of the name behind the section.
    pub(super) fn last(&self) -> &'static str {
        self.name.rsplit_once('.').map_or(self.name, |(_, last)| last)
    }

    /// The part of the name before it.
    pub(super) fn section(&self) -> &'static str {
        self.name.rsplit_once('.').map_or("", |(section, _)| section)
    }

    /// Edit distance from the nearest of the key's spellings: in full, by its last part, by its alias.
    pub(super) fn distance(&self, name: &str) -> usize {
        let spellings = [Some(self.name), Some(self.last()), self.alias].into_iter().flatten();
        spellings.map(|known| strsim::levenshtein(known, name)).min().unwrap_or(0)
    }

    /// What is wrong with the key itself, if anything.
    pub(super) fn fault(&self) -> Option<String> {
        let plain = |part: &str| {
            !part.is_empty()
                && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c))
        };
        let named = self.name.split_once('.').is_some_and(|(section, last)| plain(section) && plain(last));
        let told = !self.doc.is_empty() && !self.unit.is_empty();
        if !named {
            return Some(format!(
                "key {:?}, expected section.name of lower case, digits, _ and -",
                self.name
            ));
        }
        if !told {
            return Some(format!("key {}, expected a doc and a unit", self.name));
        }
        self.range.parse(self.default).err().map(|expected| {
            format!("key {} has the default {:?}, expected {expected}", self.name, self.default)
        })
    }
}

const DATASETS: &[&str] = &["synthetic", "synthetic-100", "cifar10", "cifar100", "tiny-imagenet"];
const UNIT: Range = Range::Float(0.0, true, 1.0, true);
const POSITIVE: Range = Range::Float(0.0, false, f64::INFINITY, false);
const STRENGTH: Range = Range::Float(0.0, true, 10.0, true);
const COUNT: Range = Range::Int(1, u64::MAX);

/// The built-in keys.
pub const KEYS: &[Key] = &[
    key("data.dataset", "synthetic", Range::OneOf(DATASETS), "name", "data set").trains(),
    key("data.dir", "", Range::Path, "path", "folder with the official files; synthetic sets need none"),
    key(
        "data.train_images",
        "0",
        Range::Int(0, 1_000_000),
        "images",
        "use the first n training images; 0 = all",
    )
    .trains(),
    key("data.test_images", "0", Range::Int(0, 1_000_000), "images", "use the first n test images; 0 = all"),
    key("data.seed", "0", Range::Int(0, i64::MAX as u64), "seed", "seed of a synthetic data set").trains(),
    key(
        "data.normalisation",
        "dataset",
        Range::OneOf(&["dataset", "imagenet", "half"]),
        "name",
        "channel statistics: the data set's own, ImageNet's, or 0.5 and 0.5",
    ),
    key(
        "data.halved",
        "no",
        Range::OneOf(&["no", "yes"]),
        "yes or no",
        "images at half their height and width",
    ),
    key("model.name", "resnet20", Range::OneOf(&Architecture::NAMES), "name", "architecture").trains(),
    key("model.width", "4", Range::Float(0.0625, true, 64.0, true), "× 16 channels", "width multiplier")
        .trains(),
    key(
        "model.dropout",
        "0",
        Range::Float(0.0, true, 1.0, false),
        "probability",
        "dropout of the transformer; ResNets have none",
    ),
    key(
        "model.residual_scale",
        "1",
        Range::Float(-10.0, true, 10.0, true),
        "factor",
        "initial scale of the last normalisation of every residual branch of a ResNet; at 0 a fresh network is its shortcuts",
    ),
    key(
        "model.centred_kernels",
        "no",
        Range::OneOf(&["no", "yes"]),
        "yes or no",
        "initial kernels of a ResNet behind the stem sum to 0 for every output channel",
    ),
    key("train.epochs", "110", Range::Int(2, 1_000_000), "epochs", "length T of one member's training"),
    key("train.batch", "128", Range::Int(1, 65_536), "images", "images per step").trains(),
    key("train.peak_lr", "0.1", POSITIVE, "learning rate", "highest learning rate").alias("lr"),
    key("train.warmup", "0.1", Range::Float(0.0, true, 1.0, false), "share of T", "linear warm-up"),
    key("train.optimiser", "sgd", Range::OneOf(&["sgd", "adam", "adamw"]), "name", "update rule"),
    key("train.momentum", "0.9", Range::Float(0.0, true, 1.0, false), "factor", "momentum of SGD").trains(),
    key(
        "train.l2",
        "0.0001",
        Range::Float(0.0, true, 1.0, false),
        "per step",
        "L2 coefficient on all parameters; with adamw the decoupled weight decay",
    )
    .alias("weight_decay")
    .trains(),
    key("train.adam_beta1", "0.9", Range::Float(0.0, true, 1.0, false), "factor", "decay of Adam's mean"),
    key("train.adam_beta2", "0.999", Range::Float(0.0, true, 1.0, false), "factor", "decay of Adam's square"),
    key(
        "train.adam_epsilon",
        "1e-8",
        Range::Float(1e-30, true, 1.0, true),
        "gradient",
        "added to the root of Adam's square",
    ),
    key(
        "train.clip_norm",
        "0",
        Range::Float(0.0, true, f64::INFINITY, false),
        "norm",
        "longest gradient; 0 = no clipping",
    ),
    key("augment.flip", "0.5", UNIT, "probability", "horizontal flip").trains(),
    key("augment.crop_padding", "4", Range::Int(0, 32), "pixels", "zero padding before a random crop")
        .trains(),
    key("augment.brightness", "0.1", STRENGTH, "strength", "colour jitter, factor in 1 ± x").trains(),
    key("augment.contrast", "0.1", STRENGTH, "strength", "colour jitter, factor in 1 ± x").trains(),
    key("augment.saturation", "0.1", STRENGTH, "strength", "colour jitter, factor in 1 ± x").trains(),
    key("augment.hue", "0.1", Range::Float(0.0, true, 0.5, true), "turns", "colour jitter, shift in ± x")
        .trains(),
    key("augment.zoom_low", "1", Range::Float(0.1, true, 10.0, true), "factor", "smallest random zoom")
        .trains(),
    key("augment.zoom_high", "1", Range::Float(0.1, true, 10.0, true), "factor", "largest random zoom")
        .trains(),
    key(
        "augment.rotation",
        "0",
        Range::Float(0.0, true, 180.0, true),
        "degrees",
        "random rotation within ± x",
    )
    .trains(),
    key(
        "ensemble.methods",
        "deep,constrained,swe,permuted,distilled,distilled-deep",
        Range::Words,
        "names",
        "ensembles to build",
    ),
    key("ensemble.members", "5", Range::Int(2, 1000), "members", "ensemble size M").alias("M"),
    key("ensemble.seeds", "0", Range::Seeds, "seeds", "one whole repetition per seed"),
    key(
        "ensemble.split_epoch",
        "10",
        COUNT,
        "epochs",
        "epoch t after which constrained and distilled runs split",
    )
    .alias("t"),
    key(
        "ensemble.after_split",
        "continue",
        Range::OneOf(&["continue", "restart"]),
        "name",
        "the schedule of constrained and distilled runs: the trunk's goes on, or a new one over T − t epochs",
    ),
    key("ensemble.swe_floor", "0.01", POSITIVE, "learning rate", "rate that SWE holds once reached"),
    key("ensemble.label_weight", "0.2", UNIT, "share", "weight of the labels in the distillation loss")
        .alias("beta"),
    key("ensemble.temperature", "3", POSITIVE, "divisor of logits", "temperature of the distillation loss")
        .alias("tau"),
    key("ensemble.distil_last", "10", COUNT, "epochs", "last epochs distilled by the methods …-last"),
    key(
        "ensemble.replay_epochs",
        "4",
        Range::Int(1, 1000),
        "epochs",
        "after which the methods …-replayed repeat all augmentation, so that teachers' logits are kept",
    ),
    key(
        "ensemble.imports",
        "",
        Range::Path,
        "paths, with commas",
        "files of the method imported: a safetensors file or PyTorch state dict for each member",
    ),
    key(
        "metrics.combine",
        "mean-probs",
        Range::OneOf(&["mean-probs", "mean-logits"]),
        "name",
        "how members are averaged",
    ),
    key(
        "metrics.draws",
        "50",
        Range::Int(2, 100_000),
        "draws",
        "Dirichlet draws N of the joint connectivity",
    ),
    key(
        "metrics.connectivity_images",
        "0",
        Range::Int(0, 1_000_000),
        "images",
        "test images for connectivity; 0 = all",
    ),
    key(
        "metrics.repair_images",
        "0",
        Range::Int(0, 1_000_000),
        "images",
        "training images on which networks between members get channel statistics in between (REPAIR), in memory at once; 0 = no repair",
    ),
    key("metrics.pairs", "5", COUNT, "pairs", "random pairs of members to interpolate between"),
    key("metrics.line_points", "11", Range::Int(3, 1001), "points", "points on each line, ends included"),
    key("metrics.ece_bins", "15", Range::Int(1, 10_000), "bins", "bins of the calibration error"),
    key("run.device", "cpu", Range::OneOf(&["cpu", "cuda"]), "name", "where to train and evaluate")
        .alias("device"),
    key(
        "run.precision",
        "f32",
        Range::OneOf(&["f32", "tf32", "bf16"]),
        "name",
        "arithmetic of products on cuda; parameters and sums are f32 in all",
    )
    .alias("precision"),
    key(
        "run.concurrent",
        "1",
        Range::Int(1, 64),
        "networks",
        "networks trained side by side, each as it would be alone; for small networks on a large device",
    )
    .alias("concurrent"),
    key(
        "run.threads",
        "0",
        Range::Int(0, 4096),
        "threads",
        "worker threads; 0 = all cores. Results do not depend on it",
    ),
    key(
        "run.checkpoint_seconds",
        "60",
        Range::Float(0.0, true, 86_400.0, true),
        "seconds",
        "time between checkpoints",
    ),
];
