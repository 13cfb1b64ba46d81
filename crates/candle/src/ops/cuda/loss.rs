//! Mean losses on a device.

use super::super::loss::MeanLoss;
use super::{Array, F32, Launched, On, with};
use basin_cuda::Room;
use basin_gpu::loss::{Loss, Teacher};
use basin_gpu::{arrays, head};
use basin_kernels::Dims;
use candle_core::Result;

/// The mean over the rows; keeps the gradient, which is made in the same launch. Labels come from the host: this waits for what
/// is in the stream before it.
fn mean(on: &On, of: &MeanLoss, logits: Array<'_>, teacher: Option<Teacher<'_>>) -> Result<Room> {
    let [rows, classes] = logits.rows();
    let bytes: Vec<u8> = of.labels.iter().flat_map(|label| label.to_le_bytes()).collect();
    let labels = on.pool.holding(&bytes)?;
    let scale = 1.0 / rows as f32;
    let loss = Loss { storage: F32, rows, classes, labels: labels.span(), scale, teacher };
    let (losses, correct) = (on.pool.take(4 * rows)?, on.pool.take(4 * rows)?);
    let gradient = on.make(logits.len(), |gradient| {
        loss.rows(on.queue(), logits.span, gradient, [losses.span(), correct.span()])
    })?;
    of.kept.keep(vec![gradient]);
    // As of the pixels of an image.
    let all = Dims::new(1, rows, 1, 1);
    on.make(1, |mean| head::mean_pool(on.queue(), F32, all, losses.span(), mean))
}

impl Launched<1> for MeanLoss {
    fn launch(&self, on: &On, [logits]: [Array<'_>; 1]) -> Result<(Room, Vec<usize>)> {
        let mean = match &self.teacher {
            None => mean(on, self, logits, None)?,
            Some((teacher, label_weight, temperature)) => with([teacher], |_, [teacher]| {
                let (label_weight, temperature) = (*label_weight, *temperature);
                let teacher = Teacher { logits: teacher.span, label_weight, temperature };
                mean(on, self, logits, Some(teacher))
            })?,
        };
        Ok((mean, Vec::new()))
    }

    fn launch_back(
        &self,
        on: &On,
        [logits]: [Array<'_>; 1],
        _: [bool; 1],
        _: Array<'_>,
        dy: Array<'_>,
    ) -> Result<[Option<Room>; 1]> {
        let (gradient, n) = (&self.kept.get("a loss")?[0], logits.len());
        let scaled =
            on.make(n, |to| arrays::scale_groups(on.queue(), to, on.read(gradient).span(), dy.span, [1, n]))?;
        Ok([Some(scaled)])
    }
}
