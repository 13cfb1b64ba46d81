//! `apply`: permute a network by permutations from a file.

use crate::arguments::ApplyArguments;
use crate::failure::Failure;
use crate::input::{choose, read_networks};
use crate::output::{check_outputs, encode, write};
use crate::streams::say;
use crate::verdict::verify;
use serde_json::json;
use std::path::Path;
use weight_matching::apply;
use weight_matching::files::read_permutations;

/// Runs the command.
pub(crate) fn run(arguments: &ApplyArguments) -> Result<(), Failure> {
    let inputs: [&Path; 3] =
        [&arguments.permutations, &arguments.network, arguments.architecture.spec.as_ref()];
    let outputs = check_outputs(&inputs, &[&arguments.out], arguments.telling.force)?;
    let permutations = read_permutations(&arguments.permutations)?;
    let mut networks = read_networks(&[&arguments.network], arguments.reading.key.as_deref())?;
    let chosen = choose(&arguments.architecture, &mut networks, &arguments.network)?;
    let network = &networks[0];
    let permuted = apply(&chosen.spec, &network.params, &permutations).map_err(|source| Failure::Apply {
        permutations: arguments.permutations.clone(),
        network: arguments.network.clone(),
        source,
    })?;
    let required = arguments.architecture.require_check;
    let verdict = verify(&chosen, &[(&network.params, &permuted)], &arguments.network, required)?;
    write(&outputs, &[encode(&arguments.out, &permuted, &network.kept)?])?;
    if arguments.telling.json {
        return say(&json!({
            "spec": chosen.name,
            "permutations": chosen.sizes,
            "checked": verdict.checked,
            "check": verdict.text,
        })
        .to_string());
    }
    let moved: usize = permutations.iter().map(|(_, permutation)| permutation.moved()).sum();
    let units: usize = chosen.sizes.values().sum();
    say(&format!(
        "spec          {}\nmoved         {moved} of {units} units\n{}\nwritten       {}",
        chosen.name,
        verdict.line(),
        arguments.out.display()
    ))
}
