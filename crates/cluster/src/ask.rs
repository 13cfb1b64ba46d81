//! What a job asks for: time from its price, memory from the settings, each raised once.

use crate::{Job, Settings};

/// Time and memory of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ask {
    /// Time limit in minutes.
    pub minutes: u32,
    /// Memory in MB; 0: the partition's default.
    pub memory: u64,
}

/// What was raised for a job after it ran out of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Raised {
    /// Twice the time is asked for.
    pub(crate) time: bool,
    /// So much memory is asked for, in MB.
    pub(crate) memory: Option<u64>,
}

impl Ask {
    /// What a job asks for on a partition that gives `limit` minutes at most (`None`: any time).
    pub(crate) fn of(job: &Job, settings: &Settings, raised: Raised, limit: Option<u32>) -> Self {
        let unknown = job.class == crate::Class::Training && job.seconds == 0.0;
        let priced = match settings.time {
            0 if unknown => f64::from(settings.time_unknown),
            0 => (job.seconds * settings.time_factor / 60.0).max(f64::from(settings.time_least)),
            fixed => f64::from(fixed),
        };
        let wanted = priced * if raised.time { 2.0 } else { 1.0 };
        let minutes = if settings.time == 0 { step(wanted) } else { wanted as u32 };
        let memory = raised.memory.unwrap_or(settings.memory);
        Self { minutes: minutes.min(limit.unwrap_or(u32::MAX)), memory }
    }
}

/// The next of 1, 2, 3, 5, 10, 15, 20, 30, 45 minutes, 1, 1½, 2, 3, 4, 6, 8, 12 hours, … so that jobs of like length share an
/// array and none asks for much more than it needs.
fn step(minutes: f64) -> u32 {
    const SHORT: [u32; 9] = [1, 2, 3, 5, 10, 15, 20, 30, 45];
    if let Some(&step) = SHORT.iter().find(|&&step| minutes <= f64::from(step)) {
        return step;
    }
    let mut hours = 60_u32;
    loop {
        for step in [hours, hours / 2 * 3] {
            // A year is more than any partition gives, and ends the search for absurd prices.
            if minutes <= f64::from(step) || step > 525_600 {
                return step;
            }
        }
        hours *= 2;
    }
}

/// Minutes as Slurm and people write them: `1-02:30:00`.
pub(crate) fn clock(minutes: u32) -> String {
    let (days, hours, rest) = (minutes / 1440, minutes / 60 % 24, minutes % 60);
    match days {
        0 => format!("{hours:02}:{rest:02}:00"),
        _ => format!("{days}-{hours:02}:{rest:02}:00"),
    }
}
