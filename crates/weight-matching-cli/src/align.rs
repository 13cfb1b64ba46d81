//! `align`: permute the units of B towards A.

use crate::activations;
use crate::arguments::{AlignArguments, Method, Search};
use crate::failure::Failure;
use crate::input::{choose, not_finite, read_for_search, read_networks};
use crate::output::{Content, check_outputs, encode, write_checked};
use crate::progress::during;
use crate::specs::Chosen;
use crate::streams::say;
use crate::verdict::{Verdict, verify};
use basin_core::{Params, SeedTree};
use serde_json::json;
use std::path::Path;
use std::time::Instant;
use weight_matching::files::encode_permutations;
use weight_matching::{Matching, MatchingOptions, PermutationSpec, apply_into, weight_matching};

/// Runs the command.
pub(crate) fn run(arguments: &AlignArguments) -> Result<(), Failure> {
    activations::check_flags(arguments)?;
    let outputs: Vec<&Path> =
        [Some(&arguments.out), arguments.permutations.as_ref()].into_iter().flatten().map(|p| &**p).collect();
    let (a_path, b_path) = (arguments.reference.as_path(), arguments.target.as_path());
    let mut inputs = vec![a_path, b_path, arguments.architecture.spec.as_ref()];
    inputs.extend(arguments.activations_a.iter().chain(&arguments.activations_b).map(|path| path.as_path()));
    let outputs = check_outputs(&inputs, &outputs, arguments.telling.force)?;
    let read = match arguments.method {
        Method::Weights => read_for_search,
        Method::Activations => read_networks,
    };
    let mut networks = read(&[a_path, b_path], arguments.reading.key.as_deref())?;
    let chosen = choose(&arguments.architecture, &mut networks, a_path)?;
    let (a, b) = (std::mem::take(&mut networks[0].params), &networks[1]);
    let begun = Instant::now();
    let matching = match arguments.method {
        Method::Weights => search(&chosen.spec, &a, &b.params, &arguments.search)
            .map_err(|failure| not_finite([a_path, b_path], failure))?,
        Method::Activations => activations::search(arguments, &chosen)?,
    };
    let seconds = begun.elapsed().as_secs_f64();
    // The memory of A serves again.
    let aligned = apply_into(&chosen.spec, &b.params, &matching.permutations, a);
    let aligned = aligned.map_err(|source| Failure::Apply {
        permutations: arguments.reference.clone(),
        network: arguments.target.clone(),
        source,
    })?;
    let required = arguments.architecture.require_check;
    let mut files = vec![encode(&arguments.out, &aligned, &b.kept)?];
    if let Some(path) = &arguments.permutations {
        files.push((path.clone(), Content::Bytes(encode_permutations(&matching.permutations))));
    }
    let check = || verify(&chosen, &[(&b.params, &aligned)], b_path, required);
    let verdict = write_checked(&outputs, &files, check)?;
    tell(arguments, &chosen, &matching, &verdict, seconds)
}

/// How the library is to search.
pub(crate) fn options(how: &Search) -> MatchingOptions {
    let mut options = MatchingOptions::new(SeedTree::root(how.seed.unwrap_or(0)));
    options.restarts = how.restarts.map(|n| n as usize);
    options
}

/// The best of several searches; the first of equals.
pub(crate) fn search(
    spec: &PermutationSpec,
    reference: &Params,
    target: &Params,
    how: &Search,
) -> Result<Matching, Failure> {
    let options = options(how);
    Ok(during("matching", || weight_matching(spec, reference, target, &options))?)
}

fn tell(
    arguments: &AlignArguments,
    chosen: &Chosen,
    matching: &Matching,
    verdict: &Verdict,
    seconds: f64,
) -> Result<(), Failure> {
    let (before, after) = (matching.objective_before, matching.objective_after());
    let (method, what) = match arguments.method {
        Method::Weights => ("weights", "sum of products of weights"),
        Method::Activations => ("activations", "sum of correlations"),
    };
    if arguments.telling.json {
        let told = json!({
            "method": method,
            "objective_before": before,
            "objective_after": after,
            "searches": matching.searches,
            "sweeps": matching.sweeps,
            "converged": matching.converged,
            "seconds": seconds,
            "spec": chosen.name,
            "permutations": chosen.sizes,
            "checked": verdict.checked,
            "check": verdict.text,
        });
        return say(&told.to_string());
    }
    let units: usize = chosen.sizes.values().sum();
    let moved: usize = matching.moved.values().sum();
    let limit = if matching.converged { "" } else { " (stopped by the limit on sweeps)" };
    let permutations = match chosen.sizes.len() {
        1 => "1 permutation".to_owned(),
        n => format!("{n} permutations"),
    };
    let mut lines = vec![
        format!("spec          {} ({permutations} of {units} units)", chosen.name),
        format!("objective     {before:.6} before, {after:.6} after ({what})"),
        format!("moved         {moved} of {units} units"),
        format!("searches      {}, {seconds:.2} s", matching.searches),
        format!("sweeps        {}{limit} of the best search", matching.sweeps),
        verdict.line(),
        format!("written       {}", arguments.out.display()),
    ];
    lines.extend(arguments.permutations.iter().map(|p| format!("permutations  {}", p.display())));
    say(&lines.join("\n"))
}
