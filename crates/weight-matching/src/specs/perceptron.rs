//! Perceptrons judged by the names and shapes of their dense layers.

use super::infer::{Found, checked};
use crate::{Family, InferError, Inferred, PermutationSpec, SpecError};
use basin_core::Params;

/// Finds the spec of a residual perceptron ([`PermutationSpec::residual_mlp`]): dense layers first, up and down
/// of each block, and last, in the order in which their sizes form a chain: as given, or by the numbers in their
/// names. That outputs of blocks are added to a stream is taken from the caller, since nothing in names and
/// shapes shows it; compare the outputs of the network before and after [`crate::apply`] once.
///
/// # Errors
/// [`InferError::Nearest`] for an odd number of dense layers, anything beside them, or sizes without a stream.
pub fn infer_residual_mlp(params: &Params) -> Result<Inferred, InferError> {
    let layers = chain(params);
    let names: Vec<&str> = layers.iter().map(|layer| layer.name).collect();
    let found = match &names[..] {
        [first, inner @ .., last] if inner.len() % 2 == 0 => {
            let blocks: Vec<(&str, &str)> = inner.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
            let note = format!("{} blocks between {first} and {last}, on a stream as told", blocks.len());
            PermutationSpec::residual_mlp(first, &blocks, last).map(|spec| (spec, vec![note]))
        }
        _ => Err(SpecError::Family {
            family: "residual MLP",
            what: "dense layers",
            found: names.len(),
            expected: "an even number: first, two for each block, last".into(),
        }),
    };
    checked(params, Family::ResidualMlp, found)
}

/// Whether all parameters are `….weight` of two axes and `….bias` of one.
pub(super) fn is_dense(params: &Params) -> bool {
    let dense = |(name, shape): (&str, &[usize])| {
        (name.ends_with("weight") && shape.len() == 2) || (name.ends_with("bias") && shape.len() == 1)
    };
    !params.is_empty() && params.iter().all(|(name, array)| dense((name, array.shape())))
}

/// A plain perceptron.
pub(super) fn mlp(params: &Params) -> Found {
    let layers = chain(params);
    let names: Vec<&str> = layers.iter().map(|layer| layer.name).collect();
    let mut notes = vec![
        format!("layers in the order {}", names.join(", ")),
        "no residual stream, and activations that act on each unit alone, which shapes cannot show".into(),
    ];
    notes.extend(stream(&layers).map(|units| {
        format!(
            "the sizes would allow a residual stream of {units} units: if outputs of layers are added to it, this \
             spec changes what the network computes, and residual-mlp is the right one"
        )
    }));
    Ok((PermutationSpec::mlp(&names)?, notes))
}

/// A dense layer.
#[derive(Clone, Copy)]
struct Layer<'a> {
    name: &'a str,
    input: usize,
    output: usize,
}

/// The layers in the order in which their sizes form a chain, as given or by the numbers in their names;
/// some order if there is none, whose spec then does not fit.
fn chain(params: &Params) -> Vec<Layer<'_>> {
    let layer = |(name, array): (_, &basin_core::Array)| {
        let name = str::strip_suffix(name, ".weight")?;
        let &[output, input] = array.shape() else { return None };
        Some(Layer { name, input, output })
    };
    let given: Vec<Layer<'_>> = params.iter().filter_map(layer).collect();
    let mut by_number = given.clone();
    by_number.sort_by_key(|layer| (layer.name.len(), layer.name));
    let chains = |layers: &[Layer<'_>]| layers.windows(2).all(|pair| pair[0].output == pair[1].input);
    // Files often hold names in alphabetical order, so numbers come before the order of the file.
    let numbered = given.iter().all(|layer| layer.name.ends_with(|c: char| c.is_ascii_digit()));
    let mut orders = if numbered { [by_number, given] } else { [given, by_number] };
    let chained = orders.iter().position(|layers| chains(layers));
    std::mem::take(&mut orders[chained.unwrap_or(0)])
}

/// Units of the stream that the sizes of a chain allow: every second layer from the first writes that many.
fn stream(layers: &[Layer<'_>]) -> Option<usize> {
    let [first, inner @ .., _] = layers else { return None };
    let fits = inner.chunks(2).all(|pair| matches!(pair, [_, down] if down.output == first.output));
    (fits && !inner.is_empty()).then_some(first.output)
}
