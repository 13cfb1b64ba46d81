//! A curve with one bend between two networks, trained to be of low loss.

use crate::inputs::subject;
use crate::path::{Descent, Moving, TOLERANCE, Walk, Watched, at_least_two, kept_networks, taken, two};
use basin_core::{Citation, DataRef, Params, ParamsError, Record};
use basin_ensemble::{Lab, Probe, ProbeError};

/// Where the curve, and the plane through three networks, come from.
pub(crate) const CITATION: Citation = Citation {
    key: "garipov2018loss",
    authors: "Garipov, Timur and Izmailov, Pavel and Podoprikhin, Dmitrii and Vetrov, Dmitry and Wilson, Andrew Gordon",
    title: "Loss Surfaces, Mode Connectivity, and Fast Ensembling of DNNs",
    year: 2018,
    locator: "1802.10026",
};

/// The quadratic Bézier curve θ(t) = (1 − t)² θ₁ + 2 t (1 − t) φ + t² θ₂ between the first two members (Garipov et al. 2018,
/// Sec. 3). φ starts in the middle between them; each step of SGD draws one t uniformly from [0, 1), takes the gradient g of the
/// loss at θ(t), and moves φ by 2 t (1 − t) g. The rate is constant; the paper's schedule and weight decay are left out.
///
/// Inputs: at least 2 networks of one layout; the first two count, others and records are passed over.
///
/// Record: curves over `position`, which is t, as those of [`crate::Tunnel`], of subjects `bezier-1-2`, `bezier-from-1` and
/// `bezier-from-2` on images `train` and `test`. Scalars: `bezier-barrier`, largest training loss on the curve minus that of the
/// higher end (nats, ≥ 0, infinite where there is none), and `bezier-holds`, 1 where it is at most 0.1, else 0.
///
/// Goes on at the step or network at which it was stopped. Cost: 3 passes over steps · batch images, and one over test, train and
/// statistics for each point.
#[derive(Clone, Debug, PartialEq)]
pub struct Bezier {
    /// Points at which the curve is looked at, ends included, at least 3.
    pub points: usize,
    /// How the bend is trained.
    pub descent: Descent,
    /// What is looked at.
    pub watched: Watched,
}

const ID: &str = "bezier";
const STEPS: &str = "steps";
const BEND: &str = "bend";
const VELOCITY: &str = "velocity";

/// The network of the curve at t.
fn at([first, second]: &[Params; 2], bend: &Params, t: f64) -> Result<Params, ParamsError> {
    let s = 1.0 - t;
    Params::linear_combination(&[first, bend, second], &[s * s, 2.0 * t * s, t * t])
}

impl Bezier {
    fn position(&self, point: usize) -> f64 {
        point as f64 / (self.points - 1) as f64
    }

    fn train(
        &self,
        lab: &mut dyn Lab,
        ends: &[Params; 2],
        walk: &Walk<'_>,
        of: u64,
    ) -> Result<Moving, ProbeError> {
        let told = |error: ParamsError| subject(ID, error);
        let batches = self.descent.batches(ID, lab)?;
        let middle = Params::linear_combination(&[&ends[0], &ends[1]], &[0.5, 0.5]).map_err(told)?;
        let (mut done, mut bend) = (0, Moving::at(middle));
        if let Some(kept) = lab.kept() {
            let both = (taken(kept, BEND, &ends[0]), taken(kept, VELOCITY, &ends[0]));
            if let (Some(steps), (Some(point), Some(velocity))) = (kept.scalars.get(STEPS), both) {
                (done, bend) = (*steps as usize, Moving { point, velocity });
            }
        }
        let seeds = lab.seeds();
        while done < self.descent.steps {
            let t = seeds.child("t").index(done as u64).rng().uniform();
            let chosen = batches.of(&seeds.child("order"), done);
            let network = at(ends, &bend.point, t).map_err(told)?;
            let (loss, gradient) = lab.gradient(&network, &self.descent.data, &chosen)?;
            bend.step(&gradient, 2.0 * t * (1.0 - t), &self.descent, None).map_err(told)?;
            done += 1;
            bend.check(ID, &format!("step {done}"), loss, self.descent.rate)?;
            lab.step(done as u64 * self.descent.step_cost(), of, &|| kept(&bend, walk, done))?;
        }
        Ok(bend)
    }
}

fn kept(bend: &Moving, walk: &Walk<'_>, steps: usize) -> Record {
    let networks = [(BEND.to_owned(), &bend.point), (VELOCITY.to_owned(), &bend.velocity)];
    walk.keep(kept_networks(networks.into_iter())).with(STEPS, steps as f64)
}

impl Probe for Bezier {
    fn id(&self) -> &'static str {
        ID
    }

    fn settings(&self) -> String {
        let (descent, watched) = (self.descent.settings(), self.watched.settings());
        format!("1 ({} points; {descent}{watched})", self.points)
    }

    fn citations(&self) -> Vec<Citation> {
        vec![CITATION]
    }

    fn data(&self) -> Vec<DataRef> {
        let mut all = vec![self.descent.data.clone()];
        all.extend(self.watched.data());
        all
    }

    fn cost(&self, _: usize, images: &dyn Fn(&DataRef) -> usize) -> u64 {
        self.descent.steps as u64 * self.descent.step_cost() + self.watched.cost(self.points, images)
    }

    fn record_bytes(&self, _: usize, _: &dyn Fn(&DataRef) -> usize) -> u64 {
        // Eight curves with their positions, some twenty letters a number.
        (2 * 8 * 20 * self.points) as u64
    }

    fn check(&self, networks: usize, _: usize) -> Result<(), ProbeError> {
        at_least_two(ID, networks)?;
        if self.points < 3 {
            return Err(subject(ID, format!("{} points on the curve, expected at least 3", self.points)));
        }
        self.descent.check(ID)?;
        self.watched.check(ID)
    }

    fn run(&self, lab: &mut dyn Lab) -> Result<Record, ProbeError> {
        self.check(lab.networks(), lab.records().len())?;
        let ends = two(ID, lab)?;
        let mut walk = Walk::new(ID, &self.watched, &ends, lab)?;
        let steps = self.descent.steps as u64 * self.descent.step_cost();
        let of = steps + self.points as u64 * walk.price();
        let bend = self.train(lab, &ends, &walk, of)?;
        while walk.len() < self.points {
            // The ends, then the points between them in order.
            let network = match walk.len() {
                end @ (0 | 1) => Ok(ends[end].clone()),
                place => at(&ends, &bend.point, self.position(place - 1)),
            };
            walk.look(lab, &network.map_err(|error| subject(ID, error))?)?;
            let done = steps + walk.len() as u64 * walk.price();
            lab.step(done, of, &|| kept(&bend, &walk, self.descent.steps))?;
        }
        let path: Vec<usize> = [0].into_iter().chain(2..self.points).chain([1]).collect();
        let positions: Vec<f64> = (0..self.points).map(|point| self.position(point)).collect();
        let barrier = walk.barrier(&path);
        Ok(walk
            .curves(Record::default(), "bezier", &positions, &path)
            .with("bezier-barrier", barrier)
            .with("bezier-holds", f64::from(u8::from(barrier <= TOLERANCE))))
    }
}
