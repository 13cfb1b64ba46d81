//! The networks that a configuration can name: how each is built, and how its units may be permuted.

use crate::{Model, NormName};
use anyhow::{Context, Result};
use basin_candle::layers::Norm;
use basin_candle::networks::{Stem, Vgg, cifar_resnet, mlp, torchvision_resnet, vgg11};
use basin_models::{Architecture, Family, Network};
use std::fmt;
use thiserror::Error;
use weight_matching::{PermutationSpec, Shortcut};

/// A network under a name of `model.name`. The name stands for what it computes: files of a run are taken up again where
/// name and layout are the same, so a network that computes something else wants another name.
#[derive(Clone, Copy)]
pub struct NetworkEntry {
    /// The name.
    pub name: &'static str,
    /// Builds it for square images of so many pixels and so many classes; reads the keys `model.*` that it has a use for.
    pub build: fn(&Model, usize, usize) -> Result<Network>,
    /// Its permutation spec, for the methods that permute; they refuse a network without one.
    pub spec: Option<fn(&Model) -> Result<PermutationSpec>>,
    /// The keys `model.*` that `build` reads, without `model.`; others must stay at their defaults.
    pub reads: &'static [&'static str],
}

impl fmt::Debug for NetworkEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetworkEntry").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Why something of a network cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NetworkError {
    /// No entry has its name.
    #[error("no network {name} is registered; set model.name to one that is")]
    Unknown {
        /// The name.
        name: String,
    },
    /// Its entry has no permutation spec.
    #[error(
        "network {name} has no permutation spec, which methods that permute need; choose another method or network"
    )]
    NoSpec {
        /// The name.
        name: String,
    },
    /// Keys are set that its entry does not read.
    #[error("{}, which {name} does not read; leave it out", .settings.join(" and "))]
    Unread {
        /// The name.
        name: String,
        /// The keys with their values.
        settings: Vec<String>,
    },
    /// It does not come with that normalisation.
    #[error("model.norm is {found} for {name}, expected {expected}")]
    Norm {
        /// The name.
        name: String,
        /// The normalisation asked for.
        found: &'static str,
        /// What there is.
        expected: &'static str,
    },
    /// The width gives no usable number of units.
    #[error(
        "model.width is {width}, which gives {units} units in the first layer of {name}, expected a whole number up to 65536"
    )]
    Width {
        /// The name.
        name: String,
        /// The width, as text.
        width: String,
        /// Units that it gives, as text.
        units: String,
    },
    /// The images are too small.
    #[error("images of side {side} for {name}, expected at least {least} pixels")]
    Side {
        /// The name.
        name: String,
        /// Their side.
        side: usize,
        /// The least that it takes.
        least: usize,
    },
}

/// Two entries are one if their names are.
impl PartialEq for NetworkEntry {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl NetworkEntry {
    /// Refuses settings that the network would not look at, all at once.
    pub(crate) fn check(&self, model: &Model) -> Result<(), NetworkError> {
        let Model { name: _, width: _, dropout, residual_scale, centred_kernels, norm } = model;
        // The width's default is the paper's ResNet20's; it is no statement on other networks.
        let set = [
            ("dropout", *dropout != 0.0, dropout.to_string()),
            ("residual_scale", *residual_scale != 1.0, residual_scale.to_string()),
            ("centred_kernels", *centred_kernels, "yes".into()),
            ("norm", *norm != NormName::Own, norm.word().into()),
        ];
        let unread = set.iter().filter(|(key, set, _)| *set && !self.reads.contains(key));
        let settings: Vec<String> =
            unread.map(|(key, _, value)| format!("model.{key} is {value}")).collect();
        match settings.is_empty() {
            true => Ok(()),
            false => Err(NetworkError::Unread { name: self.name.to_owned(), settings }),
        }
    }
}

/// Widths and normalisations of the networks that candle runs.
const WIDTH_AND_NORM: &[&str] = &["width", "norm"];

/// The networks of `basin-models`, and those of `basin-candle`.
pub fn built_in() -> Vec<NetworkEntry> {
    let reads = &["width", "dropout", "residual_scale", "centred_kernels", "norm"];
    let native = |name: &&'static str| NetworkEntry { name, build, spec: Some(spec), reads };
    let perceptron =
        |name| NetworkEntry { name, build: perceptron, spec: Some(perceptron_spec), reads: WIDTH_AND_NORM };
    let torchvision = |name| NetworkEntry {
        name,
        build: torchvision,
        spec: Some(|model| Ok(PermutationSpec::torchvision_resnet(torchvision_of(model)?.0)?)),
        reads: WIDTH_AND_NORM,
    };
    let mut all: Vec<NetworkEntry> = Architecture::NAMES.iter().map(native).collect();
    all.extend(["mlp1", "mlp3"].map(perceptron));
    all.push(NetworkEntry { name: "vgg11", build: vgg, spec: Some(vgg_spec), reads: WIDTH_AND_NORM });
    let stems =
        ["resnet18", "resnet34", "resnet50", "resnet18-imagenet", "resnet34-imagenet", "resnet50-imagenet"];
    all.extend(stems.map(torchvision));
    all
}

fn architecture(model: &Model) -> Result<Architecture> {
    let Model { name, width, dropout, residual_scale, centred_kernels, norm: _ } = model;
    let architecture = Architecture::from_name(name, *width)?.with_dropout(*dropout)?;
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

fn build(model: &Model, side: usize, classes: usize) -> Result<Network> {
    let architecture = architecture(model)?;
    let norm = norm(model, Norm::Layer);
    match architecture.family() {
        _ if norm == Norm::Layer => Ok(architecture.build(side, classes)?),
        Family::ResNet { depth, base } => {
            if model.residual_scale != 1.0 || model.centred_kernels {
                return Err(no_norm(
                    model,
                    "own or layer with model.residual_scale or model.centred_kernels",
                ));
            }
            // What the other one refuses, this one does.
            architecture.build(side, classes)?;
            Ok(cifar_resnet((depth - 2) / 6, base, norm).network(side, classes)?)
        }
        Family::Vit(_) => Err(no_norm(model, "own or layer")),
    }
}

fn spec(model: &Model) -> Result<PermutationSpec> {
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
fn perceptron(model: &Model, side: usize, classes: usize) -> Result<Network> {
    let layers = vec![units(model, 512.0)?; hidden(model)];
    Ok(mlp(side, &layers, norm(model, Norm::None)).network(side, classes)?)
}

fn perceptron_spec(model: &Model) -> Result<PermutationSpec> {
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
fn vgg(model: &Model, side: usize, classes: usize) -> Result<Network> {
    let least = 1usize << Vgg::HALVINGS;
    if side < least {
        return Err(NetworkError::Side { name: model.name.clone(), side, least }.into());
    }
    Ok(vgg11(side, units(model, 64.0)?, norm(model, Norm::None)).network(side, classes)?)
}

/// For images of fewer than 64 pixels, whose last image is one pixel. Larger ones are refused when the spec is compared with
/// the network.
fn vgg_spec(model: &Model) -> Result<PermutationSpec> {
    Ok(PermutationSpec::vgg(11, described(norm(model, Norm::None)), 1, &["classifier"])?)
}

fn torchvision_of(model: &Model) -> Result<(usize, Stem)> {
    let (name, stem) = match model.name.strip_suffix("-imagenet") {
        Some(name) => (name, Stem::ImageNet),
        None => (model.name.as_str(), Stem::Cifar),
    };
    let depth = name.strip_prefix("resnet").and_then(|depth| depth.parse().ok());
    Ok((depth.with_context(|| format!("{} is no torchvision ResNet", model.name))?, stem))
}

/// 64 channels in the first layer at width 1.
fn torchvision(model: &Model, side: usize, classes: usize) -> Result<Network> {
    if norm(model, Norm::Batch) != Norm::Batch {
        return Err(no_norm(model, "own or batch"));
    }
    let (depth, stem) = torchvision_of(model)?;
    let module = torchvision_resnet(depth, units(model, 64.0)?, stem);
    let module = module.with_context(|| format!("{} is no torchvision ResNet", model.name))?;
    Ok(module.network(side, classes)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A new variant does not compile here until it has a line in the test.
    fn place(error: &NetworkError) -> usize {
        match error {
            NetworkError::Unknown { .. } => 0,
            NetworkError::NoSpec { .. } => 1,
            NetworkError::Unread { .. } => 2,
            NetworkError::Norm { .. } => 3,
            NetworkError::Width { .. } => 4,
            NetworkError::Side { .. } => 5,
        }
    }

    #[test]
    fn every_error_says_what_where_and_what_to_do() {
        let told = [
            (
                NetworkError::Unknown { name: "lenet".into() },
                "no network lenet is registered; set model.name to one that is",
            ),
            (
                NetworkError::NoSpec { name: "lenet".into() },
                "network lenet has no permutation spec, which methods that permute need; choose another method or network",
            ),
            (
                NetworkError::Unread { name: "mlp1".into(), settings: vec!["model.dropout is 0.1".into(), "model.norm is layer".into()] },
                "model.dropout is 0.1 and model.norm is layer, which mlp1 does not read; leave it out",
            ),
            (
                NetworkError::Norm { name: "resnet18".into(), found: "layer", expected: "own or batch" },
                "model.norm is layer for resnet18, expected own or batch",
            ),
            (
                NetworkError::Width { name: "vgg11".into(), width: "0.01".into(), units: "0.64".into() },
                "model.width is 0.01, which gives 0.64 units in the first layer of vgg11, expected a whole number up to 65536",
            ),
            (
                NetworkError::Side { name: "vgg11".into(), side: 16, least: 32 },
                "images of side 16 for vgg11, expected at least 32 pixels",
            ),
        ];
        let mut seen = [false; 6];
        for (error, text) in &told {
            assert_eq!(error.to_string(), *text);
            seen[place(error)] = true;
        }
        assert_eq!(seen, [true; 6], "every variant is told");
    }
}
