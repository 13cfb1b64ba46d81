//! Batches of a data set.

use super::super::augment::{Batch, Colour, DataSet, Draw, Epoch};
use super::super::optim::{Progress, Record, STATE_BYTES};
use super::super::{Block, GpuError, Storage};
use super::Bench;

/// Images of a small set, and their side. Not a multiple of eight pixels, so that the mean grey has a rest.
const IMAGES: usize = 6;
const SIDE: usize = 9;
const ONE: usize = SIDE * SIDE * 3;

struct Set {
    bytes: Vec<u8>,
    pixels: Block,
    labels: Block,
    normal: Block,
    table: Vec<f32>,
}

fn set(bench: &mut Bench) -> Result<Set, GpuError> {
    let bytes: Vec<u8> = (0..IMAGES * ONE).map(|_| bench.numbers.bits() as u8).collect();
    let table: Vec<f32> = (0..768).map(|i| ((i % 256) as f32 - 96.0) / (64 << (i / 256)) as f32).collect();
    let labels: Vec<u8> = (0..IMAGES as u32).flat_map(|i| (i + 7).to_le_bytes()).collect();
    let pixels = bench.pool.holding(&bytes)?;
    let (labels, normal) = (bench.pool.holding(&labels)?, bench.put(Storage::F32, &table)?);
    Ok(Set { bytes, pixels, labels, normal, table })
}

impl Set {
    fn on_device(&self) -> DataSet<'_> {
        DataSet {
            pixels: self.pixels.span(),
            labels: self.labels.span(),
            images: IMAGES,
            side: SIDE,
            normal: self.normal.span(),
        }
    }
}

/// Every kind of draw; the second step of an epoch of two, in an order that repeats no image. Moved pixels are
/// compared one by one, changed colours and turned images with a hash.
pub(super) fn batch(bench: &mut Bench) -> Result<(), GpuError> {
    let set = set(bench)?;
    let order = [5u32, 1, 4, 0, 3, 2];
    let moved = Draw { shift: [2, -1], flip: true, ..Draw::default() };
    let coloured = Draw {
        colours: [
            Some(Colour::Hue(0.07)),
            Some(Colour::Brightness(1.2)),
            Some(Colour::Contrast(1.4)),
            Some(Colour::Saturation(0.6)),
        ],
        ..moved
    };
    let (sin, cos) = 0.3f64.sin_cos();
    let turned = Draw { warp: Some([1.1, 0.2, -0.3, cos, sin]), ..moved };
    let draws = [Draw::default(), turned, coloured, moved, coloured, turned];
    let order_there = bench.pool.holding(&order.map(u32::to_le_bytes).concat())?;
    let draws_there = bench.pool.holding(&draws.map(|d| d.encode()).concat())?;
    let seeds = bench.pool.holding(&[1u64, 2, 3, 4, 5, 6].map(u64::to_le_bytes).concat())?;
    let state = bench.pool.holding(&[1u32, 0, 0, 0].map(u32::to_le_bytes).concat())?;
    let records = bench.pool.zeroed(2 * Record::BYTES)?;
    debug_assert_eq!(state.span().bytes(), STATE_BYTES);
    let (images, labels, seeds_now) = (bench.room(3 * ONE)?, bench.pool.take(12)?, bench.pool.take(24)?);
    let epoch =
        Epoch { order: order_there.span(), draws: draws_there.span(), seeds: Some(seeds.span()), batch: 3 };
    let to = Batch {
        images: images.span(),
        storage: bench.storage(),
        labels: labels.span(),
        seeds: Some(seeds_now.span()),
    };
    let progress = Progress { state: state.span(), records: records.span(), steps: 2 };
    set.on_device().batch(bench.pool.queue(), epoch, to, progress)?;

    let found = bench.get(bench.storage(), images.span(), 3 * ONE)?;
    let expected: Vec<f32> = (0..ONE).map(|i| set.moved(order[3] as usize, i)).collect();
    bench.see(&found[..ONE], &expected);
    if bench.precise() {
        let hash = found.iter().fold(0xCBF2_9CE4_8422_2325u64, |h, v| {
            (h ^ u64::from(v.to_bits())).wrapping_mul(0x100_0000_01B3)
        });
        bench.same(hash == HASH);
    }
    let mut bytes = [0; 36];
    bench.pool.queue().read(labels.span(), &mut bytes[..12])?;
    bench.pool.queue().read(seeds_now.span(), &mut bytes[12..])?;
    let expected = [order[3..].iter().flat_map(|i| (i + 7).to_le_bytes()).collect::<Vec<_>>(), {
        [4u64, 5, 6].map(u64::to_le_bytes).concat()
    }];
    bench.same(bytes[..] == expected.concat());
    Ok(())
}

/// Of the images of [`batch`], as the emulated device makes them, which agrees with basin_data bit for bit
/// (the tests of basin_train).
const HASH: u64 = 0x3CCE_F475_AA0F_B67F;

impl Set {
    /// Value `i` of an image that is moved by two rows and back by a column, and mirrored.
    fn moved(&self, image: usize, i: usize) -> f32 {
        let (row, column, channel) = (i / 3 / SIDE + 2, (SIDE - 1 - i / 3 % SIDE).wrapping_sub(1), i % 3);
        let byte = match row < SIDE && column < SIDE {
            true => self.bytes[image * ONE + (row * SIDE + column) * 3 + channel],
            false => 0,
        };
        self.table[channel * 256 + usize::from(byte)]
    }
}

pub(super) fn plain(bench: &mut Bench) -> Result<(), GpuError> {
    let set = set(bench)?;
    let to = bench.room(3 * ONE)?;
    set.on_device().plain(bench.pool.queue(), 2, 3, bench.storage(), to.span())?;
    let value = |(i, byte): (usize, &u8)| set.table[i % 3 * 256 + usize::from(*byte)];
    let expected: Vec<f32> = set.bytes[2 * ONE..5 * ONE].iter().enumerate().map(value).collect();
    bench.compare(&to, &expected)
}
