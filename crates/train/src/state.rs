//! Everything a trajectory needs to go on: parameters, moments, the global step, and what was logged.

use crate::Moments;
use basin_core::{Params, TensorFile, TensorFileError};
use std::collections::BTreeMap;
use thiserror::Error;

/// One finished epoch, as logged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EpochRow {
    /// Epochs of the schedule finished.
    pub epoch: u64,
    /// Global steps finished.
    pub step: u64,
    /// Learning rate of the epoch's last step.
    pub learning_rate: f64,
    /// Mean training loss over the epoch, on augmented images.
    pub loss: f64,
    /// Training accuracy over the epoch, a fraction.
    pub accuracy: f64,
}

/// The state of a trajectory between two steps. Order, augmentation and learning rate are functions of the
/// step, so nothing else is needed to continue bit for bit.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainState {
    /// Parameters in PyTorch's shapes.
    pub params: Params,
    /// The optimiser's moments.
    pub moments: Moments,
    /// Global steps done, counted from the start of the schedule.
    pub step: u64,
    /// Sum of losses in the unfinished epoch.
    pub loss_sum: f64,
    /// Correctly classified training images in the unfinished epoch.
    pub correct: u64,
    /// Finished epochs of this trajectory.
    pub rows: Vec<EpochRow>,
}

/// Why bytes are not a training state. Whoever read them knows the file, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StateError {
    /// Not a whole safetensors file.
    #[error(transparent)]
    Tensors(#[from] TensorFileError),
    /// The header lacks an entry or holds something else.
    #[error("training state: header entry {key} is {found:?}, expected {expected}")]
    Header {
        /// The entry.
        key: &'static str,
        /// What stands there.
        found: String,
        /// What should.
        expected: &'static str,
    },
}

const FORMAT: &str = "basin training state 2";

impl TrainState {
    /// A start from parameters alone: moments of zero, at the given step.
    pub fn new(params: Params, step: u64) -> Self {
        Self { params, moments: Moments::default(), step, loss_sum: 0.0, correct: 0, rows: Vec::new() }
    }

    /// Safetensors bytes: `params/…`, the moments, counters in the header.
    pub fn encode(&self) -> Vec<u8> {
        let mut params = Params::new();
        self.params.iter().for_each(|(name, array)| params.insert(format!("params/{name}"), array.clone()));
        self.moments.store(&mut params);
        let row = |r: &EpochRow| {
            format!("{} {} {:?} {:?} {:?}", r.epoch, r.step, r.learning_rate, r.loss, r.accuracy)
        };
        let mut metadata = BTreeMap::from([
            ("format".into(), FORMAT.into()),
            ("step".into(), self.step.to_string()),
            ("loss_sum".into(), format!("{:?}", self.loss_sum)),
            ("correct".into(), self.correct.to_string()),
            ("rows".into(), self.rows.iter().map(row).collect::<Vec<_>>().join(";")),
        ]);
        metadata.extend(self.moments.header());
        TensorFile { params, metadata }.encode()
    }

    /// Reads what [`TrainState::encode`] wrote. Arrays come back in the order of `layout`.
    ///
    /// # Errors
    /// [`StateError`] for foreign or damaged bytes, or another network's state.
    pub fn decode(bytes: &[u8], layout: &[(String, Vec<usize>)]) -> Result<Self, StateError> {
        let file = TensorFile::decode(bytes)?;
        entry(&file, "format", FORMAT, |text| (text == FORMAT).then_some(()))?;
        let rows = |text: &str| text.split(';').filter(|row| !row.is_empty()).map(parse_row).collect();
        Ok(Self {
            params: table(&file, "params", layout)?,
            moments: Moments::load(&file, layout)?,
            step: number(&file, "step")?,
            loss_sum: entry(&file, "loss_sum", "a number", |text| text.parse().ok())?,
            correct: number(&file, "correct")?,
            rows: entry(&file, "rows", "rows of five numbers", rows)?,
        })
    }
}

/// A header entry as `parse` understands it.
fn entry<T>(
    file: &TensorFile,
    key: &'static str,
    expected: &'static str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<T, StateError> {
    let found = file.metadata.get(key).cloned().unwrap_or_default();
    parse(&found).ok_or(StateError::Header { key, found, expected })
}

pub(crate) fn number(file: &TensorFile, key: &'static str) -> Result<u64, StateError> {
    entry(file, key, "a whole number", |text| text.parse().ok())
}

/// The arrays under a prefix, in the order of `layout`.
pub(crate) fn table(
    file: &TensorFile,
    prefix: &str,
    layout: &[(String, Vec<usize>)],
) -> Result<Params, StateError> {
    let strip = |name: &str| name.strip_prefix(prefix).and_then(|n| n.strip_prefix('/')).map(str::to_owned);
    let own: Params =
        file.params.iter().filter_map(|(name, array)| Some((strip(name)?, array.clone()))).collect();
    Ok(basin_core::expect_layout(&own, layout)?)
}

fn parse_row(text: &str) -> Option<EpochRow> {
    let [epoch, step, learning_rate, loss, accuracy] = text.split(' ').collect::<Vec<_>>()[..] else {
        return None;
    };
    Some(EpochRow {
        epoch: epoch.parse().ok()?,
        step: step.parse().ok()?,
        learning_rate: learning_rate.parse().ok()?,
        loss: loss.parse().ok()?,
        accuracy: accuracy.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use basin_core::Array;

    fn state() -> TrainState {
        let mut params = Params::new();
        params.insert("z.weight", Array::new(vec![2], vec![0.1, f32::MIN_POSITIVE]).unwrap());
        params.insert("a.weight", Array::new(vec![1, 1], vec![-3.0]).unwrap());
        let rows = vec![EpochRow { epoch: 1, step: 7, learning_rate: 0.1, loss: 1.0 / 3.0, accuracy: 0.25 }];
        let moments =
            Moments { tables: vec![params.clone(), params.map(|_, v| vec![0.5; v.len()])], updates: 4 };
        TrainState { moments, loss_sum: 0.1 + 0.2, correct: 3, rows, ..TrainState::new(params, 9) }
    }

    #[test]
    fn a_state_survives_bytes_bit_for_bit() {
        let layout = [("z.weight".to_owned(), vec![2]), ("a.weight".to_owned(), vec![1, 1])];
        assert_eq!(TrainState::decode(&state().encode(), &layout).unwrap(), state());
    }

    #[test]
    fn a_foreign_file_is_refused() {
        let bytes = TensorFile { params: state().params, ..Default::default() }.encode();
        assert!(matches!(TrainState::decode(&bytes, &[]), Err(StateError::Header { key: "format", .. })));
    }

    /// A new variant does not compile here until it has a line in the test.
    fn place(error: &StateError) -> usize {
        match error {
            StateError::Tensors(_) => 0,
            StateError::Header { .. } => 1,
        }
    }

    #[test]
    fn every_error_says_what_is_wrong() {
        let told = [
            (
                StateError::Tensors(TensorFileError::Format { reason: "the header ends early".into() }),
                "not a whole safetensors file: the header ends early",
            ),
            (
                StateError::Header { key: "step", found: "many".into(), expected: "a whole number" },
                "training state: header entry step is \"many\", expected a whole number",
            ),
        ];
        let mut seen = [false; 2];
        for (error, text) in &told {
            assert_eq!(error.to_string(), *text);
            seen[place(error)] = true;
        }
        assert_eq!(seen, [true; 2], "every variant is told");
    }
}
