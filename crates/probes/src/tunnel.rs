//! The low-loss tunnel between two networks: points of the straight line, each trained across it.

use crate::inputs::subject;
use crate::path::{
    Batches, Chord, Descent, Moving, TOLERANCE, Walk, Watched, at_least_two, kept_networks, taken, two,
};
use basin_core::{Citation, DataRef, Params, Record};
use basin_ensemble::{Lab, Probe, ProbeError};

/// Fort and Jastrzębski: optima lie on a connected set of low loss.
const CITATION: Citation = Citation {
    key: "fort2019largescale",
    authors: "Fort, Stanislav and Jastrzebski, Stanislaw",
    title: "Large Scale Structure of Neural Network Loss Landscapes",
    year: 2019,
    locator: "1906.04724",
};

/// Inner points of each segment that are looked at.
const INNER: usize = 5;

/// A path of low loss between the first two members (after Fort et al. 2019, Sec. 3, whose procedure is Fort and
/// Jastrzębski's).
///
/// K points at equal distances on the line between the members are trained by SGD whose gradient and velocity have no part along
/// the line, so that each keeps its place on it. The first point from each end starts on the line, a further one where the one
/// before it has got to, moved on along the line; both ends' points meet in the middle. The path is the polygon through
/// members and points; networks are looked at in all its corners and at 5 inner places of each segment, and at the K places of
/// the straight line.
///
/// Inputs: at least 2 networks of one layout; the first two count, others and records are passed over.
///
/// Record: curves over `position`, the share of the straight line in 0..=1, of subject `tunnel-1-2`: `path-loss` (mean
/// cross-entropy, nats) and `path-accuracy` (fraction) on images `train` ([`Watched::train`]) and `test` ([`Watched::test`]);
/// on `test` of subjects `tunnel-from-1` and `tunnel-from-2`, the distance to each end: `path-disagreement` (fraction of
/// images) and `path-cosine` (of the weights); the same for the straight line, of subjects `straight-1-2` and so on. NaN where
/// a network has no finite output. Scalars: `path-barrier` and `straight-barrier`, largest training loss minus that of the higher end (nats,
/// ≥ 0, infinite where there is none); `tunnel-holds`, 1 where `path-barrier` is at most 0.1, else 0; `ends-disagreement`
/// (fraction).
///
/// Goes on at the step or network at which it was stopped; keeps K networks until it is done. Cost: 3 passes over K · steps · batch
/// images, and one over test, train and statistics for each of 7 K + 7 networks.
#[derive(Clone, Debug, PartialEq)]
pub struct Tunnel {
    /// Points K, at least 1.
    pub points: usize,
    /// How each is trained.
    pub descent: Descent,
    /// What is looked at.
    pub watched: Watched,
}

const ID: &str = "tunnel";

impl Tunnel {
    /// Places on the line in the order in which they are trained, 1..=K, each with the one before it.
    fn order(&self) -> Vec<(usize, Option<usize>)> {
        let middle = self.points.div_ceil(2);
        let first = (1..=middle).map(|k| (k, Some(k - 1).filter(|before| *before > 0)));
        let second = (middle + 1..=self.points).rev();
        first.chain(second.map(|k| (k, Some(k + 1).filter(|before| *before <= self.points)))).collect()
    }

    fn share(&self, k: usize) -> f64 {
        k as f64 / (self.points + 1) as f64
    }

    /// Networks that are looked at.
    fn looked_at(&self) -> usize {
        2 + self.points + INNER * (self.points + 1) + self.points
    }

    /// Where a point starts.
    fn start(
        &self,
        ends: &[Params; 2],
        trained: &[Option<Params>],
        (k, before): (usize, Option<usize>),
    ) -> Result<Params, ProbeError> {
        let found = match before.and_then(|before| Some((before, trained[before - 1].as_ref()?))) {
            Some((before, reached)) => {
                let on = self.share(k) - self.share(before);
                Params::linear_combination(&[reached, &ends[0], &ends[1]], &[1.0, -on, on])
            }
            None => self.on_chord(ends, k),
        };
        found.map_err(|error| subject(ID, error))
    }

    fn on_chord(&self, ends: &[Params; 2], k: usize) -> Result<Params, basin_core::ParamsError> {
        let t = self.share(k);
        Params::linear_combination(&[&ends[0], &ends[1]], &[1.0 - t, t])
    }

    /// Network number `place` of those looked at: the ends, the path between them in order, the straight line.
    fn network(
        &self,
        ends: &[Params; 2],
        points: &[Params],
        place: usize,
    ) -> Result<Params, basin_core::ParamsError> {
        let path = self.looked_at() - 2 - self.points;
        match place {
            0 | 1 => Ok(ends[place].clone()),
            place if place < 2 + path => {
                let (corner, inner) = ((place - 1) / (INNER + 1), (place - 1) % (INNER + 1));
                let at = |corner: usize| match corner {
                    0 => &ends[0],
                    corner => points.get(corner - 1).unwrap_or(&ends[1]),
                };
                let t = inner as f64 / (INNER + 1) as f64;
                Params::linear_combination(&[at(corner), at(corner + 1)], &[1.0 - t, t])
            }
            place => self.on_chord(ends, place - 2 - path + 1),
        }
    }

    fn train(
        &self,
        lab: &mut dyn Lab,
        ends: &[Params; 2],
        walk: &Walk<'_>,
        of: u64,
    ) -> Result<Vec<Params>, ProbeError> {
        let batches = self.descent.batches(ID, lab)?;
        let chord = Chord::new(ends).map_err(|error| subject(ID, error))?;
        let mut trained: Vec<Option<Params>> = vec![None; self.points];
        let mut moving: Option<Moving> = None;
        let mut done = 0;
        if let Some(kept) = lab.kept() {
            done = kept.scalars.get(STEPS).map_or(0, |steps| *steps as usize);
            for (k, slot) in trained.iter_mut().enumerate() {
                *slot = taken(kept, &named(k + 1), &ends[0]);
            }
            let both = (taken(kept, POINT, &ends[0]), taken(kept, VELOCITY, &ends[0]));
            if let (Some(point), Some(velocity)) = both {
                moving = Some(Moving { point, velocity });
            }
        }
        let order = self.order();
        while done < self.points * self.descent.steps {
            let (k, before) = order[done / self.descent.steps];
            let step = done % self.descent.steps;
            let mut now = match moving.take() {
                Some(moving) => moving,
                None => Moving::at(self.start(ends, &trained, (k, before))?),
            };
            self.step(lab, batches, &chord, &mut now, (k, step))?;
            done += 1;
            match step + 1 == self.descent.steps {
                true => trained[k - 1] = Some(now.point),
                false => moving = Some(now),
            }
            lab.step(done as u64 * self.descent.step_cost(), of, &|| {
                walk.keep(kept_networks(named_networks(&trained, moving.as_ref()))).with(STEPS, done as f64)
            })?;
        }
        let points: Option<Vec<Params>> = trained.into_iter().collect();
        points.ok_or_else(|| {
            subject(ID, "what was kept lacks points of the path; measure again from the start")
        })
    }

    fn step(
        &self,
        lab: &mut dyn Lab,
        batches: Batches,
        chord: &Chord,
        now: &mut Moving,
        (k, step): (usize, usize),
    ) -> Result<(), ProbeError> {
        let order = lab.seeds().child("order").index(k as u64);
        let (loss, gradient) = lab.gradient(&now.point, &self.descent.data, &batches.of(&order, step))?;
        let moved = now.step(&gradient, 1.0, &self.descent, Some(chord));
        moved.map_err(|error| subject(ID, error))?;
        now.check(ID, &format!("step {} of point {k}", step + 1), loss, self.descent.rate)
    }
}

const STEPS: &str = "steps";
const POINT: &str = "moving";
const VELOCITY: &str = "velocity";

fn named(k: usize) -> String {
    format!("point-{k}")
}

fn named_networks<'n>(
    trained: &'n [Option<Params>],
    moving: Option<&'n Moving>,
) -> impl Iterator<Item = (String, &'n Params)> {
    let trained = (1..).zip(trained).filter_map(|(k, point)| Some((named(k), point.as_ref()?)));
    let moving = moving.into_iter();
    let moving = moving.flat_map(|m| [(POINT.to_owned(), &m.point), (VELOCITY.to_owned(), &m.velocity)]);
    trained.chain(moving)
}

impl Probe for Tunnel {
    fn id(&self) -> &'static str {
        ID
    }

    fn settings(&self) -> String {
        let (descent, watched) = (self.descent.settings(), self.watched.settings());
        format!("1 ({} points; {descent}; {INNER} inner{watched})", self.points)
    }

    fn citations(&self) -> Vec<Citation> {
        vec![basin_metrics::disagreement::CITATION, CITATION]
    }

    fn data(&self) -> Vec<DataRef> {
        let mut all = vec![self.descent.data.clone()];
        all.extend(self.watched.data());
        all
    }

    fn cost(&self, _: usize, images: &dyn Fn(&DataRef) -> usize) -> u64 {
        let steps = (self.points * self.descent.steps) as u64;
        steps * self.descent.step_cost() + self.watched.cost(self.looked_at(), images)
    }

    fn record_bytes(&self, _: usize, _: &dyn Fn(&DataRef) -> usize) -> u64 {
        // Eight curves with their positions, some twenty letters a number.
        (2 * 8 * 20 * (self.looked_at() + 2)) as u64
    }

    fn check(&self, networks: usize, _: usize) -> Result<(), ProbeError> {
        at_least_two(ID, networks)?;
        if self.points == 0 {
            return Err(subject(ID, "a path with 0 points between its ends, expected at least 1"));
        }
        self.descent.check(ID)?;
        self.watched.check(ID)
    }

    fn run(&self, lab: &mut dyn Lab) -> Result<Record, ProbeError> {
        self.check(lab.networks(), lab.records().len())?;
        let ends = two(ID, lab)?;
        let mut walk = Walk::new(ID, &self.watched, &ends, lab)?;
        let steps = (self.points * self.descent.steps) as u64 * self.descent.step_cost();
        let of = steps + self.looked_at() as u64 * walk.price();
        let points = self.train(lab, &ends, &walk, of)?;
        while walk.len() < self.looked_at() {
            let network = self.network(&ends, &points, walk.len()).map_err(|error| subject(ID, error))?;
            walk.look(lab, &network)?;
            lab.step(steps + walk.len() as u64 * walk.price(), of, &|| {
                let networks = (1..).zip(&points).map(|(k, point)| (named(k), point));
                let all = (self.points * self.descent.steps) as f64;
                walk.keep(kept_networks(networks)).with(STEPS, all)
            })?;
        }
        let inner = self.looked_at() - 2 - self.points;
        let path: Vec<usize> = [0].into_iter().chain(2..2 + inner).chain([1]).collect();
        let positions: Vec<f64> = (0..path.len()).map(|i| i as f64 / (path.len() - 1) as f64).collect();
        let straight: Vec<usize> = [0].into_iter().chain(2 + inner..self.looked_at()).chain([1]).collect();
        let shares: Vec<f64> = (0..straight.len()).map(|k| self.share(k)).collect();
        let record = walk.curves(Record::default(), "tunnel", &positions, &path);
        let record = walk.curves(record, "straight", &shares, &straight);
        let barrier = walk.barrier(&path);
        Ok(record
            .with("path-barrier", barrier)
            .with("straight-barrier", walk.barrier(&straight))
            .with("tunnel-holds", f64::from(u8::from(barrier <= TOLERANCE)))
            .with("ends-disagreement", walk.disagreement()))
    }
}
