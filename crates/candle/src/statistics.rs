//! Running statistics of a network whose weights were combined, measured again.

use crate::Variables;
use crate::evaluator::CHUNK;
use crate::layers::with_seeds;
use crate::module::{Module, input};
use crate::variables::values;
use basin_core::{Array, Params};
use basin_data::{ImageSet, Normalisation, fill_plain};
use basin_graph::Role;
use basin_models::Network;
use candle_core::{Device, Result, Tensor};

/// The network with its running statistics measured on images: the mean of the statistics of batches of 128 images, taken in
/// the order of the set without augmentation, dropout with seeds 0; a rest that does not fill a batch is left out, unless it is
/// all there is. This is what `torch.optim.swa_utils.update_bn` does with such batches. Networks without running statistics
/// come back as they are.
///
/// Of several kinds of images, each with how it is normalised, one image of each is taken in turn until one kind has no more:
/// the first of each, the second of each, and so on. So a batch's variance is that of all kinds together, with what is between
/// them, which the mean of batches of one kind each would miss.
///
/// # Errors
/// When the parameters are not of this network, the images do not fit it, or fewer than two are given.
pub fn reestimated(
    network: &Network,
    params: &Params,
    kinds: &[(&ImageSet, &Normalisation)],
    device: &Device,
) -> Result<Params> {
    let module = Module::of(network)?;
    let specs = network.layout().params.iter().enumerate();
    let places: Vec<usize> =
        specs.filter(|(_, spec)| spec.role == Role::Statistic).map(|(place, _)| place).collect();
    if places.is_empty() {
        return Ok(params.clone());
    }
    let extent = network.extent();
    if let Some((other, _)) = kinds.iter().find(|(images, _)| images.extent() != extent) {
        candle_core::bail!("statistics on images of {}, expected {extent}", other.extent());
    }
    let each = kinds.iter().map(|(images, _)| images.len()).min().unwrap_or(0);
    let images = each * kinds.len();
    let batch = CHUNK.min(images);
    module.check_batch(network, batch)?;
    let variables = Variables::new(module.name(), network, &network.slices(params)?, device)?;
    let built = module.on(&variables.without_graph(), device)?;
    let seeds = vec![0; batch];
    let set = |values: &[Vec<f32>]| -> Result<()> {
        places.iter().zip(values).try_for_each(|(&place, values)| {
            let var = &variables.vars()[place];
            var.set(&Tensor::from_slice(values, var.shape(), device)?)
        })
    };
    // Where the statistics are after a batch that begins with these.
    let after = |start: &[Vec<f32>], x: &Tensor| -> Result<Vec<Vec<f32>>> {
        set(start)?;
        with_seeds(&seeds, || module.logits(&*built, x, true))?;
        places.iter().map(|&place| values(&variables.vars()[place])).collect()
    };
    let zeros: Vec<Vec<f32>> =
        places.iter().map(|&place| vec![0.0; variables.vars()[place].elem_count()]).collect();
    let one = extent.values();
    let (mut pixels, batches) = (vec![0.0; batch * one], images / batch);
    let mut sums: Vec<Vec<f64>> = zeros.iter().map(|values| vec![0.0; values.len()]).collect();
    let mut shares: Vec<Vec<f64>> = Vec::new();
    for index in 0..batches {
        for (place, pixels) in (index * batch..).zip(pixels.chunks_exact_mut(one)) {
            let ((images, normalisation), own) = (kinds[place % kinds.len()], place / kinds.len());
            fill_plain(images, own..own + 1, normalisation, pixels);
        }
        let x = input(&pixels, extent, device)?;
        let moved = after(&zeros, &x)?;
        if index == 0 {
            let start = nested(&moved, &moved, |moved, _| if moved == 0.0 { 1.0 } else { moved });
            shares = nested(&moved, &after(&start, &x)?, share);
        }
        for ((sum, moved), share) in sums.iter_mut().zip(&moved).zip(&shares) {
            for ((sum, moved), share) in sum.iter_mut().zip(moved).zip(share) {
                *sum += f64::from(*moved) / share;
            }
        }
    }
    let mut measured = params.clone();
    for ((&place, sum), share) in places.iter().zip(&sums).zip(&shares) {
        let spec = &network.layout().params[place];
        // A layer that does not move its statistics keeps them.
        if share.contains(&0.0) {
            continue;
        }
        let values = sum.iter().map(|sum| (sum / batches as f64) as f32).collect();
        let array = Array::new(spec.shape.clone(), values).map_err(candle_core::Error::wrap)?;
        measured.insert(spec.name.clone(), array);
    }
    Ok(measured)
}

/// The share m of a batch's own statistic s in what a layer moves r to, (1 − m) r + m s: from where r = 0 goes and where that
/// goes in turn, or r = 1 if 0 stays. Without a difference of large numbers, whatever s is.
fn share(from_zero: f32, again: f32) -> f64 {
    match from_zero == 0.0 {
        true => 1.0 - f64::from(again),
        false => 2.0 - f64::from(again) / f64::from(from_zero),
    }
}

fn nested<T>(a: &[Vec<f32>], b: &[Vec<f32>], of: impl Fn(f32, f32) -> T) -> Vec<Vec<T>> {
    a.iter().zip(b).map(|(a, b)| a.iter().zip(b).map(|(a, b)| of(*a, *b)).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn the_share_is_found_whatever_the_statistic() {
        for m in [0.01f32, 0.1, 0.5, 1.0] {
            for s in [0.0f32, 1e-12, 0.3, -2.0, 1e6, 1e12] {
                let step = |r: f32| (1.0 - m) * r + m * s;
                let from_zero = step(0.0);
                let found = share(from_zero, step(if from_zero == 0.0 { 1.0 } else { from_zero }));
                assert!((found - f64::from(m)).abs() < 1e-5, "{m} {s}: {found}");
            }
        }
        assert_eq!(share(0.0, 1.0), 0.0, "a layer that does not move");
    }
}
