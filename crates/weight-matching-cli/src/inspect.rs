//! `inspect`: what is in a file.

use crate::arguments::InspectArguments;
use crate::failure::Failure;
use crate::progress::during;
use crate::specs;
use crate::streams::say;
use serde_json::{Value, json};
use weight_matching::files::Checkpoint;

/// Runs the command.
pub(crate) fn run(arguments: &InspectArguments) -> Result<(), Failure> {
    let path = &arguments.file;
    let network = during(&format!("reading {}", path.display()), || {
        Checkpoint::read_key(path, arguments.reading.key.as_deref())
    })?;
    let tensors: Vec<(&str, &str, &[usize])> = network
        .elements
        .iter()
        .filter_map(|(name, element)| {
            let weights = network.params.get(name).map(|array| array.shape());
            let shape = weights.or_else(|| network.kept.get(name).map(|tensor| tensor.shape()))?;
            Some((name.as_str(), element.name(), shape))
        })
        .collect();
    let found = specs::choose("auto", &arguments.hints, &network, path);
    let mut notes = network.notes.clone();
    notes.extend(found.iter().flat_map(|chosen| chosen.notes.clone()));
    let permutations = found.as_ref().ok().map(|chosen| &chosen.sizes);
    let spec = found.as_ref().ok().map(|chosen| chosen.name.as_str());
    let mut problems: Vec<String> = network
        .params
        .iter()
        .filter(|(_, array)| array.data().iter().any(|x| !x.is_finite()))
        .map(|(name, _)| format!("{name} holds NaN or an infinity"))
        .collect();
    problems.extend(network.check_weights().err().map(|problem| problem.to_string()));
    problems.extend(found.as_ref().err().map(|refused| match refused {
        Failure::Unrecognised { problem, .. } => problem.to_string(),
        other => other.to_string(),
    }));
    if arguments.json {
        let tensors: Vec<Value> = tensors
            .iter()
            .map(|(name, dtype, shape)| json!({ "name": name, "dtype": dtype, "shape": shape }))
            .collect();
        let told = json!({
            "tensors": tensors,
            "weights": network.params.scalar_count(),
            "spec": spec,
            "permutations": permutations,
            "problems": problems,
            "notes": notes,
        });
        return say(&told.to_string());
    }
    let mut lines: Vec<String> =
        tensors.iter().map(|(name, dtype, shape)| format!("{name:<48} {dtype:<5} {shape:?}")).collect();
    lines.push(format!("\n{} tensors, {} weights", tensors.len(), network.params.scalar_count()));
    lines.push(format!("spec: {}", spec.unwrap_or("none")));
    if let Some(sizes) = permutations {
        let sizes: Vec<String> = sizes.iter().map(|(name, units)| format!("{name} ({units})")).collect();
        lines.push(format!("permutations: {}", sizes.join(", ")));
    }
    lines.extend(notes.iter().map(|note| format!("note: {note}")));
    lines.extend(problems.iter().map(|problem| format!("problem: {problem}")));
    say(&lines.join("\n"))
}
