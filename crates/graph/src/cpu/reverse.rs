//! The reverse pass on the CPU, operation by operation.

use super::forward::{Drop, norm_parts};
use super::{Accumulators, CpuLayers};
use crate::layers::Step;
use crate::operation::{Dense, Nonlinearity, Norm, Operation};
use crate::tape::Inputs;
use crate::weights::ParamId;
use basin_kernels::{Activation, Buffer};
use basin_kernels::{attention, bias, conv, dropout, gelu, head, norm, tokens};
use candle_core::Result;

type Arrivals<'i, 'w> = Inputs<'i, CpuLayers<'w>>;

impl<'w> CpuLayers<'w> {
    pub(super) fn reverse(
        &self,
        step: Step<Self>,
        inputs: &mut Arrivals<'_, 'w>,
        sums: &mut Accumulators,
    ) -> Result<()> {
        let Step { operation, site, mut saved, y, mut dy } = step;
        match operation {
            Operation::Conv { weight, bias } => {
                if let Some(bias) = bias {
                    self.bias_step(bias, y.dims.pixels(), &dy, sums);
                }
                self.conv_step(weight, &dy, inputs, sums)
            }
            Operation::Norm(norm) => {
                let before = &inputs.value(0)?.data;
                let dx = self.norm_step(before, &saved.statistics()?, &y, norm, &mut dy, sums)?;
                inputs.arrive(0, dx)
            }
            Operation::Nonlinearity(Nonlinearity::Relu) => {
                dy.iter_mut().zip(&*y.data).for_each(|(g, y)| *g = if *y > 0.0 { *g } else { 0.0 });
                inputs.arrive(0, dy)
            }
            Operation::Nonlinearity(Nonlinearity::Gelu) => {
                let mut dx = Buffer::stale(dy.len());
                gelu::backward(&inputs.value(0)?.data, &dy, &mut dx, self.weights.isa());
                inputs.arrive(0, dx)
            }
            Operation::Add => {
                inputs.arrive(1, Buffer::copied(&dy))?;
                inputs.arrive(0, dy)
            }
            Operation::Dropout(rate) => {
                self.drop_gradient(site, rate, &mut dy);
                inputs.arrive(0, dy)
            }
            Operation::DropPath(rate) => {
                self.drop_image_gradients(site, rate, &mut dy);
                inputs.arrive(0, dy)
            }
            Operation::MeanPool => {
                let d = inputs.value(0)?.dims;
                let mut dx = Buffer::stale(d.len());
                head::mean_pool_gradient(&dy, d.pixels(), d.channels, &mut dx);
                inputs.arrive(0, dx)
            }
            Operation::Patches(_) => Ok(()),
            Operation::Prepend { class, positions, dropout } => {
                self.drop_gradient(site, dropout, &mut dy);
                let mut dx = Buffer::stale(inputs.value(0)?.data.len());
                let (dclass, dpositions) = sums.pair(class, positions)?;
                tokens::prepend_gradient(&dy, dclass, dpositions, &mut dx);
                inputs.arrive(0, dx)
            }
            Operation::Attention(heads) => {
                let (qkv, d, log_sum) = (inputs.value(0)?, y.dims, saved.statistics()?);
                let mut dx = Buffer::stale(qkv.data.len());
                let isa = self.weights.isa();
                attention::backward(&qkv.data, &log_sum, &dy, d.pixels(), d.channels, heads, &mut dx, isa);
                inputs.arrive(0, dx)
            }
            Operation::FirstToken => {
                let d = inputs.value(0)?.dims;
                let mut dx = Buffer::stale(d.len());
                tokens::first_token_gradient(&dy, d.pixels(), d.channels, &mut dx);
                inputs.arrive(0, dx)
            }
            Operation::ConvNorm { weight, norm, drop_path } => {
                let (before, statistics) = (saved.before()?, saved.statistics()?);
                let dz = match site {
                    None => self.norm_step(&before, &statistics, &y, norm, &mut dy, sums)?,
                    Some(_) => {
                        // What follows the norm is undone here: the ReLU for both, what was dropped for the branch.
                        if norm.relu {
                            dy.iter_mut()
                                .zip(&*y.data)
                                .for_each(|(g, y)| *g = if *y > 0.0 { *g } else { 0.0 });
                        }
                        let mut branch = Buffer::copied(&dy);
                        self.drop_image_gradients(site, drop_path, &mut branch);
                        let norm = Norm { relu: false, ..norm };
                        self.norm_step(&before, &statistics, &y, norm, &mut branch, sums)?
                    }
                };
                drop((before, statistics, y));
                if inputs.has(1) {
                    inputs.arrive(1, dy)?;
                }
                self.conv_step(weight, &dz, inputs, sums)
            }
            Operation::Dense(layer) => {
                drop(y);
                self.dense_step(layer, saved.before.take(), site, &dy, inputs, sums)?;
                if inputs.has(1) {
                    inputs.arrive(1, dy)?;
                }
                Ok(())
            }
        }
    }

    fn drop_gradient(&self, site: Option<u32>, rate: f32, dy: &mut Buffer) {
        if let Some(site) = site {
            dropout::apply(dy, &self.seeds, site, rate, self.weights.isa());
        }
    }

    fn drop_image_gradients(&self, site: Option<u32>, rate: f32, dy: &mut Buffer) {
        if let Some(site) = site {
            dropout::drop_images(dy, &self.seeds, site, rate);
        }
    }

    /// The gradient before a normalisation; `dy` becomes the shortcut's.
    fn norm_step(
        &self,
        before: &[f32],
        statistics: &[f32],
        y: &Activation,
        n: Norm,
        dy: &mut Buffer,
        sums: &mut Accumulators,
    ) -> Result<Buffer> {
        let (shape, gamma, _) = norm_parts(self.weights, y.dims.channels, n)?;
        let mut dz = Buffer::stale(dy.len());
        let (dgamma, dbeta) = sums.pair(n.scale, n.shift)?;
        let isa = self.weights.isa();
        norm::backward(shape, before, &y.data, statistics, gamma, dy, &mut dz, dgamma, dbeta, isa);
        Ok(dz)
    }

    fn bias_step(&self, bias: ParamId, rows_per_image: usize, dz: &[f32], sums: &mut Accumulators) {
        let (dbias, add) = sums.open(bias);
        if !add {
            dbias.fill(0.0);
        }
        bias::bias_gradient(dz, rows_per_image, dbias, self.weights.isa());
    }

    /// Weight gradient of a convolution, and its input gradient where the input wants one.
    fn conv_step(
        &self,
        weight: ParamId,
        dz: &[f32],
        inputs: &mut Arrivals<'_, 'w>,
        sums: &mut Accumulators,
    ) -> Result<()> {
        let (packed, input) = (self.weights.conv(weight)?, inputs.value(0)?);
        let (h, w) = (input.dims.height, input.dims.width);
        let (dw, add) = sums.open(weight);
        conv::weight_gradient(packed, &input.data, dz, h, w, dw, add)?;
        if !inputs.flows(0)? {
            return Ok(());
        }
        let arrived = inputs.arrived(0)?;
        let add = arrived.is_some();
        let dx = arrived.get_or_insert_with(|| Buffer::stale(input.data.len()));
        conv::input_gradient(packed, dz, h, w, dx, add)
    }

    fn dense_step(
        &self,
        layer: Dense,
        before: Option<Buffer>,
        site: Option<u32>,
        dy: &[f32],
        inputs: &mut Arrivals<'_, 'w>,
        sums: &mut Accumulators,
    ) -> Result<()> {
        let kept = site.map(|site| {
            let mut kept = Buffer::copied(dy);
            let drop = Drop { seeds: &self.seeds, site };
            drop.values(&mut kept, layer, self.weights.isa());
            kept
        });
        let mut dz = kept.as_deref().unwrap_or(dy);
        let mut through = None;
        if let Some(before) = before {
            let out = through.insert(Buffer::stale(dy.len()));
            gelu::backward(&before, dz, out, self.weights.isa());
            dz = out;
        }
        self.bias_step(layer.bias, inputs.value(0)?.dims.pixels(), dz, sums);
        self.conv_step(layer.weight, dz, inputs, sums)
    }
}
