//! The arithmetic peak of one core: what any kernel could reach at most, measured instead of looked up.
//!
//! Clock rates depend on the instruction set in use, on temperature and on the neighbours, so a share of the
//! peak means something only against a peak measured in the same run.

use crate::simd::{Isa, Simd, dispatch};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Rounds between two looks at the clock: some 50 µs, against which reading the clock costs nothing.
const ROUNDS: usize = 16_384;

/// GFLOP/s that the calling thread reaches with multiply-adds in registers (one is two operations), on the
/// widest instruction set the kernels have here; an average over about `seconds`.
///
/// With the portable set it is the peak of plain Rust's multiply-then-add, not that of the CPU.
pub fn fma_peak(seconds: f64) -> f64 {
    peak_of(Isa::detect(), Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

fn peak_of(isa: Isa, duration: Duration) -> f64 {
    let mut sum = 0.0f32;
    let mut turn = || {
        // SAFETY: `sum` is one valid f32; `isa` exists only where the CPU has its set.
        unsafe { run(isa, ROUNDS, &raw mut sum) };
        black_box(sum);
    };
    // The first turns pay for waking the wide units.
    (0..10).for_each(|_| turn());
    let (start, mut turns) = (Instant::now(), 0u64);
    loop {
        turn();
        turns += 1;
        let elapsed = start.elapsed();
        if elapsed >= duration {
            let flop = 2 * turns * (ROUNDS * chains(isa.lanes()) * isa.lanes()) as u64;
            return flop as f64 / elapsed.as_secs_f64() / 1e9;
        }
    }
}

/// Independent chains: two units of four cycles' latency need eight; more leave no gap when one is late, and
/// with two constants all of them still fit the set's 32 or 16 registers.
const fn chains(lanes: usize) -> usize {
    if lanes == 16 { 24 } else { 12 }
}

#[inline(always)]
unsafe fn run_chains<S: Simd>(rounds: usize, sum: *mut f32) {
    // SAFETY: the caller's instruction set is enabled here, and `sum` is valid for one element.
    unsafe {
        match S::LANES {
            16 => multiply_add::<S, { chains(16) }>(rounds, sum),
            _ => multiply_add::<S, { chains(8) }>(rounds, sum),
        }
    }
}

/// acc ← acc · a + b in every chain. It tends to b / (1 − a), so nothing overflows or becomes denormal.
#[inline(always)]
unsafe fn multiply_add<S: Simd, const CHAINS: usize>(rounds: usize, sum: *mut f32) {
    // SAFETY: only register operations of the enabled set, and `sum` is valid for one element.
    unsafe {
        // Unknown to the compiler, which could otherwise compute the result beforehand.
        let (a, b) = (S::splat(black_box(0.999)), S::splat(black_box(0.001)));
        let mut acc = [S::splat(0.0); CHAINS];
        for (chain, value) in acc.iter_mut().enumerate() {
            *value = S::splat(black_box(chain as f32 * 0.01));
        }
        for _ in 0..rounds {
            for value in &mut acc {
                *value = value.fma(a, b);
            }
        }
        let mut total = acc[0];
        for value in &acc[1..] {
            total = total.add(*value);
        }
        *sum = total.sum();
    }
}

dispatch!(
    /// `rounds` multiply-adds in every lane of every chain; their sum goes to `sum`.
    fn run(rounds: usize, sum: *mut f32) => run_chains
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_chain_takes_part() {
        for isa in Isa::available() {
            let mut sum = 0.0;
            // SAFETY: `sum` is one valid f32, `isa` is available.
            unsafe { run(isa, 20_000, &raw mut sum) };
            // Each lane of each chain has arrived at b / (1 − a) = 1.
            let expected = (chains(isa.lanes()) * isa.lanes()) as f32;
            assert!((sum / expected - 1.0).abs() < 1e-2, "{isa:?}: {sum}, expected {expected}");
        }
    }

    #[test]
    fn the_peak_is_a_rate_that_a_cpu_can_have() {
        let peak = fma_peak(0.01);
        assert!((0.05..10_000.0).contains(&peak), "{peak} GFLOP/s");
    }
}
