//! Stochastic gradient descent with momentum and L2, in place on candle tensors.

use candle_core::{CpuStorage, InplaceOp2, InplaceOp3, Layout, Result, Tensor};

/// PyTorch's SGD: g ← g + λθ; v ← μv + g; θ ← θ − ηv. The first velocity is zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sgd {
    /// Learning rate η.
    pub rate: f64,
    /// Momentum μ.
    pub momentum: f64,
    /// L2 coefficient λ, applied to every parameter.
    pub l2: f64,
}

impl Sgd {
    /// One update of a parameter and its velocity, both changed in place.
    ///
    /// # Errors
    /// When the tensors are not contiguous `f32` tensors of one size on the CPU.
    pub fn update(&self, param: &Tensor, velocity: &Tensor, gradient: &Tensor) -> Result<()> {
        velocity.inplace_op3(
            gradient,
            param,
            &Velocity { momentum: self.momentum as f32, l2: self.l2 as f32 },
        )?;
        param.inplace_op2(velocity, &Step { rate: self.rate as f32 })
    }
}

struct Velocity {
    momentum: f32,
    l2: f32,
}

struct Step {
    rate: f32,
}

fn values<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    crate::tensor::slice(storage, layout)
}

fn values_mut<'a>(storage: &'a mut CpuStorage, layout: &Layout) -> Result<&'a mut [f32]> {
    match (storage, layout.contiguous_offsets()) {
        (CpuStorage::F32(values), Some((start, end))) => Ok(&mut values[start..end]),
        _ => candle_core::bail!("optimisers work on contiguous f32 tensors"),
    }
}

impl InplaceOp3 for Velocity {
    fn name(&self) -> &'static str {
        "sgd-velocity"
    }

    fn cpu_fwd(
        &self,
        velocity: &mut CpuStorage,
        velocity_layout: &Layout,
        gradient: &CpuStorage,
        gradient_layout: &Layout,
        param: &CpuStorage,
        param_layout: &Layout,
    ) -> Result<()> {
        let v = values_mut(velocity, velocity_layout)?;
        let (g, p) = (values(gradient, gradient_layout)?, values(param, param_layout)?);
        if v.len() != g.len() || v.len() != p.len() {
            candle_core::bail!("{} velocities, {} gradients, {} parameters", v.len(), g.len(), p.len());
        }
        for ((v, g), p) in v.iter_mut().zip(g).zip(p) {
            *v = self.momentum * *v + (g + self.l2 * p);
        }
        Ok(())
    }
}

impl InplaceOp2 for Step {
    fn name(&self) -> &'static str {
        "sgd-step"
    }

    fn cpu_fwd(
        &self,
        param: &mut CpuStorage,
        param_layout: &Layout,
        velocity: &CpuStorage,
        velocity_layout: &Layout,
    ) -> Result<()> {
        let (p, v) = (values_mut(param, param_layout)?, values(velocity, velocity_layout)?);
        p.iter_mut().zip(v).for_each(|(p, v)| *p -= self.rate * v);
        Ok(())
    }
}
