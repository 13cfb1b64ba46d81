//! The spec of a network: by its names and shapes, by name, or from a file.

use crate::arguments::{Hints, Padding, SpecArguments, SpecCommand};
use crate::failure::Failure;
use crate::streams::{say, warn};
use basin_core::Params;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;
use weight_matching::files::{Checkpoint, FileOrder};
use weight_matching::network::Program;
use weight_matching::recognise::{self, Told, recognise, residual_mlp_of};
use weight_matching::{PermutationSpec, Segment, SpecError};

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

/// Specs that depend on the network.
const SIZED: &[(&str, &str)] = &[
    ("auto", "by the names and shapes of the network"),
    ("residual-mlp", "dense layers first, up and down of each block, last, on a stream"),
];

/// How to go on where no spec fits.
pub(crate) const ADVICE: &str = "describe the network in a file for --spec: `weight-matching spec show resnet20 \
    --toml` prints an example, and the README explains the form";

/// A network that can be run.
pub(crate) struct Running {
    pub(crate) program: Program,
    /// Whether it is the whole network and not parts of it.
    pub(crate) whole: bool,
    /// Whether a difference after permuting is the spec's fault. What was recognised may tie units that are free, as
    /// somebody knows who wrote a spec.
    pub(crate) exact: bool,
}

/// A spec that fits a network.
pub(crate) struct Chosen {
    pub(crate) name: String,
    pub(crate) spec: PermutationSpec,
    /// Units of each permutation.
    pub(crate) sizes: BTreeMap<String, usize>,
    /// The network as far as it can be run.
    pub(crate) running: Option<Running>,
    /// What is left open.
    pub(crate) notes: Vec<String>,
}

/// The spec that is asked for, checked against the network at `path`.
pub(crate) fn choose(
    asked: &str,
    hints: &Hints,
    network: &Checkpoint,
    path: &Path,
) -> Result<Chosen, Failure> {
    let params = &network.params;
    let told = told(hints, network.order);
    let (name, spec, running, notes) = match asked {
        "auto" => {
            let found = recognise(params, &told).map_err(|problem| unrecognised(path, problem))?;
            let mut notes = found.notes;
            // What is left open may be settled by a name.
            let known = fitting(params).filter(|_| !notes.is_empty());
            notes.extend(known.map(|(name, about)| format!("if it is {about}: --spec {name}")));
            let running = Running { program: found.program, whole: found.whole, exact: true };
            (format!("auto: {}", found.summary), found.spec, Some(running), notes)
        }
        "residual-mlp" => {
            let found =
                residual_mlp_of(params, told.ordered).map_err(|problem| unrecognised(path, problem))?;
            let running = Running { program: found.program, whole: true, exact: true };
            (asked.to_owned(), found.spec, Some(running), found.notes)
        }
        named => {
            let spec = named_spec(named)?;
            let running = running(named, &spec, params, told);
            (named.to_owned(), spec, running, Vec::new())
        }
    };
    let sizes = spec.validate(params).map_err(|error| {
        let known =
            fitting(params).map(|(known, about)| format!("{known} fits ({about}); use --spec {known}"));
        let (spec, path, advice) =
            (name.clone(), path.to_owned(), known.unwrap_or_else(|| ADVICE.to_owned()));
        Failure::Spec { spec, path, problems: problems(error), advice }
    })?;
    match sizes.iter().find(|(_, units)| **units > MOST_UNITS) {
        Some((permutation, &units)) => {
            let (path, permutation) = (path.to_owned(), permutation.clone());
            Err(Failure::TooWide { path, permutation, units, limit: MOST_UNITS })
        }
        None => Ok(Chosen { name, spec, sizes, running, notes }),
    }
}

fn unrecognised(path: &Path, problem: recognise::Unrecognised) -> Failure {
    let told = matches!(problem, recognise::Unrecognised::Open { .. } | recognise::Unrecognised::Told { .. });
    let advice = if told { String::new() } else { format!("\n{ADVICE}") };
    Failure::Unrecognised { path: path.to_owned(), problem: Box::new(problem), advice }
}

/// What the command line and the file say of a network.
fn told(hints: &Hints, order: FileOrder) -> Told {
    let padding = hints.padding.map(|padding| match padding {
        Padding::None => recognise::Padding::None,
        Padding::Both => recognise::Padding::Both,
        Padding::Behind => recognise::Padding::Behind,
    });
    Told {
        ordered: order == FileOrder::Kept,
        heads: hints.heads,
        groups: hints.groups,
        order: hints.order.clone(),
        padding,
    }
}

/// The network that a given spec is taken to describe, where its layers are recognised as a whole: with the heads
/// of the spec, and normalisations over all channels, unless something else is told.
fn running(name: &str, spec: &PermutationSpec, params: &Params, mut told: Told) -> Option<Running> {
    told.heads = told.heads.or_else(|| spec.groups().first().map(|group| group.heads));
    told.groups = told.groups.or(Some(1));
    let found = recognise(params, &told).ok().filter(|found| found.whole)?;
    let exact = !is_file(name) && !found.open;
    Some(Running { program: found.program, whole: true, exact })
}

/// The text of a spec's file.
pub(crate) fn read(name: &str) -> std::io::Result<String> {
    basin_core::read_regular_text(Path::new(name), 1 << 24)
}

fn is_file(name: &str) -> bool {
    name.ends_with(".toml")
}

fn named_spec(name: &str) -> Result<PermutationSpec, Failure> {
    if is_file(name) {
        let refusal = |reason: String| Failure::Usage(format!("--spec {name}: {reason}"));
        let text = read(name).map_err(|error| refusal(error.to_string()))?;
        return PermutationSpec::from_toml(&text).map_err(|error| refusal(error.to_string()));
    }
    find(name)
}

/// The first built-in spec that fits the network, and what it describes. More than its arrays may differ.
fn fitting(params: &Params) -> Option<(&'static str, &'static str)> {
    let fits = |(_, _, build): &&Known| build().is_ok_and(|spec| spec.validate(params).is_ok());
    KNOWN.iter().find(fits).map(|(name, about, _)| (*name, *about))
}

/// The built-in spec of that name.
fn find(name: &str) -> Result<PermutationSpec, Failure> {
    let known = KNOWN.iter().find(|(known, ..)| *known == name);
    let (.., build) = known.ok_or_else(|| Failure::Usage(format!("no spec {name}; {}", names())))?;
    build().map_err(|error| Failure::Usage(format!("spec {name}: {error}")))
}

fn problems(error: SpecError) -> Vec<String> {
    match error {
        SpecError::Layout { problems } => problems,
        other => vec![format!("  {other}")],
    }
}

fn names() -> String {
    let sized = SIZED.iter().map(|(name, ..)| *name);
    let all: Vec<&str> = sized.chain(KNOWN.iter().map(|(name, ..)| *name)).collect();
    format!("known specs: {}, or a file that ends in .toml", all.join(", "))
}

/// `spec list` and `spec show`.
pub(crate) fn run(arguments: &SpecArguments) -> Result<(), Failure> {
    match &arguments.command {
        SpecCommand::List => {
            let sized = SIZED.iter().map(|(name, about)| (name, about));
            let all = sized.chain(KNOWN.iter().map(|(name, about, _)| (name, about)));
            let lines: Vec<String> = all.map(|(name, about)| format!("{name:<12} {about}")).collect();
            say(&lines.join("\n"))
        }
        SpecCommand::Show { name, network, toml, json, hints } => {
            let spec = match network {
                Some(path) => {
                    let read = Checkpoint::read_key(path, None)?;
                    let chosen = choose(name, hints, &read, path)?;
                    chosen.notes.iter().for_each(|note| warn(&format!("note: {}: {note}", path.display())));
                    chosen.spec
                }
                None if SIZED.iter().any(|(sized, ..)| sized == name) => {
                    return Err(Failure::Usage(format!(
                        "spec {name} depends on the network: spec show {name} --for FILE"
                    )));
                }
                None => find(name)?,
            };
            show(name, &spec, *toml, *json)
        }
    }
}

fn show(name: &str, spec: &PermutationSpec, toml: bool, json: bool) -> Result<(), Failure> {
    if toml {
        let text = spec.to_toml().map_err(|error| Failure::Usage(format!("spec {name}: {error}")))?;
        return say(text.trim_end());
    }
    if json {
        let parameters: serde_json::Map<_, _> =
            spec.iter().map(|(parameter, axes)| (parameter.to_owned(), json!(axes))).collect();
        return say(&json!({ "name": name, "parameters": parameters }).to_string());
    }
    let axis = |parameter: &str, axis: usize| {
        let pieces: Vec<String> =
            spec.segments(parameter, axis).unwrap_or_default().iter().map(piece).collect();
        if pieces.is_empty() { "-".to_owned() } else { pieces.join("+") }
    };
    let line = |(parameter, axes): (&str, &[Option<String>])| {
        let axes: Vec<String> = (0..axes.len()).map(|at| axis(parameter, at)).collect();
        format!("{parameter:<48} {}", axes.join("  ")).trim_end().to_owned()
    };
    say(&spec.iter().map(line).collect::<Vec<_>>().join("\n"))
}

/// A stretch of an axis in words.
fn piece(segment: &Segment) -> String {
    match segment {
        Segment::Fixed(len) => format!("{len} fixed"),
        Segment::Units { name, each: 1 } => name.clone(),
        Segment::Units { name, each } => format!("{name}x{each}"),
    }
}
