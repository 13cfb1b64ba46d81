//! What small convolutional networks compute, written out in f64 from the definitions.

use crate::forward::{Rows, add, dense, mlp, values};
use basin_core::Params;
use permutation_spec::Norm;

/// Channels of a square image, each row-major.
#[derive(Clone)]
pub(crate) struct Image {
    pub(crate) side: usize,
    pub(crate) channels: Rows,
}

impl Image {
    /// An image `[channels, side²]`.
    pub(crate) fn new(side: usize, channels: Rows) -> Self {
        Self { side, channels }
    }

    /// Every pixel by itself.
    pub(crate) fn map(&self, f: impl Fn(usize, f64) -> f64) -> Self {
        let channel = |(c, x): (usize, &Vec<f64>)| x.iter().map(|&x| f(c, x)).collect();
        Self { side: self.side, channels: self.channels.iter().enumerate().map(channel).collect() }
    }

    pub(crate) fn relu(&self) -> Self {
        self.map(|_, x| x.max(0.0))
    }

    pub(crate) fn plus(&self, other: &Self) -> Self {
        Self { side: self.side, channels: add(&self.channels, &other.channels) }
    }

    pub(crate) fn means(&self) -> Rows {
        vec![self.channels.iter().map(|c| c.iter().sum::<f64>() / c.len() as f64).collect()]
    }

    /// The largest of each window, which begins `padding` before its pixel.
    pub(crate) fn max_pool(&self, size: usize, stride: usize, padding: usize) -> Self {
        let side = (self.side + 2 * padding - size) / stride + 1;
        let window = |c: &[f64], p: usize| {
            let (top, left) = (p / side * stride, p % side * stride);
            let place =
                |t: usize| ((top + t / size).wrapping_sub(padding), (left + t % size).wrapping_sub(padding));
            let inside = (0..size * size).map(place).filter(|&(r, c)| r < self.side && c < self.side);
            inside.map(|(row, col)| c[row * self.side + col]).fold(f64::NEG_INFINITY, f64::max)
        };
        let channel = |c: &Vec<f64>| (0..side * side).map(|p| window(c, p)).collect();
        Self { side, channels: self.channels.iter().map(channel).collect() }
    }

    /// Every second pixel, with as many channels of zeros before as behind.
    fn padded(&self, channels: usize) -> Self {
        let side = self.side.div_ceil(2);
        let pixel = |c: &[f64], p: usize| c[2 * (p / side) * self.side + 2 * (p % side)];
        let zeros = || vec![vec![0.0; side * side]; (channels - self.channels.len()) / 2];
        let kept = self.channels.iter().map(|c| (0..side * side).map(|p| pixel(c, p)).collect());
        Self { side, channels: zeros().into_iter().chain(kept).chain(zeros()).collect() }
    }
}

/// Convolution of odd size with zero padding, and its bias if it has one.
fn conv(net: &Params, name: &str, x: &Image, stride: usize) -> Image {
    let weight = values(net, &format!("{name}.weight"));
    let shape = net.get(&format!("{name}.weight")).unwrap().shape().to_vec();
    let bias = net.get(&format!("{name}.bias")).map(|_| values(net, &format!("{name}.bias")));
    let (inputs, k, side) = (shape[1], shape[2], x.side.div_ceil(stride));
    let at = |o: usize, row: usize, col: usize| {
        let taps = (0..inputs * k * k).map(|t| (t / (k * k), t / k % k, t % k));
        let tap = |(i, dr, dc): (usize, usize, usize)| {
            let (r, c) = ((row * stride + dr).wrapping_sub(k / 2), (col * stride + dc).wrapping_sub(k / 2));
            let inside = r < x.side && c < x.side;
            if inside {
                weight[((o * inputs + i) * k + dr) * k + dc] * x.channels[i][r * x.side + c]
            } else {
                0.0
            }
        };
        taps.map(tap).sum::<f64>() + bias.as_ref().map_or(0.0, |bias| bias[o])
    };
    let channel = |o| (0..side * side).map(|p| at(o, p / side, p % side)).collect();
    Image { side, channels: (0..shape[0]).map(channel).collect() }
}

/// The normalisation of that kind, batch normalisation as at evaluation.
fn normalised(net: &Params, name: &str, norm: Norm, x: Image) -> Image {
    if norm == Norm::None {
        return x;
    }
    let of = |kind: &str| values(net, &format!("{name}.{kind}"));
    let (scale, shift) = (of("weight"), of("bias"));
    let moments = |values: &[f64]| {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        (mean, values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / values.len() as f64)
    };
    let unit = |c: usize, x: f64, (mean, variance): (f64, f64)| {
        (x - mean) / (variance + 1e-5).sqrt() * scale[c] + shift[c]
    };
    match norm {
        Norm::Batch => {
            let (mean, variance) = (of("running_mean"), of("running_var"));
            x.map(|c, x| unit(c, x, (mean[c], variance[c])))
        }
        Norm::Group => {
            let all = moments(&x.channels.concat());
            x.map(|c, x| unit(c, x, all))
        }
        _ => {
            let pixel = |p: usize| x.channels.iter().map(|c| c[p]).collect::<Vec<f64>>();
            let pixels: Vec<(f64, f64)> = (0..x.side * x.side).map(|p| moments(&pixel(p))).collect();
            let channel = |(c, x): (usize, &Vec<f64>)| {
                x.iter().zip(&pixels).map(|(&x, &pixel)| unit(c, x, pixel)).collect()
            };
            Image { side: x.side, channels: x.channels.iter().enumerate().map(channel).collect() }
        }
    }
}

/// Logits of a CIFAR ResNet with convolutional shortcuts, or zero padding where there is none.
pub(crate) fn cifar_resnet(net: &Params, blocks: usize, norm: Norm, image: &Image) -> Rows {
    let mut x = normalised(net, "norm1", norm, conv(net, "conv1", image, 1)).relu();
    for (group, block) in (0..3).flat_map(|group| (0..blocks).map(move |block| (group, block))) {
        let name = format!("blockgroups.{group}.blocks.{block}");
        let stride = if group > 0 && block == 0 { 2 } else { 1 };
        let layer = |i: usize, x: &Image, stride| {
            normalised(
                net,
                &format!("{name}.norm{i}"),
                norm,
                conv(net, &format!("{name}.conv{i}"), x, stride),
            )
        };
        let y = layer(2, &layer(1, &x, stride).relu(), 1);
        let shortcut = if stride == 1 {
            x
        } else if net.get(&format!("{name}.shortcut.conv.weight")).is_some() {
            let projected = conv(net, &format!("{name}.shortcut.conv"), &x, 2);
            normalised(net, &format!("{name}.shortcut.norm"), norm, projected)
        } else {
            x.padded(y.channels.len())
        };
        x = y.plus(&shortcut).relu();
    }
    dense(net, "dense.", &x.means())
}

/// Logits of torchvision's VGG with these convolutions in its stages.
pub(crate) fn vgg(net: &Params, stages: &[usize], norm: Norm, classifier: &[&str], image: &Image) -> Rows {
    let (mut x, mut index) = (image.clone(), 0);
    for &convolutions in stages {
        for _ in 0..convolutions {
            let y = conv(net, &format!("features.{index}"), &x, 1);
            x = normalised(net, &format!("features.{}", index + 1), norm, y).relu();
            index += if norm == Norm::None { 2 } else { 3 };
        }
        x = x.max_pool(2, 2, 0);
        index += 1;
    }
    mlp(net, classifier, &vec![x.channels.concat()])
}

/// Logits of torchvision's ResNet with these blocks in its layers.
pub(crate) fn torchvision_resnet(net: &Params, layers: [usize; 4], bottleneck: bool, image: &Image) -> Rows {
    let layer = |conv_name: &str, norm_name: &str, x: &Image, stride| {
        normalised(net, norm_name, Norm::Batch, conv(net, conv_name, x, stride))
    };
    let mut x = layer("conv1", "bn1", image, 2).relu().max_pool(3, 2, 1);
    for (number, blocks) in (1..).zip(layers) {
        for block in 0..blocks {
            let name = |part: &str| format!("layer{number}.{block}.{part}");
            let stride = if number > 1 && block == 0 { 2 } else { 1 };
            let step = |i: usize, x: &Image, stride| {
                layer(&name(&format!("conv{i}")), &name(&format!("bn{i}")), x, stride)
            };
            let y = if bottleneck {
                step(3, &step(2, &step(1, &x, 1).relu(), stride).relu(), 1)
            } else {
                step(2, &step(1, &x, stride).relu(), 1)
            };
            let shortcut = match net.get(&name("downsample.0.weight")) {
                Some(_) => layer(&name("downsample.0"), &name("downsample.1"), &x, stride),
                None => x,
            };
            x = y.plus(&shortcut).relu();
        }
    }
    dense(net, "fc.", &x.means())
}
