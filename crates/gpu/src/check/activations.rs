//! Normalisation, pooling, the end of a dense layer, sums.

use super::super::columns::{Columns, Gathered, Sums};
use super::super::dense::{Drop, Epilogue};
use super::super::norm::{Gradients, Kept, LayerNorm, Saved};
use super::super::{Block, GpuError, elementwise, head, nonlinearity};
use super::Bench;
use basin_graph::Nonlinearity;
use basin_kernels::Isa;
use basin_kernels::norm::NormShape;
use basin_kernels::{Dims, bias, dropout, gelu, norm};

/// Rows, channels, ReLU, shortcut: every way through the kernels, with rows that fill no block.
const NORMS: &[(usize, usize, bool, bool)] = &[
    (70, 16, true, true),
    (513, 64, true, false),
    (33, 24, false, true),
    (9, 256, true, true),
    (5, 384, false, false),
    (3, 1040, true, true),
    (41, 7, true, true),
];

fn layer_norm(bench: &Bench, case: &(usize, usize, bool, bool)) -> LayerNorm {
    let (rows, channels, relu, _) = *case;
    LayerNorm { storage: bench.storage(), rows, channels, epsilon: 1e-5, relu }
}

/// The CPU's result and statistics.
fn reference(
    n: &LayerNorm,
    x: &[f32],
    shortcut: Option<&[f32]>,
    gamma: &[f32],
    beta: &[f32],
) -> (Vec<f32>, Vec<f32>) {
    let (mut y, mut statistics) = (vec![0.0; x.len()], vec![0.0; 2 * n.rows]);
    norm::forward(shape(n), x, shortcut, gamma, beta, &mut y, &mut statistics, Isa::detect());
    (y, statistics)
}

fn shape(n: &LayerNorm) -> NormShape {
    NormShape { channels: n.channels, epsilon: n.epsilon, relu: n.relu }
}

/// What of a result is positive, as the device keeps it.
fn passing(n: &LayerNorm, y: &[f32]) -> Vec<u8> {
    let byte = |run: &[f32]| run.iter().enumerate().map(|(v, y)| u8::from(*y > 0.0) << v).sum();
    y.chunks(n.passed_run()).map(byte).collect()
}

pub(super) fn norm_forward(bench: &mut Bench) -> Result<(), GpuError> {
    for case in NORMS {
        let n = layer_norm(bench, case);
        let (x, on_device) = bench.stored(n.rows * n.channels)?;
        let (shortcut, beside) = bench.stored(x.len())?;
        let ((gamma, scale), (beta, shift)) = (bench.single(n.channels)?, bench.single(n.channels)?);
        let expected = reference(&n, &x, case.3.then_some(&shortcut[..]), &gamma, &beta);
        let (y, statistics) = (bench.room(x.len())?, bench.single_room(2 * n.rows)?);
        let beside = case.3.then_some(beside.span());
        let queue = bench.pool.queue();
        let (scale, shift) = (scale.span(), shift.span());
        let passed = bench.pool.take(n.passed_bytes())?;
        let kept = Kept { statistics: Some(statistics.span()), passed: Some(passed.span()) };
        n.forward(queue, on_device.span(), beside, scale, shift, y.span(), kept)?;
        bench.compare(&y, &expected.0)?;
        let mut found = vec![0; n.passed_bytes()];
        bench.pool.queue().read(passed.span(), &mut found)?;
        let own = bench.get(bench.storage(), y.span(), x.len())?;
        bench.same(found == passing(&n, &own));
        bench.compare_single(&statistics, &expected.1)?;
    }
    Ok(())
}

pub(super) fn norm_backward(bench: &mut Bench) -> Result<(), GpuError> {
    for case in NORMS {
        let n = layer_norm(bench, case);
        let ((x, x_there), (dy, dy_there)) =
            (bench.stored(n.rows * n.channels)?, bench.stored(n.rows * n.channels)?);
        let ((gamma, scale), (beta, _)) = (bench.single(n.channels)?, bench.single(n.channels)?);
        let (y, statistics) = reference(&n, &x, None, &gamma, &beta);
        let passed = bench.pool.holding(&passing(&n, &y))?;
        let statistics_there = bench.put(super::super::Storage::F32, &statistics)?;
        let ((mut dgamma, to_gamma), (mut dbeta, to_beta)) =
            (bench.single(n.channels)?, bench.single(n.channels)?);
        let add = n.relu;
        if !add {
            dgamma.fill(0.0);
            dbeta.fill(0.0);
        }
        let (mut open, mut dx) = (dy.clone(), vec![0.0; x.len()]);
        let isa = Isa::detect();
        norm::backward(
            shape(&n),
            &x,
            &y,
            &statistics,
            &gamma,
            &mut open,
            &mut dx,
            &mut dgamma,
            &mut dbeta,
            isa,
        );
        // Where the parameters' gradients are added, that of the input is too.
        let ((before, to_dx), to_open) = (bench.stored(x.len())?, bench.room(x.len())?);
        if add {
            dx.iter_mut().zip(&before).for_each(|(dx, before)| *dx += before);
        }
        let mut gathered = Gathered::default();
        let places = [&to_gamma, &to_beta].map(|to| (Sums { to: to.span(), add }, n.channels));
        let partial = gathered.room(&bench.pool, n.blocks(), &places)?;
        let saved = Saved {
            x: x_there.span(),
            passed: n.relu.then_some(passed.span()),
            statistics: statistics_there.span(),
            gamma: scale.span(),
        };
        let to =
            Gradients { dx: to_dx.span(), onto: add, shortcut: case.3.then_some(to_open.span()), partial };
        n.backward(bench.pool.queue(), dy_there.span(), saved, to)?;
        gathered.finish(&bench.pool)?;
        bench.compare(&to_dx, &dx)?;
        bench.compare_single(&to_gamma, &dgamma)?;
        bench.compare_single(&to_beta, &dbeta)?;
        if case.3 {
            bench.compare(&to_open, &open)?;
        }
    }
    Ok(())
}

pub(super) fn mean_pool(bench: &mut Bench) -> Result<(), GpuError> {
    let d = Dims::new(3, 5, 4, 37);
    let ((x, x_there), y) = (bench.stored(d.len())?, bench.room(d.images * d.channels)?);
    let mut expected = vec![0.0; d.images * d.channels];
    basin_kernels::head::mean_pool(&x, d.pixels(), d.channels, &mut expected);
    head::mean_pool(bench.pool.queue(), bench.storage(), d, x_there.span(), y.span())?;
    bench.compare(&y, &expected)?;
    let ((dy, dy_there), dx) = (bench.stored(expected.len())?, bench.room(d.len())?);
    let mut expected = vec![0.0; d.len()];
    basin_kernels::head::mean_pool_gradient(&dy, d.pixels(), d.channels, &mut expected);
    head::mean_pool_gradient(bench.pool.queue(), bench.storage(), d, dy_there.span(), dx.span())?;
    bench.compare(&dx, &expected)
}

/// Images, rows of one, channels, GELU, dropout's rate, residual. One is longer than a run of the dropout's hash.
const DENSES: &[(usize, usize, usize, bool, f32, bool)] = &[
    (5, 1, 10, false, 0.0, false),
    (3, 7, 48, true, 0.0, false),
    (2, 9, 260, true, 0.1, false),
    (4, 3, 33, false, 0.3, true),
    (2, 5, 64, false, 0.0, true),
];

struct DenseCase {
    rows: usize,
    seeds: Vec<u64>,
    on_device: Block,
}

impl DenseCase {
    fn new(bench: &mut Bench, case: &(usize, usize, usize, bool, f32, bool)) -> Result<Self, GpuError> {
        let seeds: Vec<u64> = (0..case.0).map(|_| bench.numbers.bits()).collect();
        let bytes: Vec<u8> = seeds.iter().flat_map(|s| s.to_le_bytes()).collect();
        Ok(Self { rows: case.0 * case.1, seeds, on_device: bench.pool.holding(&bytes)? })
    }

    fn epilogue(&self, bench: &Bench, case: &(usize, usize, usize, bool, f32, bool)) -> Epilogue<'_> {
        let (images, _, channels, gelu, rate, _) = *case;
        let drop = (rate > 0.0).then(|| Drop { seeds: self.on_device.span(), images, site: 3, rate });
        Epilogue { storage: bench.storage(), rows: self.rows, channels, gelu, drop }
    }

    fn drop(&self, x: &mut [f32], rate: f32) {
        dropout::apply(x, &self.seeds, 3, rate, Isa::detect());
    }
}

pub(super) fn dense_forward(bench: &mut Bench) -> Result<(), GpuError> {
    for case in DENSES {
        let dense = DenseCase::new(bench, case)?;
        let (mut z, z_there) = bench.stored(dense.rows * case.2)?;
        let ((offset, offset_there), (residual, beside)) = (bench.single(case.2)?, bench.stored(z.len())?);
        z.iter_mut().enumerate().for_each(|(i, z)| *z += offset[i % case.2]);
        let mut expected = z.clone();
        if case.3 {
            gelu::forward(&z, &mut expected, Isa::detect());
        }
        dense.drop(&mut expected, case.4);
        if case.5 {
            expected.iter_mut().zip(&residual).for_each(|(e, r)| *e += r);
        }
        let y = bench.room(z.len())?;
        let beside = case.5.then_some(beside.span());
        let epilogue = dense.epilogue(bench, case);
        epilogue.forward(bench.pool.queue(), z_there.span(), offset_there.span(), beside, y.span())?;
        bench.compare(&y, &expected)?;
        if case.3 {
            bench.compare(&z_there, &z)?;
        }
    }
    Ok(())
}

pub(super) fn dense_backward(bench: &mut Bench) -> Result<(), GpuError> {
    for case in DENSES {
        let dense = DenseCase::new(bench, case)?;
        let ((z, z_there), (mut dy, dy_there)) =
            (bench.stored(dense.rows * case.2)?, bench.stored(dense.rows * case.2)?);
        dense.drop(&mut dy, case.4);
        let mut expected = dy.clone();
        if case.3 {
            gelu::backward(&z, &dy, &mut expected, Isa::detect());
        }
        let dz = bench.room(z.len())?;
        let epilogue = dense.epilogue(bench, case);
        epilogue.backward(bench.pool.queue(), dy_there.span(), Some(z_there.span()), dz.span())?;
        bench.compare(&dz, &expected)?;
    }
    Ok(())
}

pub(super) fn bias_gradient(bench: &mut Bench) -> Result<(), GpuError> {
    // Many rows are summed image by image, as the CPU does; a sum in one run would round more than it may.
    for (i, (rows, image, columns)) in
        [(3, 3, 10), (700, 70, 70), (257, 257, 33), (70_000, 100, 3)].into_iter().enumerate()
    {
        let ((dy, dy_there), (mut sums, to)) = (bench.stored(rows * columns)?, bench.single(columns)?);
        let add = i % 2 == 1;
        if !add {
            sums.fill(0.0);
        }
        bias::bias_gradient(&dy, image, &mut sums, Isa::detect());
        let from = Columns { from: dy_there.span(), storage: bench.storage(), rows, columns, pitch: columns };
        let mut gathered = Gathered::default();
        from.sum(&bench.pool, Sums { to: to.span(), add }, &mut gathered)?;
        // Once more, onto sums that may still wait.
        bias::bias_gradient(&dy, image, &mut sums, Isa::detect());
        from.sum(&bench.pool, Sums { to: to.span(), add: true }, &mut gathered)?;
        gathered.finish(&bench.pool)?;
        bench.compare_single(&to, &sums)?;
    }
    Ok(())
}

pub(super) fn sum(bench: &mut Bench) -> Result<(), GpuError> {
    let ((a, a_there), (b, b_there)) = (bench.stored(1003)?, bench.stored(1003)?);
    elementwise::add(bench.pool.queue(), bench.storage(), a_there.span(), b_there.span(), a.len())?;
    let expected: Vec<f32> = a.iter().zip(&b).map(|(a, b)| a + b).collect();
    bench.compare(&a_there, &expected)?;
    let (wide, narrow) = (bench.single_room(a.len())?, bench.pool.take(2 * a.len())?);
    elementwise::widen(bench.pool.queue(), bench.storage(), wide.span(), b_there.span(), b.len())?;
    bench.compare_single(&wide, &b)?;
    elementwise::narrow(bench.pool.queue(), narrow.span(), wide.span(), b.len())?;
    let rounded = bench.get(super::super::Storage::Bf16, narrow.span(), b.len())?;
    let expected: Vec<f32> =
        b.iter().map(|b| f32::from_bits(u32::from(super::numbers::bf16(*b)) << 16)).collect();
    bench.same(rounded == expected);
    Ok(())
}

pub(super) fn sum_of_two(bench: &mut Bench) -> Result<(), GpuError> {
    let ((a, a_there), (b, b_there)) = (bench.stored(1003)?, bench.stored(1003)?);
    let y = bench.room(a.len())?;
    let (queue, storage) = (bench.pool.queue(), bench.storage());
    elementwise::sum(queue, storage, y.span(), a_there.span(), Some(b_there.span()), a.len())?;
    bench.compare(&y, &a.iter().zip(&b).map(|(a, b)| a + b).collect::<Vec<f32>>())?;
    elementwise::sum(bench.pool.queue(), bench.storage(), y.span(), b_there.span(), None, b.len())?;
    bench.compare(&y, &b)
}

pub(super) fn nonlinearities(bench: &mut Bench) -> Result<(), GpuError> {
    for function in [Nonlinearity::Relu, Nonlinearity::Gelu] {
        let ((x, x_there), (dy, dy_there)) = (bench.stored(517)?, bench.stored(517)?);
        let (mut y, mut dx) = (vec![0.0; x.len()], dy.clone());
        match function {
            Nonlinearity::Relu => {
                y.iter_mut().zip(&x).for_each(|(y, x)| *y = x.max(0.0));
                dx.iter_mut().zip(&x).filter(|(_, x)| **x <= 0.0).for_each(|(dx, _)| *dx = 0.0);
            }
            Nonlinearity::Gelu => {
                gelu::forward(&x, &mut y, Isa::detect());
                gelu::backward(&x, &dy, &mut dx, Isa::detect());
            }
        }
        let (to, queue, storage) = (bench.room(x.len())?, bench.pool.queue(), bench.storage());
        nonlinearity::forward(queue, storage, function, to.span(), x_there.span(), x.len())?;
        bench.compare(&to, &y)?;
        let (queue, at) = (bench.pool.queue(), dy_there.span());
        nonlinearity::backward(queue, bench.storage(), function, at, at, x_there.span(), x.len())?;
        bench.compare(&dy_there, &dx)?;
    }
    Ok(())
}
