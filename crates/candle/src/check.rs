//! Every operation of [`crate::ops`] on a device against the CPU's, on small ragged sizes, forward and back: for tests, and to ask
//! a device whether it computes what it should. No operation of candle's takes part.

use crate::ops::{
    Fusion, Padding, Window, add_bias, add_relu, attention, avg_pool2d, batch_norm, batch_norm_with, conv2d,
    cross_entropy, dense, distillation, drop_path, dropout, gelu, layer_norm, max_pool2d, mean_pool,
    recorded, relu,
};
use candle_core::{Device, Result, Tensor, Var, bail};

/// One operation on tensors of some shapes.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// What is checked.
    pub operation: &'static str,
    shapes: Shapes,
    pass: Pass,
}

type Shapes = &'static [&'static [usize]];
type Pass = fn(&[Tensor]) -> Result<Tensor>;

/// The largest error that is allowed, relative to an array's largest value.
pub const LIMIT: f64 = 1e-5;

/// All checks. Each array of a check wants a gradient.
pub fn checks() -> Vec<Check> {
    const PLAIN: Fusion<'static> = Fusion { shortcut: None, relu: false };
    const RELU: Fusion<'static> = Fusion { shortcut: None, relu: true };
    let table: &[(&'static str, Shapes, Pass)] = &[
        ("conv2d, SAME", &[&[2, 9, 8, 3], &[8, 3, 3, 3]], |t| conv2d(&t[0], &t[1], 2, Padding::Same)),
        ("conv2d, padded", &[&[2, 8, 7, 4], &[5, 4, 3, 3]], |t| conv2d(&t[0], &t[1], 2, Padding::Each(1))),
        ("conv2d, one pixel", &[&[2, 6, 5, 8], &[4, 8, 1, 1]], |t| conv2d(&t[0], &t[1], 2, Padding::Same)),
        ("conv2d, one channel", &[&[2, 6, 5, 1], &[3, 1, 2, 2]], |t| {
            conv2d(&t[0], &t[1], 1, Padding::Each(0))
        }),
        ("layer_norm", &[&[5, 3, 24], &[24], &[24]], |t| layer_norm(&t[0], &t[1], &t[2], 1e-6, PLAIN)),
        ("layer_norm, shortcut", &[&[37, 7], &[7], &[7], &[37, 7]], |t| {
            layer_norm(&t[0], &t[1], &t[2], 1e-6, Fusion { shortcut: Some(&t[3]), relu: true })
        }),
        ("batch_norm", &[&[4, 5, 3, 12], &[12], &[12]], |t| {
            Ok(batch_norm(&t[0], &t[1], &t[2], 1e-5, RELU)?.0)
        }),
        ("batch_norm, shortcut", &[&[300, 5], &[5], &[5], &[300, 5]], |t| {
            Ok(batch_norm(&t[0], &t[1], &t[2], 1e-5, Fusion { shortcut: Some(&t[3]), relu: true })?.0)
        }),
        ("batch_norm, given", &[&[9, 6], &[6], &[6]], |t| {
            let given = |values: [f32; 6]| Tensor::from_slice(&values, 6, t[0].device());
            let mean = given([0.1, -0.2, 0.0, 0.4, 0.3, -0.1])?;
            let variance = given([0.5, 1.5, 0.2, 0.8, 1.0, 0.1])?;
            batch_norm_with(&t[0], (&mean, &variance), &t[1], &t[2], 1e-5, PLAIN)
        }),
        ("relu", &[&[3, 67]], |t| relu(&t[0])),
        ("add_relu", &[&[3, 67], &[3, 67]], |t| add_relu(&t[0], &t[1])),
        ("add_bias", &[&[300, 10], &[10]], |t| add_bias(&t[0], &t[1], true)),
        ("add_bias, no relu", &[&[2, 3, 12], &[12]], |t| add_bias(&t[0], &t[1], false)),
        ("gelu", &[&[5, 41]], |t| gelu(&t[0])),
        ("max_pool2d", &[&[2, 7, 6, 5]], |t| max_pool2d(&t[0], Window { kernel: 3, stride: 2, padding: 1 })),
        ("avg_pool2d", &[&[2, 7, 6, 5]], |t| avg_pool2d(&t[0], 3, 2)),
        ("mean_pool", &[&[3, 4, 5, 7]], |t| mean_pool(&t[0])),
        ("dense", &[&[3, 5, 12], &[7, 12], &[7]], |t| dense(&t[0], &t[1], Some(&t[2]))),
        ("dense, no bias", &[&[6, 8], &[10, 8]], |t| dense(&t[0], &t[1], None)),
        ("attention", &[&[2, 9, 48]], |t| attention(&t[0], 2)),
        ("dropout", &[&[3, 5, 30]], |t| dropout(&t[0], 0.4, &[1, 7, 19], 3)),
        ("drop_path", &[&[4, 5, 6]], |t| drop_path(&t[0], 0.5, &[1, 7, 19, 4], 2)),
        ("cross_entropy", &[&[5, 11]], |t| cross_entropy(&t[0], &[3, 0, 10, 7, 7])),
        ("distillation", &[&[3, 6]], |t| {
            let teacher: Vec<f32> = (0..18).map(|i| (i * 5 % 7) as f32 / 2.0).collect();
            let teacher = Tensor::from_vec(teacher, (3, 6), t[0].device())?;
            distillation(&t[0], &[5, 1, 0], &teacher, 0.3, 2.5)
        }),
        // The same weights twice: parts of their gradient are added on the device.
        ("gradients that are added", &[&[6, 8], &[8, 8]], |t| {
            dense(&relu(&dense(&t[0], &t[1], None)?)?, &t[1], None)
        }),
    ];
    table.iter().map(|&(operation, shapes, pass)| Check { operation, shapes, pass }).collect()
}

/// Values in (−1, 1) without much pattern.
fn values(n: usize, salt: usize) -> Vec<f32> {
    (0..n).map(|i| ((i + 31 * salt + 1) * 7_919 % 2_003) as f32 / 1_001.5 - 1.0).collect()
}

impl Check {
    /// The largest error of the result and of all gradients, relative to the largest value of each; infinite where something is no
    /// number.
    ///
    /// # Errors
    /// Those of the operation: a device without kernels for it, a device that fails.
    pub fn run(&self, device: &Device) -> Result<f64> {
        let (found, expected) = (self.on(device)?, self.on(&Device::Cpu)?);
        Ok(found.iter().zip(&expected).map(|(found, expected)| error(found, expected)).fold(0.0, f64::max))
    }

    /// The result and all gradients.
    fn on(&self, device: &Device) -> Result<Vec<Vec<f32>>> {
        let inputs = self.shapes.iter().enumerate().map(|(salt, shape)| {
            let values = values(shape.iter().product(), salt);
            Ok(Var::from_vec(values, *shape, device)?.into_inner())
        });
        let inputs = inputs.collect::<Result<Vec<Tensor>>>()?;
        let (y, tape) = recorded(|| (self.pass)(&inputs))?;
        if tape.mixed() || !y.is_variable() || !y.device().same_device(device) {
            bail!("{} is not ours alone on {:?}", self.operation, device.location());
        }
        let mut gradients = tape.backward(&y, values(y.elem_count(), 17))?;
        let mut all = vec![y.flatten_all()?.to_vec1()?];
        for (place, input) in inputs.iter().enumerate() {
            match gradients.take(input) {
                Some(gradient) => all.push(gradient.into_host()?),
                None => bail!("{}: no gradient of argument {place}", self.operation),
            }
        }
        Ok(all)
    }
}

fn error(found: &[f32], expected: &[f32]) -> f64 {
    if found.len() != expected.len() {
        return f64::INFINITY;
    }
    let largest = expected.iter().fold(f32::MIN_POSITIVE, |m, x| m.max(x.abs()));
    found.iter().zip(expected).fold(0.0, |worst, (f, e)| match f64::from((f - e).abs()) {
        difference if difference.is_finite() => worst.max(difference / f64::from(largest)),
        _ => f64::INFINITY,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_agrees_with_itself_and_what_differs_is_seen() {
        for check in checks() {
            assert_eq!(check.run(&Device::Cpu).unwrap(), 0.0, "{}", check.operation);
        }
        assert_eq!(error(&[1.0, 2.0], &[1.0, 4.0]), 0.5);
        assert_eq!(error(&[1.0], &[1.0, 4.0]), f64::INFINITY);
        assert_eq!(error(&[f32::NAN], &[1.0]), f64::INFINITY);
    }

    #[test]
    fn every_operation_is_checked() {
        // The public functions are the words in lower case behind `pub use` in the module's text.
        let text = include_str!("ops/mod.rs").lines().filter(|line| line.starts_with("pub use "));
        let words =
            text.flat_map(|line| line.rsplit("::").next().unwrap_or("").split(['{', '}', ',', ';', ' ']));
        let functions = words.filter(|word| word.starts_with(|c: char| c.is_ascii_lowercase()));
        let checked: Vec<&str> = checks().iter().map(|check| check.operation).collect();
        let mut count = 0;
        for function in functions {
            let named =
                |operation: &&str| *operation == function || operation.starts_with(&format!("{function}, "));
            let given = function == "batch_norm_with" && checked.contains(&"batch_norm, given");
            assert!(given || checked.iter().any(named), "{function}");
            count += 1;
        }
        assert_eq!(count, 17);
    }
}
