//! What candle's modules have besides: explicit padding, BatchNorm, windows, weights in PyTorch's order. All f32.

use super::super::batch_norm::{BatchNorm, Channels, Gradients};
use super::super::columns::Columns;
use super::super::windows::Windows;
use super::super::{Convolution, GpuError, Operands, Pass, Storage, arrays};
use super::Bench;
use basin_kernels::conv::{ConvShape, Padding};
use basin_kernels::{Dims, Isa, batch_norm, ops};

/// Channels in, channels out, kernel, stride, padding, images, height, width.
const PADDED: &[[usize; 8]] = &[
    [3, 16, 3, 2, 1, 2, 9, 8],
    [8, 16, 7, 2, 3, 2, 11, 14],
    [8, 4, 1, 2, 0, 3, 6, 5],
    [4, 8, 3, 1, 0, 2, 6, 5],
    [5, 3, 2, 1, 1, 2, 4, 3],
    [16, 8, 1, 1, 1, 1, 3, 2],
];

pub(super) fn padded(bench: &mut Bench) -> Result<(), GpuError> {
    for [cin, cout, kernel, stride, padding, images, height, width] in PADDED.iter().copied() {
        let shape = ConvShape { cin, cout, kernel, stride };
        let padding = Padding::Each(padding).of(shape);
        let of = |pass| {
            let precision = bench.precision;
            Convolution { shape, padding, images, height, width, pass, precision, add: false }
        };
        let calls = [Pass::Forward, Pass::InputGradient, Pass::WeightGradient].map(of);
        let [rows, columns] = calls[0].output();
        let values = images * rows * columns * cout;
        let ((x, x_there), (w, w_there)) =
            (bench.stored(images * height * width * cin)?, bench.stored(shape.weights())?);
        let (dy, dy_there) = bench.stored(values)?;
        let reference = ops::Convolution::new(stride, padding, [true, true]);
        let (sizes, weights) = ([images, height, width, cin], [cout, cin, kernel, kernel]);
        let (y, _) = reference.forward((&x, &sizes), (&w, &weights))?;
        let gradients = reference.backward((&x, &sizes), &weights, &dy)?;

        // PyTorch's order to the kernels', and back.
        let taps = kernel * kernel;
        let (ours, theirs) = (bench.room(w.len())?, bench.room(w.len())?);
        let (found, dx, dw) = (bench.room(values)?, bench.room(x.len())?, bench.room(w.len())?);
        let queue = bench.pool.queue();
        arrays::swap_axes(queue, ours.span(), w_there.span(), [cout, cin, taps])?;
        let operands = [
            Operands { input: x_there.span(), weights: ours.span(), output: found.span() },
            Operands { input: dx.span(), weights: ours.span(), output: dy_there.span() },
            Operands { input: x_there.span(), weights: dw.span(), output: dy_there.span() },
        ];
        for (call, operands) in calls.iter().zip(operands) {
            let scratch = bench.pool.take(queue.convolution_scratch(call)?)?;
            queue.convolve(call, operands, scratch.span())?;
        }
        arrays::swap_axes(queue, theirs.span(), dw.span(), [cout, taps, cin])?;
        bench.compare(&found, &y)?;
        for (found, expected) in [&dx, &theirs].into_iter().zip(gradients) {
            bench.compare(found, &expected.unwrap_or_default())?;
        }
    }
    Ok(())
}

/// Rows, channels, ReLU, shortcut, whether the statistics are given: rows of one stretch and of several, which fill none.
const NORMS: &[(usize, usize, bool, bool, bool)] = &[
    (70, 16, true, true, false),
    (7, 5, false, false, false),
    (1000, 33, true, false, false),
    (33, 64, false, true, true),
    (9, 40, true, true, true),
];

pub(super) fn batch_norms(bench: &mut Bench) -> Result<(), GpuError> {
    let isa = Isa::detect();
    for (rows, channels, relu, shortcut, given) in NORMS.iter().copied() {
        let n = BatchNorm { rows, channels, epsilon: 1e-5, relu };
        let (mut x, _) = bench.stored(rows * channels)?;
        // Far from 0, where squares would cancel.
        x.iter_mut().for_each(|x| *x += 30.0);
        let x_there = bench.put(Storage::F32, &x)?;
        let (beside, beside_there) = bench.stored(x.len())?;
        let (mut dy, dy_there) = bench.stored(x.len())?;
        let ((gamma, gamma_there), (beta, beta_there)) = (bench.single(channels)?, bench.single(channels)?);
        let (mean, variance) = match given {
            true => ((0..channels).map(|c| 30.0 + c as f32 / 100.0).collect(), vec![0.4; channels]),
            false => batch_norm::moments(&x, channels, isa),
        };
        let rstd: Vec<f32> = variance.iter().map(|variance| 1.0 / (variance + n.epsilon).sqrt()).collect();
        let of = batch_norm::Channels { mean: &mean, rstd: &rstd, gamma: &gamma, beta: &beta, relu: n.relu };
        let (mut y, mut dx) = (vec![0.0; x.len()], vec![0.0; x.len()]);
        batch_norm::forward(&x, shortcut.then_some(&beside[..]), of, &mut y, isa);
        let y_there = bench.put(Storage::F32, &y)?;
        let affine = batch_norm::affine_gradient(&x, &y, &mut dy, of, isa);
        let through = (!given).then_some((&affine.0[..], &affine.1[..]));
        batch_norm::backward(&x, &dy, of, through, &mut dx, isa);

        let (to_mean, to_variance) = (bench.put(Storage::F32, &mean)?, bench.put(Storage::F32, &variance)?);
        let (to_rstd, partial) = (bench.room(channels)?, bench.room(n.partial())?);
        let (to_y, to_dx) = (bench.room(x.len())?, bench.room(x.len())?);
        let (passed, sums) = (bench.room(x.len())?, bench.room(2 * channels)?);
        let queue = bench.pool.queue();
        if !given {
            n.moments(queue, x_there.span(), partial.span(), [to_mean.span(), to_variance.span()])?;
        }
        n.deviations(queue, to_variance.span(), to_rstd.span())?;
        let there = Channels {
            mean: to_mean.span(),
            rstd: to_rstd.span(),
            gamma: gamma_there.span(),
            beta: beta_there.span(),
        };
        n.forward(queue, x_there.span(), shortcut.then_some(beside_there.span()), there, to_y.span())?;
        let to = Gradients { passed: passed.span(), affine: sums.span(), partial: partial.span() };
        n.gradients(queue, [x_there.span(), y_there.span(), dy_there.span()], there, to)?;
        let through = (!given).then_some(sums.span());
        n.backward(queue, [x_there.span(), passed.span()], there, through, to_dx.span())?;
        let affine = [affine.0, affine.1].concat();
        let pairs = [(&to_mean, mean), (&to_variance, variance), (&to_rstd, rstd), (&to_y, y)];
        for (found, expected) in pairs.into_iter().chain([(&passed, dy), (&sums, affine), (&to_dx, dx)]) {
            bench.compare(found, &expected)?;
        }
    }
    Ok(())
}

/// Images, height, width, channels; kernel, stride, padding: tiles, windows that overlap, that leave a rest, that reach beyond.
const WINDOWS: &[([usize; 4], [usize; 3])] = &[
    ([2, 6, 4, 5], [2, 2, 0]),
    ([3, 7, 5, 8], [3, 2, 1]),
    ([1, 5, 6, 3], [3, 1, 0]),
    ([2, 4, 4, 1], [2, 3, 1]),
    ([1, 3, 3, 4], [1, 1, 0]),
];

/// Every window of an image with its pixels, for every window of `along` of a side.
fn pixels(w: &Windows, result: Dims, place: usize) -> Vec<usize> {
    let along = |at: usize, side: usize| {
        let first = (at * w.stride) as isize - w.padding as isize;
        (first.max(0) as usize)..((first + w.kernel as isize) as usize).min(side)
    };
    let rows = along(place / result.width, w.images.height);
    let columns = along(place % result.width, w.images.width);
    rows.flat_map(|row| columns.clone().map(move |column| row * w.images.width + column)).collect()
}

pub(super) fn windows(bench: &mut Bench) -> Result<(), GpuError> {
    for ([images, height, width, channels], [kernel, stride, padding]) in WINDOWS.iter().copied() {
        let sizes = Dims::new(images, height, width, channels);
        let w = Windows { images: sizes, kernel, stride, padding };
        let result = w.result()?;
        let (mut x, _) = bench.stored(sizes.len())?;
        // Equal values: the first counts.
        x.iter_mut().for_each(|x| *x = (*x * 4.0).round() / 4.0);
        let x_there = bench.put(Storage::F32, &x)?;
        let (dy, dy_there) = bench.stored(result.len())?;
        let [mut largest, mut means] = [vec![0.0f32; result.len()], vec![0.0f32; result.len()]];
        let [mut to_largest, mut to_means] = [vec![0.0f32; x.len()], vec![0.0f32; x.len()]];
        for i in 0..result.len() {
            let (c, place, image) =
                (i % channels, i / channels % result.pixels(), i / channels / result.pixels());
            let at = |pixel: usize| (image * sizes.pixels() + pixel) * channels + c;
            let pixels = pixels(&w, result, place);
            let best =
                pixels.iter().fold(pixels[0], |best, p| if x[at(*p)] > x[at(best)] { *p } else { best });
            largest[i] = x[at(best)];
            to_largest[at(best)] += dy[i];
            for pixel in pixels {
                let share = 1.0 / (kernel * kernel) as f32;
                means[i] += x[at(pixel)] * share;
                to_means[at(pixel)] += dy[i] * share;
            }
        }
        let (y, places, mean) =
            (bench.room(result.len())?, bench.single_room(result.len())?, bench.room(result.len())?);
        let (dx, dmean) = (bench.room(x.len())?, bench.room(x.len())?);
        let queue = bench.pool.queue();
        w.largest(queue, x_there.span(), y.span(), places.span())?;
        w.largest_gradient(queue, dy_there.span(), places.span(), dx.span())?;
        w.means(queue, x_there.span(), mean.span())?;
        w.means_gradient(queue, dy_there.span(), dmean.span())?;
        for (found, expected) in [(&y, &largest), (&dx, &to_largest), (&mean, &means), (&dmean, &to_means)] {
            bench.compare(found, expected)?;
        }
        // NaN is larger than all.
        let with = x.iter().enumerate().map(|(i, x)| if i == 0 { f32::NAN } else { *x });
        let with = bench.put(Storage::F32, &with.collect::<Vec<_>>())?;
        w.largest(bench.pool.queue(), with.span(), y.span(), places.span())?;
        let found = bench.get(Storage::F32, y.span(), result.len())?;
        bench.same(found[0].is_nan());
    }
    Ok(())
}

/// Groups that are multiplied, one of which holds what is not a number and is left out; sums of many and of few rows.
pub(super) fn groups_and_sums(bench: &mut Bench) -> Result<(), GpuError> {
    let (mut x, _) = bench.stored(6 * 35)?;
    x[40] = f32::INFINITY;
    let factors = [2.0, 0.0, 1.0, -0.5, 3.0, 0.25];
    let expected: Vec<f32> =
        x.iter().enumerate().map(|(i, x)| if i / 35 == 1 { 0.0 } else { x * factors[i / 35] }).collect();
    let (there, by, to) =
        (bench.put(Storage::F32, &x)?, bench.put(Storage::F32, &factors)?, bench.room(x.len())?);
    arrays::scale_groups(bench.pool.queue(), to.span(), there.span(), by.span(), [6, x.len()])?;
    bench.compare(&to, &expected)?;
    for (rows, columns, pitch) in [(7, 5, 5), (300, 12, 20), (5_000, 3, 3)] {
        let (values, from) = bench.stored(rows * pitch)?;
        let sum = |c: usize| (0..rows).map(|row| f64::from(values[row * pitch + c])).sum::<f64>() as f32;
        let to = bench.room(columns)?;
        let all = Columns { from: from.span(), storage: Storage::F32, rows, columns, pitch };
        all.total(&bench.pool, to.span())?;
        // What cancels in a sum of many is not an error of its own.
        let scale = (rows as f32).sqrt();
        let found = bench.get(Storage::F32, to.span(), columns)?;
        let near: Vec<f32> = (0..columns).map(|c| sum(c) / scale + 1.0).collect();
        bench.see(&found.iter().map(|f| f / scale + 1.0).collect::<Vec<_>>(), &near);
    }
    Ok(())
}
