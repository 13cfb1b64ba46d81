//! Losses on logits `[n, classes]` with their gradients.

/// Sum of losses over rows, how many rows were classified correctly, and the gradient.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LossSum {
    /// Σ of the rows' losses.
    pub loss: f64,
    /// Rows whose largest logit is the label's (ties count for the lowest class).
    pub correct: usize,
    /// d(scale · Σ loss)/d logits, `[n, classes]`.
    pub gradient: Vec<f32>,
}

/// What a student is trained towards.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target<'a> {
    /// The labels alone: −log σ(z)_y.
    Labels,
    /// Eq. 1 of Lion et al.: (1−β)·τ²·KL(σ(t/τ) ‖ σ(z/τ)) + β·(−log σ(z)_y).
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
pub fn loss(logits: &[f32], labels: &[u32], target: Target<'_>, scale: f32) -> LossSum {
    let classes = logits.len() / labels.len();
    assert_eq!(logits.len(), classes * labels.len());
    let mut sum = LossSum { gradient: Vec::with_capacity(logits.len()), ..Default::default() };
    let (mut p, mut student, mut teacher) = (Vec::new(), Vec::new(), Vec::new());
    for (row, &label) in labels.iter().enumerate() {
        let (z, y) = (&logits[row * classes..][..classes], label as usize);
        let log_sum = softmax(z, 1.0, &mut p);
        let cross_entropy = log_sum - z[y];
        let best = (1..classes).fold(0, |best, c| if z[c] > z[best] { c } else { best });
        sum.correct += usize::from(best == y);
        let one_hot = |c: usize| if c == y { 1.0 } else { 0.0 };
        match target {
            Target::Labels => {
                sum.loss += f64::from(cross_entropy);
                sum.gradient.extend((0..classes).map(|c| (p[c] - one_hot(c)) * scale));
            }
            Target::Teacher { logits, label_weight: beta, temperature: tau } => {
                let t = &logits[row * classes..][..classes];
                let (log_s, log_t) = (softmax(z, tau, &mut student), softmax(t, tau, &mut teacher));
                let kl: f32 =
                    (0..classes).map(|c| teacher[c] * ((t[c] / tau - log_t) - (z[c] / tau - log_s))).sum();
                sum.loss += f64::from((1.0 - beta) * tau * tau * kl + beta * cross_entropy);
                sum.gradient.extend((0..classes).map(|c| {
                    let soft = (1.0 - beta) * tau * (student[c] - teacher[c]);
                    (soft + beta * (p[c] - one_hot(c))) * scale
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
        assert_eq!(loss(&z, &[2, 0], teacher, 0.5), loss(&z, &[2, 0], Target::Labels, 0.5));
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
