//! What a measurement leaves: named numbers, lists of numbers, arrays.

use crate::Params;
use std::collections::BTreeMap;

/// The result of a measurement. Scalars are named by the metric's id.
///
/// Lists hold what belongs to draws, points or images in order; arrays hold what is large, such as logits
/// `[n, classes]`, as `f32`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// Named numbers.
    pub scalars: BTreeMap<String, f64>,
    /// Named lists of numbers.
    pub lists: BTreeMap<String, Vec<f64>>,
    /// Named arrays.
    pub arrays: Params,
}

impl Record {
    /// Adds a number, or replaces the one of that name.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: f64) -> Self {
        self.scalars.insert(name.into(), value);
        self
    }

    /// Adds a list, or replaces the one of that name.
    #[must_use]
    pub fn with_list(mut self, name: impl Into<String>, values: Vec<f64>) -> Self {
        self.lists.insert(name.into(), values);
        self
    }
}

#[cfg(feature = "tensor-files")]
mod files {
    use super::Record;
    use crate::{TensorFile, TensorFileError};
    use std::collections::BTreeMap;

    const SCALAR: &str = "scalar ";
    const LIST: &str = "list ";

    impl Record {
        /// Safetensors bytes: arrays as tensors, numbers in the header, each written so that it reads back to the
        /// same bits. The same record gives the same bytes.
        pub fn encode(&self) -> Vec<u8> {
            let scalars =
                self.scalars.iter().map(|(name, value)| (format!("{SCALAR}{name}"), number(*value)));
            let list = |(name, values): (&String, &Vec<f64>)| {
                let values: Vec<String> = values.iter().map(|value| number(*value)).collect();
                (format!("{LIST}{name}"), values.join(" "))
            };
            let metadata = scalars.chain(self.lists.iter().map(list)).collect();
            TensorFile { params: self.arrays.clone(), metadata }.encode()
        }

        /// Reads what [`Record::encode`] wrote; a header entry of another kind is passed over.
        ///
        /// # Errors
        /// [`TensorFileError::Format`] for bytes that are not a safetensors file or a number that is none.
        pub fn decode(bytes: &[u8]) -> Result<Self, TensorFileError> {
            let TensorFile { params, metadata } = TensorFile::decode(bytes)?;
            let (mut scalars, mut lists) = (BTreeMap::new(), BTreeMap::new());
            for (name, text) in &metadata {
                if let Some(name) = name.strip_prefix(SCALAR) {
                    scalars.insert(name.to_owned(), parse(name, text)?);
                } else if let Some(name) = name.strip_prefix(LIST) {
                    let values = text.split_whitespace().map(|value| parse(name, value));
                    lists.insert(name.to_owned(), values.collect::<Result<_, _>>()?);
                }
            }
            Ok(Self { scalars, lists, arrays: params })
        }
    }

    /// The shortest text that reads back to the same number.
    fn number(value: f64) -> String {
        format!("{value:?}")
    }

    fn parse(name: &str, text: &str) -> Result<f64, TensorFileError> {
        let reason = || TensorFileError::Format { reason: format!("{name} is {text:?}, expected a number") };
        text.parse().map_err(|_| reason())
    }

    #[cfg(test)]
    mod tests {
        use super::*;
        use crate::Array;

        #[test]
        fn numbers_come_back_to_the_bit() {
            let record = Record::default()
                .with("nll", 0.1 + 0.2)
                .with("empty-bin", f64::NAN)
                .with("limit", f64::NEG_INFINITY)
                .with_list("q", vec![1e-310, -0.0, 3.0])
                .with_list("none", Vec::new());
            let mut record = record;
            record.arrays.insert("logits", Array::new(vec![1, 2], vec![0.5, -1.5]).unwrap());
            let read = Record::decode(&record.encode()).unwrap();
            assert!(read.scalars["empty-bin"].is_nan());
            assert_eq!(read.scalars["nll"].to_bits(), (0.1f64 + 0.2).to_bits());
            assert_eq!(read.lists["q"][1].to_bits(), (-0.0f64).to_bits());
            assert_eq!((&read.lists, &read.arrays), (&record.lists, &record.arrays));
            assert_eq!(read.encode(), record.encode());
        }

        #[test]
        fn a_number_that_is_none_is_named() {
            let metadata = [("scalar nll".to_owned(), "much".to_owned())].into();
            let bytes = TensorFile { metadata, ..TensorFile::default() }.encode();
            let error = Record::decode(&bytes).unwrap_err().to_string();
            assert!(error.contains("nll is \"much\", expected a number"), "{error}");
        }
    }
}
