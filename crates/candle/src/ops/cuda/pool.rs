//! Pooling on a device.

use super::super::pool::{AvgPool, MaxPool, MeanPool, Window};
use super::{Array, F32, Launched, On};
use basin_cuda::Room;
use basin_gpu::windows::Windows;
use basin_gpu::{Span, head};
use basin_kernels::Dims;
use candle_core::Result;

fn sizes(dims: &[usize]) -> Dims {
    Dims::new(dims[0], dims[1], dims[2], dims[3])
}

fn windows(of: Window, x: Array<'_>) -> Windows {
    let Window { kernel, stride, padding } = of;
    Windows { images: sizes(x.dims), kernel, stride, padding }
}

fn dims(result: Dims) -> Vec<usize> {
    vec![result.images, result.height, result.width, result.channels]
}

impl Launched<1> for MaxPool {
    fn launch(&self, on: &On, [x]: [Array<'_>; 1]) -> Result<(Room, Vec<usize>)> {
        let windows = windows(self.window, x);
        let result = windows.result()?;
        let mut places = on.queue.room(result.len())?;
        let y = on.make(result.len(), |y| {
            windows.largest(on.queue(), x.span, y, on.queue.written(&mut places).span())
        })?;
        self.kept.keep(vec![places]);
        Ok((y, dims(result)))
    }

    fn launch_back(
        &self,
        on: &On,
        [x]: [Array<'_>; 1],
        _: [bool; 1],
        _: Array<'_>,
        dy: Array<'_>,
    ) -> Result<[Option<Room>; 1]> {
        let (windows, places) = (windows(self.window, x), &self.kept.get("max_pool2d")?[0]);
        let gradient =
            |dx: Span<'_>| windows.largest_gradient(on.queue(), dy.span, on.read(places).span(), dx);
        Ok([Some(on.make(x.len(), gradient)?)])
    }
}

impl Launched<1> for AvgPool {
    fn launch(&self, on: &On, [x]: [Array<'_>; 1]) -> Result<(Room, Vec<usize>)> {
        let windows = windows(self.0, x);
        let result = windows.result()?;
        Ok((on.make(result.len(), |y| windows.means(on.queue(), x.span, y))?, dims(result)))
    }

    fn launch_back(
        &self,
        on: &On,
        [x]: [Array<'_>; 1],
        _: [bool; 1],
        _: Array<'_>,
        dy: Array<'_>,
    ) -> Result<[Option<Room>; 1]> {
        let windows = windows(self.0, x);
        Ok([Some(on.make(x.len(), |dx| windows.means_gradient(on.queue(), dy.span, dx))?)])
    }
}

impl Launched<1> for MeanPool {
    fn launch(&self, on: &On, [x]: [Array<'_>; 1]) -> Result<(Room, Vec<usize>)> {
        let d = sizes(x.dims);
        let y = on.make(d.images * d.channels, |y| head::mean_pool(on.queue(), F32, d, x.span, y))?;
        Ok((y, self.dims(d.images, d.channels)))
    }

    fn launch_back(
        &self,
        on: &On,
        [x]: [Array<'_>; 1],
        _: [bool; 1],
        _: Array<'_>,
        dy: Array<'_>,
    ) -> Result<[Option<Room>; 1]> {
        let d = sizes(x.dims);
        let gradient = |dx: Span<'_>| head::mean_pool_gradient(on.queue(), F32, d, dy.span, dx);
        Ok([Some(on.make(x.len(), gradient)?)])
    }
}
