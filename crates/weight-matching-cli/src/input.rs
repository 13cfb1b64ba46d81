//! Reading networks: what was done to read them is said, and several are brought to the same names and order.

use crate::arguments::Architecture;
use crate::failure::Failure;
use crate::progress::during;
use crate::specs::{self, Chosen};
use crate::streams::warn;
use basin_core::Params;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use weight_matching::files::{Checkpoint, FileOrder};
use weight_matching::{MatchingError, Network, PermutationSpec};

/// Reads networks of one architecture, tells what was done to them, and checks their weights. All come in the order
/// of the first one whose file kept an order.
pub(crate) fn read_networks(paths: &[&Path], key: Option<&str>) -> Result<Vec<Checkpoint>, Failure> {
    read(paths, key, true)
}

/// [`read_networks`] for a search, which looks at all weights in any case: whether they are finite is left to it
/// ([`not_finite`]).
pub(crate) fn read_for_search(paths: &[&Path], key: Option<&str>) -> Result<Vec<Checkpoint>, Failure> {
    read(paths, key, false)
}

/// A search's refusal of weights that are not finite names the file.
pub(crate) fn not_finite([a, b]: [&Path; 2], failure: Failure) -> Failure {
    match failure {
        Failure::Matching(MatchingError::NonFinite { network, parameter }) => {
            let path = if network == Network::Reference { a } else { b };
            Failure::NonFinite { path: path.to_owned(), parameter }
        }
        other => other,
    }
}

fn read(paths: &[&Path], key: Option<&str>, finite: bool) -> Result<Vec<Checkpoint>, Failure> {
    let read =
        |path: &&Path| during(&format!("reading {}", path.display()), || Checkpoint::read_key(path, key));
    let read: Vec<_> = paths.par_iter().map(read).collect();
    let mut networks = read.into_iter().collect::<Result<Vec<_>, _>>()?;
    bring_together(&mut networks);
    for (path, network) in paths.iter().zip(&networks) {
        network.notes.iter().for_each(|note| warn(&format!("note: {}: {note}", path.display())));
    }
    let non_finite =
        |network: &Checkpoint| finite.then(|| network.params.first_non_finite().map(str::to_owned)).flatten();
    let non_finite: Vec<Option<String>> = networks.par_iter().map(non_finite).collect();
    for ((path, network), non_finite) in paths.iter().zip(&networks).zip(&non_finite) {
        network.check_weights().map_err(|problem| Failure::Weights { path: path.to_path_buf(), problem })?;
        if let Some(parameter) = non_finite {
            let (path, parameter) = (path.to_path_buf(), parameter.clone());
            return Err(Failure::NonFinite { path, parameter });
        }
    }
    for (path, network) in paths.iter().zip(&networks).skip(1) {
        same_architecture(paths[0], &networks[0].params, path, &network.params)?;
    }
    if let Some(first) = networks.iter().position(|network| network.order == FileOrder::Kept) {
        let reference = networks[first].clone();
        networks = networks.into_iter().map(|network| network.in_order_of(&reference)).collect();
    }
    Ok(networks)
}

/// Takes prefixes off where one network has one and another has not, and counts what is a weight in one as a weight
/// in all.
fn bring_together(networks: &mut [Checkpoint]) {
    let names = |network: &Checkpoint| -> BTreeSet<String> {
        network.params.iter().map(|(name, _)| name.to_owned()).collect()
    };
    let Some(shortest) =
        networks.iter().map(names).min_by_key(|all| all.iter().map(String::len).sum::<usize>())
    else {
        return;
    };
    for network in networks.iter_mut() {
        let bare = |prefix: &String| -> BTreeSet<String> {
            names(network).iter().map(|name| name[prefix.len()..].to_owned()).collect()
        };
        let longer = names(network) != shortest;
        if let Some(prefix) =
            network.common_prefixes().into_iter().find(|prefix| longer && bare(prefix) == shortest)
        {
            *network = std::mem::take(network).without_prefix(&prefix);
        }
    }
    let all: BTreeSet<String> = networks.iter().flat_map(names).collect();
    networks.iter_mut().for_each(|network| network.count_as_weights(all.iter().map(String::as_str)));
}

/// Refuses networks whose tensors differ in name or shape, and says in what.
fn same_architecture(a_path: &Path, a: &Params, b_path: &Path, b: &Params) -> Result<(), Failure> {
    let shapes = |params: &Params| -> BTreeMap<String, Vec<usize>> {
        params.iter().map(|(name, array)| (name.to_owned(), array.shape().to_vec())).collect()
    };
    let (a, b) = (shapes(a), shapes(b));
    let mut problems = Vec::new();
    for (name, left) in &a {
        match b.get(name) {
            None => problems.push(format!("{name}: {left:?} against absent")),
            Some(right) if left != right => problems.push(format!("{name}: {left:?} against {right:?}")),
            Some(_) => {}
        }
    }
    let unexpected = b.iter().filter(|(name, _)| !a.contains_key(*name));
    problems.extend(unexpected.map(|(name, right)| format!("{name}: absent against {right:?}")));
    match problems.is_empty() {
        true => Ok(()),
        false => Err(Failure::Architectures { a: a_path.to_owned(), b: b_path.to_owned(), problems }),
    }
}

/// The spec that is asked for, with a prefix that all names share taken off where it fits without. What is left open
/// is said.
pub(crate) fn choose(
    asked: &Architecture,
    networks: &mut [Checkpoint],
    path: &Path,
) -> Result<Chosen, Failure> {
    let argument = asked.spec.as_str();
    if argument.ends_with(".toml")
        && let Some(spec) = specs::read(argument).ok().and_then(|t| PermutationSpec::from_toml(&t).ok())
    {
        let names: Vec<&str> = spec.iter().map(|(name, _)| name).collect();
        networks.iter_mut().for_each(|network| network.count_as_weights(names.iter().copied()));
    }
    let chosen = match specs::choose(argument, &asked.hints, &networks[0], path) {
        Err(Failure::Spec { spec, path: at, problems, advice }) => {
            let bare = |prefix: String| {
                let bare = networks[0].clone().without_prefix(&prefix);
                Some((specs::choose(argument, &asked.hints, &bare, path).ok()?, prefix))
            };
            let Some((chosen, prefix)) = networks[0].common_prefixes().into_iter().find_map(bare) else {
                return Err(Failure::Spec { spec, path: at, problems, advice });
            };
            warn(&format!(
                "note: spec {} fits without the prefix {prefix}, which is taken off all names",
                chosen.name
            ));
            for network in networks.iter_mut() {
                *network = std::mem::take(network).without_prefix(&prefix);
            }
            chosen
        }
        other => other?,
    };
    chosen.notes.iter().for_each(|note| warn(&format!("note: {}: {note}", path.display())));
    Ok(chosen)
}
