//! Values in another order or one after the other on a device.

use super::super::order::{ByChannel, Pair};
use super::{Array, F32, Launched, On};
use basin_cuda::Room;
use basin_gpu::{arrays, elementwise};
use candle_core::Result;

impl Launched<1> for ByChannel {
    fn launch(&self, on: &On, [x]: [Array<'_>; 1]) -> Result<(Room, Vec<usize>)> {
        let (n, pixels, c) = (x.dims[0], x.dims[1] * x.dims[2], x.dims[3]);
        let y = on.make(x.len(), |to| arrays::swap_axes(on.queue(), to, x.span, [n, pixels, c]))?;
        Ok((y, vec![n, c * pixels]))
    }

    fn launch_back(
        &self,
        on: &On,
        [x]: [Array<'_>; 1],
        _: [bool; 1],
        _: Array<'_>,
        dy: Array<'_>,
    ) -> Result<[Option<Room>; 1]> {
        let (n, pixels, c) = (x.dims[0], x.dims[1] * x.dims[2], x.dims[3]);
        let dx = on.make(x.len(), |to| arrays::swap_axes(on.queue(), to, dy.span, [n, c, pixels]))?;
        Ok([Some(dx)])
    }
}

impl Launched<2> for Pair {
    fn launch(&self, on: &On, [a, b]: [Array<'_>; 2]) -> Result<(Room, Vec<usize>)> {
        let each = a.len();
        let both = on.make(2 * each, |to| {
            for (at, from) in [a, b].into_iter().enumerate() {
                elementwise::widen(on.queue(), F32, to.part(4 * at * each, 4 * each)?, from.span, each)?;
            }
            Ok(())
        })?;
        Ok((both, [&[2], a.dims].concat()))
    }

    fn launch_back(
        &self,
        on: &On,
        [a, _]: [Array<'_>; 2],
        _: [bool; 2],
        _: Array<'_>,
        dy: Array<'_>,
    ) -> Result<[Option<Room>; 2]> {
        let each = a.len();
        let half = |at: usize| on.copy(dy.span.part(4 * at * each, 4 * each)?, each);
        Ok([Some(half(0)?), Some(half(1)?)])
    }
}
