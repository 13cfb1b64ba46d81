//! Functions of single values on a device.

use super::super::activation::{Bias, Gelu, Relu};
use super::super::dropout::Dropout;
use super::dense::column_sums;
use super::{Array, F32, Launched, On};
use basin_cuda::Room;
use basin_gpu::dense::{Drop, Epilogue};
use basin_gpu::{Span, arrays, elementwise, nonlinearity};
use basin_graph::Nonlinearity;
use basin_kernels::dropout as masks;
use candle_core::Result;

/// f(x).
fn of(on: &On, function: Nonlinearity, x: Array<'_>) -> Result<(Room, Vec<usize>)> {
    let n = x.len();
    let y = on.make(n, |y| nonlinearity::forward(on.queue(), F32, function, y, x.span, n))?;
    Ok((y, x.dims.to_vec()))
}

/// dy f′ at what the function was given, or, for a ReLU, at what it gave, which is positive in the same places.
fn back(on: &On, function: Nonlinearity, at: Span<'_>, dy: Array<'_>) -> Result<Room> {
    let n = dy.len();
    on.make(n, |dx| nonlinearity::backward(on.queue(), F32, function, dx, dy.span, at, n))
}

impl Launched<1> for Relu {
    fn launch(&self, on: &On, [x]: [Array<'_>; 1]) -> Result<(Room, Vec<usize>)> {
        of(on, Nonlinearity::Relu, x)
    }

    fn launch_back(
        &self,
        on: &On,
        _: [Array<'_>; 1],
        _: [bool; 1],
        y: Array<'_>,
        dy: Array<'_>,
    ) -> Result<[Option<Room>; 1]> {
        Ok([Some(back(on, Nonlinearity::Relu, y.span, dy)?)])
    }
}

impl Launched<2> for Relu {
    fn launch(&self, on: &On, [x, shortcut]: [Array<'_>; 2]) -> Result<(Room, Vec<usize>)> {
        let n = x.len();
        let y = on.make(n, |y| {
            elementwise::sum(on.queue(), F32, y, x.span, Some(shortcut.span), n)?;
            nonlinearity::forward(on.queue(), F32, Nonlinearity::Relu, y, y, n)
        })?;
        Ok((y, x.dims.to_vec()))
    }

    fn launch_back(
        &self,
        on: &On,
        _: [Array<'_>; 2],
        [first, second]: [bool; 2],
        y: Array<'_>,
        dy: Array<'_>,
    ) -> Result<[Option<Room>; 2]> {
        let dx = back(on, Nonlinearity::Relu, y.span, dy)?;
        let copy = (first && second).then(|| on.copy(on.read(&dx).span(), dy.len())).transpose()?;
        Ok(if first { [Some(dx), copy] } else { [None, Some(dx)] })
    }
}

impl Launched<2> for Bias {
    fn launch(&self, on: &On, [x, bias]: [Array<'_>; 2]) -> Result<(Room, Vec<usize>)> {
        let [rows, channels] = x.rows();
        let add = Epilogue { storage: F32, rows, channels, gelu: false, drop: None };
        let y = on.make(x.len(), |y| {
            add.forward(on.queue(), x.span, bias.span, None, y)?;
            match self.relu {
                true => nonlinearity::forward(on.queue(), F32, Nonlinearity::Relu, y, y, x.len()),
                false => Ok(()),
            }
        })?;
        Ok((y, x.dims.to_vec()))
    }

    fn launch_back(
        &self,
        on: &On,
        [x, _]: [Array<'_>; 2],
        [wants_x, wants_bias]: [bool; 2],
        y: Array<'_>,
        dy: Array<'_>,
    ) -> Result<[Option<Room>; 2]> {
        let dx = match self.relu {
            true => Some(back(on, Nonlinearity::Relu, y.span, dy)?),
            false if wants_x => Some(on.copy(dy.span, dy.len())?),
            false => None,
        };
        let db = match (wants_bias, &dx) {
            (false, _) => None,
            (true, Some(dx)) => Some(column_sums(on, on.read(dx).span(), x.rows())?),
            (true, None) => Some(column_sums(on, dy.span, x.rows())?),
        };
        Ok([dx.filter(|_| wants_x), db])
    }
}

impl Launched<1> for Gelu {
    fn launch(&self, on: &On, [x]: [Array<'_>; 1]) -> Result<(Room, Vec<usize>)> {
        of(on, Nonlinearity::Gelu, x)
    }

    fn launch_back(
        &self,
        on: &On,
        [x]: [Array<'_>; 1],
        _: [bool; 1],
        _: Array<'_>,
        dy: Array<'_>,
    ) -> Result<[Option<Room>; 1]> {
        Ok([Some(back(on, Nonlinearity::Gelu, x.span, dy)?)])
    }
}

/// The masked values. Seeds come from the host: this waits for what is in the stream before it.
fn masked(on: &On, of: &Dropout, x: Array<'_>) -> Result<Room> {
    let (n, images) = (x.len(), of.seeds.len());
    let each = n / images.max(1);
    if of.whole {
        let scale = 1.0 / (1.0 - of.rate);
        let factor = |seed: &u64| if masks::keeps(*seed, of.site, of.rate) { scale } else { 0.0 };
        let factors: Vec<u8> = of.seeds.iter().flat_map(|seed| factor(seed).to_le_bytes()).collect();
        let factors = on.pool.holding(&factors)?;
        return on.make(n, |y| arrays::scale_groups(on.queue(), y, x.span, factors.span(), [images, n]));
    }
    let seeds = on.pool.holding(&of.seeds.iter().flat_map(|seed| seed.to_le_bytes()).collect::<Vec<u8>>())?;
    let drop = Drop { seeds: seeds.span(), images, site: of.site, rate: of.rate };
    let masks = Epilogue { storage: F32, rows: images, channels: each, gelu: false, drop: Some(drop) };
    on.make(n, |y| masks.backward(on.queue(), x.span, None, y))
}

impl Launched<1> for Dropout {
    fn launch(&self, on: &On, [x]: [Array<'_>; 1]) -> Result<(Room, Vec<usize>)> {
        Ok((masked(on, self, x)?, x.dims.to_vec()))
    }

    fn launch_back(
        &self,
        on: &On,
        _: [Array<'_>; 1],
        _: [bool; 1],
        _: Array<'_>,
        dy: Array<'_>,
    ) -> Result<[Option<Room>; 1]> {
        Ok([Some(masked(on, self, dy)?)])
    }
}
