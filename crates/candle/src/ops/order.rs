//! Values in another order or one after the other: with kernels of ours, so that a tape records them and a device needs none of
//! candle's.

use super::kernel::{Kernel, Values, apply, ready};
use candle_core::{Result, Tensor};
use std::borrow::Cow;

/// `[n, h, w, c]` flattened as PyTorch flattens images, channel by channel: `[n, c · h · w]`.
///
/// # Errors
/// [`super::OpError`].
pub(crate) fn flattened(x: &Tensor) -> Result<Tensor> {
    x.dims4()?;
    let [x] = ready("flatten", [x])?;
    apply(ByChannel, [&x])
}

/// Two tensors of one shape as one, `[2, …]`.
pub(super) fn stacked(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    apply(Pair, [a, b])
}

/// From pixels of channels to channels of pixels.
pub(super) struct ByChannel;

/// to `[columns, rows]` of every image from `[rows, columns]`.
fn swapped(from: &[f32], [rows, columns]: [usize; 2]) -> Vec<f32> {
    let mut to = Vec::with_capacity(from.len());
    for image in from.chunks_exact((rows * columns).max(1)) {
        (0..columns).for_each(|column| to.extend(image[column..].iter().step_by(columns)));
    }
    to
}

impl Kernel<1> for ByChannel {
    const NAME: &'static str = "basin-flatten";

    fn forward(&self, [x]: [Values<'_>; 1]) -> Result<(Vec<f32>, Vec<usize>)> {
        let (pixels, c) = (x.dims[1] * x.dims[2], x.dims[3]);
        Ok((swapped(x.data, [pixels, c]), vec![x.dims[0], c * pixels]))
    }

    fn backward(
        &self,
        [x]: [Values<'_>; 1],
        _: [bool; 1],
        _: &[f32],
        dy: Cow<'_, [f32]>,
    ) -> Result<[Option<Vec<f32>>; 1]> {
        Ok([Some(swapped(&dy, [x.dims[3], x.dims[1] * x.dims[2]]))])
    }
}

/// One after the other.
pub(super) struct Pair;

impl Kernel<2> for Pair {
    const NAME: &'static str = "basin-stack";

    fn forward(&self, [a, b]: [Values<'_>; 2]) -> Result<(Vec<f32>, Vec<usize>)> {
        Ok(([a.data, b.data].concat(), [&[2], a.dims].concat()))
    }

    fn backward(
        &self,
        [a, _]: [Values<'_>; 2],
        _: [bool; 2],
        _: &[f32],
        dy: Cow<'_, [f32]>,
    ) -> Result<[Option<Vec<f32>>; 2]> {
        let (first, second) = dy.split_at(a.data.len());
        Ok([Some(first.to_vec()), Some(second.to_vec())])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn both_are_what_candles_are() {
        let values: Vec<f32> = (0..2 * 3 * 4 * 5).map(|i| i as f32).collect();
        let x = Tensor::from_vec(values.clone(), (2, 3, 4, 5), &Device::Cpu).unwrap();
        let of = |data| Values { data, dims: &[2, 3, 4, 5] };
        let expected = x.permute((0, 3, 1, 2)).unwrap().flatten_from(1).unwrap();
        let (found, dims) = Kernel::<1>::forward(&ByChannel, [of(&values)]).unwrap();
        assert_eq!(
            (dims.as_slice(), found.clone()),
            (expected.dims(), expected.flatten_all().unwrap().to_vec1().unwrap())
        );
        let [back] = ByChannel.backward([of(&values)], [true], &[], Cow::Owned(found)).unwrap();
        assert_eq!(back, Some(values.clone()));
        let (found, dims) = Kernel::<2>::forward(&Pair, [of(&values), of(&values)]).unwrap();
        let expected = Tensor::stack(&[&x, &x], 0).unwrap();
        assert_eq!(
            (dims.as_slice(), found.clone()),
            (expected.dims(), expected.flatten_all().unwrap().to_vec1().unwrap())
        );
        let [first, second] =
            Pair.backward([of(&values), of(&values)], [true; 2], &[], Cow::Owned(found)).unwrap();
        assert_eq!((first, second), (Some(values.clone()), Some(values)));
    }
}
