//! Which of the known families is a network, judged by the names and shapes of its parameters.

use super::perceptron::{is_dense, mlp};
use super::{Norm, Shortcut, torchvision, vgg, vit};
use crate::{PermutationSpec, SpecError};
use basin_core::Params;
use std::collections::BTreeSet;
use thiserror::Error;

/// A family of networks that [`infer`] knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Family {
    /// [`PermutationSpec::mlp`].
    Mlp,
    /// [`PermutationSpec::residual_mlp`].
    ResidualMlp,
    /// [`PermutationSpec::vgg`].
    Vgg,
    /// [`PermutationSpec::cifar_resnet`].
    CifarResNet,
    /// [`PermutationSpec::torchvision_resnet`].
    TorchvisionResNet,
    /// [`PermutationSpec::vit`].
    Vit,
    /// [`PermutationSpec::timm_vit`].
    TimmVit,
}

impl std::fmt::Display for Family {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Mlp => "MLP",
            Self::ResidualMlp => "residual MLP",
            Self::Vgg => "VGG",
            Self::CifarResNet => "CIFAR ResNet",
            Self::TorchvisionResNet => "torchvision ResNet",
            Self::Vit => "ViT",
            Self::TimmVit => "timm ViT",
        })
    }
}

/// A spec that fits the network it was inferred from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Inferred {
    /// The spec, validated against the network.
    pub spec: PermutationSpec,
    /// The family it belongs to.
    pub family: Family,
    /// What was read from names and shapes, and what they leave open, one sentence each.
    pub notes: Vec<String>,
}

/// Why no spec could be inferred.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InferError {
    /// The network has the names of a family, but not its parameters or shapes.
    #[error("the network is nearest to a {family}, but differs: {problem}")]
    Nearest {
        /// The family whose names match best.
        family: Family,
        /// How the network differs from it.
        problem: SpecError,
    },
    /// No name of any family occurs.
    #[error(
        "no known family has parameters such as {example}, expected one of {expected}; describe it with a builder"
    )]
    Unknown {
        /// The first parameter.
        example: String,
        /// The known families.
        expected: String,
    },
}

/// Prefixes of names that mark a family; the family with the most parameters of that kind is the nearest.
const MARKS: [(Family, &[&str]); 5] = [
    (Family::Vit, &["transformer.", "input_layer.", "mlp_head.", "pos_embedding"]),
    (Family::TimmVit, &["blocks.", "patch_embed.", "pos_embed"]),
    (Family::CifarResNet, &["blockgroups."]),
    (Family::TorchvisionResNet, &["layer1.", "layer2.", "layer3.", "layer4.", "fc."]),
    (Family::Vgg, &["features.", "classifier."]),
];

/// Finds the spec of a network of a known family. The number of attention heads is not visible in shapes:
/// without it the units inside attention keep their order, which is right for any number; give it to
/// [`infer_with_heads`] to align them too. Dense layers alone are taken for a plain perceptron: skip connections
/// are not visible either, and need [`infer_residual_mlp`](crate::infer_residual_mlp); a note says where the
/// shapes would allow them. Whatever the spec, compare the outputs of the network before and after
/// [`crate::apply`] once.
///
/// # Errors
/// [`InferError::Nearest`] with all differences from the family whose names match best, else
/// [`InferError::Unknown`].
pub fn infer(params: &Params) -> Result<Inferred, InferError> {
    infer_with_heads(params, None)
}

/// [`infer`] for a network whose attention layers have that many heads; other families ignore it.
///
/// # Errors
/// As [`infer`]; [`InferError::Nearest`] also when the heads do not divide the width.
pub fn infer_with_heads(params: &Params, heads: Option<usize>) -> Result<Inferred, InferError> {
    let hits = |prefixes: &[&str]| {
        params.iter().filter(|(name, _)| prefixes.iter().any(|prefix| name.starts_with(prefix))).count()
    };
    let best = MARKS.iter().map(|(family, prefixes)| (*family, hits(prefixes)));
    let best = best.fold(None, |best, (family, hits)| match best {
        Some((_, most)) if most >= hits => best,
        _ => (hits > 0).then_some((family, hits)).or(best),
    });
    let (family, found) = match best {
        _ if is_dense(params) => (Family::Mlp, mlp(params)),
        Some((family, _)) => (family, of_family(family, params, heads)),
        None => {
            let example = params.iter().next().map_or("none at all", |(name, _)| name).to_owned();
            let families = MARKS.iter().map(|(family, _)| family.to_string());
            let expected = families.chain([Family::Mlp.to_string()]).collect::<Vec<_>>().join(", ");
            return Err(InferError::Unknown { example, expected });
        }
    };
    checked(params, family, found)
}

/// What was found, validated against the network.
pub(super) fn checked(params: &Params, family: Family, found: Found) -> Result<Inferred, InferError> {
    let checked = found.and_then(|(spec, notes)| spec.validate(params).map(|_| (spec, notes)));
    let (spec, notes) = checked.map_err(|problem| InferError::Nearest { family, problem })?;
    Ok(Inferred { spec, family, notes })
}

pub(super) type Found = Result<(PermutationSpec, Vec<String>), SpecError>;

fn of_family(family: Family, params: &Params, heads: Option<usize>) -> Found {
    match family {
        Family::Vit | Family::TimmVit => {
            let (prefix, spec): (_, fn(usize, Option<usize>) -> _) = match family {
                Family::Vit => ("transformer.", vit::vit),
                _ => ("blocks.", vit::timm_vit),
            };
            let layers = count(params, prefix);
            let about_heads = match heads {
                Some(heads) => format!("{heads} attention heads, as given"),
                None => {
                    "the number of heads is not visible in shapes: units inside attention keep their order"
                        .into()
                }
            };
            Ok((spec(layers, heads)?, vec![format!("{layers} layers, by name"), about_heads]))
        }
        Family::CifarResNet => cifar_resnet(params),
        Family::TorchvisionResNet => {
            let blocks: Vec<usize> = (1..=4).map(|layer| count(params, &format!("layer{layer}."))).collect();
            let bottleneck = has(params, "layer1.0.conv3.weight");
            let mut known = torchvision::DEPTHS.iter();
            let depth = known.find(|(_, layers, b)| layers[..] == blocks && *b == bottleneck);
            // An unknown arrangement is compared with the smallest, which lists what differs.
            let depth = depth.map_or(18, |(depth, ..)| *depth);
            let note = format!("depth {depth} from {blocks:?} blocks, bottleneck: {bottleneck}");
            Ok((PermutationSpec::torchvision_resnet(depth)?, vec![note]))
        }
        Family::Vgg => vgg(params),
        Family::Mlp | Family::ResidualMlp => mlp(params),
    }
}

fn has(params: &Params, name: &str) -> bool {
    params.get(name).is_some()
}

/// How many different numbers follow the prefix.
fn count(params: &Params, prefix: &str) -> usize {
    let numbers = params.iter().filter_map(|(name, _)| name.strip_prefix(prefix)?.split('.').next());
    numbers.filter(|number| number.parse::<usize>().is_ok()).collect::<BTreeSet<_>>().len()
}

fn cifar_resnet(params: &Params) -> Found {
    let blocks = count(params, "blockgroups.0.blocks.");
    let shape = |name: &str| params.get(name).map(|array| array.shape().first().copied());
    let shortcut = if has(params, "blockgroups.1.blocks.0.shortcut.conv.weight") {
        Shortcut::Conv
    } else if shape("norm1.weight") == shape("blockgroups.1.blocks.0.norm2.weight") {
        Shortcut::Identity
    } else {
        Shortcut::ZeroPad
    };
    let mut notes = vec![format!("{blocks} blocks per group, shortcut {shortcut:?}")];
    if shortcut == Shortcut::ZeroPad {
        notes.push("zero channels are taken to be padded equally on both sides".into());
    }
    let norm = match (has(params, "norm1.running_mean"), has(params, "norm1.weight")) {
        (true, _) => Norm::Batch,
        (false, true) => Norm::Layer,
        (false, false) => Norm::None,
    };
    notes.push(match norm {
        Norm::Layer => "LayerNorm or GroupNorm with one group: their spec is the same".into(),
        _ => format!("norm {norm:?}, by its parameters"),
    });
    Ok((PermutationSpec::cifar_resnet(blocks, shortcut, norm)?, notes))
}

fn vgg(params: &Params) -> Found {
    let of = |axes: usize, prefix: &str| {
        let arrays = params.iter().filter(|(name, _)| name.starts_with(prefix) && name.ends_with(".weight"));
        arrays.filter(|(_, array)| array.shape().len() == axes).collect::<Vec<_>>()
    };
    let (convolutions, mut dense) = (of(4, "features."), of(2, "classifier"));
    dense.sort_by_key(|(name, _)| (name.len(), *name));
    let stages = vgg::STAGES.iter().find(|(_, stages)| stages.iter().sum::<usize>() == convolutions.len());
    // An unknown number of convolutions is compared with the smallest, which lists what differs.
    let depth = stages.map_or(11, |(depth, _)| *depth);
    let norm = match (has(params, "features.1.running_mean"), has(params, "features.1.weight")) {
        (true, _) => Norm::Batch,
        (false, true) => Norm::Layer,
        (false, false) => Norm::None,
    };
    let last = convolutions.iter().max_by_key(|(name, _)| (name.len(), *name));
    let channels = last.map_or(1, |(_, array)| array.shape()[0]).max(1);
    let pixels = dense.first().map_or(1, |(_, array)| array.shape()[1] / channels);
    let names: Vec<&str> = dense.iter().filter_map(|(name, _)| name.strip_suffix(".weight")).collect();
    let note = format!("depth {depth} from {} convolutions, norm {norm:?}", convolutions.len());
    let notes = vec![note, format!("{pixels} pixels per channel and {} dense layers", names.len())];
    Ok((PermutationSpec::vgg(depth, norm, pixels, &names)?, notes))
}
