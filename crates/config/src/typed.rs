//! Values of keys as the types that the program works with.

use crate::Value;
use basin_gpu::Precision;
use basin_metrics::Combine;

/// A type that values of a key are read as.
pub(crate) trait Typed: Sized {
    /// The value, if it is one of this type. [`None`] means that a key's range and type contradict each other.
    fn from_value(value: &Value) -> Option<Self>;
}

impl Typed for u64 {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Int(x) => Some(*x),
            _ => None,
        }
    }
}

impl Typed for usize {
    fn from_value(value: &Value) -> Option<Self> {
        u64::from_value(value)?.try_into().ok()
    }
}

impl Typed for f64 {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Float(x) => Some(*x),
            _ => None,
        }
    }
}

impl Typed for String {
    fn from_value(value: &Value) -> Option<Self> {
        word(value).map(str::to_owned)
    }
}

impl Typed for bool {
    fn from_value(value: &Value) -> Option<Self> {
        match word(value)? {
            "yes" => Some(true),
            "no" => Some(false),
            _ => None,
        }
    }
}

impl Typed for Vec<String> {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::List(words) => Some(words.clone()),
            _ => None,
        }
    }
}

impl Typed for Vec<u64> {
    fn from_value(value: &Value) -> Option<Self> {
        Vec::<String>::from_value(value)?.iter().map(|number| number.parse().ok()).collect()
    }
}

impl Typed for Combine {
    fn from_value(value: &Value) -> Option<Self> {
        word(value)?.parse().ok()
    }
}

impl Typed for Precision {
    fn from_value(value: &Value) -> Option<Self> {
        Self::named(word(value)?)
    }
}

fn word(value: &Value) -> Option<&str> {
    match value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

/// An enumeration whose variants are the words that a key accepts.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$doc])* $variant,)+ }

        impl $name {
            /// The words, in the order of the variants.
            pub const WORDS: &[&str] = &[$($word),+];

            /// The word of this variant.
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl Typed for $name {
            fn from_value(value: &Value) -> Option<Self> {
                match word(value)? {
                    $($word => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

words! {
    /// Whose channel statistics normalise the pixels.
    Statistics {
        /// The data set's own.
        Dataset = "dataset",
        /// ImageNet's.
        ImageNet = "imagenet",
        /// 0.5 and 0.5.
        Half = "half",
        /// None: bytes as they are.
        Raw = "raw",
        /// Those of all training images, seen through the same view as the images at hand.
        View = "view",
        /// The published ones of the source's data set.
        Source = "source",
    }
}

words! {
    /// What images are told apart by.
    TaskName {
        /// Their labels.
        Labels = "labels",
        /// How they are turned.
        Rotations = "rotations",
    }
}

words! {
    /// The heads that fine-tuning begins with.
    HeadsName {
        /// Everybody's own.
        Own = "own",
        /// One for all.
        Shared = "shared",
    }
}

words! {
    /// How the training images are parted among the members of a method that trains on parts.
    PartitionName {
        /// Random parts with equally many images of every class.
        Covariate = "covariate",
        /// Two sides, of which each has fewer of one half of the classes.
        Imbalance = "imbalance",
        /// As in Git Re-Basin.
        GitReBasin = "git-re-basin",
    }
}

words! {
    /// The SGD noise of members that train on parts.
    NoiseName {
        /// One sample for all of them.
        Fixed = "fixed",
        /// Everybody's own.
        Independent = "independent",
    }
}

words! {
    /// The course of the learning rate after the warm-up.
    ScheduleName {
        /// Down to zero along a cosine.
        Cosine = "cosine",
        /// As it is.
        Constant = "constant",
        /// Half of it every so many epochs.
        Halving = "halving",
    }
}

words! {
    /// How an epoch comes by its images.
    OrderName {
        /// Every image once, in a new order.
        Permuted = "permuted",
        /// Independent draws.
        WithReplacement = "with-replacement",
    }
}

words! {
    /// The rule of an update.
    UpdateRule {
        /// Stochastic gradient descent with momentum.
        Sgd = "sgd",
        /// Adam, weight decay as a part of the gradient.
        Adam = "adam",
        /// Adam with decoupled weight decay.
        AdamW = "adamw",
    }
}

words! {
    /// The schedule after the split of constrained and distilled runs.
    AfterSplit {
        /// The trunk's goes on.
        Continue = "continue",
        /// A new one over the epochs that are left.
        Restart = "restart",
    }
}

words! {
    /// How a network normalises.
    NormName {
        /// As the network does by itself.
        Own = "own",
        /// LayerNorm over the channels of every pixel.
        Layer = "layer",
        /// BatchNorm.
        Batch = "batch",
        /// Not at all.
        None = "none",
    }
}

words! {
    /// What computes.
    BackendName {
        /// The engine of the device, for networks that it has; candle for the others.
        Native = "native",
        /// Candle's operations and autograd.
        Candle = "candle",
    }
}

words! {
    /// Who carries out a plan.
    RunnerName {
        /// This process, beside those that joined it.
        Local = "local",
        /// Jobs of the batch system Slurm.
        Slurm = "slurm",
        /// Others alone.
        None = "none",
    }
}

words! {
    /// Where to train and evaluate.
    DeviceName {
        /// The CPU.
        Cpu = "cpu",
        /// The first CUDA device.
        Cuda = "cuda",
    }
}
