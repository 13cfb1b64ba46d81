//! The triangle between three members: how accurate networks are at each point of a barycentric grid.

use crate::inputs::{first, logits, subject};
use crate::joint_connectivity::{cost, data, mark};
use crate::scores::Scores;
use basin_core::{Citation, DataRef, Labels, Logits, Record, Simplex, Surface};
use basin_ensemble::{Lab, Mixing, Probe, ProbeError};

/// Accuracy, loss and connectivity q over all convex combinations λ of the first three members whose weights are multiples of
/// 1/(n − 1) (Sadrtdinov et al. 2023, their map of accuracy; q as Lion et al. 2024 define it for random λ).
///
/// Inputs: at least three networks and the logits of each on images that begin with `data`; those after the third are passed
/// over. Record: surfaces `map-accuracy` (fraction), `map-loss` (mean cross-entropy, nats) and `map-connectivity` (q(λ), the
/// accuracy less the λ-weighted mean accuracy of the three, a fraction) of subject `map-1-2-3`, each a triangle: x is the weight λ₂ of
/// the second member, y that of the third, both from 0 to 1, and λ₁ is what they leave; NaN where a network has no finite
/// outputs. Scalars `map-worst`, the least q, and
/// `map-mean`, its mean over the grid's points, corners and edges included; NaN where any of them is.
///
/// Goes on at the point at which it was stopped. Cost: a pass over `data` for each of the n(n + 1)/2 points but the corners,
/// which are the members themselves; with REPAIR, and where statistics are measured again, passes over those images too. One
/// network exists at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BasinMap {
    /// The images.
    pub data: DataRef,
    /// Points n on each side, at least 2.
    pub points: usize,
    /// How networks between the members are made.
    pub mixing: Mixing,
}

/// Networks that span the triangle.
const CORNERS: usize = 3;
/// What an interrupted attempt keeps, of the points between the corners.
const KEPT: [&str; 2] = ["accuracy", "loss"];

/// A point of the grid: the weights of the second and the third member, in steps.
type Point = (usize, usize);

impl BasinMap {
    /// The steps of a side.
    fn steps(&self) -> usize {
        self.points.saturating_sub(1)
    }

    /// All points, row by row from the side of the first two members on.
    fn grid(&self) -> Vec<Point> {
        let steps = self.steps();
        (0..=steps).flat_map(|y| (0..=steps - y).map(move |x| (x, y))).collect()
    }

    /// Which member stands at a corner.
    fn corner(&self, at: Point) -> Option<usize> {
        [(0, 0), (self.steps(), 0), (0, self.steps())].iter().position(|corner| *corner == at)
    }

    fn weights(&self, (x, y): Point) -> [f64; CORNERS] {
        [self.steps() - x - y, x, y].map(|steps| steps as f64 / self.steps() as f64)
    }

    /// Points whose networks are not members.
    fn between(&self) -> usize {
        (self.points.saturating_mul(self.points + 1) / 2).saturating_sub(CORNERS)
    }

    /// Loss and accuracy; NaN where a network has no finite output.
    fn scores(&self, logits: &Logits, labels: &Labels) -> Result<[f64; 2], ProbeError> {
        let scores = Scores::of(logits, labels).map_err(|error| subject(self.id(), error))?;
        Ok(Scores::numbers(scores.as_ref()))
    }

    /// Accuracy and loss at each point between the corners.
    fn measured(&self, lab: &mut dyn Lab, labels: &Labels) -> Result<[Vec<f64>; 2], ProbeError> {
        let between: Vec<Point> = self.grid().into_iter().filter(|at| self.corner(*at).is_none()).collect();
        let kept = |name| lab.kept().and_then(|kept| kept.lists.get(name)).cloned().unwrap_or_default();
        let [mut accuracies, mut losses] = KEPT.map(kept);
        for &at in between.iter().skip(accuracies.len()) {
            let weights =
                Simplex::new(self.weights(at).to_vec()).map_err(|error| subject(self.id(), error))?;
            let logits = lab.logits_between(&[0, 1, 2], &weights, &self.mixing, &self.data)?;
            let [loss, accuracy] = self.scores(&logits, labels)?;
            accuracies.push(accuracy);
            losses.push(loss);
            lab.step(accuracies.len() as u64, between.len() as u64, &|| {
                let lists = KEPT.into_iter().zip([&accuracies, &losses]);
                lists.fold(Record::default(), |record, (name, list)| record.with_list(name, list.clone()))
            })?;
        }
        Ok([accuracies, losses])
    }

    /// A value at each point, as a triangle over λ₂ and λ₃.
    fn surface(&self, quantity: &str, values: Vec<f64>) -> Surface {
        let axis: Vec<f64> = (0..self.points).map(|step| step as f64 / self.steps() as f64).collect();
        let corners = [("member-1", [0.0, 0.0]), ("member-2", [1.0, 0.0]), ("member-3", [0.0, 1.0])];
        Surface {
            subject: "map-1-2-3".into(),
            data: "test".into(),
            quantity: quantity.into(),
            variables: ["lambda-2".into(), "lambda-3".into()],
            x: axis.clone(),
            y: axis,
            values,
            marks: corners.map(|(name, at)| (name.to_owned(), at)).to_vec(),
        }
    }
}

impl Probe for BasinMap {
    fn id(&self) -> &'static str {
        "basin-map"
    }

    fn settings(&self) -> String {
        format!("1 ({} points a side{})", self.points, mark(&self.mixing))
    }

    fn citations(&self) -> Vec<Citation> {
        vec![Citation::PRETRAIN_BASIN, basin_metrics::joint_connectivity::CITATION]
    }

    fn data(&self) -> Vec<DataRef> {
        data(&self.data, &self.mixing)
    }

    fn cost(&self, _: usize, images: &dyn Fn(&DataRef) -> usize) -> u64 {
        cost(self.between(), CORNERS, &self.data, &self.mixing, images)
    }

    fn record_bytes(&self, _: usize, _: &dyn Fn(&DataRef) -> usize) -> u64 {
        // Three triangles, some twenty letters a number.
        (3 * 20 * (self.between() + CORNERS)) as u64
    }

    fn check(&self, networks: usize, records: usize) -> Result<(), ProbeError> {
        if networks < CORNERS || networks != records {
            let found = format!("{networks} networks and {records} logits");
            let expected = format!("expected at least {CORNERS} networks and the logits of each");
            return Err(subject(self.id(), format!("{found}, {expected}; set ensemble.members=3 or more")));
        }
        match self.points {
            0 | 1 => {
                Err(subject(self.id(), format!("{} points on a side, expected at least 2", self.points)))
            }
            _ => Ok(()),
        }
    }

    fn run(&self, lab: &mut dyn Lab) -> Result<Record, ProbeError> {
        self.check(lab.networks(), lab.records().len())?;
        let labels = lab.labels(&self.data)?;
        // The members' own logits are there already.
        let own = |member: &Logits| self.scores(&first(self.id(), member, labels.len())?, &labels);
        let corners = logits(self.id(), lab)?.iter().take(CORNERS).map(own).collect::<Result<Vec<_>, _>>()?;
        let [accuracies, losses] = self.measured(lab, &labels)?;
        let mut between = accuracies.into_iter().zip(losses).map(|(accuracy, loss)| [loss, accuracy]);
        let (mut accuracies, mut losses, mut q) = (Vec::new(), Vec::new(), Vec::new());
        for at in self.grid() {
            let found = self.corner(at).map(|corner| corners[corner]).or_else(|| between.next());
            let [loss, accuracy] = found.unwrap_or([f64::NAN; 2]);
            accuracies.push(accuracy);
            losses.push(loss);
            // Differences first: exactly 0 at a corner.
            let gaps =
                self.weights(at).into_iter().zip(&corners).map(|(w, [_, member])| w * (accuracy - member));
            q.push(gaps.sum::<f64>());
        }
        // A point that could not be measured leaves no least and no mean.
        let worst = match q.iter().any(|q| q.is_nan()) {
            true => f64::NAN,
            false => q.iter().copied().fold(f64::INFINITY, f64::min),
        };
        Ok(Record::default()
            .with("map-worst", worst)
            .with("map-mean", q.iter().sum::<f64>() / q.len() as f64)
            .with_surface(self.surface("map-accuracy", accuracies))
            .with_surface(self.surface("map-loss", losses))
            .with_surface(self.surface("map-connectivity", q)))
    }
}
