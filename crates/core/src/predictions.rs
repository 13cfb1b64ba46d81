//! Predictions and true classes. Only [`Logits::softmax`] makes [`Probs`].

use thiserror::Error;

/// Why predictions or labels cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PredictionError {
    /// The number of values is not a whole number of rows.
    #[error("{values} values do not make rows of {classes} classes")]
    Ragged {
        /// How many values were given.
        values: usize,
        /// Length of a row.
        classes: usize,
    },
    /// A label names no class.
    #[error("label {label} at row {row}, expected 0..{classes}")]
    Label {
        /// The row.
        row: usize,
        /// Its label.
        label: u32,
        /// Number of classes.
        classes: usize,
    },
}

/// Unnormalised log-probabilities, `[n, classes]`, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Logits {
    classes: usize,
    values: Vec<f32>,
}

/// Probabilities, `[n, classes]`, row-major; each row sums to one.
#[derive(Clone, Debug, PartialEq)]
pub struct Probs {
    classes: usize,
    values: Vec<f64>,
}

/// True classes, `[n]`, each in `0..classes`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels {
    classes: usize,
    values: Vec<u32>,
}

impl Logits {
    /// Wraps `[n, classes]` values.
    ///
    /// # Errors
    /// [`PredictionError::Ragged`] when the values are not a whole number of rows.
    pub fn new(classes: usize, values: Vec<f32>) -> Result<Self, PredictionError> {
        if classes == 0 || !values.len().is_multiple_of(classes) {
            return Err(PredictionError::Ragged { values: values.len(), classes });
        }
        Ok(Self { classes, values })
    }

    /// Softmax of logits / temperature, in f64; finite for logits up to the range of f32.
    ///
    /// # Panics
    /// When the temperature is not positive.
    pub fn softmax(&self, temperature: f64) -> Probs {
        assert!(temperature > 0.0, "temperature {temperature}, expected > 0");
        let mut values = Vec::with_capacity(self.values.len());
        for row in self.rows() {
            let max = row.iter().fold(f32::NEG_INFINITY, |m, &z| m.max(z));
            let start = values.len();
            values.extend(row.iter().map(|&z| ((f64::from(z) - f64::from(max)) / temperature).exp()));
            let sum: f64 = values[start..].iter().sum();
            values[start..].iter_mut().for_each(|p| *p /= sum);
        }
        Probs { classes: self.classes, values }
    }

    /// Rows of `classes` logits.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> + Clone {
        self.values.chunks_exact(self.classes)
    }

    /// Number of rows n.
    pub fn len(&self) -> usize {
        self.values.len() / self.classes
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// All values, row-major.
    pub fn values(&self) -> &[f32] {
        &self.values
    }
}

impl Probs {
    /// The mean of several predictions, row by row (the ensemble's prediction).
    ///
    /// # Panics
    /// When the list is empty or the shapes differ.
    pub fn mean(members: &[Probs]) -> Probs {
        let first = members.first().expect("an ensemble has at least one member");
        let mut values = vec![0.0; first.values.len()];
        for member in members {
            assert_eq!((member.classes, member.values.len()), (first.classes, first.values.len()));
            values.iter_mut().zip(&member.values).for_each(|(sum, p)| *sum += p);
        }
        values.iter_mut().for_each(|p| *p /= members.len() as f64);
        Probs { classes: first.classes, values }
    }

    /// Rows of `classes` probabilities.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f64]> + Clone {
        self.values.chunks_exact(self.classes)
    }

    /// Number of rows n.
    pub fn len(&self) -> usize {
        self.values.len() / self.classes
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The most probable class of each row; ties go to the lowest index.
    pub fn argmax(&self) -> impl Iterator<Item = u32> + '_ {
        self.rows().map(|row| {
            let best = (0..row.len()).fold(0, |best, c| if row[c] > row[best] { c } else { best });
            best as u32
        })
    }
}

impl Labels {
    /// Checks that each label names a class.
    ///
    /// # Errors
    /// [`PredictionError::Label`] names the first row that does not.
    pub fn new(classes: usize, values: Vec<u32>) -> Result<Self, PredictionError> {
        match values.iter().enumerate().find(|(_, label)| **label as usize >= classes) {
            Some((row, &label)) => Err(PredictionError::Label { row, label, classes }),
            None => Ok(Self { classes, values }),
        }
    }

    /// The labels.
    pub fn values(&self) -> &[u32] {
        &self.values
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Number of labels n.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are no labels.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn softmax_is_finite_at_extreme_logits() {
        let probs = Logits::new(2, vec![1e4, -1e4, 0.0, 0.0]).unwrap().softmax(1.0);
        assert_eq!(probs.rows().next().unwrap(), [1.0, 0.0]);
        assert_eq!(probs.rows().nth(1).unwrap(), [0.5, 0.5]);
    }

    #[test]
    fn ties_go_to_the_lowest_class() {
        let probs = Logits::new(3, vec![1.0, 1.0, 0.0]).unwrap().softmax(1.0);
        assert_eq!(probs.argmax().collect::<Vec<_>>(), [0]);
    }

    #[test]
    fn a_label_outside_the_classes_is_named() {
        let error = Labels::new(10, vec![3, 12]).unwrap_err();
        assert_eq!(error.to_string(), "label 12 at row 1, expected 0..10");
    }

    /// A new variant does not compile here until it has a line in the test.
    fn place(error: &PredictionError) -> usize {
        match error {
            PredictionError::Ragged { .. } => 0,
            PredictionError::Label { .. } => 1,
        }
    }

    #[test]
    fn every_error_says_what_where_and_what_to_do() {
        let told = [
            (PredictionError::Ragged { values: 7, classes: 2 }, "7 values do not make rows of 2 classes"),
            (PredictionError::Label { row: 4, label: 10, classes: 10 }, "label 10 at row 4, expected 0..10"),
        ];
        let mut seen = [false; 2];
        for (error, text) in &told {
            assert_eq!(error.to_string(), *text);
            seen[place(error)] = true;
        }
        assert_eq!(seen, [true; 2], "every variant is told");
    }
}
