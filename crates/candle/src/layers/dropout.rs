//! Dropout that can be repeated.

use crate::ops::{Fusion, add_relu, drop_path, dropout};
use basin_models::drop_path_rate;
use candle_core::{Result, Tensor};
use candle_nn::ModuleT;
use std::cell::RefCell;
use thiserror::Error;

/// Where the masks of a forward pass come from.
#[derive(Debug)]
enum Masks {
    /// Nobody said.
    Unknown,
    /// From seeds of the images; so many layers have dropped so far.
    Seeds(Vec<u64>, u32),
    /// Nothing is dropped.
    Off,
}

thread_local! {
    /// Of the forward pass that runs on this thread.
    static MASKS: RefCell<Masks> = const { RefCell::new(Masks::Unknown) };
}

/// Runs a forward pass whose [`Dropout`] and [`DropPath`] layers take their masks from a seed for every image. Layers count from 0 in the order
/// in which they run, so that the pass can be repeated exactly. The candle backend does this at every step.
pub fn with_seeds<R>(seeds: &[u64], pass: impl FnOnce() -> R) -> R {
    with_masks(Masks::Seeds(seeds.to_vec(), 0), pass)
}

/// Runs a forward pass in training, whose [`Dropout`] layers drop nothing: for gradients that are not a step of a training.
pub fn without_dropout<R>(pass: impl FnOnce() -> R) -> R {
    with_masks(Masks::Off, pass)
}

fn with_masks<R>(masks: Masks, pass: impl FnOnce() -> R) -> R {
    /// Puts what was there before back, whatever happens.
    struct Restore(Masks);
    impl Drop for Restore {
        fn drop(&mut self) {
            MASKS.set(std::mem::replace(&mut self.0, Masks::Unknown));
        }
    }
    let _restore = Restore(MASKS.replace(masks));
    pass()
}

/// A layer drops values in training, and nobody gave seeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "dropout in training without seeds; run the forward pass within basin_candle::layers::with_seeds, as the candle \
     backend does, or in evaluation"
)]
pub struct NoSeeds;

/// Dropout by masks that follow from seeds: candle_nn's draws from a generator that nobody can seed, so that a training with it
/// cannot be repeated or gone on with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout {
    rate: f32,
}

impl Dropout {
    /// Values are dropped with this probability in `[0, 1)`.
    pub fn new(rate: f32) -> Self {
        Self { rate }
    }

    /// Whether it drops anything in training.
    pub fn drops(self) -> bool {
        self.rate > 0.0
    }
}

impl ModuleT for Dropout {
    /// # Errors
    /// [`NoSeeds`], and [`crate::ops::OpError`] where there are not as many seeds as images.
    fn forward_t(&self, x: &Tensor, train: bool) -> Result<Tensor> {
        match next_masks(self.rate, train)? {
            Some((seeds, site)) => dropout(x, self.rate, &seeds, site),
            None => Ok(x.clone()),
        }
    }
}

/// Stochastic depth: in training the residual branch of an image is dropped as a whole with this probability, else scaled up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DropPath {
    rate: f32,
}

impl DropPath {
    /// Branches are dropped with this probability in `[0, 1)`.
    pub fn new(rate: f32) -> Self {
        Self { rate }
    }

    /// Those of so many blocks, whose probability grows linearly from 0 in the first to `largest` in the last.
    pub(crate) fn by_depth(largest: f32, blocks: usize) -> impl Iterator<Item = Self> {
        (0..blocks).map(move |block| Self::new(drop_path_rate(largest, block, blocks)))
    }

    /// ReLU(shortcut + drop path(branch)): `branch` ends in a normalisation that takes the rest over where nothing is dropped.
    ///
    /// # Errors
    /// [`NoSeeds`], [`crate::ops::OpError`], and those of `branch`.
    pub fn residual(
        self,
        shortcut: &Tensor,
        train: bool,
        branch: impl FnOnce(Fusion<'_>) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let fused = Fusion { shortcut: Some(shortcut), relu: true };
        match next_masks(self.rate, train)? {
            Some((seeds, site)) => {
                add_relu(&drop_path(&branch(Fusion::default())?, self.rate, &seeds, site)?, shortcut)
            }
            None => branch(fused),
        }
    }
}

/// Seeds of the images and the number of the next layer that drops values at this rate; nothing where it drops none.
pub(crate) fn next_masks(rate: f32, train: bool) -> Result<Option<(Vec<u64>, u32)>> {
    if !train || rate == 0.0 {
        return Ok(None);
    }
    MASKS.with_borrow_mut(|masks| match masks {
        Masks::Unknown => Err(candle_core::Error::wrap(NoSeeds)),
        Masks::Seeds(seeds, site) => {
            *site += 1;
            Ok(Some((seeds.clone(), *site - 1)))
        }
        Masks::Off => Ok(None),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_seeds_it_is_told_how_to_give_them() {
        assert_eq!(
            NoSeeds.to_string(),
            "dropout in training without seeds; run the forward pass within basin_candle::layers::with_seeds, as the candle backend does, or in evaluation"
        );
    }
}
