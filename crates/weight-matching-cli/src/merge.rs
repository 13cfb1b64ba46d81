//! `merge`: several networks into one.

use crate::align::{options, search};
use crate::arguments::{MergeArguments, Search};
use crate::failure::Failure;
use crate::input::{choose, read_networks};
use crate::output::{encode, make_folder, write};
use crate::progress::during;
use crate::statistics::warning;
use crate::streams::{say, warn};
use crate::verdict::verify;
use basin_core::{Params, Simplex};
use basin_store::Outputs;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;
use weight_matching::files::{Checkpoint, Tensor};
use weight_matching::{
    FrankWolfeOptions, MultiMatching, MultiMatchingError, PermutationSpec, apply, frank_wolfe, merge_many,
    multi_pcd,
};

/// What a method makes of networks.
struct Merged {
    params: Params,
    /// The networks as they were averaged, in the order given; none where that is as they were.
    aligned: Vec<Params>,
}

type Aligned = fn(&PermutationSpec, &[&Params], &Search) -> Result<Merged, Failure>;

/// One line for each method: how it aligns the networks, if it does.
const METHODS: &[(&str, Option<Aligned>)] = &[
    ("mean", None),
    ("pairwise", Some(pairwise)),
    (
        "multi-pcd",
        Some(|spec, networks, how| {
            let options = options(how);
            joint(spec, networks, || multi_pcd(spec, networks, &options))
        }),
    ),
    (
        "merge-many",
        Some(|spec, networks, how| {
            let options = options(how);
            joint(spec, networks, || merge_many(spec, networks, &options).map(|merged| merged.matching))
        }),
    ),
    (
        "frank-wolfe",
        Some(|spec, networks, how| {
            let search = options(how);
            let mut options = FrankWolfeOptions::new(search.seed);
            options.restarts = search.restarts;
            joint(spec, networks, || frank_wolfe(spec, networks, &options).map(|relaxed| relaxed.matching))
        }),
    ),
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
    let params = mean(&aligned.iter().collect::<Vec<_>>())?;
    Ok(Merged { params, aligned })
}

fn mean(networks: &[&Params]) -> Result<Params, Failure> {
    Params::convex_combination(networks, &Simplex::uniform(networks.len()))
        .map_err(|error| Failure::Usage(error.to_string()))
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
    if method.is_none() {
        check_mean(arguments)?;
    }
    let kept_paths = kept_paths(arguments);
    let outputs = check_outputs(arguments, &kept_paths)?;
    let paths: Vec<&Path> = arguments.networks.iter().map(PathBuf::as_path).collect();
    let mut networks = read_networks(&paths, arguments.reading.key.as_deref())?;
    let chosen = match method {
        Some(_) => Some(choose(&arguments.architecture, &mut networks, paths[0])?),
        None => None,
    };
    let begun = Instant::now();
    let params: Vec<&Params> = networks.iter().map(|network| &network.params).collect();
    let merged = match method.zip(chosen.as_ref()) {
        Some((align, chosen)) => align(&chosen.spec, &params, &arguments.search)?,
        None => Merged { params: mean(&params)?, aligned: Vec::new() },
    };
    let seconds = begun.elapsed().as_secs_f64();
    let verdict = chosen.as_ref().map(|chosen| {
        let pairs: Vec<(&Params, &Params)> = params.iter().copied().zip(&merged.aligned).collect();
        verify(chosen, &pairs, paths[0], arguments.architecture.require_check)
    });
    let verdict = verdict.transpose()?;
    let kept = kept_mean(&networks);
    let mut files = vec![encode(&arguments.out, &merged.params, &kept)?];
    for ((path, aligned), network) in kept_paths.iter().zip(&merged.aligned).zip(&networks) {
        files.push(encode(path, aligned, &network.kept)?);
    }
    if let Some(folder) = &arguments.keep_aligned {
        make_folder(folder)?;
    }
    write(&outputs, &files)?;
    let warning = warning(&merged.params);
    warning.iter().for_each(|text| warn(&format!("warning: {}: {text}", arguments.out.display())));
    let distance = |network: &Params| network.l2_distance(&merged.params).unwrap_or(f64::NAN);
    let before: Vec<f64> = params.iter().map(|network| distance(network)).collect();
    let after = if method.is_some() { merged.aligned.iter().map(distance).collect() } else { before.clone() };
    let spec = chosen.as_ref().map(|chosen| chosen.name.as_str());
    if arguments.telling.json {
        let told = json!({
            "method": arguments.method,
            "networks": networks.len(),
            "distances_before": before,
            "distances_after": after,
            "seconds": seconds,
            "spec": spec,
            "permutations": chosen.as_ref().map(|chosen| &chosen.sizes),
            "checked": verdict.as_ref().map(|verdict| verdict.checked),
            "check": verdict.as_ref().map(|verdict| &verdict.text),
            "warnings": warning.as_slice(),
        });
        return say(&told.to_string());
    }
    let mut lines = vec![format!("spec          {}", spec.unwrap_or("none: the networks as they are"))];
    for ((path, before), after) in arguments.networks.iter().zip(before).zip(after) {
        lines.push(format!("distance      {before:.6} before, {after:.6} after: {}", path.display()));
    }
    lines.extend(verdict.map(|verdict| verdict.line()));
    lines.push(format!("written       {} ({seconds:.2} s)", arguments.out.display()));
    say(&lines.join("\n"))
}

/// Refuses what says nothing to a mean without alignment.
fn check_mean(arguments: &MergeArguments) -> Result<(), Failure> {
    let given = [
        ("--spec", arguments.architecture.spec != "auto"),
        ("--restarts", arguments.search.restarts.is_some()),
        ("--seed", arguments.search.seed.is_some()),
        ("--keep-aligned", arguments.keep_aligned.is_some()),
    ];
    match given.into_iter().find(|(_, given)| *given) {
        Some((flag, _)) => Err(Failure::Usage(format!(
            "{flag} is for methods that align; --method mean takes the networks as they are"
        ))),
        None => Ok(()),
    }
}

fn check_outputs(arguments: &MergeArguments, kept_paths: &[PathBuf]) -> Result<Outputs, Failure> {
    let spec = Path::new(&arguments.architecture.spec);
    let inputs = arguments.networks.iter().map(PathBuf::as_path).chain([spec]);
    let mut outputs = Outputs::new(inputs, arguments.telling.force);
    outputs.add(&arguments.out)?;
    kept_paths.iter().try_for_each(|path| outputs.add_below(path))?;
    Ok(outputs)
}

/// What is not a weight: single numbers and other floats are averaged where all networks have them, the rest, counters
/// above all, is the first network's.
fn kept_mean(networks: &[Checkpoint]) -> BTreeMap<String, Tensor> {
    let one = |(name, first): (&String, &Tensor)| {
        let count = ["num_batches_tracked", "n_averaged", "total_ops", "total_params"];
        let all: Option<Vec<Params>> = networks
            .iter()
            .filter(|_| !count.contains(&name.rsplit('.').next().unwrap_or(name)))
            .map(|network| Some([(name.clone(), network.kept.get(name)?.to_array()?)].into_iter().collect()))
            .collect();
        let mean =
            all.filter(|all| !all.is_empty()).and_then(|all| mean(&all.iter().collect::<Vec<_>>()).ok());
        let mean = mean.as_ref().and_then(|mean| mean.get(name));
        (name.clone(), mean.map_or_else(|| first.clone(), Tensor::from))
    };
    networks[0].kept.iter().map(one).collect()
}

/// The function of a method.
fn find(id: &str) -> Result<Option<Aligned>, Failure> {
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
