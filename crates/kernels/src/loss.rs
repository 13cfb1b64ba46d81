//! Losses on logits `[n, classes]` with their gradients.

/// Sum of losses over rows, how many rows were classified correctly, and the gradient.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LossSum {
    /// Σ of the rows' losses.
    pub loss: f64,
    /// Rows whose largest logit is the label's, the heavier one's of two (ties count for the lowest class).
    pub correct: usize,
    /// d(scale · Σ loss)/d logits, `[n, classes]`.
    pub gradient: Vec<f32>,
}

/// The labels of some rows, as they are or softened: of a row with the labels a and b the target is
/// (1 − ε) (w · onehot(a) + (1 − w) · onehot(b)) + ε/classes, and its loss the cross-entropy with that.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Labels<'a> {
    /// The label of each row.
    pub first: &'a [u32],
    /// Of images that were mixed, the other label of each row, and the weight w in `[0, 1]` of the first.
    pub mixed: Option<(&'a [u32], f32)>,
    /// ε in `[0, 1)`: share of all classes alike (label smoothing; Szegedy et al., arXiv 1512.00567, §7).
    pub smoothing: f32,
}

impl<'a> From<&'a [u32]> for Labels<'a> {
    /// As they are.
    fn from(first: &'a [u32]) -> Self {
        Self { first, mixed: None, smoothing: 0.0 }
    }
}

impl<'a, const N: usize> From<&'a [u32; N]> for Labels<'a> {
    fn from(first: &'a [u32; N]) -> Self {
        first[..].into()
    }
}

impl<'a> From<&'a Vec<u32>> for Labels<'a> {
    fn from(first: &'a Vec<u32>) -> Self {
        first[..].into()
    }
}

impl Labels<'_> {
    /// Whether they are one class each.
    pub fn are_hard(&self) -> bool {
        self.mixed.is_none() && self.smoothing == 0.0
    }

    /// The label with the greater weight; of two equal ones the first.
    fn main(&self, row: usize) -> usize {
        let second = self.mixed.filter(|(_, weight)| *weight < 0.5);
        second.map_or(self.first[row], |(second, _)| second[row]) as usize
    }

    /// The target of one class of a row.
    fn target(&self, row: usize, class: usize, classes: usize) -> f32 {
        let of = |labels: &[u32], weight: f32| if labels[row] as usize == class { weight } else { 0.0 };
        let (second, weight) = self.mixed.unwrap_or((self.first, 1.0));
        let both = of(self.first, weight) + of(second, 1.0 - weight);
        if self.smoothing == 0.0 {
            both
        } else {
            (1.0 - self.smoothing) * both + self.smoothing / classes as f32
        }
    }

    /// Σ target · logit of a row, which a cross-entropy takes from the logarithm of Σ exp.
    fn expected(&self, row: usize, logits: &[f32]) -> f32 {
        let (first, (second, weight)) = (self.first[row] as usize, self.mixed.unwrap_or((self.first, 1.0)));
        let mut expected = logits[first];
        if weight < 1.0 {
            expected = weight * expected + (1.0 - weight) * logits[second[row] as usize];
        }
        if self.smoothing > 0.0 {
            let mean = logits.iter().sum::<f32>() / logits.len() as f32;
            expected = (1.0 - self.smoothing) * expected + self.smoothing * mean;
        }
        expected
    }
}

/// What a student is trained towards.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target<'a> {
    /// The labels alone: −log σ(z)_y, or the cross-entropy with what they are softened to.
    Labels,
    /// Eq. 1 of Lion et al.: (1−β)·τ²·KL(σ(t/τ) ‖ σ(z/τ)) + β·(that of the labels).
    Teacher {
        /// Teacher logits t, `[n, classes]`.
        logits: &'a [f32],
        /// β in `[0, 1]`: share of the labels. At β = 1 loss and gradient have the bits of [`Target::Labels`].
        label_weight: f32,
        /// τ > 0.
        temperature: f32,
    },
}

/// log Σ exp and the softmax of z/τ, in f32 with the maximum taken out.
fn softmax(z: &[f32], temperature: f32, out: &mut Vec<f32>) -> f32 {
    let max = z.iter().fold(f32::NEG_INFINITY, |m, &v| m.max(v));
    out.clear();
    out.extend(z.iter().map(|&v| ((v - max) / temperature).exp()));
    let sum: f32 = out.iter().sum();
    out.iter_mut().for_each(|p| *p /= sum);
    sum.ln() + max / temperature
}

/// Losses and gradient of a few rows; `scale` multiplies the gradient (1/batch for a mean).
///
/// # Panics
/// When lengths disagree or a label is not a class.
pub fn loss<'a>(logits: &[f32], labels: impl Into<Labels<'a>>, target: Target<'_>, scale: f32) -> LossSum {
    let labels = labels.into();
    let rows = labels.first.len();
    let classes = logits.len() / rows;
    assert_eq!(logits.len(), classes * rows);
    assert!(
        labels.mixed.is_none_or(|(second, _)| second.len() == rows),
        "two labels for each of {rows} rows"
    );
    let mut sum = LossSum { gradient: Vec::with_capacity(logits.len()), ..Default::default() };
    let (mut p, mut student, mut teacher) = (Vec::new(), Vec::new(), Vec::new());
    for row in 0..rows {
        let z = &logits[row * classes..][..classes];
        let log_sum = softmax(z, 1.0, &mut p);
        let cross_entropy = log_sum - labels.expected(row, z);
        let best = (1..classes).fold(0, |best, c| if z[c] > z[best] { c } else { best });
        sum.correct += usize::from(best == labels.main(row));
        let truth = |c: usize| labels.target(row, c, classes);
        match target {
            Target::Labels => {
                sum.loss += f64::from(cross_entropy);
                sum.gradient.extend((0..classes).map(|c| (p[c] - truth(c)) * scale));
            }
            Target::Teacher { logits, label_weight: beta, temperature: tau } => {
                let t = &logits[row * classes..][..classes];
                let (log_s, log_t) = (softmax(z, tau, &mut student), softmax(t, tau, &mut teacher));
                let kl: f32 =
                    (0..classes).map(|c| teacher[c] * ((t[c] / tau - log_t) - (z[c] / tau - log_s))).sum();
                sum.loss += f64::from((1.0 - beta) * tau * tau * kl + beta * cross_entropy);
                sum.gradient.extend((0..classes).map(|c| {
                    let soft = (1.0 - beta) * tau * (student[c] - teacher[c]);
                    (soft + beta * (p[c] - truth(c))) * scale
                }));
            }
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_weight_of_one_is_cross_entropy_bit_for_bit() {
        let z = [0.3, -1.2, 4.0, 2.0, 2.0, -50.0];
        let teacher = Target::Teacher { logits: &[1.0; 6], label_weight: 1.0, temperature: 3.0 };
        for mixed in [None, Some((&[1, 1][..], 0.3))] {
            let labels = Labels { first: &[2, 0], mixed, smoothing: if mixed.is_some() { 0.1 } else { 0.0 } };
            assert_eq!(loss(&z, labels, teacher, 0.5), loss(&z, labels, Target::Labels, 0.5));
        }
    }

    #[test]
    fn labels_that_are_mixed_with_nothing_are_as_they_are_bit_for_bit() {
        let z = [0.3, -1.2, 4.0, 2.0, 2.0, -50.0];
        let mixed = Labels { mixed: Some((&[0, 1], 1.0)), ..Labels::from(&[2, 0]) };
        assert_eq!(loss(&z, mixed, Target::Labels, 0.5), loss(&z, &[2, 0], Target::Labels, 0.5));
        assert!(!mixed.are_hard() && Labels::from(&[2, 0]).are_hard());
    }

    #[test]
    fn of_two_labels_the_heavier_one_counts_as_correct() {
        let correct = |weight| {
            let labels = Labels { mixed: Some((&[1], weight)), ..Labels::from(&[0]) };
            loss(&[2.0, 1.0, 0.0], labels, Target::Labels, 1.0).correct
        };
        assert_eq!([0.0, 0.49, 0.5, 1.0].map(correct), [0, 0, 1, 1]);
    }

    #[test]
    fn a_student_equal_to_its_teacher_has_no_distillation_gradient() {
        let z = [0.3, -1.2, 4.0];
        for temperature in [1.0, 3.0, 20.0] {
            let target = Target::Teacher { logits: &z, label_weight: 0.0, temperature };
            let sum = loss(&z, &[2], target, 1.0);
            assert!(sum.loss.abs() < 1e-5 && sum.gradient.iter().all(|g| *g == 0.0), "{sum:?}");
        }
    }
}
