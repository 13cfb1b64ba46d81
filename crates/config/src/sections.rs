//! The built-in keys, section by section. A line here is all it takes to add one: the key, its field and its type.

use crate::known::registered;
use crate::networks;
use crate::typed::{
    AfterSplit, BackendName, DeviceName, HeadsName, NoiseName, NormName, OrderName, PartitionName,
    RunnerName, ScheduleName, Statistics, TaskName, Typed, UpdateRule,
};
use crate::value::Range::{Float, Int, Names, Path, Seeds, Words};
use crate::{Key, Range, Value};
use basin_data::Dataset;
use basin_gpu::Precision;
use basin_metrics::Combine;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// A section of the configuration: `field: type = default, range, unit, doc;` for each key `section.field`.
macro_rules! section {
    ($(#[$meta:meta])* $name:ident in $section:literal {
        $($field:ident $(or $alias:literal)?: $type:ty = $default:literal, $range:expr, $unit:literal, $doc:literal;)+
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name { $(#[doc = $doc] pub $field: $type,)+ }

        impl $name {
            const KEYS: &[Key] = &[
                $(Key::new(concat!($section, ".", stringify!($field)), $default, $range, $unit, $doc)$(.alias($alias))?,)+
            ];

            fn read(values: &BTreeMap<&str, &Value>) -> Self {
                Self { $($field: read(values, concat!($section, ".", stringify!($field))),)+ }
            }
        }
    };
}

/// Names that the registry brings ([`registered`](crate::known::registered)).
const REGISTERED: Range = Range::one_of(&[]);
const NO_OR_YES: &[&str] = &["no", "yes"];

section! {
    /// The images.
    Data in "data" {
        dataset: String = "synthetic", REGISTERED, "name", "data set";
        dir: String = "", Path, "path", "folder with the official files; synthetic sets need none";
        other_dir: String = "", Path, "path", "folder with the official files of other data sets that a measurement looks at; nothing: data.dir";
        corrupted_dir: String = "", Path, "path", "folder with CIFAR-10-C as published (fog.npy and so on, labels.npy), for landscape.published";
        frost_dir: String = "", Path, "path", "folder of photographs, JPEG or PNG, that the view frost lays over images; nothing: there is no frost";
        train_images: usize = "0", Int(0, 1_000_000), "images", "use the first n training images, of the classes that are used; 0 = all";
        test_images: usize = "0", Int(0, 1_000_000), "images", "use the first n test images, of the classes that are used; 0 = all";
        seed: u64 = "0", Int(0, i64::MAX as u64), "seed", "seed of a synthetic data set";
        normalisation: Statistics = "dataset", Range::one_of(Statistics::WORDS), "name", "channel statistics: the data set's published ones, ImageNet's, 0.5 and 0.5, none (raw: bytes from 0 to 255 as they are), those of the training images as they are seen (data.view_…), or the published ones of source.dataset";
        classes: String = "", Path, "first-last", "use the images of these classes alone, for example 60-99, which become classes 0 to 39; nothing: all";
        task: TaskName = "labels", Range::one_of(TaskName::WORDS), "name", "what images are told apart by: their labels, or by how many quarter turns they are rotated, each image in all four positions";
        halved: bool = "no", Range::one_of(NO_OR_YES), "yes or no", "images at half their height and width";
        padded: usize = "0", Int(0, 1024), "pixels", "images in the middle of black ones of so many pixels a side, such as MNIST's 28 in the 32 that VGG-11 takes; 0 = as they are";
        partition: PartitionName = "covariate", Range::one_of(PartitionName::WORDS), "name", "how methods that train members on parts of the data divide it: at random with equal counts of every class, in two sides with other labels, or in Git Re-Basin's two";
        imbalance: f64 = "0.2", Float(0.001, true, 0.999, true), "share", "share of the lower half of the classes that goes to the first of two sides with other labels, and of the upper half to the second; to a thousandth";
        partition_seed: u64 = "0", Int(0, i64::MAX as u64), "seed", "seed of the division";
        view_a: String = "", Path, "view", "what the first part's images are seen through, for example band:0 or rotate:45; nothing: as they are";
        view_b: String = "", Path, "view", "what the second part's images are seen through";
        view_test: String = "", Path, "view", "what test images are seen through wherever an ensemble is measured, for example fog:3";
    }
}

section! {
    /// The network.
    Model in "model" {
        name: String = "resnet20", REGISTERED, "name", "architecture";
        width: f64 = "4", Float(0.0625, true, 64.0, true), "× channels", "width multiplier: of 16 channels of a CIFAR ResNet and of small-cnn, 64 of medium-cnn, VGG-11 and ResNet-18, 34 and 50, 256 of the transformer, 512 units of a perceptron";
        dropout: f64 = "0", Float(0.0, true, 1.0, false), "probability", "dropout of the transformer, and of small-cnn and medium-cnn on what convolutions give; other networks have none";
        drop_path: f64 = "0", BELOW_ONE, "probability", "stochastic depth of ResNets and the transformer: in training the residual branches of an image are dropped with a probability that grows linearly from 0 in the first block to this one in the last";
        residual_scale: f64 = "1", Float(-10.0, true, 10.0, true), "factor", "initial scale of the last normalisation of every residual branch of a ResNet; at 0 a fresh network is its shortcuts";
        centred_kernels: bool = "no", Range::one_of(NO_OR_YES), "yes or no", "initial kernels of a ResNet behind the stem sum to 0 for every output channel";
        norm: NormName = "own", Range::one_of(NormName::WORDS), "name", "normalisation: the network's own (layer for CIFAR ResNets and the transformer, batch for ResNet-18, 34 and 50, none for the others), LayerNorm over channels, BatchNorm or none";
    }
}

const SHARE: Range = Float(0.0, true, 1.0, true);
const BELOW_ONE: Range = Float(0.0, true, 1.0, false);
const POSITIVE: Range = Float(0.0, false, f64::INFINITY, false);
/// Of a Beta distribution, 0 for none.
const ALPHA: Range = Float(0.0, true, 100.0, true);
const STRENGTH: Range = Float(0.0, true, 10.0, true);
/// What a TOML file can hold.
const COUNT: Range = Int(1, i64::MAX as u64);

section! {
    /// Training of one network.
    Train in "train" {
        epochs: u64 = "110", Int(2, 1_000_000), "epochs", "length T of one member's training";
        batch: usize = "128", Int(1, 65_536), "images", "images per step";
        peak_lr or "lr": f64 = "0.1", POSITIVE, "learning rate", "highest learning rate";
        warmup: f64 = "0.1", BELOW_ONE, "share of T", "linear warm-up";
        warmup_from: f64 = "0", Float(0.0, true, f64::INFINITY, false), "learning rate", "rate of the first step of a warm-up, which then reaches the highest one behind its last step; 0 = a step like all others from nothing, so that its last step has the highest rate";
        schedule: ScheduleName = "cosine", Range::one_of(ScheduleName::WORDS), "name", "the learning rate after the warm-up: to zero along a cosine, constant, or halved every train.halve_every epochs";
        halve_every: u64 = "10", COUNT, "epochs", "epochs after which train.schedule=halving halves the learning rate, again and again; a run of at most so many keeps its rate";
        order: OrderName = "permuted", Range::one_of(OrderName::WORDS), "name", "images of an epoch: every one once in a new order, or as many drawn with replacement, some of them several times";
        noise: NoiseName = "fixed", Range::one_of(NoiseName::WORDS), "name", "members trained on parts of the data share one sample of SGD noise (the same class at the same place of every batch, the same augmentation and dropout), or each has its own";
        optimiser: UpdateRule = "sgd", Range::one_of(UpdateRule::WORDS), "name", "update rule";
        momentum: f64 = "0.9", BELOW_ONE, "factor", "momentum of SGD";
        l2 or "weight_decay": f64 = "0.0001", BELOW_ONE, "per step", "L2 coefficient on all parameters; with adamw the decoupled weight decay";
        adam_beta1: f64 = "0.9", BELOW_ONE, "factor", "decay of Adam's mean";
        adam_beta2: f64 = "0.999", BELOW_ONE, "factor", "decay of Adam's square";
        adam_epsilon: f64 = "1e-8", Float(1e-30, true, 1.0, true), "gradient", "added to the root of Adam's square";
        label_smoothing: f64 = "0", BELOW_ONE, "share", "share of all classes alike in what a label is taken for; also the labels' part of a distillation";
        clip_norm: f64 = "0", Float(0.0, true, f64::INFINITY, false), "norm", "longest gradient; 0 = no clipping";
    }
}

section! {
    /// Augmentation of training images.
    Augment in "augment" {
        flip: f64 = "0.5", SHARE, "probability", "horizontal flip";
        crop_padding: usize = "4", Int(0, 32), "pixels", "zero padding before a random crop";
        brightness: f64 = "0.1", STRENGTH, "strength", "colour jitter, factor in 1 ± x";
        contrast: f64 = "0.1", STRENGTH, "strength", "colour jitter, factor in 1 ± x";
        saturation: f64 = "0.1", STRENGTH, "strength", "colour jitter, factor in 1 ± x";
        hue: f64 = "0.1", Float(0.0, true, 0.5, true), "turns", "colour jitter, shift in ± x";
        zoom_low: f64 = "1", Float(0.1, true, 10.0, true), "factor", "smallest random zoom";
        zoom_high: f64 = "1", Float(0.1, true, 10.0, true), "factor", "largest random zoom";
        rotation: f64 = "0", Float(0.0, true, 180.0, true), "degrees", "random rotation within ± x";
        erasing: f64 = "0", SHARE, "probability", "random erasing: a rectangle of 0.02 to 1/3 of the image becomes 0 behind the normalisation, which is the mean colour that this takes away";
        mixup: f64 = "0", ALPHA, "α", "mixup: images of a batch and their labels are mixed with others of it, by a share from Beta(α, α); 0 = not";
        cutmix: f64 = "0", ALPHA, "α", "CutMix: a square of every image comes from another one of the batch, its area by a share from Beta(α, α); 0 = not. With augment.mixup beside it, one of the two for each batch";
    }
}

section! {
    /// Which ensembles, and what their methods take.
    Ensemble in "ensemble" {
        methods: Vec<String> = "deep,constrained,swe,permuted,distilled,distilled-deep", Words, "names", "ensembles to build";
        members or "M": usize = "5", Int(2, 1000), "members", "ensemble size M";
        seeds: Vec<u64> = "0", Seeds, "seeds", "one whole repetition per seed";
        split_epoch or "t": u64 = "10", COUNT, "epochs", "epoch t after which constrained and distilled runs split";
        after_split: AfterSplit = "continue", Range::one_of(AfterSplit::WORDS), "name", "the schedule of constrained and distilled runs: the trunk's goes on, or a new one over T − t epochs";
        swe_floor: f64 = "0.01", POSITIVE, "learning rate", "rate that SWE holds once reached";
        label_weight or "beta": f64 = "0.2", SHARE, "share", "weight of the labels in the distillation loss";
        temperature or "tau": f64 = "3", POSITIVE, "divisor of logits", "temperature of the distillation loss";
        distil_last: u64 = "10", COUNT, "epochs", "last epochs distilled by the methods …-last";
        replay_epochs: u64 = "4", Int(1, 1000), "epochs", "after which the methods …-replayed repeat all augmentation, so that teachers' logits are kept";
        imports: String = "", Path, "paths, with commas", "files of the method imported: a safetensors file or PyTorch state dict for each member";
    }
}

section! {
    /// What networks are pre-trained on before they are fine-tuned on the data (`local`, `sse` and so on). All other settings of
    /// pre-training are those of the experiment.
    Source in "source" {
        dataset: String = "none", Path, "name", "data set that networks are pre-trained on; none: none are, and what is fine-tuned elsewhere begins from scratch";
        dir: String = "", Path, "path", "folder with its official files; nothing: data.other_dir or data.dir";
        train_images: usize = "0", Int(0, 1_000_000), "images", "use the first n training images, of the classes that are used; 0 = all";
        test_images: usize = "0", Int(0, 1_000_000), "images", "use the first n test images, of the classes that are used; 0 = all";
        halved: bool = "no", Range::one_of(NO_OR_YES), "yes or no", "images at half their height and width, such as Tiny ImageNet's beside CIFAR's";
        classes: String = "", Path, "first-last", "pre-train on these classes alone, for example 0-59; nothing: on all";
        task: TaskName = "labels", Range::one_of(TaskName::WORDS), "name", "what is learnt: labels, or rotations, which takes no labels";
        epochs: u64 = "0", Int(0, 1_000_000), "epochs", "length of pre-training; 0 = train.epochs";
        batch: usize = "0", Int(0, 65_536), "images", "images per step of pre-training; 0 = train.batch";
        peak_lr: f64 = "0", Float(0.0, true, f64::INFINITY, false), "learning rate", "highest learning rate of pre-training; 0 = train.peak_lr";
        warmup: f64 = "0.1", BELOW_ONE, "share of epochs", "linear warm-up of pre-training";
        checkpoints: String = "", Path, "paths, with commas", "files of pre-trained networks of the same architecture, whatever their classes, in place of pre-training";
    }
}

section! {
    /// How networks are fine-tuned, and what follows (`local`, `global`, `sse`, `star-sse`, `fge`, `swa`, `tuned-swag`, soups).
    /// Fine-tuning itself has the keys of training: T is `train.epochs`.
    Transfer in "transfer" {
        checkpoint: usize = "1", Int(1, 1000), "number", "which pre-trained network is fine-tuned where all members begin with one";
        heads: HeadsName = "own", Range::one_of(HeadsName::WORDS), "name", "new heads of members: everybody's own, or one that all begin with";
        cycle_length: f64 = "1", Float(0.0, false, 1000.0, true), "share of T", "length of a cycle after fine-tuning";
        cycle_rate: f64 = "1", Float(0.0, false, 1000.0, true), "share of train.peak_lr", "highest learning rate of a cycle";
        grid_rates: String = "0.25,0.5,1,2,4", Path, "shares, with commas", "values of transfer.cycle_rate that the experiment cycle-grid takes";
        grid_lengths: String = "0.5,1,2,4", Path, "shares, with commas", "values of transfer.cycle_length that the experiment cycle-grid takes";
        fge_epochs: u64 = "2", Int(2, 1_000_000), "epochs", "length of a cycle of fge, even";
        held_out: usize = "0", Int(0, 1000), "shares", "one of so many shares of the training images is held out from fine-tuning, to choose by; 20 holds out 5 %, 0 nothing";
    }
}

section! {
    /// Samples around solutions (`subspace-…`, `swag`) and averages of last epochs (`averaged`).
    Subspace in "subspace" {
        runs: usize = "1", Int(0, 1000), "runs", "deep runs with samples around each, 0 = as many as ensemble.members; an ensemble has runs × (1 + samples) members, the runs' own networks among them";
        samples: usize = "10", Int(1, 1000), "samples", "samples around each run";
        last: u64 = "10", Int(2, 100), "epochs", "last epochs K whose states give means, deviations and components; fewer than T";
        rank: usize = "5", Int(1, 99), "components", "principal components of subspace-pca (fewer than K) and subspace-pca-random (fewer than samples)";
        scale_random: f64 = "10", POSITIVE, "distance", "largest distance of random samples, each at a uniform share of it; 70 in the notebook's plane";
        scale_gaussian: f64 = "1", POSITIVE, "factor", "scale of the deviations of subspace-gaussian and swag; 10 and varied in the notebook's plane";
        scale_pca: f64 = "1", POSITIVE, "distance", "deviation of each raw coordinate along principal components; 6 in the notebook's plane";
        scale_dropout: f64 = "0.1", Float(0.0, false, 1.0, false), "share", "largest share of weights that subspace-dropout drops, each sample a uniform share of it";
        varied: bool = "no", Range::one_of(NO_OR_YES), "yes or no", "every Gaussian sample at a uniform share of its scale, for samples at all distances";
        acceptance: f64 = "0.99", SHARE, "share", "least share of its run's accuracy that a random sample must have, or it is drawn again; 0 = none";
        tries: u64 = "5", Int(1, 1000), "draws", "draws at most of a random sample; then the most accurate is taken";
        acceptance_images: usize = "1000", Int(1, 1_000_000), "images", "first training images on which that accuracy is measured";
    }
}

section! {
    /// What is measured, and how finely.
    Metrics in "metrics" {
        combine: Combine = "mean-probs", Range::one_of(&["mean-probs", "mean-logits"]), "name", "how members are averaged";
        draws: usize = "50", Int(2, 100_000), "draws", "Dirichlet draws N of the joint connectivity";
        connectivity_images: usize = "0", Int(0, 1_000_000), "images", "test images for connectivity; 0 = all";
        repair_images: usize = "0", Int(0, 1_000_000), "images", "training images on which networks between members get channel statistics in between (REPAIR), in memory at once; 0 = no repair";
        statistics_images: usize = "1024", Int(2, 1_000_000), "images", "training images on which networks between members get running statistics of their own, where they have any (BatchNorm); equally many of each side where sides have views";
        also: Vec<String> = "", Names, "names", "measurements beyond those that every ensemble gets, such as diversity-plane; with a method after @, of its ensembles alone, such as radial-plane@deep";
        pairs: usize = "5", COUNT, "pairs", "random pairs of members to interpolate between";
        line_points: usize = "11", Int(3, 1001), "points", "points on each line, ends included";
        shift_points: usize = "26", Int(2, 1001), "points", "points on the line between members that were trained on parts of the data, ends included";
        ece_bins: usize = "15", Int(1, 10_000), "bins", "bins of the calibration error";
    }
}

section! {
    /// What planes, paths and states of the loss landscape are measured with, where `metrics.also` asks for them.
    Landscape in "landscape" {
        images: usize = "1000", Int(0, 1_000_000), "images", "test images that planes, paths, states of runs, corruptions and other data sets are measured on; 0 = all";
        states: u64 = "10", Int(1, 10_000), "states", "states of each member's run, evenly over its epochs, the last one among them";
        early: u64 = "0", Int(0, 20), "states", "more states within the first epoch of each run: after 1/2, 1/4, … of its steps, so many; trained beside the run";
        perplexity: f64 = "30", Float(1.0, false, 1e6, true), "neighbours", "perplexity of the t-SNE; less where there are too few states";
        corruptions: Vec<String> = "", Names, "names", "kinds of corruption; none named: those of the benchmark's mean that these images take";
        published: bool = "no", Range::one_of(NO_OR_YES), "yes or no", "corrupted images as they were published, from data.corrupted_dir, in the place of those made here";
        others: Vec<String> = "", Names, "names", "data sets other than the networks' own, to be told from it";
        points or "resolution": usize = "31", Int(2, 1001), "points", "points on each side of a plane, and of the triangle of basin-map";
        path_points: usize = "16", Int(1, 1000), "points", "points of a tunnel between two networks";
        path_steps: usize = "100", Int(1, 1_000_000), "steps", "steps of SGD at each point of a tunnel; a curve with a bend takes as many for each of as many points";
        path_rate: f64 = "0.01", POSITIVE, "learning rate", "rate of these steps of SGD, whatever the update rule of training; their batch is that of training, their momentum 0.9";
        curvature_images: usize = "1000", Int(1, 1_000_000), "images", "training images whose loss is differentiated twice";
        curvature_directions: usize = "10", Int(2, 100_000), "directions", "random directions of the estimate of the Hessian's trace";
        curvature_steps: usize = "20", Int(1, 10_000), "steps", "steps of the search for the Hessian's largest eigenvalues";
    }
}

section! {
    /// Where and how to run. Only the precision of a device and the backend change results.
    Run in "run" {
        device or "device": DeviceName = "cpu", Range::one_of(DeviceName::WORDS), "name", "where to train and evaluate";
        backend or "backend": BackendName = "native", Range::one_of(BackendName::WORDS), "name", "what computes: the program's own engine, where it has the network, or candle; the two round differently";
        devices or "devices": String = "", Path, "ordinals, with commas", "CUDA devices, each with run.concurrent networks side by side; nothing: all that CUDA_VISIBLE_DEVICES shows, or the first";
        precision or "precision": Precision = "f32", Range::one_of(&["f32", "tf32", "bf16"]), "name", "arithmetic of products on cuda; parameters and sums are f32 in all";
        concurrent or "concurrent": usize = "1", Int(1, 64), "networks", "networks trained side by side, each as it would be alone; for small networks on a large device";
        threads: usize = "0", Int(0, 4096), "threads", "worker threads; 0 = all cores. Results do not depend on it";
        runner or "runner": RunnerName = "local", Range::one_of(RunnerName::WORDS), "name", "who carries out the plan: this process, beside any that joined it with basin work; jobs of Slurm (slurm.…); or nobody here: the run is planned, and reported once others have done it";
        lease_seconds: f64 = "60", Float(1.0, true, 86_400.0, true), "seconds", "time without a sign of life after which a process on another machine is taken to be gone, and its node is given to the next";
        checkpoint_seconds: f64 = "60", Float(0.0, true, 86_400.0, true), "seconds", "time between checkpoints";
    }
}

section! {
    /// What is asked of Slurm with run.runner=slurm. Results do not depend on it, and none tells of it.
    Slurm in "slurm" {
        partition or "partition": String = "", Path, "name", "partition; nothing: the cluster's default";
        account or "account": String = "", Path, "name", "account that is charged; nothing: the user's default";
        qos or "qos": String = "", Path, "name", "quality of service; nothing: the user's default";
        gpus or "gpus": String = "", Path, "gres", "GPUs of a job, as behind --gres=gpu:, for example 1 or a100:1; nothing: none, or 1 with run.device=cuda";
        cpus or "cpus": u64 = "1", Int(1, 1024), "CPUs", "CPUs of a job";
        memory or "memory": u64 = "0", Int(0, 16_777_216), "MB", "memory of a job; 0: the partition's default";
        time: u64 = "0", Int(0, 525_600), "minutes", "time limit of a job; 0: its price times slurm.time_factor, at most the partition's limit";
        time_factor: f64 = "2", Float(1.0, true, 100.0, true), "factor", "what a price is multiplied with to be asked for as time";
        time_least: u64 = "15", Int(1, 525_600), "minutes", "the shortest time limit that is asked for";
        time_unknown: u64 = "240", Int(1, 525_600), "minutes", "the time limit of a training whose price is not known here, as that of a GPU's";
        extra: String = "", Path, "options, with blanks", "further options of sbatch, for example --constraint=a100 --exclude=node7";
        setup: String = "", Path, "shell", "what a job runs first, for example module load cuda; export BASIN_ISA=avx2";
        array_limit: u64 = "0", Int(0, 100_000), "jobs", "at most so many jobs of an array at a time; 0: any number";
        queue_limit: usize = "1000", Int(1, 1_000_000), "jobs", "at most so many jobs in the queue";
        ahead: usize = "1", Int(0, 100), "waves", "how many waves of jobs are submitted before their inputs are done; 0: only what is ready";
        signal_seconds: u64 = "120", Int(0, 65_535), "seconds", "how long before its time limit a job is told to keep a checkpoint; 0: never";
        requeues: u64 = "20", Int(0, 10_000), "times", "how often a job that was interrupted puts itself back into the queue";
        poll_seconds: f64 = "30", Float(0.0, false, 86_400.0, true), "seconds", "time between two looks at the queue";
        settle_seconds: f64 = "60", Float(0.0, false, 86_400.0, true), "seconds", "how long a shared disk may take to show what a job wrote";
    }
}

/// All built-in keys, by section, with the built-in names of data sets and networks.
pub static KEYS: LazyLock<Vec<Key>> = LazyLock::new(|| {
    let all = [
        Data::KEYS,
        Model::KEYS,
        Train::KEYS,
        Augment::KEYS,
        Ensemble::KEYS,
        Source::KEYS,
        Transfer::KEYS,
        Subspace::KEYS,
        Metrics::KEYS,
        Landscape::KEYS,
        Run::KEYS,
        Slurm::KEYS,
    ]
    .concat();
    registered(all, &Dataset::BUILT_IN, &networks::built_in())
});

/// The values of all built-in keys.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sections {
    pub(crate) data: Data,
    pub(crate) model: Model,
    pub(crate) train: Train,
    pub(crate) augment: Augment,
    pub(crate) ensemble: Ensemble,
    pub(crate) source: Source,
    pub(crate) transfer: Transfer,
    pub(crate) subspace: Subspace,
    pub(crate) metrics: Metrics,
    pub(crate) landscape: Landscape,
    pub(crate) run: Run,
    pub(crate) slurm: Slurm,
}

impl Sections {
    /// Values of every built-in key, each in its range.
    pub(crate) fn read(values: &BTreeMap<&str, &Value>) -> Self {
        Self {
            data: Data::read(values),
            model: Model::read(values),
            train: Train::read(values),
            augment: Augment::read(values),
            ensemble: Ensemble::read(values),
            source: Source::read(values),
            transfer: Transfer::read(values),
            subspace: Subspace::read(values),
            metrics: Metrics::read(values),
            landscape: Landscape::read(values),
            run: Run::read(values),
            slurm: Slurm::read(values),
        }
    }
}

/// # Panics
/// When a key's range lets through what its type does not take, which a test rules out.
fn read<T: Typed>(values: &BTreeMap<&str, &Value>, name: &str) -> T {
    T::from_value(values[name]).unwrap_or_else(|| panic!("{name} is {:?}", values[name]))
}
