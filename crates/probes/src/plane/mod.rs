//! Planes through weight space: what networks on a grid of two directions are worth.

mod basis;

use crate::inputs::{logits, subject};
use crate::joint_connectivity::{data, mark};
use crate::scores::{Scores, agreement};
use basin_core::{Citation, DataRef, Labels, Logits, Params, Record, Surface};
use basin_ensemble::{Lab, Mixing, Probe, ProbeError};
use basis::Basis;

/// Which two directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Directions {
    /// The plane that holds the origin and the first two members (Fort et al. 2019, radial plots): from −¼ to 1¼ of the longer
    /// member in both directions, the first member on the horizontal axis.
    Radial,
    /// The plane through the first three members (Garipov et al. 2018; Ainsworth et al. 2022), with a margin of a fifth of its
    /// width around them.
    Members,
    /// Two random directions from the first member, filter-normalised (Li et al. 2018): every filter of a direction is as long as
    /// the member's. Biases and scales of normalisations, which have no filters, stay as they are. From −1 to 1.
    Random,
}

/// Loss, accuracy and agreement with the members over a square grid of a plane.
///
/// Inputs: networks and the logits of each on images that begin with `data`; the first one, two or three span the plane, the
/// others are passed over. Record: surfaces `plane-loss` (mean cross-entropy, nats), `plane-accuracy` (fraction) of subject
/// `radial-1-2`, `plane-1-2-3` or `random-1`, and `plane-agreement` (share of images for which the network there names the same
/// class) of that subject with `-with-i` for each member i that spans it; x and y are coordinates in weight space, for random
/// directions multiples of them. Values where a network has no finite output are NaN. Scalars: `radial-share`, `plane-share`
/// or `random-share`, the share of the grid where accuracy is at least 0.9 of the lowest spanning member's; of the radial plane
/// `cone-agreement`, the mean over these points of the agreement with the member they agree with less, and `cone-excess`, that
/// less the agreement of the members themselves.
///
/// Goes on at the point at which it was stopped. Cost: a pass over `data` for each point, and where statistics are measured
/// again one over those images. One network exists at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaneOf {
    /// Which two directions.
    pub directions: Directions,
    /// The images.
    pub data: DataRef,
    /// Points on each side, at least 2.
    pub points: usize,
    /// What becomes of running statistics; REPAIR is for networks between members, and refused.
    pub mixing: Mixing,
}

/// Share of a spanning member's accuracy from which on a point counts as good.
const GOOD: f64 = 0.9;

impl Directions {
    fn id(self) -> &'static str {
        match self {
            Self::Radial => "radial-plane",
            Self::Members => "plane",
            Self::Random => "random-plane",
        }
    }

    /// How many members span it.
    fn spanning(self) -> usize {
        match self {
            Self::Radial => 2,
            Self::Members => 3,
            Self::Random => 1,
        }
    }

    /// Name of the share of its grid that is good.
    fn share(self) -> &'static str {
        match self {
            Self::Radial => "radial-share",
            Self::Members => "plane-share",
            Self::Random => "random-share",
        }
    }

    fn subject(self) -> &'static str {
        match self {
            Self::Radial => "radial-1-2",
            Self::Members => "plane-1-2-3",
            Self::Random => "random-1",
        }
    }
}

impl Probe for PlaneOf {
    fn id(&self) -> &'static str {
        self.directions.id()
    }

    fn settings(&self) -> String {
        format!("1 ({} points a side{})", self.points, mark(&self.mixing))
    }

    fn citations(&self) -> Vec<Citation> {
        match self.directions {
            Directions::Radial => vec![basin_metrics::disagreement::CITATION],
            Directions::Members => vec![crate::bezier::CITATION, basin_metrics::disagreement::CITATION],
            Directions::Random => vec![basis::LI],
        }
    }

    fn data(&self) -> Vec<DataRef> {
        data(&self.data, &self.mixing)
    }

    fn cost(&self, _: usize, images: &dyn Fn(&DataRef) -> usize) -> u64 {
        let points = self.points * self.points;
        (points * (images(&self.data) + self.mixing.training_images())) as u64
    }

    fn record_bytes(&self, _: usize, _: &dyn Fn(&DataRef) -> usize) -> u64 {
        // Some twenty letters a number.
        (20 * self.points * self.points * (2 + self.directions.spanning())) as u64
    }

    fn check(&self, networks: usize, records: usize) -> Result<(), ProbeError> {
        let (id, needed) = (self.id(), self.directions.spanning());
        if networks < needed || networks != records {
            let found = format!("{networks} networks and {records} logits");
            return Err(subject(
                id,
                format!("{found}, expected at least {needed} networks and the logits of each"),
            ));
        }
        if self.points < 2 {
            return Err(subject(id, format!("{} points on a side, expected at least 2", self.points)));
        }
        if matches!(self.mixing, Mixing::Repair { .. }) {
            let reason =
                "REPAIR is for networks between members, not for a plane; set metrics.repair_images=0";
            return Err(subject(id, reason));
        }
        Ok(())
    }

    fn run(&self, lab: &mut dyn Lab) -> Result<Record, ProbeError> {
        self.check(lab.networks(), lab.records().len())?;
        let (id, labels) = (self.id(), lab.labels(&self.data)?);
        let mut members =
            (0..self.directions.spanning()).map(|i| lab.params(i)).collect::<Result<Vec<_>, _>>()?;
        let basis = match self.directions {
            Directions::Radial => Basis::radial(&members, self.points),
            Directions::Members => Basis::through(&members, self.points),
            Directions::Random => Basis::random(&mut members, self.points, &lab.seeds()),
        };
        let basis = basis.map_err(|reason| subject(id, reason))?;
        let named = self.named(&*lab, &labels)?;
        let mut names: Vec<String> = vec!["loss".into(), "accuracy".into()];
        names.extend((0..named.len()).map(|i| format!("agreement {i}")));
        let kept =
            |name: &String| lab.kept().and_then(|kept| kept.lists.get(name)).cloned().unwrap_or_default();
        let mut measured: Vec<Vec<f64>> = names.iter().map(kept).collect();
        let points: Vec<(f64, f64)> =
            basis.y.iter().flat_map(|y| basis.x.iter().map(move |x| (*x, *y))).collect();
        for &at in &points[measured[0].len()..] {
            let network = basis.network(&members, at).map_err(|reason| subject(id, reason))?;
            let values = self.value(lab, network, &labels, &named)?;
            measured.iter_mut().zip(values).for_each(|(list, value)| list.push(value));
            lab.step(measured[0].len() as u64, points.len() as u64, &|| {
                let lists = names.iter().zip(&measured);
                lists.fold(Record::default(), |record, (name, list)| record.with_list(name, list.clone()))
            })?;
        }
        let accuracies: Vec<f64> = named.iter().map(|classes| agreement(classes, labels.values())).collect();
        let pairs = named.iter().enumerate().flat_map(|(i, a)| named[..i].iter().map(|b| agreement(a, b)));
        Ok(self.record(&basis, measured, &accuracies, pairs.fold(1.0, f64::min)))
    }
}

impl PlaneOf {
    /// The classes that each spanning member names.
    fn named(&self, lab: &dyn Lab, labels: &Labels) -> Result<Vec<Vec<u32>>, ProbeError> {
        let of = |logits: Logits| {
            let classes: Vec<u32> = logits.softmax(1.0).argmax().take(labels.len()).collect();
            match classes.len() == labels.len() {
                true => Ok(classes),
                false => {
                    let found = format!("there are logits of {} images", classes.len());
                    Err(subject(self.id(), format!("{found}, expected at least {}", labels.len())))
                }
            }
        };
        logits(self.id(), lab)?.into_iter().take(self.directions.spanning()).map(of).collect()
    }

    /// Loss, accuracy and agreements of one network; NaN where it has no finite output.
    fn value(
        &self,
        lab: &mut dyn Lab,
        network: Params,
        labels: &Labels,
        named: &[Vec<u32>],
    ) -> Result<Vec<f64>, ProbeError> {
        let network = match &self.mixing {
            Mixing::Reestimated(on) => lab.reestimated(&network, on)?,
            Mixing::Plain | Mixing::Repair { .. } => network,
        };
        let logits = lab.logits(&network, &self.data)?;
        Ok(match Scores::of(&logits, labels).map_err(|error| subject(self.id(), error))? {
            None => vec![f64::NAN; 2 + named.len()],
            Some(Scores { loss, accuracy, classes }) => {
                let agreements = named.iter().map(|other| agreement(other, &classes));
                [loss, accuracy].into_iter().chain(agreements).collect()
            }
        })
    }

    fn record(&self, basis: &Basis, measured: Vec<Vec<f64>>, accuracies: &[f64], ends: f64) -> Record {
        let surface = |subject: String, quantity: &str, values: Vec<f64>| Surface {
            subject,
            data: "test".into(),
            quantity: quantity.into(),
            variables: ["x".into(), "y".into()],
            x: basis.x.clone(),
            y: basis.y.clone(),
            values,
            marks: basis.marks.clone(),
        };
        let lowest = accuracies.iter().copied().fold(f64::INFINITY, f64::min);
        let good: Vec<usize> = (0..measured[0].len()).filter(|i| measured[1][*i] >= GOOD * lowest).collect();
        let least = |i: &usize| measured[2..].iter().map(|list| list[*i]).fold(f64::INFINITY, f64::min);
        let share = good.len() as f64 / measured[0].len() as f64;
        let mut record = Record::default().with(self.directions.share(), share);
        if self.directions == Directions::Radial && !good.is_empty() {
            let cone = good.iter().map(least).sum::<f64>() / good.len() as f64;
            record = record.with("cone-agreement", cone).with("cone-excess", cone - ends);
        }
        let own = self.directions.subject();
        for (i, values) in measured.into_iter().enumerate() {
            record = record.with_surface(match i {
                0 => surface(own.into(), "plane-loss", values),
                1 => surface(own.into(), "plane-accuracy", values),
                _ => surface(format!("{own}-with-{}", i - 1), "plane-agreement", values),
            });
        }
        record
    }
}
