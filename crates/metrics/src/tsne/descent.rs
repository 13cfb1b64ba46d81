//! The descent of an embedding: gradients of its divergence, momentum, gains.

/// By how much probabilities are exaggerated in the early iterations; the learning rate goes by it, too.
pub(super) const EXAGGERATION: f64 = 12.0;

/// Smallest gain of a coordinate.
const LEAST_GAIN: f64 = 0.01;

/// Gradient descent with momentum and a gain for each coordinate.
#[derive(Clone, Debug)]
pub(super) struct Descent {
    pub(super) points: Vec<[f64; 2]>,
    velocity: Vec<[f64; 2]>,
    gains: Vec<[f64; 2]>,
    pub(super) rate: f64,
    /// 1/(1 + squared distance) of every pair, `[n][n]`.
    kernel: Vec<f64>,
}

impl From<Vec<[f64; 2]>> for Descent {
    fn from(points: Vec<[f64; 2]>) -> Self {
        let n = points.len();
        let rate = (n as f64 / EXAGGERATION / 4.0).max(50.0);
        Self { velocity: vec![[0.0; 2]; n], gains: vec![[1.0; 2]; n], rate, kernel: vec![0.0; n * n], points }
    }
}

impl Descent {
    /// Forgets momentum and gains, when the exaggeration ends.
    pub(super) fn rest(&mut self) {
        self.velocity.fill([0.0; 2]);
        self.gains.fill([1.0; 2]);
    }

    /// Fills the kernel and returns its sum over ordered pairs.
    fn measure(&mut self) -> f64 {
        let n = self.points.len();
        let mut sum = 0.0;
        for i in 0..n {
            let [x, y] = self.points[i];
            for j in 0..i {
                let (dx, dy) = (x - self.points[j][0], y - self.points[j][1]);
                let near = 1.0 / (1.0 + dx * dx + dy * dy);
                (self.kernel[i * n + j], self.kernel[j * n + i]) = (near, near);
                sum += near;
            }
        }
        2.0 * sum
    }

    pub(super) fn step(&mut self, joint: &[f64], exaggeration: f64, momentum: f64) {
        let n = self.points.len();
        let sum = self.measure();
        // All gradients are of the points before the step.
        let gradient = |i: usize| {
            let [x, y] = self.points[i];
            let (mut gx, mut gy) = (0.0, 0.0);
            let pairs = joint[i * n..][..n].iter().zip(&self.kernel[i * n..][..n]).zip(&self.points);
            for ((p, near), other) in pairs {
                let pull = (exaggeration * p - near / sum) * near;
                gx += pull * (x - other[0]);
                gy += pull * (y - other[1]);
            }
            [4.0 * gx, 4.0 * gy]
        };
        let gradients: Vec<[f64; 2]> = (0..n).map(gradient).collect();
        for (i, gradient) in gradients.iter().enumerate() {
            for (c, gradient) in gradient.iter().enumerate() {
                let gain = &mut self.gains[i][c];
                let against = self.velocity[i][c] * gradient < 0.0;
                *gain = (if against { *gain + 0.2 } else { *gain * 0.8 }).max(LEAST_GAIN);
                self.velocity[i][c] = momentum * self.velocity[i][c] - self.rate * *gain * gradient;
                self.points[i][c] += self.velocity[i][c];
            }
        }
    }

    pub(super) fn divergence(&mut self, joint: &[f64]) -> f64 {
        let sum = self.measure();
        let term = |(p, near): (&f64, &f64)| if *p > 0.0 { p * (p * sum / near).ln() } else { 0.0 };
        joint.iter().zip(&self.kernel).map(term).sum::<f64>().max(0.0)
    }

    pub(super) fn centred(self) -> Vec<[f64; 2]> {
        let n = self.points.len() as f64;
        let mean = [0, 1].map(|c| self.points.iter().map(|point| point[c]).sum::<f64>() / n);
        self.points.iter().map(|[x, y]| [x - mean[0], y - mean[1]]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{affinities::affinities, squared_distances};
    use super::*;

    /// The gradient that `step` follows is that of the divergence, by central differences.
    #[test]
    fn a_step_goes_down_the_gradient_of_the_divergence() {
        let rows: Vec<[f64; 3]> =
            (0..9).map(|i| f64::from(i) * 0.3).map(|t| [t * t.cos(), t * t.sin(), (7.0 * t).sin()]).collect();
        let joint = affinities(&squared_distances(&rows), 9, 3.0);
        let points: Vec<[f64; 2]> = rows.iter().map(|row| [row[0], row[1] * 0.5]).collect();
        let mut descent = Descent::from(points.clone());
        descent.rate = 1e-3;
        descent.step(&joint, 1.0, 0.0);
        for (i, c) in [(0, 0), (3, 1), (8, 0), (8, 1)] {
            let at = |h: f64| {
                let mut moved = points.clone();
                moved[i][c] += h;
                Descent::from(moved).divergence(&joint)
            };
            let slope = (at(1e-5) - at(-1e-5)) / 2e-5;
            // The first step has gain 0.8.
            let taken = -(descent.points[i][c] - points[i][c]) / 0.8e-3;
            assert!((slope - taken).abs() < 1e-5 * slope.abs().max(1e-2), "{i} {c}: {slope} {taken}");
        }
    }
}
