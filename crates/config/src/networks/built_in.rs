//! The networks of `basin-models`, which the fast engine runs, and those of `basin-candle`.

use super::{NetworkEntry, NetworkError};
use crate::{Model, NormName};
use anyhow::{Context, Result};
use basin_candle::layers::Norm;
use basin_candle::networks::{
    FortCnn, Stem, Vgg, cifar_resnet_dropping, fort_cnn, mlp, torchvision_resnet_dropping, vgg11,
};
use basin_core::Extent;
use basin_models::{Architecture, Family, ModelError, Network};
use weight_matching::{PermutationSpec, Segment, Shortcut};

/// Widths and normalisations of the networks that candle runs.
const WIDTH_AND_NORM: &[&str] = &["width", "norm"];

/// The networks of `basin-models`, and those of `basin-candle`.
pub fn built_in() -> Vec<NetworkEntry> {
    let reads = &["width", "dropout", "drop_path", "residual_scale", "centred_kernels", "norm"];
    let native = |name: &&'static str| NetworkEntry { name, build, spec: Some(spec), reads };
    let perceptron =
        |name| NetworkEntry { name, build: perceptron, spec: Some(perceptron_spec), reads: WIDTH_AND_NORM };
    let torchvision = |name| NetworkEntry {
        name,
        build: torchvision,
        spec: Some(|model, _| Ok(PermutationSpec::torchvision_resnet(torchvision_of(model)?.0)?)),
        reads: &["width", "norm", "drop_path"],
    };
    let mut all: Vec<NetworkEntry> = Architecture::NAMES.iter().map(native).collect();
    all.extend(["mlp1", "mlp3"].map(perceptron));
    all.push(NetworkEntry { name: "vgg11", build: vgg, spec: Some(vgg_spec), reads: WIDTH_AND_NORM });
    let stems =
        ["resnet18", "resnet34", "resnet50", "resnet18-imagenet", "resnet34-imagenet", "resnet50-imagenet"];
    all.extend(stems.map(torchvision));
    let reads = &["width", "dropout"];
    all.extend(FORT_CNNS.map(|(name, _, _)| NetworkEntry { name, build: cnn, spec: Some(cnn_spec), reads }));
    all
}

fn architecture(model: &Model) -> Result<Architecture> {
    let Model { name, width, dropout, drop_path, residual_scale, centred_kernels, norm: _ } = model;
    let architecture = Architecture::from_name(name, *width)?.with_dropout(*dropout)?;
    let architecture = architecture.with_drop_path(*drop_path)?;
    Ok(architecture.with_residual_scale(*residual_scale)?.with_centred_kernels(*centred_kernels)?)
}

/// How a network normalises whose own way is this.
fn norm(model: &Model, own: Norm) -> Norm {
    match model.norm {
        NormName::Own => own,
        NormName::Layer => Norm::Layer,
        NormName::Batch => Norm::Batch,
        NormName::None => Norm::None,
    }
}

/// A refusal of a normalisation that a network does not come with.
fn no_norm(model: &Model, expected: &'static str) -> anyhow::Error {
    NetworkError::Norm { name: model.name.clone(), found: model.norm.word(), expected }.into()
}

fn build(model: &Model, extent: Extent, classes: usize) -> Result<Network> {
    let architecture = architecture(model)?;
    let norm = norm(model, Norm::Layer);
    match architecture.family() {
        _ if norm == Norm::Layer => Ok(architecture.build(extent, classes)?),
        Family::ResNet { depth, base } => {
            if model.residual_scale != 1.0 || model.centred_kernels {
                return Err(no_norm(
                    model,
                    "own or layer with model.residual_scale or model.centred_kernels",
                ));
            }
            // What the other one refuses, this one does.
            architecture.build(extent, classes)?;
            let (blocks, drop_path) = ((depth - 2) / 6, model.drop_path as f32);
            let module = cifar_resnet_dropping(extent.channels, blocks, base, norm, drop_path);
            Ok(module.network(extent, classes)?)
        }
        Family::Vit(_) => Err(no_norm(model, "own or layer")),
    }
}

fn spec(model: &Model, _: Extent) -> Result<PermutationSpec> {
    let spec = match architecture(model)?.family() {
        Family::ResNet { depth, .. } if norm(model, Norm::Layer) != Norm::Layer => {
            let norm = described(norm(model, Norm::Layer));
            PermutationSpec::cifar_resnet((depth - 2) / 6, Shortcut::Conv, norm)
        }
        Family::ResNet { depth, .. } => PermutationSpec::resnet(depth),
        Family::Vit(vit) => PermutationSpec::vit(vit.layers, vit.heads),
    };
    spec.with_context(|| format!("permutation spec of {}", model.name))
}

fn described(norm: Norm) -> weight_matching::Norm {
    match norm {
        Norm::None => weight_matching::Norm::None,
        Norm::Layer => weight_matching::Norm::Layer,
        Norm::Batch => weight_matching::Norm::Batch,
    }
}

/// So many units at width 1, times the width.
fn units(model: &Model, at_one: f64) -> Result<usize> {
    let units = at_one * model.width;
    match (1.0..=65536.0).contains(&units) && units.fract() == 0.0 {
        true => Ok(units as usize),
        false => {
            let (name, width) = (model.name.clone(), model.width.to_string());
            Err(NetworkError::Width { name, width, units: units.to_string() }.into())
        }
    }
}

/// Hidden layers of the perceptron of a name.
fn hidden(model: &Model) -> usize {
    if model.name == "mlp1" { 1 } else { 3 }
}

/// Hidden layers of 512 units at width 1.
fn perceptron(model: &Model, extent: Extent, classes: usize) -> Result<Network> {
    let layers = vec![units(model, 512.0)?; hidden(model)];
    Ok(mlp(extent, &layers, norm(model, Norm::None)).network(extent, classes)?)
}

fn perceptron_spec(model: &Model, _: Extent) -> Result<PermutationSpec> {
    let (mut spec, mut before) = (PermutationSpec::builder(), None);
    for place in 1..=hidden(model) {
        let (dense, units) = (format!("fc{place}"), format!("fc{place}.out"));
        spec = spec.dense(&dense, before.as_deref(), Some(&units));
        spec = match norm(model, Norm::None) {
            Norm::None => spec,
            Norm::Layer => spec.norm(&format!("norm{place}"), &units),
            Norm::Batch => spec.batch_norm(&format!("norm{place}"), &units),
        };
        before = Some(units);
    }
    Ok(spec.dense(&format!("fc{}", hidden(model) + 1), before.as_deref(), None).build()?)
}

/// 64 channels in the first stage at width 1.
fn vgg(model: &Model, extent: Extent, classes: usize) -> Result<Network> {
    halved(model, extent, Vgg::HALVINGS)?;
    Ok(vgg11(extent, units(model, 64.0)?, norm(model, Norm::None)).network(extent, classes)?)
}

fn vgg_spec(model: &Model, extent: Extent) -> Result<PermutationSpec> {
    let pixels = halved(model, extent, Vgg::HALVINGS)?.pow(2);
    Ok(PermutationSpec::vgg(11, described(norm(model, Norm::None)), pixels, &["classifier"])?)
}

/// The side of an image behind so many poolings, refused where nothing is left of it.
fn halved(model: &Model, extent: Extent, poolings: u32) -> Result<usize, NetworkError> {
    let (side, least) = (extent.side, 1usize << poolings);
    match side >> poolings {
        0 => Err(NetworkError::Side { name: model.name.clone(), side, least }),
        left => Ok(left),
    }
}

/// The CNNs of Fort et al.: channels of the first block at width 1, and those of all blocks in units of the first's.
const FORT_CNNS: [(&str, f64, &[usize]); 2] =
    [("small-cnn", 16.0, &[1, 2, 2]), ("medium-cnn", 64.0, &[1, 2, 4, 4])];

/// Channels of each block.
fn channels(model: &Model) -> Result<Vec<usize>> {
    let known = FORT_CNNS.iter().find(|(name, _, _)| *name == model.name);
    let (_, first, blocks) = known.with_context(|| format!("{} is no CNN of Fort et al.", model.name))?;
    let first = units(model, *first)?;
    Ok(blocks.iter().map(|times| times * first).collect())
}

fn cnn(model: &Model, extent: Extent, classes: usize) -> Result<Network> {
    let channels = channels(model)?;
    halved(model, extent, channels.len() as u32)?;
    Ok(fort_cnn(model.name.as_str(), extent, &channels, model.dropout as f32).network(extent, classes)?)
}

fn cnn_spec(model: &Model, extent: Extent) -> Result<PermutationSpec> {
    let channels = channels(model)?;
    let pixels = halved(model, extent, channels.len() as u32)?.pow(2);
    let (mut spec, mut before) = (PermutationSpec::builder(), None);
    for place in 1..=channels.len() {
        let (conv, units) = (FortCnn::conv_name(place), format!("{}.out", FortCnn::conv_name(place)));
        spec = spec.conv(&conv, before.as_deref(), Some(&units));
        spec = spec.parameter(format!("{conv}.bias"), &[Some(&units)]);
        before = Some(units);
    }
    // Flattened channel by channel: the pixels of one stay together.
    let flat: Vec<Segment> = before.map(|units| Segment::blocks(units, pixels)).into_iter().collect();
    let head = FortCnn::HEAD;
    let spec = spec.concatenated(format!("{head}.weight"), &[Vec::new(), flat]);
    Ok(spec.parameter(format!("{head}.bias"), &[None]).build()?)
}

/// In the precision that is used: a rate just below 1 may round to it.
fn drop_path(model: &Model) -> Result<f32> {
    let rate = model.drop_path as f32;
    if rate < 1.0 { Ok(rate) } else { Err(ModelError::DropPath { rate: model.drop_path }.into()) }
}

fn torchvision_of(model: &Model) -> Result<(usize, Stem)> {
    let (name, stem) = match model.name.strip_suffix("-imagenet") {
        Some(name) => (name, Stem::ImageNet),
        None => (model.name.as_str(), Stem::Cifar),
    };
    let depth = name.strip_prefix("resnet").and_then(|depth| depth.parse().ok());
    Ok((depth.with_context(|| format!("{} is not a torchvision ResNet", model.name))?, stem))
}

/// 64 channels in the first layer at width 1.
fn torchvision(model: &Model, extent: Extent, classes: usize) -> Result<Network> {
    if norm(model, Norm::Batch) != Norm::Batch {
        return Err(no_norm(model, "own or batch"));
    }
    let (depth, stem) = torchvision_of(model)?;
    let (base, drop_path) = (units(model, 64.0)?, drop_path(model)?);
    let module = torchvision_resnet_dropping(extent.channels, depth, base, stem, drop_path);
    let module = module.with_context(|| format!("{} is not a torchvision ResNet", model.name))?;
    Ok(module.network(extent, classes)?)
}
