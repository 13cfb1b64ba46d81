//! Patches, class token, attention.

use super::super::attention::Attention;
use super::super::columns::{Gathered, Sums};
use super::super::tokens::{self, Prepend};
use super::super::{Block, GpuError};
use super::Bench;
use basin_kernels::Isa;
use basin_kernels::{Dims, attention};

pub(super) fn patches(bench: &mut Bench) -> Result<(), GpuError> {
    let (d, patch) = (Dims::new(3, 12, 12, 3), 4);
    let ((x, x_there), y) = (bench.stored(d.len())?, bench.room(d.len())?);
    let mut expected = vec![0.0; d.len()];
    basin_kernels::tokens::patches(&x, d.height, d.channels, patch, &mut expected);
    tokens::patches(bench.pool.queue(), bench.storage(), d, patch, x_there.span(), y.span())?;
    let found = bench.get(bench.storage(), y.span(), d.len())?;
    bench.same(found == expected);
    Ok(())
}

pub(super) fn prepend(bench: &mut Bench) -> Result<(), GpuError> {
    let p = Prepend { storage: bench.storage(), images: 5, tokens: 9, channels: 20 };
    let (before, after) = (5 * 9 * 20, 5 * 10 * 20);
    let (x, x_there) = bench.stored(before)?;
    let ((class, class_there), (positions, positions_there)) = (bench.single(20)?, bench.single(200)?);
    let (mut expected, y) = (vec![0.0; after], bench.room(after)?);
    basin_kernels::tokens::prepend(&x, &class, &positions, &mut expected);
    let queue = bench.pool.queue();
    p.forward(queue, x_there.span(), class_there.span(), positions_there.span(), y.span())?;
    bench.compare(&y, &expected)?;

    let ((dy, dy_there), dx) = (bench.stored(after)?, bench.room(before)?);
    // The class token's gradient is added to what is there, the positions' is written.
    let ((mut dclass, to_class), to_positions) = (bench.single(20)?, bench.single_room(200)?);
    let (mut dpositions, mut expected) = (vec![0.0; 200], vec![0.0; before]);
    basin_kernels::tokens::prepend_gradient(&dy, &mut dclass, &mut dpositions, &mut expected);
    let (class, positions) =
        (Sums { to: to_class.span(), add: true }, Sums { to: to_positions.span(), add: false });
    let mut gathered = Gathered::default();
    p.backward(&bench.pool, dy_there.span(), dx.span(), class, positions, &mut gathered)?;
    gathered.finish(&bench.pool)?;
    bench.compare(&dx, &expected)?;
    bench.compare_single(&to_class, &dclass)?;
    bench.compare_single(&to_positions, &dpositions)
}

pub(super) fn first_token(bench: &mut Bench) -> Result<(), GpuError> {
    let d = Dims::new(4, 6, 1, 21);
    let ((x, x_there), y) = (bench.stored(d.len())?, bench.room(84)?);
    let mut expected = vec![0.0; 84];
    basin_kernels::tokens::first_token(&x, 6, 21, &mut expected);
    tokens::first_token(bench.pool.queue(), bench.storage(), d, x_there.span(), y.span())?;
    bench.compare(&y, &expected)?;
    let ((dy, dy_there), dx) = (bench.stored(84)?, bench.room(d.len())?);
    let mut expected = vec![0.0; d.len()];
    basin_kernels::tokens::first_token_gradient(&dy, 6, 21, &mut expected);
    tokens::first_token_gradient(bench.pool.queue(), bench.storage(), d, dy_there.span(), dx.span())?;
    bench.compare(&dx, &expected)
}

/// Images, tokens, channels, heads: heads narrower than a warp, of its width, wider, and the widest.
const ATTENTIONS: &[[usize; 4]] = &[[2, 5, 12, 3], [1, 65, 64, 2], [2, 33, 40, 1], [1, 40, 128, 2]];

struct Case {
    a: Attention,
    qkv: (Vec<f32>, Block),
    out: Vec<f32>,
    log_sum: Vec<f32>,
}

fn case(bench: &mut Bench, sizes: &[usize; 4]) -> Result<Case, GpuError> {
    let [images, tokens, channels, heads] = *sizes;
    let a = Attention { precision: bench.precision, images, tokens, channels, heads };
    let qkv = bench.stored(3 * images * tokens * channels)?;
    let (mut out, mut log_sum) = (vec![0.0; images * tokens * channels], vec![0.0; a.sums()]);
    attention::forward(&qkv.0, tokens, channels, heads, &mut out, &mut log_sum, Isa::detect());
    Ok(Case { a, qkv, out, log_sum })
}

pub(super) fn attention_forward(bench: &mut Bench) -> Result<(), GpuError> {
    for sizes in ATTENTIONS {
        let case = case(bench, sizes)?;
        let (out, log_sum) = (bench.room(case.out.len())?, bench.single_room(case.log_sum.len())?);
        case.a.forward(bench.pool.queue(), case.qkv.1.span(), out.span(), log_sum.span())?;
        bench.compare(&out, &case.out)?;
        bench.compare_single(&log_sum, &case.log_sum)?;
    }
    Ok(())
}

pub(super) fn attention_backward(bench: &mut Bench) -> Result<(), GpuError> {
    for sizes in ATTENTIONS {
        let case = case(bench, sizes)?;
        let (dout, dout_there) = bench.stored(case.out.len())?;
        let mut expected = vec![0.0; case.qkv.0.len()];
        let [_, tokens, channels, heads] = *sizes;
        let isa = Isa::detect();
        attention::backward(&case.qkv.0, &case.log_sum, &dout, tokens, channels, heads, &mut expected, isa);
        let out = bench.put(bench.storage(), &case.out)?;
        let log_sum = bench.put(super::super::Storage::F32, &case.log_sum)?;
        let dqkv = bench.room(expected.len())?;
        let (qkv, dout) = (case.qkv.1.span(), dout_there.span());
        case.a.backward(&bench.pool, qkv, out.span(), log_sum.span(), dout, dqkv.span())?;
        bench.compare(&dqkv, &expected)?;
    }
    Ok(())
}
