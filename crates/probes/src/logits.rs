//! Logits of one network, which most other measurements begin with.

use crate::inputs::{LOGITS, subject};
use basin_core::{Array, Citation, DataRef, Record};
use basin_ensemble::{Lab, Probe, ProbeError};

/// Logits of a network on some images.
///
/// Inputs: one network. Record: array `logits` `[n, classes]`. Cost: one pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogitsOf {
    /// The images.
    pub data: DataRef,
}

impl Probe for LogitsOf {
    fn id(&self) -> &'static str {
        "logits"
    }

    fn settings(&self) -> String {
        "1".into()
    }

    fn citations(&self) -> Vec<Citation> {
        Vec::new()
    }

    fn data(&self) -> Vec<DataRef> {
        vec![self.data.clone()]
    }

    fn cost(&self, _: usize, images: &dyn Fn(&DataRef) -> usize) -> u64 {
        images(&self.data) as u64
    }

    fn record_bytes(&self, classes: usize, images: &dyn Fn(&DataRef) -> usize) -> u64 {
        (4 * classes * images(&self.data)) as u64
    }

    fn run(&self, lab: &mut dyn Lab) -> Result<Record, ProbeError> {
        let params = lab.params(0)?;
        let logits = lab.logits(&params, &self.data)?;
        let shape = vec![logits.len(), logits.classes()];
        let array = Array::new(shape, logits.values().to_vec()).map_err(|error| subject(self.id(), error))?;
        let mut record = Record::default();
        record.arrays.insert(LOGITS, array);
        Ok(record)
    }
}
