//! Lines from where members come from: from the first of them, and from the networks that they were fine-tuned from.

use crate::inputs::{logits, mean, probs_on, subject};
use crate::joint_connectivity::{cost, data, mark, unwrapped};
use basin_core::{Citation, Curve, DataRef, Labels, Probs, Record, Simplex};
use basin_ensemble::{Lab, Mixing, Probe, ProbeError};
use basin_metrics::{MetricError, accuracy, barrier_above_line, nll, pairwise_connectivity};

/// Accuracy and loss along the lines from member 1 to each other member, and from each member to its own start: whether members
/// left the basin of the one that they share an origin with, and that of the pre-trained network.
///
/// Inputs: M ≥ 1 networks, then their M starts, member i's at place M + i, of the same layout; the logits of each member on images
/// that begin with `data`.
///
/// On every line, q(λ) = Acc((1 − λ) θ + λ θ′) − (1 − λ) Acc(θ) − λ Acc(θ′) ([`fn@pairwise_connectivity`]), λ = 0 at member 1 or, on
/// the line to a start, at the member. A start has a head that was never trained, so that its accuracy is chance, and the straight line
/// falls to chance. q is then usually above 0, because a head on its way back to its initialisation still tells classes apart; q < 0
/// says that networks between lose their accuracy faster than the way is long. The loss says it plainer: where member and start
/// share a basin it changes from one end's to the other's without a rise. So beside q there is the barrier of the loss
/// ([`fn@barrier_above_line`]), which is 0 for a loss that is convex along the way, whatever the ends differ by.
///
/// Record: curves `line-accuracy` (fraction), `line-loss` (mean cross-entropy, nats) and `line-connectivity` (q, in −1..=1) over
/// `lambda` on `test`, of subjects `first-1-j` and `start-i` (members count from 1). Scalars: `first-connectivity`, the lowest q of a
/// line, ends included, so in −1..=0 and 0 at best, mean over the lines from member 1; `first-connectivity-worst`, the lowest of
/// these; `first-barrier`, mean over the lines (nats, ≥ 0); the same of the lines to starts, `start-connectivity`,
/// `start-connectivity-worst`, `start-barrier`. Of a single network there are no lines from member 1.
///
/// Goes on at the point at which it was stopped. Cost: one pass over `data` per inner point of 2 M − 1 lines and one a start, the
/// members are not evaluated again; and what mixing looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spokes {
    /// The images.
    pub data: DataRef,
    /// Points on each line, ends included, at least 3.
    pub points: usize,
    /// How networks between are made. The ends are taken as they are, with the running statistics that they have.
    pub mixing: Mixing,
}

const LOSS: &str = "evaluated-loss";
const ACCURACY: &str = "evaluated-accuracy";

/// Loss and accuracy of a network.
type Scored = (f64, f64);

/// A line between two networks, by their places; the first is a member.
struct Spoke {
    kind: &'static str,
    subject: String,
    ends: [usize; 2],
}

/// Of so many members: from the first to the others, then from each to its start.
fn spokes(members: usize) -> Vec<Spoke> {
    let first =
        (1..members).map(|j| Spoke { kind: "first", subject: format!("first-1-{}", j + 1), ends: [0, j] });
    let start = (0..members).map(|i| Spoke {
        kind: "start",
        subject: format!("start-{}", i + 1),
        ends: [i, members + i],
    });
    first.chain(start).collect()
}

impl Probe for Spokes {
    fn id(&self) -> &'static str {
        "spokes"
    }

    fn settings(&self) -> String {
        format!("1 ({} points{})", self.points, mark(&self.mixing))
    }

    fn citations(&self) -> Vec<Citation> {
        vec![
            Citation::PRETRAIN_BASIN,
            basin_metrics::pairwise_connectivity::CITATION,
            basin_metrics::loss_barrier::LINE_CITATION,
        ]
    }

    fn data(&self) -> Vec<DataRef> {
        data(&self.data, &self.mixing)
    }

    fn cost(&self, inputs: usize, images: &dyn Fn(&DataRef) -> usize) -> u64 {
        let members = inputs / 2;
        let between = (2 * members).saturating_sub(1) * self.points.saturating_sub(2);
        cost(between, inputs, &self.data, &self.mixing, images) + (members * images(&self.data)) as u64
    }

    fn record_bytes(&self, _: usize, _: &dyn Fn(&DataRef) -> usize) -> u64 {
        // Of nine lines: three quantities with their λ, some twenty letters a number.
        (9 * 3 * 2 * 20 * self.points) as u64
    }

    fn check(&self, networks: usize, records: usize) -> Result<(), ProbeError> {
        if records == 0 || networks != 2 * records {
            let found = format!("{networks} networks and {records} logits");
            let expected = "expected at least one member, as many starts, and the logits of each member";
            return Err(subject(self.id(), format!("{found}, {expected}")));
        }
        match self.points {
            0..3 => Err(subject(self.id(), format!("{} points on a line, expected at least 3", self.points))),
            _ => Ok(()),
        }
    }

    fn run(&self, lab: &mut dyn Lab) -> Result<Record, ProbeError> {
        self.check(lab.networks(), lab.records().len())?;
        let labels = lab.labels(&self.data)?;
        let probs = probs_on(self.id(), &labels, &logits(self.id(), lab)?)?;
        let members = probs.iter().map(|probs| self.scored(probs, &labels));
        let members = members.collect::<Result<Vec<Scored>, _>>()?;
        let (spokes, last) = (spokes(members.len()), self.points - 1);
        let lambdas: Vec<f64> = (0..self.points).map(|i| i as f64 / last as f64).collect();
        // What the logits do not tell: inner points, and starts.
        let unknown =
            |spoke: &Spoke, point: usize| point > 0 && (point < last || spoke.ends[1] >= members.len());
        let places = spokes.iter().flat_map(|spoke| (0..self.points).map(move |point| (spoke, point)));
        let places: Vec<(&Spoke, usize)> = places.filter(|(spoke, point)| unknown(spoke, *point)).collect();
        let kept = |name: &str| lab.kept().and_then(|kept| kept.lists.get(name)).cloned().unwrap_or_default();
        let mut done: Vec<Scored> = kept(LOSS).into_iter().zip(kept(ACCURACY)).collect();
        for &(spoke, point) in places.iter().skip(done.len()) {
            let logits = if point == last {
                let start = lab.params(spoke.ends[1])?;
                lab.logits(&start, &self.data)?
            } else {
                let weights = Simplex::segment(lambdas[point]).map_err(|error| subject(self.id(), error))?;
                lab.logits_between(&spoke.ends, &weights, &self.mixing, &self.data)?
            };
            done.push(self.scored(&logits.softmax(1.0), &labels)?);
            lab.step(done.len() as u64, places.len() as u64, &|| {
                let (loss, accuracy) = done.iter().copied().unzip();
                Record::default().with_list(LOSS, loss).with_list(ACCURACY, accuracy)
            })?;
        }
        let mut done = done.into_iter();
        let mut lines = Vec::new();
        for spoke in &spokes {
            let known = |point: usize| members.get(spoke.ends[usize::from(point == last)]);
            let mut at = |point: usize| match unknown(spoke, point) {
                true => done.next(),
                false => known(point).copied(),
            };
            lines.extend((0..self.points).map(&mut at).collect::<Option<Vec<Scored>>>());
        }
        self.record(&spokes, &lambdas, &lines)
    }
}

impl Spokes {
    fn scored(&self, probs: &Probs, labels: &Labels) -> Result<Scored, ProbeError> {
        let of = || Ok((nll(probs, labels)?, accuracy(probs, labels)?));
        of().map_err(|error: MetricError| subject(self.id(), error))
    }

    /// The curves of all lines, and the numbers of either kind.
    fn record(&self, spokes: &[Spoke], lambdas: &[f64], lines: &[Vec<Scored>]) -> Result<Record, ProbeError> {
        let (mut record, mut told) = (Record::default(), Vec::new());
        for (spoke, line) in spokes.iter().zip(lines) {
            let (loss, accuracy): (Vec<f64>, Vec<f64>) = line.iter().copied().unzip();
            let (from, to) = (accuracy[0], accuracy[accuracy.len() - 1]);
            let mut inner = accuracy[1..].iter();
            let next = |_: &Simplex| {
                inner.next().copied().ok_or_else(|| subject(self.id(), "a point without a number"))
            };
            let connected = pairwise_connectivity(from, to, lambdas, next);
            let connected = connected.map_err(|error| unwrapped(self.id(), error))?;
            let barrier = barrier_above_line(lambdas, &loss).map_err(|error| subject(self.id(), error))?;
            told.push((spoke.kind, 0.0 - connected.barrier(), barrier));
            for (quantity, values) in
                [("line-loss", loss), ("line-accuracy", accuracy), ("line-connectivity", connected.q)]
            {
                record = record.with_curve(Curve {
                    subject: spoke.subject.clone(),
                    data: "test".into(),
                    quantity: quantity.into(),
                    variable: "lambda".into(),
                    at: lambdas.to_vec(),
                    values,
                });
            }
        }
        for kind in ["first", "start"] {
            let of_kind = told.iter().filter(|(of, ..)| *of == kind);
            let (worst, barriers): (Vec<f64>, Vec<f64>) =
                of_kind.map(|(_, q, barrier)| (*q, *barrier)).unzip();
            let numbers = [
                ("connectivity", mean(&worst)),
                ("connectivity-worst", worst.iter().copied().reduce(f64::min)),
                ("barrier", mean(&barriers)),
            ];
            for (name, number) in numbers {
                record.scalars.extend(number.map(|number| (format!("{kind}-{name}"), number)));
            }
        }
        Ok(record)
    }
}
