//! A learning rate that falls and rises again within every cycle.

use crate::Schedule;

/// From the highest rate linearly to the lowest in the first half of every cycle, and back in the second, step by step: the
/// cycles of fast geometric ensembling (Garipov et al. 2018, 1802.10026, §4), whose members are taken at the lowest rate, in the
/// middle of a cycle. Step s of cycles of n steps is at t = (s mod n)/n; its rate is (1 − 2t)·high + 2t·low up to ½, then
/// (2 − 2t)·low + (2t − 1)·high.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Triangular {
    /// Rate at which cycles begin and end, above `low`.
    pub high: f64,
    /// Rate in their middle, at least 0.
    pub low: f64,
    /// Length of a cycle in epochs, even, so that its middle is the end of an epoch.
    pub epochs: u64,
}

impl Schedule for Triangular {
    fn id(&self) -> String {
        let Self { high, low, epochs } = self;
        format!("triangular 1 (high {high:?}, low {low:?}, epochs {epochs})")
    }

    fn rate(&self, step: u64, steps_per_epoch: u64) -> f64 {
        let Self { high, low, epochs } = *self;
        let steps = (epochs * steps_per_epoch).max(1);
        let t = (step % steps) as f64 / steps as f64;
        match t <= 0.5 {
            true => (1.0 - 2.0 * t) * high + 2.0 * t * low,
            false => (2.0 - 2.0 * t) * low + (2.0 * t - 1.0) * high,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_those_of_the_public_code_step_by_step() {
        let schedule = Triangular { high: 0.05, low: 0.0005, epochs: 2 };
        // Two cycles of two epochs of four steps, by the published training loop.
        let expected = [
            0.05, 0.037625, 0.02525, 0.012875, 0.0005, 0.012875, 0.02525, 0.037625, 0.05, 0.037625, 0.02525,
            0.012875, 0.0005, 0.012875, 0.02525, 0.037625,
        ];
        for (step, expected) in (0..).zip(expected) {
            let rate = schedule.rate(step, 4);
            assert!((rate - expected).abs() < 1e-15, "step {step}: {rate}, expected {expected}");
        }
        assert_eq!(schedule.id(), "triangular 1 (high 0.05, low 0.0005, epochs 2)");
    }
}
