//! Accuracy class by class.

use crate::inputs::{logits, mean, subject};
use basin_core::{Citation, Curve, DataRef, Probs, Record};
use basin_ensemble::{Lab, Probe, ProbeError};
use basin_metrics::{Combine, MetricError, class_accuracies, combine, mean_class_accuracy};

/// Mean-per-class accuracy of an ensemble and of its members ([`fn@mean_class_accuracy`]), by which transfer is scored where
/// classes differ in size.
///
/// Inputs: the logits of M ≥ 1 members on `data`. Record: scalars `mean-class-accuracy`, of the ensemble, and
/// `mean-member-class-accuracy`, the mean over members, both fractions; curve `class-accuracy` of the ensemble over `class`,
/// classes counted from 0, on `test`. Classes without images have no place in either. Cost: nothing passes forward.
#[derive(Clone, Debug, PartialEq)]
pub struct PerClass {
    /// The images that the logits belong to.
    pub data: DataRef,
    /// How members are averaged.
    pub combine: Combine,
}

impl Probe for PerClass {
    fn id(&self) -> &'static str {
        "per-class"
    }

    fn settings(&self) -> String {
        format!("1 ({:?})", self.combine)
    }

    fn citations(&self) -> Vec<Citation> {
        vec![basin_metrics::class_accuracy::CITATION]
    }

    fn data(&self) -> Vec<DataRef> {
        vec![self.data.clone()]
    }

    fn cost(&self, _: usize, _: &dyn Fn(&DataRef) -> usize) -> u64 {
        0
    }

    fn record_bytes(&self, classes: usize, _: &dyn Fn(&DataRef) -> usize) -> u64 {
        // A class and its accuracy, some twenty letters together, and the two numbers.
        (24 * classes + 256) as u64
    }

    fn run(&self, lab: &mut dyn Lab) -> Result<Record, ProbeError> {
        let labels = lab.labels(&self.data)?;
        let logits = logits(self.id(), lab)?;
        let measured = (|| {
            let together = combine(&logits, self.combine)?;
            let members: Vec<Probs> = logits.iter().map(|l| l.softmax(1.0)).collect();
            let own = members.iter().map(|member| mean_class_accuracy(member, &labels));
            let own = own.collect::<Result<Vec<f64>, _>>()?;
            let classes = class_accuracies(&together, &labels)?.into_iter().enumerate();
            let (at, values) =
                classes.filter_map(|(class, accuracy)| Some((class as f64, accuracy?))).unzip();
            let record = Record::default()
                .with("mean-class-accuracy", mean_class_accuracy(&together, &labels)?)
                .with_curve(Curve {
                    subject: "ensemble".into(),
                    data: "test".into(),
                    quantity: "class-accuracy".into(),
                    variable: "class".into(),
                    at,
                    values,
                });
            Ok(mean(&own)
                .into_iter()
                .fold(record, |record, of| record.with("mean-member-class-accuracy", of)))
        })();
        measured.map_err(|error: MetricError| subject(self.id(), error))
    }
}
