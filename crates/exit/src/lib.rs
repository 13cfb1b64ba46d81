#![doc = include_str!("../README.md")]

use basin_cluster::ClusterError;
use basin_data::DataError;
use basin_fetch::FetchError;
use basin_gpu::GpuError;
use basin_models::ModelError;
use basin_store::{NotGathered, OutputError, StoreError};
use basin_train::{StateError, TrainError};
use weight_matching::files::FileError;

/// Everything asked for is done.
pub const OK: u8 = 0;
/// A bug or something not foreseen.
pub const UNEXPECTED: u8 = 1;
/// Bad usage or configuration; nothing was started.
pub const USAGE: u8 = 2;
/// A data set is missing or corrupt, or could not be fetched; or results of a run do not parse or are not what was written.
pub const DATA: u8 = 3;
/// A checkpoint or imported file does not fit.
pub const CHECKPOINT: u8 = 4;
/// Training diverged to NaN or infinity; the last good state is kept.
pub const NUMERICAL: u8 = 6;
/// The device is not available.
pub const DEVICE: u8 = 7;
/// Storage failed: full, not permitted, the run directory in use, or the standard output not to be written.
pub const STORAGE: u8 = 8;
/// The batch system does not answer or refuses, or jobs of it failed.
pub const CLUSTER: u8 = 9;
/// Interrupted, or left to others that have not ended: the same command continues.
pub const INTERRUPTED: u8 = 75;

/// The run was stopped by a signal and can be continued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("interrupted; the same command continues where it stopped")]
pub struct Interrupted;

/// A run is planned, and others have not carried all of it out yet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "nodes of {0} still to be done: {left}; basin work {0} --any carries them out, here and beside others, and basin commands {0} \
     prints a command for each; this command then reports them",
    run.display()
)]
pub struct Unfinished {
    /// The run directory.
    pub run: std::path::PathBuf,
    /// How many.
    pub left: usize,
}

/// Jobs of a batch system failed for good.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "jobs of {} failed; all that does not need them is done, and the same command tries them again:\n  {}",
    run.display(), told.join("\n  ")
)]
pub struct JobsFailed {
    /// The run directory.
    pub run: std::path::PathBuf,
    /// What failed, why, the last lines of its log, and what was not begun because of it, a line each.
    pub told: Vec<String>,
}

/// The asked-for device is not there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("device {asked} is not available: {reason}")]
pub struct NoDevice {
    /// The device asked for.
    pub asked: String,
    /// What was found, and what to do.
    pub reason: String,
}

/// A kernel that does not compute what the CPU computes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{count} of the device's kernels do not compute what the CPU does, first {first}; do not train on it. Run \
     `basin doctor` again, and report it with this output if it stays"
)]
pub struct WrongKernels {
    /// How many.
    pub count: usize,
    /// One of them, with its precision.
    pub first: String,
}

/// A checkpoint file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("checkpoint {path}: {reason}")]
pub struct Checkpoint {
    path: String,
    reason: String,
}

impl Checkpoint {
    /// Names the file and what happened.
    pub fn new(path: &std::path::Path, reason: String) -> Self {
        Self { path: path.display().to_string(), reason }
    }
}

/// Finished nodes of a run are no longer what was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{}: these finished nodes are no longer what was written:\n{}\nbasin verify {} --repair takes their seals off; the command \
     of the run then computes them again, and nothing else",
    run.display(), nodes.iter().map(|node| format!("  {node}")).collect::<Vec<_>>().join("\n"), run.display()
)]
pub struct Damaged {
    /// The run directory.
    pub run: std::path::PathBuf,
    /// Their names, with what is wrong where that was not said yet.
    pub nodes: Vec<String>,
}

/// A file of a run cannot be read as what it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{path} cannot be read: {reason}; basin verify checks the run, and its command computes again what is missing"
)]
pub struct Unreadable {
    path: String,
    reason: String,
}

impl Unreadable {
    /// Names the file and what is wrong with it.
    pub fn new(path: &std::path::Path, reason: &dyn std::fmt::Display) -> Self {
        Self { path: path.display().to_string(), reason: reason.to_string() }
    }
}

/// The standard output takes no more.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the standard output: {0}; free some space or send it elsewhere")]
pub struct Print(pub std::io::Error);

/// Bad usage that is found after the command line was read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

/// Several refusals at once, each on lines of its own.
#[derive(Debug)]
pub struct Several(Vec<anyhow::Error>);

impl std::fmt::Display for Several {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} things stand in the way:", self.0.len())?;
        // What follows a problem's first line belongs to it.
        self.0.iter().try_for_each(|error| write!(f, "\n- {}", format!("{error:#}").replace('\n', "\n  ")))
    }
}

impl std::error::Error for Several {}

/// All problems as one error: that of a single one as it is.
///
/// # Errors
/// Unless there are none.
pub fn together(mut problems: Vec<anyhow::Error>) -> anyhow::Result<()> {
    match problems.len() {
        0 => Ok(()),
        1 => Err(problems.swap_remove(0)),
        _ => Err(Several(problems).into()),
    }
}

/// The code for an error: that of the first known kind in its chain of causes.
pub fn code(error: &anyhow::Error) -> u8 {
    error.chain().find_map(known).unwrap_or(UNEXPECTED)
}

fn known(cause: &(dyn std::error::Error + 'static)) -> Option<u8> {
    if let Some(code) = device(cause) {
        return Some(code);
    }
    if let Some(Several(errors)) = cause.downcast_ref() {
        return errors.first().map(code);
    }
    // A kept checkpoint that failed to be written is a storage failure: its cause is further down the chain.
    if let Some(error) = cause.downcast_ref::<TrainError>() {
        return match error {
            TrainError::NonFinite { .. } => Some(NUMERICAL),
            TrainError::Batch { .. }
            | TrainError::OwnLoss { .. }
            | TrainError::Replayed { .. }
            | TrainError::NotOnDevice { .. } => Some(USAGE),
            TrainError::Checkpoint { source, .. } => source.downcast_ref::<StoreError>().map(|_| STORAGE),
            _ => None,
        };
    }
    if let Some(error) = cause.downcast_ref::<FetchError>() {
        return Some(of_fetch(error));
    }
    if let Some(error) = cause.downcast_ref::<ClusterError>() {
        return Some(match error {
            ClusterError::BadSetting { .. }
            | ClusterError::BadPath { .. }
            | ClusterError::NoPartition { .. }
            | ClusterError::NoDefaultPartition { .. }
            | ClusterError::TimeAboveLimit { .. }
            | ClusterError::NoProgram { .. } => USAGE,
            ClusterError::Folder(_) => STORAGE,
            _ => CLUSTER,
        });
    }
    if let Some(error) = cause.downcast_ref::<OutputError>() {
        let storage = matches!(error, OutputError::Store(_) | OutputError::Unseen { .. });
        return Some(if storage { STORAGE } else { USAGE });
    }
    let is = [
        (cause.is::<Interrupted>() || cause.is::<Unfinished>(), INTERRUPTED),
        (cause.is::<JobsFailed>(), CLUSTER),
        (cause.is::<Damaged>() || cause.is::<NotGathered>(), STORAGE),
        (cause.is::<NoDevice>() || cause.is::<WrongKernels>(), DEVICE),
        (cause.is::<Usage>(), USAGE),
        (cause.is::<basin_config::ConfigError>(), USAGE),
        (cause.is::<basin_config::NetworkError>(), USAGE),
        (cause.is::<basin_ensemble::RecipeError>(), USAGE),
        (matches!(cause.downcast_ref(), Some(DataError::Setting { .. })), USAGE),
        (cause.is::<DataError>() || cause.is::<Unreadable>(), DATA),
        (matches!(cause.downcast_ref(), Some(ModelError::Tensors(_))), CHECKPOINT),
        (
            matches!(
                cause.downcast_ref(),
                Some(
                    ModelError::Unknown { .. }
                        | ModelError::Width { .. }
                        | ModelError::ResidualScale { .. }
                        | ModelError::CentredKernels { .. }
                        | ModelError::Side { .. }
                        | ModelError::Dropout { .. }
                        | ModelError::DropPath { .. }
                        | ModelError::Sizes { .. }
                )
            ),
            USAGE,
        ),
        (
            cause.is::<Checkpoint>()
                || cause.is::<FileError>()
                || cause.is::<StateError>()
                || cause.is::<basin_core::TensorFileError>(),
            CHECKPOINT,
        ),
        (cause.is::<StoreError>() || cause.is::<Print>(), STORAGE),
    ];
    is.iter().find(|(matches, _)| *matches).map(|(_, code)| *code)
}

/// The exit code of an error of `basin-fetch`.
fn of_fetch(error: &FetchError) -> u8 {
    match error {
        FetchError::Address { .. } => USAGE,
        FetchError::Disk { .. } | FetchError::InUse { .. } => STORAGE,
        FetchError::Interrupted { .. } => INTERRUPTED,
        _ => DATA,
    }
}

/// Whether the device was lost: nothing more can be asked of it.
pub fn lost(error: &anyhow::Error) -> bool {
    error.chain().filter_map(of_device).any(|error| matches!(error, GpuError::Lost { .. }))
}

fn device(cause: &(dyn std::error::Error + 'static)) -> Option<u8> {
    match of_device(cause)? {
        // Mistakes of the host's side, not of the device.
        GpuError::Size { .. } | GpuError::Captured { .. } | GpuError::Network { .. } => None,
        _ => Some(DEVICE),
    }
}

/// A failure of the device, also where it comes as an error of candle's inside of another.
fn of_device<'e>(cause: &'e (dyn std::error::Error + 'static)) -> Option<&'e GpuError> {
    let kernel = match (cause.downcast_ref::<TrainError>(), cause.downcast_ref::<ModelError>()) {
        (Some(TrainError::Kernel(error)), _) | (_, Some(ModelError::Kernel(error))) => Some(error),
        _ => cause.downcast_ref::<candle_core::Error>(),
    };
    let own = match cause.downcast_ref::<TrainError>() {
        Some(TrainError::Device(error)) => Some(error),
        _ => cause.downcast_ref::<GpuError>(),
    };
    own.or_else(|| kernel.and_then(GpuError::within))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_of_the_program_says_what_to_do_and_has_its_code() {
        let path = std::path::Path::new("r/a");
        let told: [(anyhow::Error, u8, &str); 9] = [
            (
                Print(std::io::ErrorKind::StorageFull.into()).into(),
                STORAGE,
                "cannot write the standard output: no storage space; free some space or send it elsewhere",
            ),
            (Interrupted.into(), INTERRUPTED, "interrupted; the same command continues where it stopped"),
            (
                NoDevice { asked: "cuda".into(), reason: "no driver; use --device cpu".into() }.into(),
                DEVICE,
                "device cuda is not available: no driver; use --device cpu",
            ),
            (
                WrongKernels { count: 2, first: "add in bf16".into() }.into(),
                DEVICE,
                "2 of the device's kernels do not compute what the CPU does, first add in bf16; do not train on it. \
                 Run `basin doctor` again, and report it with this output if it stays",
            ),
            (
                Checkpoint::new(path, "it is empty; check the name".into()).into(),
                CHECKPOINT,
                "checkpoint r/a: it is empty; check the name",
            ),
            (
                Damaged { run: path.into(), nodes: vec!["s0-a.01234567: DONE lists no files".into()] }.into(),
                STORAGE,
                "r/a: these finished nodes are no longer what was written:\n  s0-a.01234567: DONE lists no files\nbasin verify r/a --repair \
                 takes their seals off; the command of the run then computes them again, and nothing else",
            ),
            (
                Unreadable::new(path, &"no JSON").into(),
                DATA,
                "r/a cannot be read: no JSON; basin verify checks the run, and its command computes again what is missing",
            ),
            (
                Usage("--split both, expected train or test".into()).into(),
                USAGE,
                "--split both, expected train or test",
            ),
            (
                together(vec![Usage("a\nb".into()).into(), Interrupted.into()]).unwrap_err(),
                USAGE,
                "2 things stand in the way:\n- a\n  b\n- interrupted; the same command continues where it stopped",
            ),
        ];
        for (error, expected, text) in told {
            assert_eq!(error.to_string(), text);
            assert_eq!(code(&error.context("node deep-1")), expected, "{text}");
        }
        together(Vec::new()).unwrap();
        assert_eq!(together(vec![Interrupted.into()]).unwrap_err().to_string(), Interrupted.to_string());
    }

    /// What an architecture does not have is a matter of the configuration, whatever it is.
    #[test]
    fn every_error_about_an_architecture_is_one_of_usage() {
        let (model, expected) = ("vit", "1");
        for error in [
            ModelError::Unknown { name: "lenet".into() },
            ModelError::Width { width: 0.3, channels: 4.8, unit: 1 },
            ModelError::Side { side: 33, expected },
            ModelError::Sizes { sizes: "ResNet9".into(), expected },
            ModelError::ResidualScale { scale: 0.5, model, expected },
            ModelError::CentredKernels { model },
            ModelError::Dropout { rate: 0.1, model, expected },
            ModelError::DropPath { rate: 1.5 },
        ] {
            assert_eq!(code(&anyhow::Error::from(error)), USAGE);
        }
    }

    #[test]
    fn what_does_not_go_with_softened_labels_is_one_of_usage() {
        let keys = vec!["augment.mixup"];
        for error in [
            TrainError::OwnLoss { keys: keys.clone() },
            TrainError::Replayed { keys: keys.clone() },
            TrainError::NotOnDevice { keys, device: "cuda".into() },
        ] {
            assert_eq!(code(&anyhow::Error::from(error).context("node deep-1")), USAGE);
        }
    }

    #[test]
    fn a_lost_device_has_its_code_however_deep_it_lies() {
        let lost = || GpuError::Lost { during: "add".into(), found: "CUDA_ERROR_X (700)".into() };
        assert_eq!(code(&anyhow::Error::from(lost()).context("node deep-1")), DEVICE);
        let kernel = || candle_core::Error::from(lost()).bt();
        assert_eq!(code(&anyhow::Error::from(TrainError::Kernel(kernel())).context("node deep-1")), DEVICE);
        assert_eq!(code(&anyhow::Error::from(ModelError::Kernel(kernel()))), DEVICE);
        assert_eq!(code(&anyhow::Error::from(TrainError::Device(lost())).context("node deep-1")), DEVICE);
        assert_eq!(code(&anyhow::Error::from(kernel())), DEVICE);
        assert!(super::lost(&anyhow::Error::from(TrainError::Kernel(kernel())).context("node deep-1")));
        let launch = GpuError::Launch { kernel: "add".into(), found: "700 threads".into() };
        assert!(!super::lost(&anyhow::Error::from(launch)));
        assert_eq!(
            code(&anyhow::Error::from(TrainError::Kernel(candle_core::Error::Msg("sizes".into())))),
            UNEXPECTED
        );
    }
}
