//! Project tasks. `cargo xtask` lists them.

mod basin;
mod checks;
mod claims;
mod cuda_toolkit;
mod packages;
mod readme;
mod tidy;

use basin_core::{say, warn};
use std::process::ExitCode;

const HELP: &str = "\
cargo xtask TASK [arguments]

  reproduce     train, align and distil ensembles, measure them, report (-h for its flags)
  fetch         download a data set's official files, check and unpack them (-h for its flags)
  data          list the views of images, or draw images through them as a contact sheet
  predict       write a checkpoint's logits and the labels of one split
  bench         measure throughput
  doctor        what this machine offers, and whether every kernel of its GPU computes what it should
  gpu-check     every kernel against the CPU, training speed against PyTorch, on a GPU
  keys          list all configuration keys
  align         align the units of one network's file to another's (-h for its flags)
  merge         merge networks' files; apply, inspect and spec belong to it
  cuda-toolkit  make what a build with CUDA takes, without a GPU (-h for its flags)
  test          all checks that need no network: tidy, unit, golden and end-to-end tests
  tidy          the house rules: arrows between crates, module heads, file sizes, README, claims
  readme        write the committed results and the example of a method into README.md
  claims        write what the committed results say of the paper's claims into docs/claims.md
  results       write the reports of all committed results again, without changing a number
  status        where a run stands: nodes by state, time worked and left, failures
  work          carry out nodes of a planned run, beside others (-h for its flags)
  commands      a command a line for each node of a run, for GNU parallel and its like
  gather        bring finished nodes of copies of a run into one
  verify        check every file of a run's finished nodes against what was written
  report        write one run's report again from its results (-h for its flags)
  compare       set two runs side by side: keys that differ, results with intervals
  export        write a run for TensorBoard, or as model cards (-h for its flags)
  completions   print completions of basin for a shell
  man           print a manual page of basin
";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let task = arguments.next().unwrap_or_default();
    let rest: Vec<String> = arguments.collect();
    match task.as_str() {
        "reproduce" | "work" | "commands" | "gather" | "status" | "verify" | "report" | "compare"
        | "export" | "fetch" | "data" | "predict" | "bench" | "doctor" | "gpu-check" | "keys"
        | "completions" | "man" => basin::run(&task, &rest),
        "align" | "merge" | "apply" | "inspect" | "spec" => basin::run_weight_matching(&task, &rest),
        "cuda-toolkit" => cuda_toolkit::run(&rest),
        "test" => checks::test(&rest),
        "tidy" => tidy::run(),
        "readme" => readme::run(),
        "claims" => claims::run(),
        "results" => basin::retell(),
        "" | "help" | "-h" | "--help" => told(HELP),
        other => {
            warn(&format!("error: unknown task {other}\n\n{}", HELP.trim_end()));
            ExitCode::from(2)
        }
    }
}

/// Prints a text; an output that cannot be written has the exit code of storage.
fn told(text: &str) -> ExitCode {
    match say(text.trim_end()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            warn(&format!("error: cannot write the standard output: {error}"));
            ExitCode::from(8)
        }
    }
}
