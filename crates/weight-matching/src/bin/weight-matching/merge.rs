//! `merge`: several networks into one.

use crate::align::{options, same_architecture, search};
use crate::arguments::{MergeArguments, Search};
use crate::failure::Failure;
use crate::output::{check_outputs, encode, make_folder, read_network, say, write};
use crate::progress::during;
use crate::specs;
use basin_core::{Params, Simplex};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::Instant;
use weight_matching::files::Checkpoint;
use weight_matching::{
    FrankWolfeOptions, MultiMatching, MultiMatchingError, PermutationSpec, apply, frank_wolfe, merge_many,
    multi_pcd,
};

/// What a method makes of networks.
struct Merged {
    params: Params,
    /// The networks as they were averaged, in the order given.
    aligned: Vec<Params>,
}

type Run = fn(&PermutationSpec, &[&Params], &Search) -> Result<Merged, Failure>;

/// One line for each method.
const METHODS: &[(&str, Run)] = &[
    ("pairwise", pairwise),
    ("multi-pcd", |spec, networks, how| {
        let options = options(how);
        joint(spec, networks, || multi_pcd(spec, networks, &options))
    }),
    ("merge-many", |spec, networks, how| {
        let options = options(how);
        joint(spec, networks, || merge_many(spec, networks, &options).map(|merged| merged.matching))
    }),
    ("frank-wolfe", |spec, networks, how| {
        let search = options(how);
        let mut options = FrankWolfeOptions::new(search.seed);
        options.restarts = search.restarts;
        joint(spec, networks, || frank_wolfe(spec, networks, &options).map(|relaxed| relaxed.matching))
    }),
];

/// All networks aligned together, then the mean.
fn joint(
    spec: &PermutationSpec,
    networks: &[&Params],
    find: impl FnOnce() -> Result<MultiMatching, MultiMatchingError> + Send,
) -> Result<Merged, Failure> {
    let matching = during("matching", find).map_err(|error| Failure::Usage(error.to_string()))?;
    let aligned = matching.align(spec, networks).map_err(|error| Failure::Usage(error.to_string()))?;
    averaged(aligned)
}

fn averaged(aligned: Vec<Params>) -> Result<Merged, Failure> {
    let all: Vec<&Params> = aligned.iter().collect();
    let params = Params::convex_combination(&all, &Simplex::uniform(all.len()))
        .map_err(|error| Failure::Usage(error.to_string()))?;
    Ok(Merged { params, aligned })
}

/// Each network aligned to the first on its own, then the mean.
fn pairwise(spec: &PermutationSpec, networks: &[&Params], how: &Search) -> Result<Merged, Failure> {
    let (first, others) = networks.split_first().ok_or_else(|| Failure::Usage("no networks".into()))?;
    let mut aligned = vec![(*first).clone()];
    for network in others {
        let matching = search(spec, first, network, how)?;
        let permuted = apply(spec, network, &matching.permutations)
            .map_err(|error| Failure::Usage(format!("the permutations found do not fit: {error}")))?;
        aligned.push(permuted);
    }
    averaged(aligned)
}

/// Runs the command.
pub(crate) fn run(arguments: &MergeArguments) -> Result<(), Failure> {
    let method = find(&arguments.method)?;
    let kept_paths = kept_paths(arguments);
    let outputs: Vec<&Path> = std::iter::once(&arguments.out).chain(&kept_paths).map(|p| &**p).collect();
    if let Some(folder) = &arguments.keep_aligned {
        make_folder(folder)?;
    }
    check_outputs(&outputs, arguments.telling.force)?;
    let networks: Vec<Checkpoint> =
        arguments.networks.iter().map(|path| read_network(path)).collect::<Result<_, _>>()?;
    let first = &arguments.networks[0];
    for (path, network) in arguments.networks.iter().zip(&networks) {
        same_architecture(first, &networks[0].params, path, &network.params)?;
    }
    let chosen = specs::choose(&arguments.search.spec, &networks[0].params, first)?;
    let begun = Instant::now();
    let params: Vec<&Params> = networks.iter().map(|network| &network.params).collect();
    let merged = method(&chosen.spec, &params, &arguments.search)?;
    let seconds = begun.elapsed().as_secs_f64();
    // Counters and the like are those of the first network.
    let mut files = vec![encode(&arguments.out, &merged.params, &networks[0].kept)?];
    for ((path, aligned), network) in kept_paths.iter().zip(&merged.aligned).zip(&networks) {
        files.push(encode(path, aligned, &network.kept)?);
    }
    write(&files)?;
    let distance = |network: &Params| network.l2_distance(&merged.params).unwrap_or(f64::NAN);
    let before: Vec<f64> = params.iter().map(|network| distance(network)).collect();
    let after: Vec<f64> = merged.aligned.iter().map(distance).collect();
    if arguments.telling.json {
        let told = json!({
            "method": arguments.method,
            "networks": networks.len(),
            "distances_before": before,
            "distances_after": after,
            "seconds": seconds,
            "spec": chosen.name,
            "permutations": chosen.sizes,
        });
        return say(&told.to_string());
    }
    let mut lines = vec![format!("spec          {}", chosen.name)];
    for ((path, before), after) in arguments.networks.iter().zip(before).zip(after) {
        lines.push(format!("distance      {before:.6} before, {after:.6} after: {}", path.display()));
    }
    lines.push(format!("written       {} ({seconds:.2} s)", arguments.out.display()));
    say(&lines.join("\n"))
}

/// The function of a method.
fn find(id: &str) -> Result<Run, Failure> {
    let ids: Vec<&str> = METHODS.iter().map(|(id, _)| *id).collect();
    let found = METHODS.iter().find(|(method, _)| *method == id);
    found
        .map(|(_, run)| *run)
        .ok_or_else(|| Failure::Usage(format!("no method {id}, expected one of: {}", ids.join(", "))))
}

/// Where the aligned networks go: their place in the order given, and their own name.
fn kept_paths(arguments: &MergeArguments) -> Vec<PathBuf> {
    let Some(folder) = &arguments.keep_aligned else { return Vec::new() };
    let name = |(i, path): (usize, &PathBuf)| {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        folder.join(format!("{i}-{stem}.safetensors"))
    };
    arguments.networks.iter().enumerate().map(name).collect()
}
