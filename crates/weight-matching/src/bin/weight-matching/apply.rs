//! `apply`: permute a network by permutations from a file.

use crate::arguments::ApplyArguments;
use crate::failure::Failure;
use crate::output::{check_outputs, encode, read_network, say, write};
use crate::specs;
use serde_json::json;
use weight_matching::apply;
use weight_matching::files::read_permutations;

/// Runs the command.
pub(crate) fn run(arguments: &ApplyArguments) -> Result<(), Failure> {
    check_outputs(&[&arguments.out], arguments.telling.force)?;
    let permutations = read_permutations(&arguments.permutations)?;
    let network = read_network(&arguments.network)?;
    let chosen = specs::choose(&arguments.spec, &network.params, &arguments.network)?;
    let permuted = apply(&chosen.spec, &network.params, &permutations).map_err(|source| Failure::Apply {
        permutations: arguments.permutations.clone(),
        network: arguments.network.clone(),
        source,
    })?;
    write(&[encode(&arguments.out, &permuted, &network.kept)?])?;
    if arguments.telling.json {
        return say(&json!({ "spec": chosen.name, "permutations": chosen.sizes }).to_string());
    }
    let moved: usize = permutations.iter().map(|(_, permutation)| permutation.moved()).sum();
    let units: usize = chosen.sizes.values().sum();
    say(&format!(
        "spec          {}\nmoved         {moved} of {units} units\nwritten       {}",
        chosen.name,
        arguments.out.display()
    ))
}
