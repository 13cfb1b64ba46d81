//! The specs that are built in, and the choice of the one for a network.

use crate::arguments::{SpecArguments, SpecCommand};
use crate::failure::Failure;
use crate::streams::{say, warn};
use basin_core::Params;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;
use weight_matching::{InferError, Inferred, PermutationSpec, SpecError, infer, infer_residual_mlp};

/// Most units of one permutation: the search keeps a few matrices of units² numbers.
const MOST_UNITS: usize = 32_768;

/// A name, what it describes, and the spec.
type Known = (&'static str, &'static str, fn() -> Result<PermutationSpec, SpecError>);

/// One line for each spec.
const KNOWN: &[Known] = &[
    ("resnet20", "CIFAR ResNet-20 with LayerNorm, any width", || PermutationSpec::resnet(20)),
    ("resnet32", "CIFAR ResNet-32 with LayerNorm, any width", || PermutationSpec::resnet(32)),
    ("resnet44", "CIFAR ResNet-44 with LayerNorm, any width", || PermutationSpec::resnet(44)),
    ("resnet56", "CIFAR ResNet-56 with LayerNorm, any width", || PermutationSpec::resnet(56)),
    ("resnet110", "CIFAR ResNet-110 with LayerNorm, any width", || PermutationSpec::resnet(110)),
    ("vit", "transformer of Lippe's tutorial, 6 blocks of 8 heads", || PermutationSpec::vit(6, 8)),
    ("timm-vit", "timm's ViT of 12 blocks of 12 heads", || PermutationSpec::timm_vit(12, 12)),
    ("resnet18", "torchvision's ResNet-18", || PermutationSpec::torchvision_resnet(18)),
    ("resnet50", "torchvision's ResNet-50", || PermutationSpec::torchvision_resnet(50)),
];

/// A name, what it describes, and the spec that a network's sizes make of it.
type Sized = (&'static str, &'static str, fn(&Params) -> Result<Inferred, InferError>);

/// One line for each spec that depends on the network.
const SIZED: &[Sized] = &[(
    "residual-mlp",
    "dense layers first, up and down of each block, last, on a stream",
    infer_residual_mlp,
)];

/// A spec that fits a network.
pub(crate) struct Chosen {
    pub(crate) name: String,
    pub(crate) spec: PermutationSpec,
    /// Units of each permutation.
    pub(crate) sizes: BTreeMap<String, usize>,
}

/// The spec an argument asks for, checked against the network at `path`.
pub(crate) fn choose(argument: &str, params: &Params, path: &Path) -> Result<Chosen, Failure> {
    let (name, spec) = match argument {
        "auto" => {
            let found = fitting(params);
            let found =
                found.ok_or_else(|| misfit("auto", vec!["  no known spec fits".into()], params, path))?;
            found.notes.iter().for_each(|note| warn(&format!("note: {}: {note}", path.display())));
            (found.name, found.spec)
        }
        file if file.ends_with(".toml") => {
            let refusal = |reason: String| Failure::Usage(format!("--spec {file}: {reason}"));
            let text = std::fs::read_to_string(file).map_err(|error| refusal(error.to_string()))?;
            let spec = PermutationSpec::from_toml(&text).map_err(|error| refusal(error.to_string()))?;
            (file.to_owned(), spec)
        }
        name => match SIZED.iter().find(|(sized, ..)| *sized == name) {
            Some((.., build)) => {
                let found = build(params);
                let found = found.map_err(|error| {
                    let (spec, path) = (name.to_owned(), path.to_owned());
                    let (problems, advice) = (vec![error.to_string()], names());
                    Failure::Spec { spec, path, problems, advice }
                })?;
                (name.to_owned(), found.spec)
            }
            None => (name.to_owned(), find(name)?),
        },
    };
    let sizes = spec.validate(params).map_err(|error| misfit(&name, problems(error), params, path))?;
    match sizes.iter().find(|(_, units)| **units > MOST_UNITS) {
        Some((permutation, &units)) => {
            let (path, permutation) = (path.to_owned(), permutation.clone());
            Err(Failure::TooWide { path, permutation, units, limit: MOST_UNITS })
        }
        None => Ok(Chosen { name, spec, sizes }),
    }
}

/// The built-in spec of that name.
fn find(name: &str) -> Result<PermutationSpec, Failure> {
    let known = KNOWN.iter().find(|(known, ..)| *known == name);
    let (.., build) = known.ok_or_else(|| Failure::Usage(format!("no spec {name}; {}", names())))?;
    build().map_err(|error| Failure::Usage(format!("spec {name}: {error}")))
}

/// A spec that was chosen without being named.
pub(crate) struct Fitting {
    pub(crate) name: String,
    pub(crate) spec: PermutationSpec,
    /// What it takes for granted.
    pub(crate) notes: Vec<String>,
}

/// The first spec that fits the network, or one that its names and shapes imply.
pub(crate) fn fitting(params: &Params) -> Option<Fitting> {
    let all = KNOWN.iter().filter_map(|(name, _, build)| Some((*name, build().ok()?)));
    let found = { all }.find(|(_, spec)| spec.validate(params).is_ok());
    if let Some((name, spec)) = found {
        return Some(Fitting { name: name.to_owned(), spec, notes: Vec::new() });
    }
    let Inferred { spec, family, notes, .. } = infer(params).ok()?;
    Some(Fitting { name: format!("{family} (inferred)"), spec, notes })
}

/// The spec with the fewest problems, and those.
pub(crate) fn nearest(params: &Params) -> Option<(&'static str, Vec<String>)> {
    let all = KNOWN.iter().filter_map(|(name, _, build)| Some((*name, build().ok()?)));
    let judged =
        all.map(|(name, spec)| (name, spec.validate(params).err().map(problems).unwrap_or_default()));
    judged.min_by_key(|(_, problems)| problems.len())
}

fn misfit(spec: &str, mut found: Vec<String>, params: &Params, path: &Path) -> Failure {
    let advice = match nearest(params) {
        Some((name, problems)) if problems.is_empty() => format!("{name} fits; use --spec {name}"),
        Some((name, problems)) => {
            let count = problems.len();
            if spec == "auto" {
                found.extend(problems);
            }
            format!(
                "the nearest known spec is {name}, with {count} problems; choose a spec of this architecture"
            )
        }
        None => names(),
    };
    Failure::Spec { spec: spec.to_owned(), path: path.to_owned(), problems: found, advice }
}

fn problems(error: SpecError) -> Vec<String> {
    match error {
        SpecError::Layout { problems } => problems,
        other => vec![format!("  {other}")],
    }
}

fn names() -> String {
    let sized = SIZED.iter().map(|(name, ..)| *name);
    let all: Vec<&str> = KNOWN.iter().map(|(name, ..)| *name).chain(sized).collect();
    format!("known specs: {}", all.join(", "))
}

/// `spec list` and `spec show`.
pub(crate) fn run(arguments: &SpecArguments) -> Result<(), Failure> {
    match &arguments.command {
        SpecCommand::List => {
            let sized = SIZED.iter().map(|(name, about, _)| (name, about));
            let all = KNOWN.iter().map(|(name, about, _)| (name, about)).chain(sized);
            let lines: Vec<String> = all.map(|(name, about)| format!("{name:<12} {about}")).collect();
            say(&lines.join("\n"))
        }
        SpecCommand::Show { name, .. } if SIZED.iter().any(|(sized, ..)| sized == name) => {
            Err(Failure::Usage(format!(
                "spec {name} depends on the network; align and inspect read it from a file"
            )))
        }
        SpecCommand::Show { name, json } => {
            let spec = find(name)?;
            if *json {
                let parameters: serde_json::Map<_, _> =
                    spec.iter().map(|(parameter, axes)| (parameter.to_owned(), json!(axes))).collect();
                return say(&json!({ "name": name, "parameters": parameters }).to_string());
            }
            let axis = |axis: &Option<String>| axis.clone().unwrap_or_else(|| "-".into());
            let line = |(parameter, axes): (&str, &[Option<String>])| {
                format!("{parameter:<48} {}", axes.iter().map(axis).collect::<Vec<_>>().join("  "))
            };
            let lines: Vec<String> = spec.iter().map(line).collect();
            say(&lines.join("\n"))
        }
    }
}
