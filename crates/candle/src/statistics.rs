//! Running statistics of a network whose weights were combined, measured again.

use crate::Variables;
use crate::evaluator::CHUNK;
use crate::module::{Module, input};
use crate::variables::values;
use basin_core::Params;
use basin_data::{ImageSet, Normalisation, fill_plain};
use basin_kernels::Role;
use basin_models::Network;
use candle_core::{Device, Result, Tensor};

/// The network with its running statistics measured on images: the mean of the statistics of batches of 128 images, taken in
/// the order of the set without augmentation; a rest that does not fill a batch is left out, unless it is all there is. This is
/// what `torch.optim.swa_utils.update_bn` does with such batches. Networks without running statistics come back as they are.
///
/// # Errors
/// When the parameters are not of this network, the images do not fit it, or fewer than two are given.
pub fn reestimated(
    network: &Network,
    params: &Params,
    images: &ImageSet,
    normalisation: &Normalisation,
    device: &Device,
) -> Result<Params> {
    let module = Module::of(network)?;
    let specs = network.layout().params.iter().enumerate();
    let places: Vec<usize> =
        specs.filter(|(_, spec)| spec.role == Role::Statistic).map(|(place, _)| place).collect();
    if places.is_empty() {
        return Ok(params.clone());
    }
    let batch = CHUNK.min(images.len());
    module.check_batch(network, batch)?;
    let variables = Variables::new(module.name(), network, &network.slices(params)?, device)?;
    let built = module.on(&variables, device)?;
    let all = |value: f64| -> Result<()> {
        places.iter().try_for_each(|&place| {
            let var = &variables.vars()[place];
            var.set(&Tensor::full(value as f32, var.shape(), device)?)
        })
    };
    let found = || -> Result<Vec<Vec<f32>>> {
        places.iter().map(|&place| values(&variables.vars()[place])).collect()
    };
    let one = images.size() * images.size() * 3;
    let (mut pixels, mut sums, batches) = (vec![0.0; batch * one], Vec::new(), images.len() / batch);
    let mut shares: Vec<Vec<f64>> = Vec::new();
    for index in 0..batches {
        fill_plain(images, index * batch..(index + 1) * batch, normalisation, &mut pixels);
        let x = input(&pixels, images.size(), device)?;
        // A layer moves a statistic r to (1 − m) r + m s. Its share m of the new one s is its own: from r = 0 and r = 1
        // both follow.
        if index == 0 {
            all(1.0)?;
            module.logits(&*built, &x, true)?;
            shares =
                found()?.iter().map(|from_one| from_one.iter().map(|v| f64::from(*v)).collect()).collect();
        }
        all(0.0)?;
        module.logits(&*built, &x, true)?;
        let moved = found()?;
        if index == 0 {
            for (share, from_zero) in shares.iter_mut().zip(&moved) {
                share
                    .iter_mut()
                    .zip(from_zero)
                    .for_each(|(share, zero)| *share = 1.0 - (*share - f64::from(*zero)));
            }
            sums = moved.iter().map(|values| vec![0.0f64; values.len()]).collect();
        }
        for ((sum, moved), share) in sums.iter_mut().zip(&moved).zip(&shares) {
            for ((sum, moved), share) in sum.iter_mut().zip(moved).zip(share) {
                *sum += f64::from(*moved) / share;
            }
        }
    }
    let mut measured = params.clone();
    for (&place, sum) in places.iter().zip(&sums) {
        let spec = &network.layout().params[place];
        let values = sum.iter().map(|sum| (sum / batches as f64) as f32).collect();
        let array = basin_core::Array::new(spec.shape.clone(), values).map_err(candle_core::Error::wrap)?;
        measured.insert(spec.name.clone(), array);
    }
    Ok(measured)
}
