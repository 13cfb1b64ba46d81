//! Layers in f64, written out from their definitions, that declare the arrays they read.
//!
//! A network is one function of a [`Net`]: run without weights it says which arrays it has, in the order in which its
//! code makes them; run with weights it computes. So a test cannot compute another network than it made.

use crate::forward::{Rows, random_rows, values};
use crate::images::Image;
use crate::networks::filled;
use basin_core::Params;
use std::cell::RefCell;

/// A network's arrays while it runs.
pub(crate) struct Net<'a> {
    weights: Option<&'a Params>,
    shapes: RefCell<Vec<(String, Vec<usize>)>>,
}

/// What a network computes.
pub(crate) type Function<'f> = &'f dyn Fn(&Net<'_>) -> Rows;

/// Random weights for a network: scales near 1 and mostly positive shifts, so that no unit is off for every input.
pub(crate) fn draw(function: Function<'_>, seed: u64) -> Params {
    let net = Net { weights: None, shapes: RefCell::default() };
    function(&net);
    let net = filled(net.shapes.into_inner(), seed);
    net.map(|name, values| {
        let one_axis = net.get(name).is_some_and(|array| array.shape().len() == 1);
        let near = |middle: f32| values.iter().map(|x| middle + 0.3 * x).collect();
        match name {
            _ if one_axis && name.ends_with("bias") => near(0.3),
            _ if one_axis && !name.contains("running") => near(1.0),
            _ => values.to_vec(),
        }
    })
}

/// What the network with these weights computes.
pub(crate) fn run(function: Function<'_>, weights: &Params) -> Rows {
    function(&Net { weights: Some(weights), shapes: RefCell::default() })
}

/// A convolution with zero padding that keeps the sides of images up to the stride.
#[derive(Clone, Copy)]
pub(crate) struct Conv {
    pub(crate) out: usize,
    pub(crate) kernel: usize,
    pub(crate) stride: usize,
    pub(crate) groups: usize,
    pub(crate) bias: bool,
}

impl Conv {
    /// Without bias, stride and groups.
    pub(crate) fn of(out: usize, kernel: usize) -> Self {
        Self { out, kernel, stride: 1, groups: 1, bias: false }
    }

    pub(crate) fn stride(self, stride: usize) -> Self {
        Self { stride, ..self }
    }

    pub(crate) fn groups(self, groups: usize) -> Self {
        Self { groups, ..self }
    }

    pub(crate) fn bias(self, bias: bool) -> Self {
        Self { bias, ..self }
    }
}

/// Normalisations, by what they take mean and variance of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    None,
    /// Running statistics.
    Batch,
    /// All positions of that many groups of channels.
    Groups(usize),
    /// All channels of each position.
    Layer,
}

impl Net<'_> {
    /// An array of that shape.
    pub(crate) fn array(&self, name: &str, shape: &[usize]) -> Vec<f64> {
        let Some(weights) = self.weights else {
            self.shapes.borrow_mut().push((name.to_owned(), shape.to_vec()));
            return vec![0.0; shape.iter().product()];
        };
        assert_eq!(weights.get(name).map(|array| array.shape()), Some(shape), "{name}");
        values(weights, name)
    }

    fn bias(&self, name: &str, out: usize, bias: bool) -> Vec<f64> {
        if bias { self.array(name, &[out]) } else { vec![0.0; out] }
    }

    /// A matrix `[out, in]` and a bias by their full names.
    pub(crate) fn linear(&self, weight: &str, bias: Option<&str>, x: &Rows, out: usize) -> Rows {
        let read = x[0].len();
        let matrix = self.array(weight, &[out, read]);
        let shift = bias.map_or(vec![0.0; out], |bias| self.array(bias, &[out]));
        let unit = |x: &[f64], o: usize| {
            matrix[o * read..][..read].iter().zip(x).map(|(w, x)| w * x).sum::<f64>() + shift[o]
        };
        x.iter().map(|x| (0..out).map(|o| unit(x, o)).collect()).collect()
    }

    pub(crate) fn dense(&self, name: &str, x: &Rows, out: usize, bias: bool) -> Rows {
        let shift = format!("{name}.bias");
        self.linear(&format!("{name}.weight"), bias.then_some(shift.as_str()), x, out)
    }

    /// Rows of a table for the tokens 1, 0, 3, ….
    pub(crate) fn embedded(&self, name: &str, [entries, width]: [usize; 2], tokens: usize) -> Rows {
        let table = self.array(&format!("{name}.weight"), &[entries, width]);
        (0..tokens).map(|t| table[(3 * t + 1) % entries * width..][..width].to_vec()).collect()
    }

    pub(crate) fn conv(&self, name: &str, x: &Image, conv: Conv) -> Image {
        let Conv { out, kernel: k, stride, groups, bias } = conv;
        let read = x.channels.len() / groups;
        let weight = self.array(&format!("{name}.weight"), &[out, read, k, k]);
        let shift = self.bias(&format!("{name}.bias"), out, bias);
        let side = x.side.div_ceil(stride);
        let pixel = |o: usize, row: usize, col: usize| {
            let mut sum = shift[o];
            for i in 0..read {
                let channel = &x.channels[o / (out / groups) * read + i];
                for (tap, w) in weight[(o * read + i) * k * k..][..k * k].iter().enumerate() {
                    let r = (row * stride + tap / k).wrapping_sub(k / 2);
                    let c = (col * stride + tap % k).wrapping_sub(k / 2);
                    if r < x.side && c < x.side {
                        sum += w * channel[r * x.side + c];
                    }
                }
            }
            sum
        };
        let channel = |o| (0..side * side).map(|p| pixel(o, p / side, p % side)).collect();
        Image::new(side, (0..out).map(channel).collect())
    }

    /// A normalisation of an image.
    pub(crate) fn norm(&self, name: &str, kind: Kind, x: Image) -> Image {
        let positions = x.side * x.side;
        Image::new(x.side, self.normalised(name, kind, x.channels, positions))
    }

    /// A normalisation of features `[rows, width]`: groups are those of one row.
    pub(crate) fn norm_rows(&self, name: &str, kind: Kind, x: &Rows) -> Rows {
        let row = |x: &Vec<f64>| x.iter().map(|&x| vec![x]).collect::<Rows>();
        // All rows share the arrays, which are declared once.
        let whole: Vec<Rows> = x.iter().map(row).collect();
        let first = self.normalised(name, kind, whole[0].clone(), 1).concat();
        let rest = whole[1..].iter().map(|x| match self.weights {
            Some(_) => self.normalised(name, kind, x.clone(), 1).concat(),
            None => first.clone(),
        });
        let rest: Rows = rest.collect();
        std::iter::once(first).chain(rest).collect()
    }

    /// LayerNorm of each token.
    pub(crate) fn layer_norm(&self, name: &str, x: &Rows) -> Rows {
        self.norm_rows(name, Kind::Layer, x)
    }

    fn normalised(&self, name: &str, kind: Kind, x: Rows, positions: usize) -> Rows {
        if kind == Kind::None {
            return x;
        }
        let width = x.len();
        let of = |part: &str| self.array(&format!("{name}.{part}"), &[width]);
        let (scale, shift) = (of("weight"), of("bias"));
        // Mean and variance by channel and position.
        let moments: Box<dyn Fn(usize, usize) -> (f64, f64)> = match kind {
            Kind::Batch => {
                let (mean, variance) = (of("running_mean"), of("running_var"));
                Box::new(move |c, _| (mean[c], variance[c]))
            }
            Kind::Groups(groups) => {
                let each = width / groups;
                let all: Vec<_> = x.chunks(each).map(|group| moments(&group.concat())).collect();
                Box::new(move |c, _| all[c / each])
            }
            _ => {
                let pixel = |p: usize| x.iter().map(|c| c[p]).collect::<Vec<f64>>();
                let all: Vec<_> = (0..positions).map(|p| moments(&pixel(p))).collect();
                Box::new(move |_, p| all[p])
            }
        };
        let unit = |c: usize, p: usize, x: f64| {
            let (mean, variance) = moments(c, p);
            (x - mean) / (variance + 1e-5).sqrt() * scale[c] + shift[c]
        };
        let channel =
            |(c, x): (usize, &Vec<f64>)| x.iter().enumerate().map(|(p, &x)| unit(c, p, x)).collect();
        x.iter().enumerate().map(channel).collect()
    }

    pub(crate) fn rms_norm(&self, name: &str, x: &Rows) -> Rows {
        let scale = self.array(&format!("{name}.weight"), &[x[0].len()]);
        let row = |x: &Vec<f64>| -> Vec<f64> {
            let size = (x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64 + 1e-6).sqrt();
            x.iter().zip(&scale).map(|(x, w)| x / size * w).collect()
        };
        x.iter().map(row).collect()
    }
}

fn moments(values: &[f64]) -> (f64, f64) {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    (mean, values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / values.len() as f64)
}

/// softmax(QKᵀ/√s)V in that many heads of queries; heads of keys and values are shared where there are fewer.
pub(crate) fn attention(q: &Rows, k: &Rows, v: &Rows, heads: usize) -> Rows {
    let size = q[0].len() / heads;
    let shared = heads * size / k[0].len();
    let token = |q: &Vec<f64>| -> Vec<f64> {
        let head = |head: usize| {
            let (query, key) = (&q[head * size..][..size], head / shared * size);
            let score = |k: &Vec<f64>| {
                let product = query.iter().zip(&k[key..]).map(|(q, k)| q * k).sum::<f64>();
                (product / (size as f64).sqrt()).exp()
            };
            let scores: Vec<f64> = k.iter().map(score).collect();
            let total: f64 = scores.iter().sum();
            let unit =
                move |u: usize| v.iter().zip(&scores).map(|(v, s)| s * v[key + u]).sum::<f64>() / total;
            (0..size).map(unit).collect::<Vec<f64>>()
        };
        (0..heads).flat_map(head).collect()
    };
    q.iter().map(token).collect()
}

/// Each row by the function.
pub(crate) fn each(x: &Rows, f: impl Fn(&[f64]) -> Vec<f64>) -> Rows {
    x.iter().map(|row| f(row)).collect()
}

/// Entries one by one.
pub(crate) fn with(x: &Rows, y: &Rows, f: impl Fn(f64, f64) -> f64) -> Rows {
    x.iter().zip(y).map(|(x, y)| x.iter().zip(y).map(|(&x, &y)| f(x, y)).collect()).collect()
}

pub(crate) fn relu(x: &Rows) -> Rows {
    each(x, |x| x.iter().map(|x| x.max(0.0)).collect())
}

/// The mean of all rows.
pub(crate) fn mean(x: &Rows) -> Rows {
    vec![(0..x[0].len()).map(|u| x.iter().map(|x| x[u]).sum::<f64>() / x.len() as f64).collect()]
}

/// A random image of three colours.
pub(crate) fn image(side: usize) -> Image {
    Image::new(side, random_rows(3, side * side, 1))
}
