//! What can be asked of `basin bench`, and the ranges of it.

use basin_gpu::Precision;
use basin_reproduce::device::CUDA;
use basin_reproduce::exit::Usage;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Suite {
    /// Forward, backward and update of a network
    TrainStep,
    /// A network's logits without gradients
    Forward,
    /// Points of a plane between networks: parameters, logits, loss, accuracy and agreement
    Plane,
    /// Flip, crop and colour jitter of training images, on one thread
    Augment,
    /// Every convolution of ResNet20 in its three passes, on one thread
    Conv,
}

impl Suite {
    /// The name on the command line, in the lines and of the file.
    pub fn name(self) -> &'static str {
        match self {
            Self::TrainStep => "train-step",
            Self::Forward => "forward",
            Self::Plane => "plane",
            Self::Augment => "augment",
            Self::Conv => "conv",
        }
    }

    /// Whether the calling thread does all of it.
    pub(super) fn on_one_thread(self) -> bool {
        matches!(self, Self::Augment | Self::Conv)
    }

    /// The memory layouts in which a peer is tried where the user names none.
    pub(super) fn peer_layouts(self) -> &'static str {
        match self {
            Self::TrainStep | Self::Forward | Self::Plane => "contiguous,channels_last,compiled",
            Self::Conv => "contiguous,channels_last",
            Self::Augment => "contiguous",
        }
    }
}

/// The memory layouts a peer may know.
const LAYOUTS: [&str; 3] = ["contiguous", "channels_last", "compiled"];

/// The options of all suites.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// What to measure
    #[arg(value_enum)]
    pub suite: Suite,
    /// Architecture (train-step, forward, plane)
    #[arg(long, default_value = "resnet20")]
    pub model: String,
    /// Width multiplier [default: 1; conv: 1, 2 and 4]
    #[arg(long)]
    pub width: Option<f64>,
    /// What computes: native, or candle (train-step); networks that only candle runs are run by it
    #[arg(long, default_value = "native")]
    pub backend: String,
    /// Normalisation: own, layer, batch or none (train-step)
    #[arg(long, default_value = "own")]
    pub norm: String,
    /// Dropout of vit, small-cnn or medium-cnn (train-step)
    #[arg(long, default_value_t = 0.0)]
    pub dropout: f64,
    /// Images per step
    #[arg(long, default_value_t = 128)]
    pub batch: usize,
    /// Measured steps of each round, after one that is not
    #[arg(long, default_value_t = 5)]
    pub steps: usize,
    /// Rounds; with a peer, both sides take turns in each
    #[arg(long, default_value_t = 5)]
    pub rounds: usize,
    /// Worker threads; 0 = all cores (augment and conv: always one)
    #[arg(long, default_value_t = 0)]
    pub threads: usize,
    /// Python interpreter with PyTorch (augment: and torchvision) to compare with
    #[arg(long, value_name = "PYTHON")]
    pub peer: Option<PathBuf>,
    /// The peer's memory layouts, of contiguous,channels_last,compiled [default: all that make sense]
    #[arg(long, requires = "peer")]
    pub layouts: Option<String>,
    /// Where to compute: cpu or cuda (train-step, with augmentation; measured by time instead of --steps and --rounds)
    #[arg(long, default_value = "cpu")]
    pub device: String,
    /// Storage and arithmetic on a device: f32, tf32 or bf16
    #[arg(long, default_value = "f32")]
    pub precision: String,
    /// Folder in which to append the lines to SUITE.jsonl as well
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

impl Options {
    /// Checks every range.
    ///
    /// # Errors
    /// [`Usage`] names the first option outside its range.
    pub fn check(&self) -> Result<(), Usage> {
        let ranges = [
            ("batch", self.batch, 1, 65_536),
            ("steps", self.steps, 1, 10_000),
            ("rounds", self.rounds, 1, 1_000),
            ("threads", self.threads, 0, 1_024),
        ];
        for (name, value, low, high) in ranges {
            if !(low..=high).contains(&value) {
                return Err(Usage(format!("--{name} {value}, expected {low} to {high}")));
            }
        }
        let suite = self.suite.name();
        if self.suite.on_one_thread() && self.threads > 1 {
            return Err(Usage(format!("--threads {}: {suite} runs on one thread", self.threads)));
        }
        let layouts = self.layouts.as_deref().unwrap_or(LAYOUTS[0]);
        if let Some(layout) = layouts.split(',').find(|layout| !LAYOUTS.contains(layout)) {
            return Err(Usage(format!("--layouts: {layout:?}, expected some of {}", LAYOUTS.join(","))));
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(Usage(format!("--dropout {}, expected 0 or more and less than 1", self.dropout)));
        }
        let drops = self.model.starts_with("vit") || self.model.ends_with("-cnn");
        if self.dropout > 0.0 && (self.suite != Suite::TrainStep || !drops) {
            return Err(Usage(format!("--dropout {}: {suite} of {} has none", self.dropout, self.model)));
        }
        let plain = self.backend == "native" && self.norm == "own";
        if !plain && (self.suite != Suite::TrainStep || self.device == CUDA) {
            let (backend, norm) = (&self.backend, &self.norm);
            return Err(Usage(format!("--backend {backend} --norm {norm}: of train-step on the CPU alone")));
        }
        self.on_device().map(drop)
    }

    /// The precision on a device; none on the CPU.
    ///
    /// # Errors
    /// [`Usage`] for an unknown device or precision, and for what a device does not measure.
    pub(crate) fn on_device(&self) -> Result<Option<Precision>, Usage> {
        let Some(precision) = Precision::named(&self.precision) else {
            return Err(Usage(format!("--precision {}, expected f32, tf32 or bf16", self.precision)));
        };
        match self.device.as_str() {
            "cpu" if precision == Precision::F32 => Ok(None),
            "cpu" => Err(Usage(format!("--precision {}: the CPU has f32 alone", self.precision))),
            CUDA if self.suite != Suite::TrainStep || self.dropout > 0.0 || self.out.is_some() => {
                let expected = "train-step without --dropout and --out (gpu-check writes a file)";
                Err(Usage(format!("--device cuda: {}, expected {expected}", self.suite.name())))
            }
            CUDA => Ok(Some(precision)),
            other => Err(Usage(format!("--device {other}, expected cpu or cuda"))),
        }
    }

    /// The width, 1 where the user names none.
    pub(crate) fn width(&self) -> f64 {
        self.width.unwrap_or(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn check(line: &str) -> Result<(), String> {
        let line = Line::try_parse_from(std::iter::once("bench").chain(line.split(' ')));
        line.map_err(|e| e.to_string())?.options.check().map_err(|e| e.to_string())
    }

    #[test]
    fn every_suite_has_defaults_that_pass() {
        for suite in Suite::value_variants() {
            assert_eq!(check(suite.name()), Ok(()));
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        let wrong = [
            ("train-step --batch 0", "--batch 0, expected 1 to 65536"),
            ("forward --steps 0", "--steps 0, expected 1 to 10000"),
            ("conv --rounds 2000", "--rounds 2000, expected 1 to 1000"),
            ("augment --threads 2", "--threads 2: augment runs on one thread"),
            (
                "forward --peer python3 --layouts compiled,nchw",
                "--layouts: \"nchw\", expected some of contiguous,channels_last,compiled",
            ),
            ("train-step --precision bf16", "--precision bf16: the CPU has f32 alone"),
            ("train-step --device gpu", "--device gpu, expected cpu or cuda"),
            (
                "conv --device cuda",
                "--device cuda: conv, expected train-step without --dropout and --out (gpu-check writes a file)",
            ),
            ("train-step --dropout 0.1", "--dropout 0.1: train-step of resnet20 has none"),
            ("forward --backend candle", "--backend candle --norm own: of train-step on the CPU alone"),
            ("train-step --model vit --dropout 1", "--dropout 1, expected 0 or more and less than 1"),
        ];
        for (line, message) in wrong {
            assert_eq!(check(line), Err(message.to_owned()));
        }
        assert!(check("conv --layouts contiguous").unwrap_err().contains("--peer"));
    }
}
