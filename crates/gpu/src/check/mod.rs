//! Every kernel against the CPU's, on small ragged sizes: for tests, and to ask a device whether it computes
//! what it should.

mod activations;
mod convolutions;
mod data;
mod modules;
mod numbers;
mod tokens;
mod training;

use super::{GpuError, Pool, Precision, Queue};
use numbers::Numbers;
use std::rc::Rc;

/// One kernel at one precision, on several sizes.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// What is checked.
    pub kernel: &'static str,
    /// Storage and arithmetic.
    pub precision: Precision,
    run: fn(&mut Bench) -> Result<(), GpuError>,
}

/// What a check found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// The largest error of any array, relative to the array's largest value.
    pub max_rel_error: f64,
    /// The largest that is allowed.
    pub limit: f64,
}

impl Found {
    /// Whether the error is within the limit; one that is not a number is not.
    pub fn ok(&self) -> bool {
        self.max_rel_error <= self.limit
    }
}

/// What a check works with: memory, numbers, and the worst error so far.
#[derive(Debug)]
struct Bench {
    pool: Pool,
    precision: Precision,
    numbers: Numbers,
    worst: f64,
}

impl Check {
    /// Runs it on a device.
    ///
    /// # Errors
    /// Those of the device.
    pub fn run(&self, queue: &Rc<dyn Queue>) -> Result<Found, GpuError> {
        let pool = Pool::new(queue.clone());
        let mut bench = Bench { pool, precision: self.precision, numbers: Numbers::new(), worst: 0.0 };
        (self.run)(&mut bench)?;
        let limit = match self.precision {
            Precision::F32 => 1e-5,
            Precision::Tf32 => 2e-3,
            Precision::Bf16 => 1e-2,
        };
        Ok(Found { max_rel_error: bench.worst, limit })
    }
}

type Run = fn(&mut Bench) -> Result<(), GpuError>;

/// All checks. Those of products are there for all three precisions, the others for both storages, and what knows
/// no storage once.
pub fn checks() -> Vec<Check> {
    const ALL: &[Precision] = &[Precision::F32, Precision::Tf32, Precision::Bf16];
    const STORED: &[Precision] = &[Precision::F32, Precision::Bf16];
    const ONCE: &[Precision] = &[Precision::F32];
    let table: &[(&'static str, &[Precision], Run)] = &[
        ("convolution forward", ALL, convolutions::forward),
        ("convolution input gradient", ALL, convolutions::input_gradient),
        ("convolution weight gradient", ALL, convolutions::weight_gradient),
        ("padded convolution", ONCE, modules::padded),
        ("images in larger ones", STORED, convolutions::corner),
        ("layer norm forward", STORED, activations::norm_forward),
        ("layer norm backward", STORED, activations::norm_backward),
        ("batch norm", ONCE, modules::batch_norms),
        ("mean pool", STORED, activations::mean_pool),
        ("pooling windows", ONCE, modules::windows),
        ("dense epilogue forward", STORED, activations::dense_forward),
        ("dense epilogue backward", STORED, activations::dense_backward),
        ("bias gradient", STORED, activations::bias_gradient),
        ("sum of gradients", STORED, activations::sum),
        ("groups and sums", ONCE, modules::groups_and_sums),
        ("sum of two", STORED, activations::sum_of_two),
        ("nonlinearities", STORED, activations::nonlinearities),
        ("patches", STORED, tokens::patches),
        ("class token", STORED, tokens::prepend),
        ("first token", STORED, tokens::first_token),
        ("attention forward", ALL, tokens::attention_forward),
        ("attention backward", ALL, tokens::attention_backward),
        ("loss", STORED, training::loss),
        ("mean of teachers", STORED, training::together),
        ("sgd", ONCE, training::sgd),
        ("adam", ONCE, training::adam),
        ("refusal", ONCE, training::refusal),
        ("batch", STORED, data::batch),
        ("plain images", STORED, data::plain),
    ];
    let each = |(kernel, precisions, run): &(&'static str, &[Precision], Run)| {
        let check = |precision: &Precision| Check { kernel, precision: *precision, run: *run };
        precisions.iter().map(check).collect::<Vec<_>>()
    };
    table.iter().flat_map(each).collect()
}
