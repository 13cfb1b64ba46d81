//! How runs learn: what their states make of test images.

use crate::inputs::subject;
use crate::scores::Scores;
use basin_core::{Citation, Curve, DataRef, Record};
use basin_ensemble::{Lab, Probe, ProbeError};

/// Loss and accuracy on test images of the states of several runs (Hepburn et al., Figures 3 and 5): what a training curve lacks,
/// since training never sees a test image. States are work of their own, so that a training is the same with and without this.
///
/// Inputs: the states of run 1 in the order of its epochs, then those of run 2, …; the same number each. Record: curves of subject
/// `member-i` on `test` over `epoch`, `learning-loss` (mean cross-entropy, nats) and `learning-accuracy` (fraction); NaN where a
/// state has no finite output. Goes on at the state at which it was stopped. Cost: one pass over the test images for each state.
#[derive(Clone, Debug, PartialEq)]
pub struct LearningCurves {
    /// Test images: of all runs, or of each its own, where sides see them through views.
    pub tests: Vec<DataRef>,
    /// Epochs after which each run's states were taken, in order; broken ones within the first.
    pub epochs: Vec<f64>,
}

const LOSS: &str = "learning-loss";
const ACCURACY: &str = "learning-accuracy";

impl LearningCurves {
    fn test(&self, run: usize) -> Option<&DataRef> {
        self.tests.get(if self.tests.len() == 1 { 0 } else { run })
    }

    /// Loss and accuracy of one state.
    fn score(&self, lab: &mut dyn Lab, state: usize) -> Result<[f64; 2], ProbeError> {
        let run = state / self.epochs.len();
        let test =
            self.test(run).ok_or_else(|| subject(self.id(), format!("no test images of run {}", run + 1)))?;
        let params = lab.params(state)?;
        let scores = Scores::of(&lab.logits(&params, test)?, &lab.labels(test)?);
        let scores = scores.map_err(|error| subject(self.id(), error))?;
        Ok(Scores::numbers(scores.as_ref()))
    }
}

impl Probe for LearningCurves {
    fn id(&self) -> &'static str {
        "learning-curves"
    }

    fn settings(&self) -> String {
        let epochs: Vec<String> = self.epochs.iter().map(f64::to_string).collect();
        let tests = if self.tests.len() > 1 { "; a kind of images for each run" } else { "" };
        format!("1 (epochs {}{tests})", epochs.join(" "))
    }

    fn citations(&self) -> Vec<Citation> {
        vec![basin_metrics::minima::CITATION]
    }

    fn data(&self) -> Vec<DataRef> {
        self.tests.clone()
    }

    fn cost(&self, inputs: usize, images: &dyn Fn(&DataRef) -> usize) -> u64 {
        let of = |run: usize| self.test(run).map_or(0, images);
        let runs = inputs / self.epochs.len().max(1);
        (self.epochs.len() * (0..runs).map(of).sum::<usize>()) as u64
    }

    fn check(&self, networks: usize, _: usize) -> Result<(), ProbeError> {
        let (states, tests) = (self.epochs.len(), self.tests.len());
        let whole = states > 0 && networks > 0 && networks.is_multiple_of(states);
        match whole && (tests == 1 || tests * states == networks) {
            true => Ok(()),
            false => {
                let found =
                    format!("{networks} networks of {states} epochs and {tests} kinds of test images");
                let expected =
                    "expected as many of each run as epochs, and one kind for all runs or one for each";
                Err(subject(self.id(), format!("{found}, {expected}")))
            }
        }
    }

    fn run(&self, lab: &mut dyn Lab) -> Result<Record, ProbeError> {
        self.check(lab.networks(), lab.records().len())?;
        let kept = |name: &str| lab.kept().and_then(|kept| kept.lists.get(name)).cloned().unwrap_or_default();
        let (mut losses, mut accuracies) = (kept(LOSS), kept(ACCURACY));
        let all = lab.networks();
        for state in losses.len()..all {
            let [loss, accuracy] = self.score(lab, state)?;
            losses.push(loss);
            accuracies.push(accuracy);
            lab.step(losses.len() as u64, all as u64, &|| {
                Record::default().with_list(LOSS, losses.clone()).with_list(ACCURACY, accuracies.clone())
            })?;
        }
        let mut record = Record::default();
        for (quantity, values) in [(LOSS, &losses), (ACCURACY, &accuracies)] {
            for (run, values) in values.chunks(self.epochs.len()).enumerate() {
                record = record.with_curve(Curve {
                    subject: format!("member-{}", run + 1),
                    data: "test".into(),
                    quantity: quantity.into(),
                    variable: "epoch".into(),
                    at: self.epochs.clone(),
                    values: values.to_vec(),
                });
            }
        }
        Ok(record)
    }
}
