//! LayerNorm and BatchNorm on a device.

use super::super::batch_norm::{BatchNorm, Used};
use super::super::layer_norm::LayerNorm;
use super::{Array, F32, Launched, On, with};
use basin_cuda::Room;
use basin_gpu::columns::Columns;
use basin_gpu::{Span, batch_norm, norm};
use candle_core::Result;

/// Gradients of x, γ, β and the shortcut.
type Four = [Option<Room>; 4];

impl LayerNorm {
    fn of(&self, x: Array<'_>) -> norm::LayerNorm {
        let [rows, channels] = x.rows();
        norm::LayerNorm { storage: F32, rows, channels, epsilon: self.epsilon, relu: self.relu }
    }

    fn normed(
        &self,
        on: &On,
        [x, gamma, beta]: [Array<'_>; 3],
        shortcut: Option<Span<'_>>,
    ) -> Result<(Room, Vec<usize>)> {
        let n = self.of(x);
        let mut statistics = on.queue.room(2 * n.rows.max(1))?;
        let mut passed = n.relu.then(|| on.queue.room(n.passed_bytes().div_ceil(4).max(1))).transpose()?;
        let y = on.make(x.len(), |y| {
            let statistics = on.queue.written(&mut statistics);
            let passed = passed.as_mut().map(|passed| on.queue.written(passed));
            let passed = passed.as_ref().map(basin_cuda::Operand::span);
            let kept = norm::Kept { statistics: Some(statistics.span()), passed };
            n.forward(on.queue(), x.span, shortcut, gamma.span, beta.span, y, kept)
        })?;
        self.kept.keep([statistics].into_iter().chain(passed).collect());
        Ok((y, x.dims.to_vec()))
    }

    fn gradients_on(
        &self,
        on: &On,
        [x, gamma]: [Array<'_>; 2],
        shortcut: bool,
        dy: Array<'_>,
    ) -> Result<Four> {
        let (n, kept) = (self.of(x), self.kept.get("layer_norm")?);
        let (statistics, passed) = (on.read(&kept[0]), kept.get(1).map(|passed| on.read(passed)));
        let passed = passed.as_ref().map(basin_cuda::Operand::span);
        let saved = norm::Saved { x: x.span, passed, statistics: statistics.span(), gamma: gamma.span };
        let (blocks, c) = (n.blocks(), n.channels);
        let partial = on.pool.take(4 * 2 * c * blocks)?;
        let mut ds = shortcut.then(|| on.queue.room(x.len())).transpose()?;
        let dx = on.make(x.len(), |dx| {
            let ds = ds.as_mut().map(|ds| on.queue.written(ds));
            let shortcut = ds.as_ref().map(basin_cuda::Operand::span);
            let to = norm::Gradients { dx, onto: false, shortcut, partial: partial.span() };
            n.backward(on.queue(), dy.span, saved, to)
        })?;
        // γ's sums and β's lie side by side.
        let sums = |at: usize| {
            let from = partial.span().part(4 * at * c, partial.span().bytes() - 4 * at * c)?;
            let all = Columns { from, storage: F32, rows: blocks, columns: c, pitch: 2 * c };
            on.make(c, |to| all.total(&on.pool, to))
        };
        Ok([Some(dx), Some(sums(0)?), Some(sums(1)?), ds])
    }
}

impl Launched<3> for LayerNorm {
    fn launch(&self, on: &On, inputs: [Array<'_>; 3]) -> Result<(Room, Vec<usize>)> {
        self.normed(on, inputs, None)
    }

    fn launch_back(
        &self,
        on: &On,
        [x, gamma, _]: [Array<'_>; 3],
        _: [bool; 3],
        _: Array<'_>,
        dy: Array<'_>,
    ) -> Result<[Option<Room>; 3]> {
        let [dx, dgamma, dbeta, _] = self.gradients_on(on, [x, gamma], false, dy)?;
        Ok([dx, dgamma, dbeta])
    }
}

impl Launched<4> for LayerNorm {
    fn launch(&self, on: &On, [x, gamma, beta, shortcut]: [Array<'_>; 4]) -> Result<(Room, Vec<usize>)> {
        self.normed(on, [x, gamma, beta], Some(shortcut.span))
    }

    fn launch_back(
        &self,
        on: &On,
        [x, gamma, ..]: [Array<'_>; 4],
        _: [bool; 4],
        _: Array<'_>,
        dy: Array<'_>,
    ) -> Result<Four> {
        self.gradients_on(on, [x, gamma], true, dy)
    }
}

impl BatchNorm {
    fn of(&self, x: Array<'_>) -> batch_norm::BatchNorm {
        let [rows, channels] = x.rows();
        batch_norm::BatchNorm { rows, channels, epsilon: self.epsilon, relu: self.relu }
    }

    /// Mean and variance: those given, or the batch's, which the host is told as well. That waits for the pass so far.
    fn statistics(&self, on: &On, x: Array<'_>) -> Result<[Room; 2]> {
        let (n, c) = (self.of(x), self.of(x).channels);
        if let Some([mean, variance]) = &self.given {
            return with([mean, variance], |_, [mean, variance]| {
                Ok([on.copy(mean.span, c)?, on.copy(variance.span, c)?])
            });
        }
        let partial = on.pool.take(4 * n.partial())?;
        let both = on.pool.take(4 * 2 * c)?;
        let halves = [both.span().part(0, 4 * c)?, both.span().part(4 * c, 4 * c)?];
        n.moments(on.queue(), x.span, partial.span(), halves)?;
        let mut bytes = vec![0; 4 * 2 * c];
        on.queue().read(both.span(), &mut bytes)?;
        let values: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
        let (mean, variance) = values.split_at(c);
        let _ = self.used.set(Used { mean: mean.to_vec(), variance: variance.to_vec(), rstd: Vec::new() });
        Ok([on.copy(halves[0], c)?, on.copy(halves[1], c)?])
    }

    fn normed(
        &self,
        on: &On,
        [x, gamma, beta]: [Array<'_>; 3],
        shortcut: Option<Span<'_>>,
    ) -> Result<(Room, Vec<usize>)> {
        let n = self.of(x);
        let [mean, variance] = self.statistics(on, x)?;
        let rstd = on.make(n.channels, |to| n.deviations(on.queue(), on.read(&variance).span(), to))?;
        let y = on.make(x.len(), |y| {
            let (mean, rstd) = (on.read(&mean), on.read(&rstd));
            let of = batch_norm::Channels {
                mean: mean.span(),
                rstd: rstd.span(),
                gamma: gamma.span,
                beta: beta.span,
            };
            n.forward(on.queue(), x.span, shortcut, of, y)
        })?;
        self.kept.keep(vec![mean, rstd]);
        Ok((y, x.dims.to_vec()))
    }

    fn gradients_on(
        &self,
        on: &On,
        [x, gamma, beta]: [Array<'_>; 3],
        [input, shortcut]: [bool; 2],
        [y, dy]: [Array<'_>; 2],
    ) -> Result<Four> {
        let (n, kept) = (self.of(x), self.kept.get("batch_norm")?);
        let (mean, rstd) = (on.read(&kept[0]), on.read(&kept[1]));
        let of =
            batch_norm::Channels { mean: mean.span(), rstd: rstd.span(), gamma: gamma.span, beta: beta.span };
        let (partial, affine) = (on.pool.take(4 * n.partial())?, on.pool.take(4 * 2 * n.channels)?);
        let passed = on.make(x.len(), |passed| {
            let to = batch_norm::Gradients { passed, affine: affine.span(), partial: partial.span() };
            n.gradients(on.queue(), [x.span, y.span, dy.span], of, to)
        })?;
        let through = self.given.is_none().then_some(affine.span());
        let of_input =
            |dx: Span<'_>| n.backward(on.queue(), [x.span, on.read(&passed).span()], of, through, dx);
        let dx = input.then(|| on.make(x.len(), of_input)).transpose()?;
        let c = n.channels;
        let half = |at: usize| on.copy(affine.span().part(4 * at * c, 4 * c)?, c);
        Ok([dx, Some(half(0)?), Some(half(1)?), Some(passed).filter(|_| shortcut)])
    }
}

impl Launched<3> for BatchNorm {
    fn launch(&self, on: &On, inputs: [Array<'_>; 3]) -> Result<(Room, Vec<usize>)> {
        self.normed(on, inputs, None)
    }

    fn launch_back(
        &self,
        on: &On,
        inputs: [Array<'_>; 3],
        [input, ..]: [bool; 3],
        y: Array<'_>,
        dy: Array<'_>,
    ) -> Result<[Option<Room>; 3]> {
        let [dx, dgamma, dbeta, _] = self.gradients_on(on, inputs, [input, false], [y, dy])?;
        Ok([dx, dgamma, dbeta])
    }
}

impl Launched<4> for BatchNorm {
    fn launch(&self, on: &On, [x, gamma, beta, shortcut]: [Array<'_>; 4]) -> Result<(Room, Vec<usize>)> {
        self.normed(on, [x, gamma, beta], Some(shortcut.span))
    }

    fn launch_back(
        &self,
        on: &On,
        [x, gamma, beta, _]: [Array<'_>; 4],
        [input, _, _, shortcut]: [bool; 4],
        y: Array<'_>,
        dy: Array<'_>,
    ) -> Result<Four> {
        self.gradients_on(on, [x, gamma, beta], [input, shortcut], [y, dy])
    }
}
