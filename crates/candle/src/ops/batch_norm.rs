//! BatchNorm: by the batch's own statistics in training, by given ones in evaluation.

use super::OpError;
use super::device::Kept;
use super::kernel::{Kernel, Values, apply, ready};
use basin_kernels::batch_norm::{Channels, affine_gradient, backward, forward, moments};
use basin_kernels::{Isa, floats, reuse};
use candle_core::{Result, Tensor};
use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

const NAME: &str = "batch_norm";

/// What follows a normalisation, in the same pass over memory.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fusion<'a> {
    /// Added to the result.
    pub shortcut: Option<&'a Tensor>,
    /// Whether a ReLU follows, after the shortcut.
    pub relu: bool,
}

/// Statistics of a batch, per channel.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchStatistics {
    /// Mean.
    pub mean: Vec<f32>,
    /// Variance: squares over the number of pixels, as it normalises.
    pub variance: Vec<f32>,
    /// Pixels of all images.
    pub pixels: usize,
}

impl BatchStatistics {
    /// The variance over one pixel less, which running statistics take.
    pub fn unbiased(&self) -> impl Iterator<Item = f32> {
        let scale = self.pixels as f64 / (self.pixels as f64 - 1.0);
        self.variance.iter().map(move |variance| (f64::from(*variance) * scale) as f32)
    }
}

/// act(γ · x̂ + β + shortcut) for `x` `[…, channels]`, normalised by its own mean and variance over all but the last axis:
/// what PyTorch's BatchNorm does in training. Differentiable in all four, statistics included. Also tells the statistics, for which
/// the host waits on a device.
///
/// # Errors
/// [`OpError`]; also of a single pixel, whose variance says nothing.
pub fn batch_norm(
    x: &Tensor,
    gamma: &Tensor,
    beta: &Tensor,
    epsilon: f32,
    then: Fusion<'_>,
) -> Result<(Tensor, BatchStatistics)> {
    let measured = Arc::new(OnceLock::new());
    let (used, kept) = (Arc::clone(&measured), Kept::default());
    let norm = BatchNorm { given: None, epsilon, relu: then.relu, used, kept };
    let pixels = x.elem_count() / x.dims().last().copied().unwrap_or(0).max(1);
    if pixels < 2 {
        let (found, expected) = (format!("{:?}", x.dims()), "at least two pixels of every channel");
        return Err(OpError::Shape { operation: NAME, found, expected }.into());
    }
    let y = run(x, gamma, beta, norm, then)?;
    match measured.get() {
        Some(used) => {
            let Used { mean, variance, .. } = used;
            Ok((y, BatchStatistics { mean: mean.clone(), variance: variance.clone(), pixels }))
        }
        None => candle_core::bail!("{NAME} measured nothing"),
    }
}

/// The same with given statistics `[channels]`, as in evaluation. They are constants: no gradient flows to them, as to
/// PyTorch's running statistics.
///
/// # Errors
/// [`OpError`].
pub fn batch_norm_with(
    x: &Tensor,
    (mean, variance): (&Tensor, &Tensor),
    gamma: &Tensor,
    beta: &Tensor,
    epsilon: f32,
    then: Fusion<'_>,
) -> Result<Tensor> {
    let [mean, variance] = ready(NAME, [mean, variance])?;
    if mean.dims() != gamma.dims() || variance.dims() != gamma.dims() {
        let found = format!("statistics {:?} and {:?}", mean.dims(), variance.dims());
        return Err(OpError::Shape { operation: NAME, found, expected: "[channels] twice" }.into());
    }
    let given = Some([mean.detach(), variance.detach()]);
    let norm = BatchNorm { given, epsilon, relu: then.relu, used: Arc::default(), kept: Kept::default() };
    run(x, gamma, beta, norm, then)
}

fn run(x: &Tensor, gamma: &Tensor, beta: &Tensor, norm: BatchNorm, then: Fusion<'_>) -> Result<Tensor> {
    let [x, gamma, beta] = ready(NAME, [x, gamma, beta])?;
    let channels = x.dims().last().copied().unwrap_or(0);
    let other = then.shortcut.map_or(x.dims(), Tensor::dims);
    if channels == 0 || gamma.dims() != [channels] || beta.dims() != [channels] || other != x.dims() {
        let found = format!("{:?}, γ {:?}, β {:?}, shortcut {other:?}", x.dims(), gamma.dims(), beta.dims());
        let expected = "[…, channels], [channels] twice, and a shortcut like the first";
        return Err(OpError::Shape { operation: NAME, found, expected }.into());
    }
    match then.shortcut {
        None => apply(norm, [&x, &gamma, &beta]),
        Some(shortcut) => {
            let [shortcut] = ready(NAME, [shortcut])?;
            apply(norm, [&x, &gamma, &beta, &shortcut])
        }
    }
}

#[cfg_attr(not(feature = "cuda"), expect(dead_code, reason = "read where there is a device"))]
pub(super) struct BatchNorm {
    /// Mean and variance, if not the batch's.
    pub(super) given: Option<[Tensor; 2]>,
    pub(super) epsilon: f32,
    pub(super) relu: bool,
    /// What the forward pass normalised by, for the reverse one on the CPU and for who wants to know.
    pub(super) used: Arc<OnceLock<Used>>,
    /// The same for the reverse pass on a device.
    pub(super) kept: Kept,
}

#[derive(Debug)]
pub(super) struct Used {
    pub(super) mean: Vec<f32>,
    pub(super) variance: Vec<f32>,
    /// Empty where the reverse pass is a device's.
    pub(super) rstd: Vec<f32>,
}

/// Gradients of x, γ, β and the shortcut.
type Gradients = [Option<Vec<f32>>; 4];

impl BatchNorm {
    fn run(
        &self,
        [x, gamma, beta]: [Values<'_>; 3],
        shortcut: Option<&[f32]>,
    ) -> Result<(Vec<f32>, Vec<usize>)> {
        let (c, isa) = (gamma.data.len(), Isa::detect());
        let (mean, variance) = match &self.given {
            Some([mean, variance]) => (floats(mean)?.to_vec(), floats(variance)?.to_vec()),
            None => moments(x.data, c, isa),
        };
        let rstd = variance.iter().map(|variance| 1.0 / (variance + self.epsilon).sqrt()).collect();
        let used = self.used.get_or_init(|| Used { mean, variance, rstd });
        let mut y = reuse::stale(x.data.len());
        forward(x.data, shortcut, self.channels(used, gamma, beta), &mut y, isa);
        Ok((y, x.dims.to_vec()))
    }

    fn channels<'a>(&self, used: &'a Used, gamma: Values<'a>, beta: Values<'a>) -> Channels<'a> {
        Channels { mean: &used.mean, rstd: &used.rstd, gamma: gamma.data, beta: beta.data, relu: self.relu }
    }

    fn gradients(
        &self,
        [x, gamma, beta]: [Values<'_>; 3],
        (input, shortcut): (bool, bool),
        y: &[f32],
        dy: Cow<'_, [f32]>,
    ) -> Result<Gradients> {
        let Some(used) = self.used.get() else {
            candle_core::bail!("{NAME} kept nothing for the reverse pass")
        };
        let (of, isa) = (self.channels(used, gamma, beta), Isa::detect());
        // The gradient behind the ReLU takes the place of the one before it: it is the shortcut's, too.
        let mut g = dy.into_owned();
        let (dgamma, dbeta) = affine_gradient(x.data, y, &mut g, of, isa);
        let through = self.given.is_none().then_some((&*dgamma, &*dbeta));
        let dx = input.then(|| {
            let mut dx = reuse::stale(x.data.len());
            backward(x.data, &g, of, through, &mut dx, isa);
            dx
        });
        let ds = if shortcut {
            Some(g)
        } else {
            reuse::give_back(g);
            None
        };
        Ok([dx, Some(dgamma), Some(dbeta), ds])
    }
}

impl Kernel<3> for BatchNorm {
    const NAME: &'static str = "basin-batch-norm";

    fn forward(&self, inputs: [Values<'_>; 3]) -> Result<(Vec<f32>, Vec<usize>)> {
        self.run(inputs, None)
    }

    fn backward(
        &self,
        inputs: [Values<'_>; 3],
        [input, ..]: [bool; 3],
        y: &[f32],
        dy: Cow<'_, [f32]>,
    ) -> Result<[Option<Vec<f32>>; 3]> {
        let [dx, dgamma, dbeta, _] = self.gradients(inputs, (input, false), y, dy)?;
        Ok([dx, dgamma, dbeta])
    }
}

impl Kernel<4> for BatchNorm {
    const NAME: &'static str = "basin-batch-norm-add";

    fn forward(&self, [x, gamma, beta, shortcut]: [Values<'_>; 4]) -> Result<(Vec<f32>, Vec<usize>)> {
        self.run([x, gamma, beta], Some(shortcut.data))
    }

    fn backward(
        &self,
        [x, gamma, beta, _]: [Values<'_>; 4],
        [input, _, _, shortcut]: [bool; 4],
        y: &[f32],
        dy: Cow<'_, [f32]>,
    ) -> Result<[Option<Vec<f32>>; 4]> {
        self.gradients([x, gamma, beta], (input, shortcut), y, dy)
    }
}
