//! Operations on parameters: carried out, given statistics of their own, drawn until they are accepted.

use super::{Executor, unfit_state};
use crate::device::{self, OnDevice};
use crate::progress::Progress;
use crate::{Case, exit};
use anyhow::{Context, Result, ensure};
use basin_core::{DataRef, Labels, Params, Record, SeedTree, TensorFile};
use basin_ensemble::{Acceptance, ParamOp, ParamOpError, StatisticsOn};
use basin_gpu::Precision;
use basin_metrics::MetricError;
use basin_plan::{NodeIndex, PlannedNode};
use basin_store::NodeDir;
use basin_train::Evaluator;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Images of the batch on which a transformed network must compute the same function.
const PROBE: usize = 64;

/// An operation with its place in the seed tree.
pub(super) struct Operation<'a> {
    pub(super) operation: &'a dyn ParamOp,
    pub(super) inputs: &'a [NodeIndex],
    pub(super) path: &'a str,
}

/// The most accurate draw so far.
#[derive(Clone, Copy)]
struct Best {
    draw: u64,
    accuracy: f64,
}

/// What is known after some draws.
struct Drawn {
    draws: u64,
    /// Accuracy of the operation's first input.
    reference: f64,
    best: Option<Best>,
}

impl Executor<'_> {
    /// The result of an operation, with how it was drawn where it had to be accepted.
    pub(super) fn transform(
        &self,
        node: &PlannedNode,
        Operation { operation, inputs, path }: Operation<'_>,
        dir: &NodeDir,
        device: Option<&OnDevice>,
        progress: &Progress,
        stopped: &dyn Fn() -> bool,
    ) -> Result<TensorFile> {
        let case = self.case(node);
        let inputs = inputs.iter().map(|&i| self.params(i)).collect::<Result<Vec<_>>>()?;
        let borrowed: Vec<&Params> = inputs.iter().collect();
        let seed = case.seeds(node.seed).path(path);
        let seen = match case.statistics_images(operation) {
            0 => Vec::new(),
            n => case.statistics_seen(&StatisticsOn::first(n))?,
        };
        let kinds: Vec<_> = seen.iter().map(|(images, how)| (images, how)).collect();
        let with_statistics = |params: Params| match kinds.is_empty() {
            true => Ok(params),
            false => {
                let backend = device::backend(&case.network, device)?;
                Ok(backend.reestimated(&case.network, &params, &kinds)?)
            }
        };
        let make = |seed: &SeedTree| match operation.judged_on() {
            None => with_statistics(operation.apply(&borrowed, seed)?),
            Some(data) => on_images(case, device, &data, |evaluator, labels| {
                let mut judge = |params: &Params| {
                    ensure!(!self.interrupt.requested() && !stopped(), exit::Interrupted);
                    accuracy(evaluator, labels, &with_statistics(params.clone())?)
                };
                // What stopped the judge is told as what it is, not as a failure of the operation.
                let mut failed = None;
                let made = operation.apply_judged(&borrowed, seed, &mut |params| {
                    judge(params).map_err(|error| {
                        let reason = format!("{error:#}");
                        failed = Some(error);
                        ParamOpError { operation: operation.id(), reason }
                    })
                });
                match (made, failed) {
                    (_, Some(error)) => Err(error),
                    (made, None) => with_statistics(made?),
                }
            }),
        };
        let file = match operation.acceptance() {
            None => TensorFile { params: make(&seed)?, ..Default::default() },
            Some(rule) => on_images(case, device, &first_of(case, rule.images), |evaluator, labels| {
                let around = *borrowed.first().context("nothing to draw around, expected a network")?;
                let mut drawn = match dir.load_state()? {
                    Some((draws, bytes, notes)) => {
                        notes.iter().for_each(|note| progress.line(note));
                        Drawn::decode(draws, &bytes).with_context(|| unfit_state(dir))?
                    }
                    None => {
                        dir.broken_states()?.iter().for_each(|note| progress.line(note));
                        Drawn { draws: 0, reference: accuracy(evaluator, labels, around)?, best: None }
                    }
                };
                let mut task = progress.begin(&node.name, node.passes, rule.tries, drawn.draws);
                let (mut newest, mut kept) = (None, Instant::now());
                let checkpoint = Duration::from_secs_f64(case.config.run().checkpoint_seconds);
                let of_draw = |draw| make(&seed.child("try").index(draw));
                while drawn.goes_on(&rule) {
                    let params = of_draw(drawn.draws)?;
                    if drawn.note(accuracy(evaluator, labels, &params)?) {
                        newest = Some(params);
                    }
                    task.step(drawn.draws);
                    self.journal(&node.name, &node.key, "try", None)?;
                    let stop = drawn.goes_on(&rule) && (self.interrupt.requested() || stopped());
                    if stop || kept.elapsed() >= checkpoint {
                        dir.save_state(drawn.draws, &drawn.encode())?;
                        kept = Instant::now();
                    }
                    ensure!(!stop, exit::Interrupted);
                }
                task.step(rule.tries);
                let best = drawn.best.with_context(|| format!("{} draws, expected one", drawn.draws))?;
                if !drawn.accepted(&rule) {
                    progress.line(&drawn.none_taken(&node.name, &rule, best));
                }
                // After an interruption the best draw may be one of before: it is the same again.
                let params = newest.map_or_else(|| of_draw(best.draw), Ok)?;
                Ok(TensorFile { params, metadata: drawn.told(&rule, best) })
            })?,
        };
        if let Some(original) = operation.preserves() {
            assert_same_function(case, device, &inputs[original], &file.params)?;
        }
        Ok(file)
    }
}

impl Drawn {
    fn goes_on(&self, rule: &Acceptance) -> bool {
        self.draws < rule.tries && !self.accepted(rule)
    }

    fn accepted(&self, rule: &Acceptance) -> bool {
        self.best.is_some_and(|best| best.accuracy >= rule.share * self.reference)
    }

    /// Notes the accuracy of the next draw; whether it is the best so far.
    fn note(&mut self, accuracy: f64) -> bool {
        let better = self.best.is_none_or(|best| accuracy > best.accuracy);
        if better {
            self.best = Some(Best { draw: self.draws, accuracy });
        }
        self.draws += 1;
        better
    }

    fn encode(&self) -> Vec<u8> {
        let record = Record::default().with("reference", self.reference);
        let with = |record: Record, best: Best| {
            record.with("draw", best.draw as f64).with("accuracy", best.accuracy)
        };
        self.best.map_or(record.clone(), |best| with(record, best)).encode()
    }

    fn decode(draws: u64, bytes: &[u8]) -> Result<Self> {
        let Record { scalars, .. } = Record::decode(bytes)?;
        let number = |name: &str| scalars.get(name).copied().with_context(|| format!("no {name} is kept"));
        let best = Best { draw: number("draw")? as u64, accuracy: number("accuracy")? };
        Ok(Self { draws, reference: number("reference")?, best: Some(best) })
    }

    /// What the file of the result says about how it came about.
    fn told(&self, rule: &Acceptance, best: Best) -> BTreeMap<String, String> {
        let accepted = if self.accepted(rule) { "yes" } else { "no" };
        let told = [
            ("accepted", accepted.to_owned()),
            ("accuracy", format!("{:?}", best.accuracy)),
            ("draw", (best.draw + 1).to_string()),
            ("draws", self.draws.to_string()),
            ("reference accuracy", format!("{:?}", self.reference)),
        ];
        told.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    fn none_taken(&self, name: &str, rule: &Acceptance, best: Best) -> String {
        format!(
            "note: {name}: none of {} draws has {} of the accuracy of {:.4} that it is drawn around, on {} training images; taken \
             is the most accurate, draw {} with {:.4}",
            self.draws,
            rule.share,
            self.reference,
            rule.images,
            best.draw + 1,
            best.accuracy
        )
    }
}

/// The first so many training images, as far as there are as many.
fn first_of(case: &Case, n: usize) -> DataRef {
    DataRef::train().first(n.min(case.train.len()))
}

/// Does something with an evaluator of some images and with their labels.
fn on_images<T>(
    case: &Case,
    device: Option<&OnDevice>,
    data: &DataRef,
    work: impl FnOnce(&mut dyn Evaluator, &Labels) -> Result<T>,
) -> Result<T> {
    let network = &case.network;
    let images = case.images(data)?;
    let labels = Labels::new(images.classes(), images.labels().to_vec())?;
    let normalisation = case.normalisation(data)?;
    let backend = device::backend(network, device)?;
    let mut evaluator = backend.evaluator(network, &images, &normalisation)?;
    work(&mut *evaluator, &labels)
}

/// Share of images that a network classifies correctly; 0 for one whose predictions are not numbers, as far from a solution.
fn accuracy(evaluator: &mut dyn Evaluator, labels: &Labels, params: &Params) -> Result<f64> {
    match basin_metrics::accuracy(&evaluator.logits(params)?.softmax(1.0), labels) {
        Err(MetricError::NotFinite { .. }) => Ok(0.0),
        other => Ok(other?),
    }
}

/// Invariant: a function-preserving operation preserves the function, on training images (the test split
/// takes no part in making a network).
fn assert_same_function(
    case: &Case,
    device: Option<&OnDevice>,
    original: &Params,
    result: &Params,
) -> Result<()> {
    let Case { network, train, .. } = case;
    let images = train.take(PROBE.min(train.len()))?;
    let normalisation = case.normalisation(&DataRef::train())?;
    // In full precision, whatever the run's: else rounding would hide what is looked for.
    let exact = device.map(|device| OnDevice { precision: Precision::F32, ..device.clone() });
    let backend = device::backend(network, exact.as_ref())?;
    let mut evaluator = backend.evaluator(network, &images, &normalisation)?;
    let (before, after) = (evaluator.logits(original)?, evaluator.logits(result)?);
    let largest = before.values().iter().fold(0.0f32, |m, v| m.max(v.abs()));
    let differences = before.values().iter().zip(after.values()).map(|(a, b)| (a - b).abs());
    let worst = differences.fold(0.0f32, f32::max);
    ensure!(
        worst <= 1e-4 * largest,
        "the permuted network does not compute the same function: logits differ by {worst} of {largest}, expected \
         at most 1e-4 of it. The permutation spec does not fit the network"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: Acceptance = Acceptance { images: 100, share: 0.5, tries: 3 };

    /// What is known after draws of these accuracies, as far as draws go on, around a network of accuracy 0.8.
    fn drawn(accuracies: &[f64]) -> Drawn {
        let mut drawn = Drawn { draws: 0, reference: 0.8, best: None };
        for &accuracy in accuracies {
            if drawn.goes_on(&RULE) {
                drawn.note(accuracy);
            }
        }
        drawn
    }

    #[test]
    fn the_first_draw_that_reaches_its_share_is_taken_and_else_the_earliest_of_the_best() {
        for (accuracies, draws, best, accepted) in [
            (&[0.4, 0.9, 0.9][..], 1, 0, true),
            (&[0.3, 0.39, 0.41], 3, 2, true),
            (&[0.3, 0.45, 0.9], 2, 1, true),
            (&[0.2, 0.3, 0.3, 0.9], 3, 1, false),
            (&[0.0, 0.0, 0.0], 3, 0, false),
        ] {
            let drawn = drawn(accuracies);
            let found = drawn.best.unwrap();
            assert_eq!((drawn.draws, found.draw), (draws, best), "{accuracies:?}");
            assert_eq!((drawn.accepted(&RULE), found.accuracy), (accepted, accuracies[best as usize]));
        }
    }

    #[test]
    fn what_is_kept_of_draws_is_what_they_go_on_from() {
        let before = drawn(&[0.1, 0.3]);
        let mut after = Drawn::decode(before.draws, &before.encode()).unwrap();
        assert!(after.goes_on(&RULE));
        assert!(!after.note(0.3), "an equal one is no better");
        let whole = drawn(&[0.1, 0.3, 0.3]);
        assert_eq!(after.encode(), whole.encode());
        assert_eq!(after.draws, whole.draws);
        let lost = Drawn::decode(1, &Record::default().with("reference", 1.0).encode());
        assert_eq!(lost.err().unwrap().to_string(), "no draw is kept");
    }

    #[test]
    fn a_file_and_a_note_say_how_a_network_was_drawn() {
        let drawn = drawn(&[0.2, 0.3, 0.25]);
        let best = drawn.best.unwrap();
        let told: Vec<String> =
            drawn.told(&RULE, best).iter().map(|(name, value)| format!("{name}: {value}")).collect();
        let expected = ["accepted: no", "accuracy: 0.3", "draw: 2", "draws: 3", "reference accuracy: 0.8"];
        assert_eq!(told, expected);
        assert_eq!(
            drawn.none_taken("subspace-random-1-1", &RULE, best),
            "note: subspace-random-1-1: none of 3 draws has 0.5 of the accuracy of 0.8000 that it is drawn around, on 100 \
             training images; taken is the most accurate, draw 2 with 0.3000"
        );
    }
}
