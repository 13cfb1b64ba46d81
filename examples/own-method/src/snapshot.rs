//! Snapshot ensembles: one run whose learning rate rises again and again.

use basin_core::{Citation, DataRef};
use basin_ensemble::{
    AtStart, EnsembleMethod, Objective, PlanContext, Recipe, RecipeError, Schedule, Trajectory,
};
use basin_reproduce::config::{Config, Key, Range};
use std::sync::Arc;

/// The method's own config key.
pub const CYCLE: Key = Key::new(
    "snapshot.cycle",
    "0",
    Range::Int(0, 1_000_000),
    "epochs",
    "length of a cycle of the learning rate; 0 = that of one member's training",
);

/// One run of M cycles; the states at their ends are the members (Huang et al. 2017).
#[derive(Debug)]
pub struct Snapshot {
    cycle: u64,
    peak: f64,
}

impl Snapshot {
    pub fn new(config: &Config) -> Self {
        Self { cycle: config.int(&CYCLE), peak: config.train().peak_lr }
    }
}

impl EnsembleMethod for Snapshot {
    fn id(&self) -> &'static str {
        "snapshot"
    }

    fn citations(&self) -> Vec<Citation> {
        vec![Citation {
            key: "huang2017snapshot",
            authors: "Huang, Gao and Li, Yixuan and Pleiss, Geoff and Liu, Zhuang and Hopcroft, John E. and Weinberger, Kilian Q.",
            title: "Snapshot Ensembles: Train 1, Get M for Free",
            year: 2017,
            locator: "1704.00109",
        }]
    }

    fn plan(&self, cx: &PlanContext) -> Result<Recipe, RecipeError> {
        let cycle = if self.cycle == 0 { cx.epochs } else { self.cycle };
        let mut recipe = Recipe::new();
        let from = recipe.init("member/1/init");
        for k in 1..=cx.members {
            let run = Trajectory {
                name: format!("snapshot-{k}"),
                method: self.id().to_owned(),
                from,
                start_epoch: 0,
                order: "member/1/order".to_owned(),
                schedule: Arc::new(Cosines { peak: self.peak, epochs: cycle }),
                objective: Objective::CrossEntropy,
                data: DataRef::train(),
                sides: Vec::new(),
                moments: AtStart::Continue,
            };
            let member = recipe.train(run, cycle * k as u64)?;
            recipe.member(member);
        }
        Ok(recipe)
    }
}

/// A cosine from the peak to zero, anew after every so many epochs.
#[derive(Debug)]
struct Cosines {
    peak: f64,
    epochs: u64,
}

impl Schedule for Cosines {
    /// Names the trained networks, so that all that determines the rates stands here.
    fn id(&self) -> String {
        format!("cosines 1 (peak {:?}, epochs {})", self.peak, self.epochs)
    }

    fn rate(&self, step: u64, steps_per_epoch: u64) -> f64 {
        let cycle = self.epochs * steps_per_epoch;
        let passed = (step % cycle) as f64 / cycle as f64;
        self.peak * 0.5 * (1.0 + (std::f64::consts::PI * passed).cos())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conforms() {
        let (method, members) = (Snapshot { cycle: 4, peak: 0.1 }, 3);
        let context = PlanContext::new(members, 10, 0.1);
        basin_ensemble::conformance::assert_method_conforms(&method, &context, 12);
    }
}
