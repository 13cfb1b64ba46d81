//! `align --method activations`: by what the units compute on the same inputs.

use crate::arguments::{AlignArguments, Method};
use crate::failure::Failure;
use crate::progress::during;
use crate::specs::Chosen;
use std::path::{Path, PathBuf};
use weight_matching::files::{Activations, activation_misfits, read_activations};
use weight_matching::{ActivationPair, Matching, activation_matching};

/// Refuses flags that say nothing to the method, and asks for those that it needs.
pub(crate) fn check_flags(arguments: &AlignArguments) -> Result<(), Failure> {
    let AlignArguments { method, activations_a, activations_b, search, .. } = arguments;
    let recorded = [("--activations-a", activations_a), ("--activations-b", activations_b)];
    let refused = |flag: &str, reason: &str| Err(Failure::Usage(format!("{flag} {reason}")));
    match method {
        Method::Weights => match recorded.into_iter().find(|(_, path)| path.is_some()) {
            Some((flag, _)) => {
                refused(flag, "is for --method activations; --method weights looks at no data")
            }
            None => Ok(()),
        },
        Method::Activations => {
            let random = [("--restarts", search.restarts.is_some()), ("--seed", search.seed.is_some())];
            if let Some((flag, _)) = random.into_iter().find(|(_, given)| *given) {
                return refused(
                    flag,
                    "is for --method weights; --method activations finds its optimum at once",
                );
            }
            match recorded.into_iter().find(|(_, path)| path.is_none()) {
                Some((flag, _)) => {
                    let reason = "is missing: --method activations needs the activations of both networks";
                    refused(flag, reason)
                }
                None => Ok(()),
            }
        }
    }
}

/// Reads what was recorded in both networks and matches by it.
pub(crate) fn search(arguments: &AlignArguments, chosen: &Chosen) -> Result<Matching, Failure> {
    let [a_path, b_path] = [&arguments.activations_a, &arguments.activations_b].map(named);
    let (a, b) = (read(a_path)?, read(b_path)?);
    fit(a_path, &a, chosen, None)?;
    fit(b_path, &b, chosen, Some(&a))?;
    let pair =
        |(name, reference)| Some((String::clone(name), ActivationPair { reference, target: b.get(name)? }));
    let pairs = a.iter().filter_map(pair).collect();
    Ok(during("matching", || activation_matching(&chosen.spec, &pairs))?)
}

fn named(path: &Option<PathBuf>) -> &Path {
    path.as_deref().unwrap_or(Path::new(""))
}

fn read(path: &Path) -> Result<Activations, Failure> {
    Ok(during(&format!("reading {}", path.display()), || read_activations(path))?)
}

fn fit(
    path: &Path,
    activations: &Activations,
    chosen: &Chosen,
    other: Option<&Activations>,
) -> Result<(), Failure> {
    let problems = activation_misfits(activations, &chosen.sizes, other);
    match problems.is_empty() {
        true => Ok(()),
        false => Err(Failure::Activations { path: path.to_owned(), spec: chosen.name.clone(), problems }),
    }
}
