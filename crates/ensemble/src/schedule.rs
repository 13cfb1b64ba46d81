//! Learning rates as pure functions of the global step, so that a resumed run cannot differ.

use std::fmt::Debug;
use std::sync::Arc;

/// A learning-rate schedule.
pub trait Schedule: Debug + Send + Sync {
    /// Everything that determines the rates, as text: part of the name of the work.
    fn id(&self) -> String;

    /// The learning rate of the step with this 0-based global number.
    fn rate(&self, step: u64, steps_per_epoch: u64) -> f64;
}

impl<S: Schedule + ?Sized> Schedule for Arc<S> {
    fn id(&self) -> String {
        (**self).id()
    }

    fn rate(&self, step: u64, steps_per_epoch: u64) -> f64 {
        (**self).rate(step, steps_per_epoch)
    }
}

/// A schedule that begins at an epoch: what it says of step s holds for step s after that epoch.
#[derive(Clone, Debug)]
pub struct Starting<S> {
    /// Epoch at which the schedule begins, at most that of any step asked for.
    pub epoch: u64,
    /// The schedule.
    pub schedule: S,
}

impl<S: Schedule> Schedule for Starting<S> {
    fn id(&self) -> String {
        format!("from epoch {}: {}", self.epoch, self.schedule.id())
    }

    fn rate(&self, step: u64, steps_per_epoch: u64) -> f64 {
        self.schedule.rate(step.saturating_sub(self.epoch * steps_per_epoch), steps_per_epoch)
    }
}

/// A schedule whose warm-up begins at a rate of its own: with W as for the schedule itself, from + (peak − from) · s/W for
/// s < W, then the schedule. The first step has the rate `from`, and step W is the first at the peak; the warm-up of the other
/// schedules has a step of (s + 1)/W instead and is at the peak at W − 1. As timm's `warmup_lr_init` and `warmup_t` with
/// `warmup_prefix`, which Swin's recipe uses; there, steps are counted behind the update, so that the first rate comes twice.
#[derive(Clone, Debug)]
pub struct WarmupFrom {
    /// The first rate, > 0.
    pub from: f64,
    /// The rate that it rises to, that of the schedule behind the warm-up.
    pub peak: f64,
    /// Length of the run, in epochs, of which `warmup` is a share.
    pub epochs: u64,
    /// Share of the steps that warm up, in `[0, 1)`; the schedule's own.
    pub warmup: f64,
    /// The schedule.
    pub schedule: Arc<dyn Schedule>,
}

impl Schedule for WarmupFrom {
    fn id(&self) -> String {
        format!("warm-up from {:?}: {}", self.from, self.schedule.id())
    }

    fn rate(&self, step: u64, steps_per_epoch: u64) -> f64 {
        let warmup = warmup_steps(self.warmup, self.epochs, steps_per_epoch);
        match step < warmup {
            true => self.from + (self.peak - self.from) * step as f64 / warmup as f64,
            false => self.schedule.rate(step, steps_per_epoch),
        }
    }
}

/// Linear warm-up over so many steps of the whole, then one rate to the end: what the SGD noise scale of a run is told by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Constant {
    /// The rate, > 0.
    pub rate: f64,
    /// Length of the run, in epochs, of which `warmup` is a share.
    pub epochs: u64,
    /// Share of the steps that warm up, in `[0, 1)`.
    pub warmup: f64,
}

impl Schedule for Constant {
    fn id(&self) -> String {
        format!("constant 1 (rate {:?}, epochs {}, warmup {:?})", self.rate, self.epochs, self.warmup)
    }

    fn rate(&self, step: u64, steps_per_epoch: u64) -> f64 {
        let warmup = warmup_steps(self.warmup, self.epochs, steps_per_epoch);
        match step < warmup {
            true => self.rate * (step + 1) as f64 / warmup as f64,
            false => self.rate,
        }
    }
}

/// Linear warm-up, then half the rate of before every so many epochs: rate · ½^⌊epoch / every⌋, epochs counted from 0 ("Deep
/// Ensembles: A Loss Landscape Perspective", 1912.02757, its notebook's training loop, which has no warm-up).
///
/// A run of at most `every` epochs keeps one rate. During the warm-up of W steps, step s has (s + 1)/W of the rate of its epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Halving {
    /// The rate of the first epochs, > 0.
    pub rate: f64,
    /// Epochs between two halvings, at least 1.
    pub every: u64,
    /// Length of the run, in epochs, of which `warmup` is a share.
    pub epochs: u64,
    /// Share of the steps that warm up, in `[0, 1)`.
    pub warmup: f64,
}

impl Schedule for Halving {
    fn id(&self) -> String {
        let Self { rate, every, epochs, warmup } = self;
        format!("halving 1 (rate {rate:?}, every {every}, epochs {epochs}, warmup {warmup:?})")
    }

    fn rate(&self, step: u64, steps_per_epoch: u64) -> f64 {
        let warmup = warmup_steps(self.warmup, self.epochs, steps_per_epoch);
        let halvings = step / steps_per_epoch.max(1) / self.every.max(1);
        // Halved more often than f64 has powers of two, a rate is 0.
        let rate = self.rate * 0.5f64.powi(halvings.min(2000) as i32);
        if step < warmup { rate * (step + 1) as f64 / warmup as f64 } else { rate }
    }
}

/// Steps of a warm-up over a share of so many epochs; a half rounds up.
fn warmup_steps(share: f64, epochs: u64, steps_per_epoch: u64) -> u64 {
    (share * (epochs * steps_per_epoch) as f64 + 0.5).floor() as u64
}

/// Linear warm-up, then cosine decay to zero (Lion et al., App. C), optionally held at a floor (SWE).
///
/// With S = epochs · steps per epoch and W = ⌊warmup · S + ½⌋: peak · (s + 1)/W for s < W, then
/// peak · ½(1 + cos(π (s − W)/(S − W))). With a floor, the rate stays at the floor from the first step whose
/// cosine falls to it, also beyond S; without one, it is zero from S on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WarmupCosine {
    /// Highest rate, > 0.
    pub peak: f64,
    /// Length of the decay, in epochs.
    pub epochs: u64,
    /// Share of the steps that warm up, in `[0, 1)`.
    pub warmup: f64,
    /// Rate to hold once reached.
    pub floor: Option<f64>,
}

impl Schedule for WarmupCosine {
    fn id(&self) -> String {
        let floor = self.floor.map_or(String::new(), |f| format!(", floor {f:?}"));
        format!(
            "warmup-cosine 1 (peak {:?}, epochs {}, warmup {:?}{floor})",
            self.peak, self.epochs, self.warmup
        )
    }

    fn rate(&self, step: u64, steps_per_epoch: u64) -> f64 {
        let total = self.epochs * steps_per_epoch;
        let warmup = warmup_steps(self.warmup, self.epochs, steps_per_epoch);
        if step < warmup {
            return self.peak * (step + 1) as f64 / warmup as f64;
        }
        let cosine = if step >= total {
            0.0
        } else {
            let progress = (step - warmup) as f64 / (total - warmup) as f64;
            self.peak * 0.5 * (1.0 + (std::f64::consts::PI * progress).cos())
        };
        self.floor.map_or(cosine, |floor| cosine.max(floor))
    }
}
