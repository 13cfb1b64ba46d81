//! The three products of a convolution, on ragged sizes.

use super::super::corner::Corner;
use super::super::{Block, Convolution, GpuError, Operands, Pass};
use super::Bench;
use basin_kernels::Isa;
use basin_kernels::conv::{self, ConvShape, PackedConv, Padding};

/// Channels in, channels out, kernel, stride, images, height, width: stem, narrow, strided, odd, dense.
const SIZES: &[[usize; 7]] = &[
    [3, 16, 3, 1, 2, 9, 7],
    [8, 16, 3, 2, 3, 8, 8],
    [16, 8, 3, 2, 2, 7, 5],
    [4, 4, 3, 1, 3, 6, 6],
    [72, 80, 3, 1, 1, 5, 6],
    [64, 10, 1, 1, 5, 1, 1],
    [24, 136, 1, 1, 3, 13, 1],
    [16, 24, 3, 2, 9, 16, 17],
];

/// One convolution: sizes, and x, w, dy with their device copies.
struct Case {
    call: Convolution,
    packed: PackedConv,
    x: (Vec<f32>, Block),
    dy: (Vec<f32>, Block),
    w: (Vec<f32>, Block),
}

fn case(bench: &mut Bench, sizes: &[usize; 7], pass: Pass, add: bool) -> Result<Case, GpuError> {
    let [cin, cout, kernel, stride, images, height, width] = *sizes;
    let shape = ConvShape { cin, cout, kernel, stride };
    let (precision, padding) = (bench.precision, Padding::Same);
    let call = Convolution { shape, padding, images, height, width, pass, precision, add };
    let (x, dy) = (bench.stored(call.input_rows() * cin)?, bench.stored(call.output_rows() * cout)?);
    let w = bench.stored(shape.weights())?;
    let mut packed = PackedConv::empty(shape, true, Isa::detect());
    packed.pack(&to_torch(shape, &w.0));
    Ok(Case { call, packed, x, dy, w })
}

/// `[cout, kh, kw, cin]` to `[cout, cin, kh, kw]`.
fn to_torch(s: ConvShape, w: &[f32]) -> Vec<f32> {
    let taps = s.kernel * s.kernel;
    let at = |i: usize| (i / (taps * s.cin), i / taps % s.cin, i % taps);
    (0..w.len()).map(at).map(|(co, ci, tap)| w[(co * taps + tap) * s.cin + ci]).collect()
}

impl Case {
    fn run(&self, bench: &Bench, input: &Block, weights: &Block, output: &Block) -> Result<(), GpuError> {
        let queue = bench.pool.queue();
        let scratch = bench.pool.take(queue.convolution_scratch(&self.call)?)?;
        let operands = Operands { input: input.span(), weights: weights.span(), output: output.span() };
        queue.convolve(&self.call, operands, scratch.span())
    }
}

pub(super) fn forward(bench: &mut Bench) -> Result<(), GpuError> {
    for sizes in SIZES {
        let case = case(bench, sizes, Pass::Forward, false)?;
        let mut expected = vec![0.0; case.dy.0.len()];
        conv::forward(&case.packed, &case.x.0, case.call.height, case.call.width, &mut expected)?;
        let y = bench.room(expected.len())?;
        case.run(bench, &case.x.1, &case.w.1, &y)?;
        bench.compare(&y, &expected)?;
    }
    Ok(())
}

pub(super) fn input_gradient(bench: &mut Bench) -> Result<(), GpuError> {
    for (i, sizes) in SIZES.iter().enumerate() {
        let add = i % 2 == 1;
        let case = case(bench, sizes, Pass::InputGradient, add)?;
        let (mut expected, dx) = bench.stored(case.x.0.len())?;
        conv::input_gradient(
            &case.packed,
            &case.dy.0,
            case.call.height,
            case.call.width,
            &mut expected,
            add,
        )?;
        case.run(bench, &dx, &case.w.1, &case.dy.1)?;
        bench.compare(&dx, &expected)?;
    }
    Ok(())
}

pub(super) fn weight_gradient(bench: &mut Bench) -> Result<(), GpuError> {
    for (i, sizes) in SIZES.iter().enumerate() {
        let case = case(bench, sizes, Pass::WeightGradient, i % 2 == 1)?;
        let s = case.call.shape;
        let (before, dw) = bench.single(s.weights())?;
        let mut sums = vec![0.0; case.packed.gradient_len()];
        let (h, w) = (case.call.height, case.call.width);
        conv::weight_gradient(&case.packed, &case.x.0, &case.dy.0, h, w, &mut sums, false)?;
        let mut expected = vec![0.0; s.weights()];
        case.packed.unpack_gradient(&sums, &mut expected);
        if case.call.add {
            expected.iter_mut().zip(to_torch(s, &before)).for_each(|(e, b)| *e += b);
        }
        case.run(bench, &case.x.1, &dw, &case.dy.1)?;
        let found = bench.get(super::super::Storage::F32, dw.span(), s.weights())?;
        bench.see(&to_torch(s, &found), &expected);
    }
    Ok(())
}

/// Pixels of whole long words, of short ones, and of one; with a row, a column, both or nothing more.
pub(super) fn corner(bench: &mut Bench) -> Result<(), GpuError> {
    for (images, size, channels, added) in
        [(3, [4, 5], 16, [1, 1]), (2, [3, 40], 8, [0, 1]), (2, [5, 3], 3, [1, 0]), (1, [1, 1], 1, [0, 0])]
    {
        let corner = Corner { storage: bench.storage(), images, size, channels, added };
        let (ours, ours_there) = bench.stored(corner.values())?;
        let row = size[1] * channels;
        let mut rows = ours.chunks_exact(row);
        let mut expected = Vec::new();
        for place in 0..images * (size[0] + added[0]) {
            expected.resize(expected.len() + added[1] * channels, 0.0);
            match place % (size[0] + added[0]) < added[0] {
                true => expected.resize(expected.len() + row, 0.0),
                false => expected.extend_from_slice(rows.next().unwrap_or_default()),
            }
        }
        let (larger, back) = (bench.room(corner.larger_values())?, bench.room(corner.values())?);
        corner.fill(bench.pool.queue(), larger.span(), ours_there.span())?;
        bench.compare(&larger, &expected)?;
        corner.take(bench.pool.queue(), back.span(), larger.span())?;
        bench.compare(&back, &ours)?;
    }
    Ok(())
}
