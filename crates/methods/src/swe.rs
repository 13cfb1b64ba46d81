//! Stochastic weight ensembles: one long run whose learning rate stops falling.

use basin_core::{Citation, DataRef};
use basin_ensemble::{
    AtStart, EnsembleMethod, Objective, PlanContext, Recipe, RecipeError, Trajectory, WarmupCosine,
};

/// One run of M · T epochs with the ordinary warm-up and cosine of T epochs, held at a floor once reached;
/// its states after T, 2T, … M·T epochs are the members (the paper's §3 and App. B).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Swe {
    /// Highest learning rate, that of the ordinary schedule.
    pub peak: f64,
    /// Share of the first T epochs that warms up.
    pub warmup: f64,
    /// The rate to hold; the paper uses 0.01.
    pub floor: f64,
}

impl Swe {
    /// Source of the idea of collecting states at a constant rate.
    pub const CITATION: Citation = Citation {
        key: "izmailov2018averaging",
        authors: "Izmailov, Pavel and Podoprikhin, Dmitrii and Garipov, Timur and Vetrov, Dmitry and Wilson, Andrew Gordon",
        title: "Averaging Weights Leads to Wider Optima and Better Generalization",
        year: 2018,
        locator: "1803.05407",
    };
}

impl EnsembleMethod for Swe {
    fn id(&self) -> &'static str {
        "swe"
    }

    fn citations(&self) -> Vec<Citation> {
        vec![Citation::SINGLE_BASIN, Self::CITATION]
    }

    fn plan(&self, cx: &PlanContext) -> Result<Recipe, RecipeError> {
        if !(self.floor > 0.0 && self.floor < self.peak) {
            return Err(RecipeError::Parameter {
                key: "ensemble.swe_floor",
                expected: format!("0 < floor < peak = {}", self.peak),
                found: self.floor.to_string(),
            });
        }
        let schedule =
            WarmupCosine { peak: self.peak, epochs: cx.epochs, warmup: self.warmup, floor: Some(self.floor) };
        let schedule = cx.warmed(schedule, (self.peak, cx.epochs, self.warmup));
        let mut recipe = Recipe::new();
        let from = recipe.init("member/1/init");
        for k in 1..=cx.members {
            let trajectory = Trajectory {
                name: format!("swe-{k}"),
                method: self.id().to_owned(),
                from,
                start_epoch: 0,
                order: "member/1/order".into(),
                schedule: schedule.clone(),
                objective: Objective::CrossEntropy,
                data: DataRef::train(),
                sides: Vec::new(),
                moments: AtStart::Continue,
            };
            let member = recipe.train(trajectory, cx.epochs * k as u64)?;
            recipe.member(member);
        }
        Ok(recipe)
    }
}
