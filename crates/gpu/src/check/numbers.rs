//! Numbers to check with: made the same everywhere, rounded to their storage, and compared.

use super::super::{Block, GpuError, Precision, Span, Storage};
use super::Bench;

/// A stream of numbers (splitmix64).
#[derive(Debug)]
pub(super) struct Numbers(u64);

impl Numbers {
    pub(super) fn new() -> Self {
        Self(0)
    }

    pub(super) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform in (−1, 1).
    pub(super) fn value(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        (self.bits() >> 33) as usize % bound
    }
}

/// A value as bf16, to nearest even.
pub(super) fn bf16(value: f32) -> u16 {
    let bits = value.to_bits();
    match value.is_nan() {
        true => (bits >> 16) as u16 | 0x40,
        false => (bits.wrapping_add(0x7FFF + (bits >> 16 & 1)) >> 16) as u16,
    }
}

/// Values in a storage, as bytes.
pub(super) fn bytes(storage: Storage, values: &[f32]) -> Vec<u8> {
    match storage {
        Storage::F32 => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        Storage::Bf16 => values.iter().flat_map(|v| bf16(*v).to_le_bytes()).collect(),
    }
}

impl Bench {
    pub(super) fn storage(&self) -> Storage {
        self.precision.storage()
    }

    /// `n` values in (−1, 1) that the storage holds exactly, with the same on the device.
    pub(super) fn stored(&mut self, n: usize) -> Result<(Vec<f32>, Block), GpuError> {
        let storage = self.storage();
        self.values(n, storage)
    }

    /// As [`Bench::stored`], in f32 whatever the storage.
    pub(super) fn single(&mut self, n: usize) -> Result<(Vec<f32>, Block), GpuError> {
        self.values(n, Storage::F32)
    }

    fn values(&mut self, n: usize, storage: Storage) -> Result<(Vec<f32>, Block), GpuError> {
        let mut values: Vec<f32> = (0..n).map(|_| self.numbers.value()).collect();
        if storage == Storage::Bf16 {
            values.iter_mut().for_each(|v| *v = f32::from_bits(u32::from(bf16(*v)) << 16));
        }
        let block = self.put(storage, &values)?;
        Ok((values, block))
    }

    /// Given values on the device.
    pub(super) fn put(&self, storage: Storage, values: &[f32]) -> Result<Block, GpuError> {
        self.pool.holding(&bytes(storage, values))
    }

    /// Room for `n` values of the storage.
    pub(super) fn room(&self, n: usize) -> Result<Block, GpuError> {
        self.pool.take(n * self.storage().bytes())
    }

    /// Room for `n` values of f32.
    pub(super) fn single_room(&self, n: usize) -> Result<Block, GpuError> {
        self.pool.take(4 * n)
    }

    pub(super) fn get(&self, storage: Storage, from: Span<'_>, n: usize) -> Result<Vec<f32>, GpuError> {
        let mut bytes = vec![0; n * storage.bytes()];
        self.pool.queue().read(from.part(0, bytes.len())?, &mut bytes)?;
        Ok(match storage {
            Storage::F32 => {
                bytes.chunks_exact(4).map(|b| f32::from_le_bytes(std::array::from_fn(|i| b[i]))).collect()
            }
            Storage::Bf16 => {
                let value = |b: &[u8]| f32::from_bits(u32::from(u16::from_le_bytes([b[0], b[1]])) << 16);
                bytes.chunks_exact(2).map(value).collect()
            }
        })
    }

    /// Compares an array of the storage with what it should be.
    pub(super) fn compare(&mut self, from: &Block, expected: &[f32]) -> Result<(), GpuError> {
        let found = self.get(self.storage(), from.span(), expected.len())?;
        self.see(&found, expected);
        Ok(())
    }

    /// Compares an array of f32 with what it should be.
    pub(super) fn compare_single(&mut self, from: &Block, expected: &[f32]) -> Result<(), GpuError> {
        let found = self.get(Storage::F32, from.span(), expected.len())?;
        self.see(&found, expected);
        Ok(())
    }

    /// Counts the largest difference, relative to the largest expected value; one that is not a number is infinite.
    pub(super) fn see(&mut self, found: &[f32], expected: &[f32]) {
        let largest = expected.iter().fold(f32::MIN_POSITIVE, |m, x| m.max(x.abs()));
        let worst = found.iter().zip(expected).fold(0.0f64, |worst, (f, e)| match (f - e).abs() {
            difference if difference.is_nan() => f64::INFINITY,
            difference => worst.max(f64::from(difference) / f64::from(largest)),
        });
        self.worst = self.worst.max(worst);
    }

    /// Counts an exact comparison.
    pub(super) fn same(&mut self, same: bool) {
        if !same {
            self.worst = f64::INFINITY;
        }
    }

    pub(super) fn precise(&self) -> bool {
        self.precision == Precision::F32
    }
}
