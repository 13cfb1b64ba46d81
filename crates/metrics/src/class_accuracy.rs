//! Accuracy class by class: what a data set with classes of unequal size is scored by.

use crate::MetricError;
use crate::shape::check_labelled;
use basin_core::{Citation, Labels, Probs};

/// Who scores transfer by it, in the public code of the paper: sets such as Flowers, Pets and Caltech-101.
pub const CITATION: Citation = Citation::PRETRAIN_BASIN;

/// Mean-per-class accuracy, `(1/K) Σ_c (1/n_c) Σ_{x of class c} 1[argmax p(x) = c]` over the K classes that have images, a
/// fraction in 0..=1. Higher is better; chance is 1/K where all K classes are known.
///
/// The balanced accuracy of scikit-learn. Every class counts the same, however many images it has; a class without images
/// has no accuracy and is left out of the mean, though predicting it is an error as any other. Where all classes have as
/// many images it is [`fn@crate::accuracy`], up to rounding. Of equally probable classes the lowest counts as predicted.
/// Cost: O(n C).
///
/// # Errors
/// [`MetricError::NoRows`], [`MetricError::LabelShape`] or [`MetricError::NotFinite`].
pub fn mean_class_accuracy(probs: &Probs, labels: &Labels) -> Result<f64, MetricError> {
    let present: Vec<f64> = class_accuracies(probs, labels)?.into_iter().flatten().collect();
    // There are rows, so that at least one class has images.
    Ok(present.iter().sum::<f64>() / present.len() as f64)
}

/// Accuracy on the images of each class, `[classes]`, fractions in 0..=1; `None` for a class without images.
///
/// # Errors
/// Those of [`fn@mean_class_accuracy`].
pub fn class_accuracies(probs: &Probs, labels: &Labels) -> Result<Vec<Option<f64>>, MetricError> {
    check_labelled(probs, labels)?;
    let mut counts = vec![(0usize, 0usize); labels.classes()];
    for (found, &label) in probs.argmax().zip(labels.values()) {
        let (right, all) = &mut counts[label as usize];
        *right += usize::from(found == label);
        *all += 1;
    }
    let accuracy = |(right, all): (usize, usize)| (all > 0).then(|| right as f64 / all as f64);
    Ok(counts.into_iter().map(accuracy).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accuracy;
    use basin_core::Logits;

    /// Predictions that name these classes.
    fn naming(classes: usize, named: &[usize]) -> Probs {
        let row = |&class: &usize| (0..classes).map(move |c| if c == class { 2.0 } else { 0.0 });
        Logits::new(classes, named.iter().flat_map(row).collect()).unwrap().softmax(1.0)
    }

    #[test]
    fn every_class_counts_the_same_and_one_without_images_not_at_all() {
        // Class 0: three of four. Class 1: none of one. Class 3: one of one. Class 2 has no image, though it is named once.
        let labels = Labels::new(4, vec![0, 0, 0, 0, 1, 3]).unwrap();
        let probs = naming(4, &[0, 0, 0, 1, 2, 3]);
        let each = class_accuracies(&probs, &labels).unwrap();
        assert_eq!(each, [Some(0.75), Some(0.0), None, Some(1.0)]);
        assert_eq!(mean_class_accuracy(&probs, &labels), Ok(1.75 / 3.0));
        assert_eq!(accuracy(&probs, &labels), Ok(4.0 / 6.0));
    }

    #[test]
    fn of_classes_of_one_size_it_is_the_accuracy() {
        let labels = Labels::new(2, vec![0, 0, 1, 1]).unwrap();
        let probs = naming(2, &[0, 1, 1, 1]);
        assert_eq!(mean_class_accuracy(&probs, &labels), accuracy(&probs, &labels));
    }

    #[test]
    fn what_has_no_accuracy_has_none_by_class() {
        let none = mean_class_accuracy(&naming(2, &[]), &Labels::new(2, vec![]).unwrap());
        assert_eq!(none, Err(MetricError::NoRows));
        let other = mean_class_accuracy(&naming(2, &[0]), &Labels::new(3, vec![0]).unwrap());
        assert_eq!(other, Err(MetricError::LabelShape { found: [1, 3], expected: [1, 2] }));
        let diverged = Logits::new(2, vec![f32::NAN, 0.0]).unwrap().softmax(1.0);
        let found = class_accuracies(&diverged, &Labels::new(2, vec![0]).unwrap());
        assert_eq!(found, Err(MetricError::NotFinite { member: 0, row: 0 }));
    }
}
