//! The line between networks from one start that were trained on parts of the data which differ.

use crate::inputs::subject;
use crate::joint_connectivity::mark;
use basin_core::{Citation, Curve, DataRef, Labels, Record, Simplex};
use basin_ensemble::{Lab, Mixing, Probe, ProbeError};
use basin_metrics::{
    MetricError, Minima, accuracy, barrier_from_ends, barrier_from_minima, curvature_ends, nll,
};

/// Loss and accuracy along the straight line between every two members, and what is read from them (Hepburn et al., Sec. 3;
/// [`barrier_from_minima`], [`barrier_from_ends`], [`curvature_ends`]).
///
/// Inputs: M ≥ 2 networks; records are passed over.
///
/// Record: for each pair `pair-i-j` (members count from 1), each images and, where there is no entry of that name, the
/// mean `test` of [`ShiftLine::tests`] and the union `train` of [`ShiftLine::trains`] (weighted by numbers of images): curves
/// `line-loss` (mean cross-entropy, nats) and `line-accuracy` (fraction) over `lambda`, 0 at member i, 1 at member j.
/// Scalars, means over pairs: on `test`, `barrier`, `accuracy-difference`, `interior-maximum` (share of pairs with one),
/// `lambda-max` (of these; absent where there is none), `barrier-endpoints`, `accuracy-difference-endpoints`,
/// `curvature-ends` (mean of both ends; absent below three points); on `train`, if there is one, `train-barrier`,
/// `train-accuracy-difference`, `train-barrier-endpoints`.
///
/// Goes on at the point at which it was stopped. Cost: for each pair, point and images one pass; what two names share is
/// evaluated once. One network between exists at a time, so memory does not grow with the points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShiftLine {
    /// Points on each line, ends included, at least 2; 26 in the paper.
    pub points: usize,
    /// Test images by name, at least one: the line is scored on their mean.
    pub tests: Vec<(String, DataRef)>,
    /// Training images of the sides by name: the line is scored on their union.
    pub trains: Vec<(String, DataRef)>,
    /// More images by name, which have curves and enter no score.
    pub also: Vec<(String, DataRef)>,
    /// How networks between the members are made.
    pub mixing: Mixing,
}

const LOSS: &str = "evaluated-loss";
const ACCURACY: &str = "evaluated-accuracy";

/// A form of the barrier: from λ, loss and accuracy.
type Form = fn(&[f64], &[f64], &[f64]) -> Result<Minima, MetricError>;

/// Loss and accuracy at each point, on one kind of images.
#[derive(Clone, Debug, Default)]
struct Line {
    loss: Vec<f64>,
    accuracy: Vec<f64>,
}

impl ShiftLine {
    /// Images and names in order: tests, training images, others.
    fn named(&self) -> impl Iterator<Item = &(String, DataRef)> + Clone {
        self.tests.iter().chain(&self.trains).chain(&self.also)
    }

    /// The images, each once, in the order in which they are named first.
    fn images(&self) -> Vec<DataRef> {
        let mut images: Vec<DataRef> = Vec::new();
        for (_, data) in self.named() {
            if !images.contains(data) {
                images.push(data.clone());
            }
        }
        images
    }

    /// A weighted mean of the lines of some names; weights need not sum to one.
    fn mean(lines: &[(&Line, f64)]) -> Line {
        let sum: f64 = lines.iter().map(|(_, weight)| weight).sum();
        let points = lines.first().map_or(0, |(line, _)| line.loss.len());
        let of = |values: fn(&Line) -> &[f64]| -> Vec<f64> {
            let at = |i: usize| lines.iter().map(|(line, weight)| weight / sum * values(line)[i]).sum();
            (0..points).map(at).collect()
        };
        match lines {
            // The bits of the only one.
            [(only, _)] => (*only).clone(),
            _ => Line { loss: of(|line| &line.loss), accuracy: of(|line| &line.accuracy) },
        }
    }

    /// One line on all images, from its values in the order of points, then of images.
    fn lines(&self, values: &[(f64, f64)]) -> Vec<Line> {
        let images = values.len() / self.points;
        let mut lines = vec![Line::default(); images];
        for point in values.chunks(images) {
            for (line, (loss, accuracy)) in lines.iter_mut().zip(point) {
                line.loss.push(*loss);
                line.accuracy.push(*accuracy);
            }
        }
        lines
    }
}

impl Probe for ShiftLine {
    fn id(&self) -> &'static str {
        "shift-line"
    }

    fn settings(&self) -> String {
        let images = self.images();
        let told = |named: &[(String, DataRef)]| {
            let place = |(name, data): &(String, DataRef)| {
                let place = images.iter().position(|known| known == data).unwrap_or(images.len());
                format!("{name} on {place}")
            };
            named.iter().map(place).collect::<Vec<_>>().join(", ")
        };
        let (tests, trains, also) = (told(&self.tests), told(&self.trains), told(&self.also));
        format!(
            "1 ({} points; tests {tests}; trains {trains}; also {also}{})",
            self.points,
            mark(&self.mixing)
        )
    }

    fn citations(&self) -> Vec<Citation> {
        vec![basin_metrics::minima::CITATION, basin_metrics::loss_barrier::CITATION]
    }

    fn data(&self) -> Vec<DataRef> {
        self.images().into_iter().chain(self.mixing.data()).collect()
    }

    fn cost(&self, inputs: usize, images: &dyn Fn(&DataRef) -> usize) -> u64 {
        let (pairs, looked_at) = (pairs(inputs).count(), self.mixing.training_images());
        let evaluated: usize = self.images().iter().map(images).sum();
        (pairs * self.points * (evaluated + looked_at) + inputs * looked_at) as u64
    }

    fn record_bytes(&self, _: usize, _: &dyn Fn(&DataRef) -> usize) -> u64 {
        // Of one pair: loss and accuracy with their λ, some twenty letters a number.
        (4 * 20 * self.points * (self.named().count() + 2)) as u64
    }

    fn check(&self, networks: usize, _: usize) -> Result<(), ProbeError> {
        let refuse = |reason: String| Err(subject(self.id(), reason));
        if networks < 2 {
            return refuse(format!("networks: {networks}, expected at least 2"));
        }
        if self.points < 2 {
            return refuse(format!("{} points on a line, expected at least 2", self.points));
        }
        if self.tests.is_empty() {
            return refuse("no test images, expected at least one kind".into());
        }
        let names: Vec<&str> = self.named().map(|(name, _)| name.as_str()).collect();
        let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if let Some(name) = names.iter().find(|name| name.is_empty() || !name.chars().all(word)) {
            return refuse(format!(
                "images called {name:?}, expected lower-case letters, digits and hyphens"
            ));
        }
        if let Some(name) = names.iter().enumerate().find(|(i, name)| names[..*i].contains(name)) {
            return refuse(format!("two kinds of images are called {}, expected names of their own", name.1));
        }
        for (mean, all) in [("test", &self.tests), ("train", &self.trains)] {
            let only = all.len() == 1 && all[0].0 == mean;
            if names.contains(&mean) && !only {
                return refuse(format!(
                    "images called {mean} beside others, which is the name of their mean"
                ));
            }
        }
        Ok(())
    }

    fn run(&self, lab: &mut dyn Lab) -> Result<Record, ProbeError> {
        self.check(lab.networks(), lab.records().len())?;
        let images = self.images();
        let labels = images.iter().map(|data| lab.labels(data)).collect::<Result<Vec<_>, _>>()?;
        let pairs: Vec<(usize, usize)> = pairs(lab.networks()).collect();
        let lambdas: Vec<f64> = (0..self.points).map(|i| i as f64 / (self.points - 1) as f64).collect();
        let kept = |name: &str| lab.kept().and_then(|kept| kept.lists.get(name)).cloned().unwrap_or_default();
        let mut done: Vec<(f64, f64)> = kept(LOSS).into_iter().zip(kept(ACCURACY)).collect();
        let all = pairs.len() * lambdas.len() * images.len();
        for place in done.len()..all {
            let (network, data) = (place / images.len(), place % images.len());
            let ((i, j), lambda) = (pairs[network / lambdas.len()], lambdas[network % lambdas.len()]);
            let weights = Simplex::new(vec![1.0 - lambda, lambda]).map_err(|e| subject(self.id(), e))?;
            let logits = lab.logits_between(&[i, j], &weights, &self.mixing, &images[data])?;
            let probs = logits.softmax(1.0);
            let of = |score: fn(&_, &Labels) -> Result<f64, MetricError>| score(&probs, &labels[data]);
            let measured = of(nll).and_then(|loss| Ok((loss, of(accuracy)?)));
            done.push(measured.map_err(|error| subject(self.id(), error))?);
            lab.step(done.len() as u64, all as u64, &|| {
                let (loss, accuracy) = done.iter().copied().unzip();
                Record::default().with_list(LOSS, loss).with_list(ACCURACY, accuracy)
            })?;
        }
        let sizes: Vec<usize> = labels.iter().map(Labels::len).collect();
        let mut record = Record::default();
        let (mut tested, mut trained) = (Vec::new(), Vec::new());
        for (values, (i, j)) in done.chunks(lambdas.len() * images.len()).zip(&pairs) {
            let lines = self.lines(values);
            let place = |data: &DataRef| images.iter().position(|known| known == data).unwrap_or(0);
            let of = |named: &[(String, DataRef)], weight: &dyn Fn(usize) -> f64| {
                let lines = named.iter().map(|(_, data)| (&lines[place(data)], weight(place(data))));
                Self::mean(&lines.collect::<Vec<_>>())
            };
            let test = of(&self.tests, &|_| 1.0);
            let train = of(&self.trains, &|place| sizes[place] as f64);
            let own = self.named().map(|(name, data)| (name.as_str(), &lines[place(data)]));
            let means = [("test", &test), ("train", &train)].into_iter();
            let means =
                means.filter(|(name, line)| !line.loss.is_empty() && self.named().all(|n| n.0 != *name));
            for (name, line) in own.chain(means) {
                let curve = |quantity: &str, values: &[f64]| Curve {
                    subject: format!("pair-{}-{}", i + 1, j + 1),
                    data: name.to_owned(),
                    quantity: quantity.to_owned(),
                    variable: "lambda".to_owned(),
                    at: lambdas.clone(),
                    values: values.to_vec(),
                };
                record = record.with_curve(curve("line-loss", &line.loss));
                record = record.with_curve(curve("line-accuracy", &line.accuracy));
            }
            tested.push(test);
            trained.push(train);
        }
        trained.retain(|line| !line.loss.is_empty());
        self.scored(record, &lambdas, &tested, &trained).map_err(|error| subject(self.id(), error))
    }
}

impl ShiftLine {
    /// The numbers of the lines of all pairs.
    fn scored(
        &self,
        mut record: Record,
        lambdas: &[f64],
        tested: &[Line],
        trained: &[Line],
    ) -> Result<Record, MetricError> {
        for (before, lines) in [("", tested), ("train-", trained)].iter().filter(|(_, l)| !l.is_empty()) {
            let all = |form: Form| {
                let each = lines.iter().map(|line| form(lambdas, &line.loss, &line.accuracy));
                each.collect::<Result<Vec<_>, _>>()
            };
            let (minima, ends) = (all(barrier_from_minima)?, all(barrier_from_ends)?);
            let mean = |found: &[Minima], of: fn(&Minima) -> f64| {
                found.iter().map(of).sum::<f64>() / found.len() as f64
            };
            record = record
                .with(format!("{before}barrier"), mean(&minima, |m| m.barrier))
                .with(format!("{before}accuracy-difference"), mean(&minima, |m| m.accuracy_difference))
                .with(format!("{before}barrier-endpoints"), mean(&ends, |m| m.barrier));
            if before.is_empty() {
                let places: Vec<f64> = minima.iter().filter_map(|m| m.lambda_max).collect();
                record = record
                    .with("interior-maximum", places.len() as f64 / minima.len() as f64)
                    .with("accuracy-difference-endpoints", mean(&ends, |m| m.accuracy_difference));
                if !places.is_empty() {
                    record = record.with("lambda-max", places.iter().sum::<f64>() / places.len() as f64);
                }
            }
        }
        if self.points >= 3 {
            let ends = tested.iter().map(|line| curvature_ends(lambdas, &line.loss));
            let ends = ends.collect::<Result<Vec<_>, _>>()?;
            let sum: f64 = ends.iter().flatten().sum();
            record = record.with("curvature-ends", sum / (2 * ends.len()) as f64);
        }
        Ok(record)
    }
}

/// All pairs of so many members.
pub(crate) fn pairs(members: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..members).flat_map(move |i| (i + 1..members).map(move |j| (i, j)))
}
