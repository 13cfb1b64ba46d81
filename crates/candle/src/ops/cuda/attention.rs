//! Attention on a device.

use super::super::attention::Attention;
use super::{Array, Launched, On};
use basin_cuda::Room;
use basin_gpu::{Precision, attention};
use candle_core::Result;

/// Sizes of `[n, tokens, 3 d]`.
fn call(of: &Attention, qkv: Array<'_>) -> attention::Attention {
    let (images, tokens, channels) = (qkv.dims[0], qkv.dims[1], qkv.dims[2] / 3);
    attention::Attention { precision: Precision::F32, images, tokens, channels, heads: of.heads }
}

impl Launched<1> for Attention {
    fn launch(&self, on: &On, [qkv]: [Array<'_>; 1]) -> Result<(Room, Vec<usize>)> {
        let call = call(self, qkv);
        let mut log_sum = on.queue.room(call.sums())?;
        let y = on.make(qkv.len() / 3, |y| {
            call.forward(on.queue(), qkv.span, y, on.queue.written(&mut log_sum).span())
        })?;
        self.kept.keep(vec![log_sum]);
        Ok((y, vec![call.images, call.tokens, call.channels]))
    }

    fn launch_back(
        &self,
        on: &On,
        [qkv]: [Array<'_>; 1],
        _: [bool; 1],
        y: Array<'_>,
        dy: Array<'_>,
    ) -> Result<[Option<Room>; 1]> {
        let (call, log_sum) = (call(self, qkv), &self.kept.get("attention")?[0]);
        let gradient = on.make(qkv.len(), |dqkv| {
            call.backward(&on.pool, qkv.span, y.span, on.read(log_sum).span(), dy.span, dqkv)
        })?;
        Ok([Some(gradient)])
    }
}
