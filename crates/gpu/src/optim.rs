//! From gradients to parameters, with clipping and the refusal of what is not finite (`sources/optim.cu`).

use super::launches::{int, strided};
use super::queue::{Arg, Kernel, Launch, Storage};
use super::sources::OPTIM;
use super::{GpuError, Pool, Span};

/// Where a run of steps is: its state, and a record of every step.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'m> {
    /// Four words: the step, whether a step failed, whether this one updates, the bits of the gradient's factor.
    pub state: Span<'m>,
    /// A [`Record`] for every step.
    pub records: Span<'m>,
    /// Number of steps for which there is room.
    pub steps: usize,
}

/// What the device keeps of a step.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Record {
    /// Σ losses.
    pub loss: f64,
    /// Correctly classified images.
    pub correct: u32,
    /// Whether loss or gradient was not finite, and nothing was updated.
    pub refused: bool,
    /// Whether the update made a parameter or moment that is not finite.
    pub overflowed: bool,
    /// Whether the step ran; after one that failed none does.
    pub done: bool,
}

impl Record {
    /// Bytes on the device.
    pub const BYTES: usize = 24;

    /// From the device's bytes, of which there are [`Record::BYTES`].
    pub fn decode(bytes: &[u8]) -> Self {
        let word = |i: usize| u32::from_le_bytes(std::array::from_fn(|b| bytes[4 * i + b]));
        Self {
            loss: f64::from_le_bytes(std::array::from_fn(|b| bytes[b])),
            correct: word(2),
            refused: word(3) != 0,
            overflowed: word(4) != 0,
            done: word(5) != 0,
        }
    }
}

/// Bytes of the state.
pub const STATE_BYTES: usize = 16;

/// The numbers of one step's update, which are the rule's functions of the step.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rates {
    /// SGD: the learning rate. Adam: the learning rate over 1 − β₁ᵗ.
    pub rate: f32,
    /// Adam: √(1 − β₂ᵗ).
    pub root: f32,
    /// Adam: 1 − rate · weight decay.
    pub keep: f32,
    /// Longest gradient, if it is clipped.
    pub clip: Option<f64>,
}

impl Rates {
    /// Bytes on the device.
    pub const BYTES: usize = 24;

    /// As the device reads it.
    pub fn encode(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let words = [self.rate, self.root, self.keep, 0.0];
        bytes.chunks_exact_mut(4).zip(words).for_each(|(to, word)| to.copy_from_slice(&word.to_le_bytes()));
        bytes[16..].copy_from_slice(&self.clip.unwrap_or(0.0).to_le_bytes());
        bytes
    }
}

impl<'m> Progress<'m> {
    pub(super) fn state(&self) -> Result<Arg<'m>, GpuError> {
        self.state.holds("the state of training", STATE_BYTES, 1)
    }

    pub(super) fn records(&self) -> Result<Arg<'m>, GpuError> {
        self.records.holds("records of steps", self.steps, Record::BYTES)
    }
}

/// All parameters of a network as flat arrays of f32, `n` values each.
#[derive(Clone, Copy, Debug)]
pub struct Arrays<'m> {
    /// Values.
    pub n: usize,
    /// Parameters.
    pub params: Span<'m>,
    /// Their gradients.
    pub gradient: Span<'m>,
    /// Their moments: the velocity, or Adam's two.
    pub moments: &'m [Span<'m>],
    /// The parameters in bf16, where products read them so.
    pub copy: Option<Span<'m>>,
    /// [`Rates`] of every step.
    pub rates: Span<'m>,
}

/// A rule with its coefficients, in the precision of the parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// As [`basin_kernels::Sgd`].
    Sgd {
        /// μ.
        momentum: f32,
        /// λ.
        l2: f32,
    },
    /// As [`basin_kernels::Adam`].
    Adam {
        /// β₁ and β₂.
        betas: [f32; 2],
        /// 1 − β₁ and 1 − β₂.
        rests: [f32; 2],
        /// ε.
        epsilon: f32,
        /// λ.
        l2: f32,
    },
}

/// Blocks that sum squares; a constant, so that the order is the same on every device.
const SQUARES: usize = 528;

fn kernel(entry: &'static str) -> Kernel {
    Kernel { source: OPTIM, entry }
}

/// Clips the gradient, updates the parameters where loss and gradient are finite and no step before failed, and
/// goes on to the next step.
///
/// # Errors
/// [`GpuError::Size`] and those of [`super::Queue::launch`].
pub fn update(pool: &Pool, arrays: Arrays<'_>, rule: Rule, progress: Progress<'_>) -> Result<(), GpuError> {
    let (queue, n) = (pool.queue(), arrays.n);
    let moments = arrays.moments.iter().map(|m| m.stores("moments", n, Storage::F32));
    let moments = moments.collect::<Result<Vec<_>, _>>()?;
    let gradient = arrays.gradient.stores("gradients of all parameters", n, Storage::F32)?;
    let rates = arrays.rates.holds("rates of all steps", progress.steps, Rates::BYTES)?;
    let (state, records) = (progress.state()?, progress.records()?);
    let partial = pool.take(8 * SQUARES)?;
    let sums = Arg::Memory(partial.span());
    let runs = n.div_ceil(4);
    let blocks = runs.div_ceil(256).clamp(1, SQUARES);
    let squares = Launch { grid: [blocks as u32, 1, 1], threads: 256 };
    // SAFETY: the gradient holds n values, the sums one for every block.
    unsafe { queue.launch(kernel("gradient_squares"), squares, &[sums, gradient, int(n)]) }?;
    // SAFETY: rates and records hold every step.
    unsafe {
        queue.launch(
            kernel("decide"),
            Launch { grid: [1; 3], threads: 256 },
            &[state, records, sums, rates, int(blocks)],
        )
    }?;
    let copy = match arrays.copy {
        Some(copy) => copy.stores("parameters in bf16", n, Storage::Bf16)?,
        None => Arg::Absent,
    };
    let params = arrays.params.stores("parameters", n, Storage::F32)?;
    match (rule, &moments[..]) {
        (Rule::Sgd { momentum, l2 }, [velocity]) => {
            let first = [params, *velocity, gradient, copy, state, records, rates];
            let args = [&first[..], &[Arg::F32(momentum), Arg::F32(l2), int(n)]].concat();
            // SAFETY: all arrays hold n values, rates and records every step.
            unsafe { queue.launch(kernel("sgd"), strided(runs), &args) }
        }
        (Rule::Adam { betas, rests, epsilon, l2 }, [m, v]) => {
            let first = [params, *m, *v, gradient, copy, state, records, rates];
            let numbers = [betas[0], betas[1], rests[0], rests[1], epsilon, l2].map(Arg::F32);
            let args = [&first[..], &numbers, &[int(n)]].concat();
            // SAFETY: as before.
            unsafe { queue.launch(kernel("adam"), strided(runs), &args) }
        }
        (rule, moments) => {
            let expected = "as many as the rule has";
            Err(GpuError::size(format!("moments of {rule:?}"), expected, moments.len()))
        }
    }
}
