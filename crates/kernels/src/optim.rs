//! Optimisers: one pass over a parameter, its moments and its gradient, in place.
//!
//! Rates and coefficients are given in f64 and used in f32, the precision of the parameters.

use crate::simd::{Isa, Simd, dispatch};

/// Stochastic gradient descent with momentum and L2, PyTorch's form: g ← g + λθ; v ← μv + g; θ ← θ − ηv. The
/// first velocity is zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sgd {
    /// Learning rate η.
    pub rate: f64,
    /// Momentum μ in `[0, 1)`.
    pub momentum: f64,
    /// L2 coefficient λ ≥ 0.
    pub l2: f64,
}

impl Sgd {
    /// One update. Returns whether parameter and velocity are finite afterwards.
    ///
    /// # Panics
    /// When lengths disagree.
    pub fn update(&self, param: &mut [f32], velocity: &mut [f32], gradient: &[f32]) -> bool {
        assert!(param.len() == velocity.len() && param.len() == gradient.len());
        let mut probe = Probe::default();
        // SAFETY: the set is the machine's; the body indexes within its slices.
        unsafe { sgd_on(Isa::detect(), *self, param, velocity, gradient, &mut probe) }
        probe.finite()
    }
}

/// Adam (Kingma and Ba 2015, algorithm 1) with L2, or with decoupled weight decay (AdamW, Loshchilov and Hutter
/// 2019, algorithm 2), PyTorch's forms: g ← g + λθ; m ← β₁m + (1−β₁)g; v ← β₂v + (1−β₂)g²;
/// θ ← θ − ηwθ − η·m̂/(√v̂ + ε), with m̂ and v̂ divided by 1 − βᵗ. The first moments are zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// Learning rate η.
    pub rate: f64,
    /// β₁ in `[0, 1)`.
    pub beta1: f64,
    /// β₂ in `[0, 1)`.
    pub beta2: f64,
    /// ε > 0, outside the root.
    pub epsilon: f64,
    /// L2 coefficient λ ≥ 0, part of the gradient.
    pub l2: f64,
    /// Decoupled weight decay w ≥ 0.
    pub weight_decay: f64,
}

impl Adam {
    /// Update number `step`, counted from 1. Returns whether parameter and moments are finite afterwards.
    ///
    /// # Panics
    /// When lengths disagree.
    pub fn update(
        &self,
        step: u64,
        param: &mut [f32],
        first: &mut [f32],
        second: &mut [f32],
        gradient: &[f32],
    ) -> bool {
        let n = param.len();
        assert!(first.len() == n && second.len() == n && gradient.len() == n);
        let mut probe = Probe::default();
        // SAFETY: as in `Sgd::update`.
        unsafe { adam_on(Isa::detect(), *self, step, param, (first, second), gradient, &mut probe) }
        probe.finite()
    }
}

// Plain loops, which the compiler vectorises for the instruction set: without fused operations, the same bits on each.
dispatch!(
    fn sgd_on(rule: Sgd, param: &mut [f32], velocity: &mut [f32], gradient: &[f32], probe: &mut Probe) => sgd
);
dispatch!(
    fn adam_on(
        rule: Adam,
        step: u64,
        param: &mut [f32],
        moments: (&mut [f32], &mut [f32]),
        gradient: &[f32],
        probe: &mut Probe,
    ) => adam
);

#[inline(always)]
unsafe fn sgd<S: Simd>(
    rule: Sgd,
    param: &mut [f32],
    velocity: &mut [f32],
    gradient: &[f32],
    probe: &mut Probe,
) {
    let (rate, momentum, l2) = (rule.rate as f32, rule.momentum as f32, rule.l2 as f32);
    let mut seen = Probe::default();
    for ((p, v), g) in param.iter_mut().zip(velocity).zip(gradient) {
        *v = momentum * *v + (g + l2 * *p);
        *p -= rate * *v;
        seen.see(*p);
    }
    *probe = seen;
}

#[inline(always)]
unsafe fn adam<S: Simd>(
    rule: Adam,
    step: u64,
    param: &mut [f32],
    (first, second): (&mut [f32], &mut [f32]),
    gradient: &[f32],
    probe: &mut Probe,
) {
    let corrected = |beta: f64| 1.0 - beta.powf(step as f64);
    let (b1, b2) = (rule.beta1 as f32, rule.beta2 as f32);
    let (rest1, rest2) = ((1.0 - rule.beta1) as f32, (1.0 - rule.beta2) as f32);
    let rate = (rule.rate / corrected(rule.beta1)) as f32;
    let root = corrected(rule.beta2).sqrt() as f32;
    let keep = (1.0 - rule.rate * rule.weight_decay) as f32;
    let (l2, epsilon) = (rule.l2 as f32, rule.epsilon as f32);
    let mut seen = Probe::default();
    for (((p, m), v), g) in param.iter_mut().zip(first).zip(second).zip(gradient) {
        let g = g + l2 * *p;
        *m = b1 * *m + rest1 * g;
        *v = b2 * *v + rest2 * (g * g);
        *p = keep * *p - rate * *m / (v.sqrt() / root + epsilon);
        seen.see(*p);
        seen.see(*v);
    }
    *probe = seen;
}

/// Σ g² of a gradient, in f64.
pub fn squared_length(gradient: &[f32]) -> f64 {
    let mut sums = [0.0f64; LANES];
    let (chunks, rest) = gradient.as_chunks::<LANES>();
    // SAFETY: the set is the machine's; the body indexes within its slices.
    unsafe { squares_on(Isa::detect(), chunks, &mut sums) }
    sums.iter().sum::<f64>() + rest.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>()
}

/// Sums of squares side by side, whatever the instruction set.
const LANES: usize = 16;

dispatch!(fn squares_on(chunks: &[[f32; LANES]], sums: &mut [f64; LANES]) => squares);

#[inline(always)]
unsafe fn squares<S: Simd>(chunks: &[[f32; LANES]], sums: &mut [f64; LANES]) {
    let mut lanes = *sums;
    for chunk in chunks {
        for (sum, g) in lanes.iter_mut().zip(chunk) {
            *sum += f64::from(*g) * f64::from(*g);
        }
    }
    *sums = lanes;
}

/// Notices a value that is not finite, by the bits of its exponent: they are all ones. Integers compare in any order, so loops stay
/// vectorised.
#[derive(Default)]
struct Probe {
    /// Largest exponent seen, in place.
    largest: u32,
}

const EXPONENT: u32 = 0x7F80_0000;

impl Probe {
    #[inline(always)]
    fn see(&mut self, value: f32) {
        self.largest = self.largest.max(value.to_bits() & EXPONENT);
    }

    fn finite(&self) -> bool {
        self.largest != EXPONENT
    }
}
