//! Which networks are measured, in which order, and until when.

use basin_models::Architecture;
use basin_reproduce::exit::Usage;
use serde::Serialize;
use std::time::{Duration, Instant};

/// The paper's network first, and what a measurement that is cut short may lack last.
pub(super) const DEFAULT: &str = "resnet20:4,vit:1,resnet20:2,resnet20:1";

/// A network to measure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Measured {
    /// Architecture.
    pub(super) model: String,
    /// Width multiplier.
    pub(super) width: f64,
}

/// The networks of a text such as `resnet20:4,vit:1`.
///
/// # Errors
/// [`Usage`] for another form, and for networks that are none.
pub(super) fn parse(text: &str) -> Result<Vec<Measured>, Usage> {
    let one = |part: &str| {
        let wrong = |reason: &dyn std::fmt::Display| {
            Usage(format!("--networks: {part:?}: {reason}, expected NAME:WIDTH,... such as {DEFAULT}"))
        };
        let (model, width) = part.split_once(':').ok_or_else(|| wrong(&"no width"))?;
        let width = width.parse().map_err(|e| wrong(&e))?;
        Architecture::from_name(model, width).map_err(|e| wrong(&e))?;
        Ok(Measured { model: model.to_owned(), width })
    };
    text.split(',').map(one).collect()
}

/// A time after which nothing new is begun.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline {
    start: Instant,
    limit: Duration,
}

impl Deadline {
    /// So many minutes from now.
    pub(super) fn after(minutes: f64) -> Self {
        Self { start: Instant::now(), limit: Duration::from_secs_f64(60.0 * minutes) }
    }

    /// What is left; none once it has passed.
    pub(super) fn left(&self) -> Option<Duration> {
        self.limit.checked_sub(self.start.elapsed()).filter(|left| !left.is_zero())
    }

    /// Seconds since the start.
    pub(super) fn passed(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_in_order_and_others_refused() {
        let vit = Measured { model: "vit".into(), width: 0.125 };
        assert_eq!(parse("vit:0.125,resnet20:4").unwrap()[0], vit);
        assert_eq!(parse(DEFAULT).unwrap().len(), 4);
        for wrong in ["resnet20", "resnet20:x", "resnet21:1", "resnet20:1,"] {
            let Usage(said) = parse(wrong).unwrap_err();
            assert!(said.contains("expected NAME:WIDTH"), "{said}");
        }
    }

    #[test]
    fn a_deadline_passes() {
        assert!(Deadline::after(1.0).left().is_some_and(|left| left <= Duration::from_secs(60)));
        assert_eq!(Deadline::after(0.0).left(), None);
    }
}
