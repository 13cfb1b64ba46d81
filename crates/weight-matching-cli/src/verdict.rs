//! Is a permuted network still the same function? Tried on random inputs before anything is written.

use crate::failure::Failure;
use crate::progress::during;
use crate::specs::{Chosen, Running};
use basin_core::Params;
use std::path::Path;
use weight_matching::network::{Checked, check};

/// Random inputs of each check.
const INPUTS: usize = 2;

/// What is said of it.
#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    pub(crate) checked: bool,
    pub(crate) text: String,
}

/// Compares networks before and after they were permuted.
pub(crate) fn verify(
    chosen: &Chosen,
    pairs: &[(&Params, &Params)],
    path: &Path,
    required: bool,
) -> Result<Verdict, Failure> {
    let verdict = match &chosen.running {
        None => Err("no forward pass of this architecture".to_owned()),
        Some(running) => compare(chosen, running, pairs, path)?,
    };
    match verdict {
        Ok(text) => Ok(Verdict { checked: true, text }),
        Err(reason) if required => Err(Failure::Unchecked { path: path.to_owned(), reason }),
        Err(reason) => Ok(Verdict { checked: false, text: reason }),
    }
}

/// What running the networks says; the reason why it says nothing.
fn compare(
    chosen: &Chosen,
    running: &Running,
    pairs: &[(&Params, &Params)],
    path: &Path,
) -> Result<Result<String, String>, Failure> {
    let run = |(before, after): &(&Params, &Params)| {
        check(std::slice::from_ref(&running.program), before, after, INPUTS)
    };
    let all: Vec<Checked> = match during("checking", || pairs.iter().map(run).collect()) {
        Ok(all) => all,
        Err(error) => return Ok(Err(format!("the network does not run: {error}"))),
    };
    if all.iter().any(|checked| !checked.finite) {
        return Ok(Err("its outputs on random inputs are not finite".to_owned()));
    }
    let worst = all.iter().map(|checked| checked.difference).fold(0.0, f64::max);
    if all.iter().all(Checked::same) {
        let what = if running.whole { "the function" } else { "what its known parts compute" };
        return Ok(Ok(format!(
            "{what} is the same on {INPUTS} random inputs (largest difference {worst:.0e})"
        )));
    }
    if running.exact {
        let (spec, path) = (chosen.name.clone(), path.to_owned());
        return Err(Failure::Function { spec, path, difference: worst });
    }
    Ok(Err("the spec moves units that names and shapes do not show to be free".to_owned()))
}

impl Verdict {
    /// The line for the terminal.
    pub(crate) fn line(&self) -> String {
        let word = if self.checked { "checked" } else { "not checked" };
        format!("{word:<13} {}", self.text)
    }
}
