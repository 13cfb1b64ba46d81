//! Perceptrons on a stream, which only their owner can tell from others.

use super::tree::{Leaf, Module};
use super::{Recognised, Unrecognised, questions::summary};
use crate::network::{Program, Wiring, WiringError};
use basin_core::Params;

/// The residual perceptron of these dense layers: x = first(input); x ← x + down(σ(up(x))) for the layers of each
/// block; last(x). The layers come as given where `ordered`, or by the numbers in their names. That outputs of blocks
/// are added to a stream is taken from the caller, since nothing in names and shapes shows it.
///
/// # Errors
/// [`Unrecognised::Told`] for an odd number of layers, anything beside them, or sizes without a stream.
pub fn residual_mlp_of(params: &Params, ordered: bool) -> Result<Recognised, Unrecognised> {
    let root = Module::of(params);
    let refuse =
        |at: &str, reason: String| Unrecognised::Told { summary: summary(&root), at: at.to_owned(), reason };
    let all = root.all();
    let mut layers: Vec<&Module<'_>> = Vec::new();
    for module in all {
        match module.leaf() {
            Some(Leaf::Dense) => layers.push(module),
            Some(_) => {
                return Err(refuse(&module.path, "a residual perceptron has dense layers alone".into()));
            }
            None => {}
        }
    }
    if !ordered {
        layers.sort_by_key(|layer| (layer.path.len(), layer.path.clone()));
    }
    let [first, inner @ .., last] = &layers[..] else {
        return Err(refuse("", "expected at least two dense layers, the first and the last".into()));
    };
    if inner.len() % 2 != 0 {
        let reason = format!(
            "{} dense layers, expected an even number: first, two for each block, last",
            layers.len()
        );
        return Err(refuse(&first.path, reason));
    }
    let program = wire(params, first, inner, last).map_err(|error| refuse(&first.path, error.to_string()))?;
    let spec = program.spec().map_err(|error| refuse(&first.path, error.to_string()))?;
    let note =
        format!("{} blocks between {} and {}, on a stream as told", inner.len() / 2, first.path, last.path);
    Ok(Recognised { spec, program, whole: true, open: false, summary: summary(&root), notes: vec![note] })
}

fn wire(
    params: &Params,
    first: &Module<'_>,
    inner: &[&Module<'_>],
    last: &Module<'_>,
) -> Result<Program, WiringError> {
    let mut net = Wiring::new(params);
    let input = net.input(first.sizes().map_or(0, |(read, _)| read));
    let mut x = net.dense(&first.path, input)?;
    for pair in inner.chunks_exact(2) {
        let hidden = net.dense(&pair[0].path, x)?;
        let hidden = net.activation(hidden);
        let added = net.dense(&pair[1].path, hidden)?;
        x = net.add(x, added)?;
    }
    let output = net.dense(&last.path, x)?;
    net.finish(&[output])
}
