//! The script of a job array: readable, kept in the run, and safe to submit again by hand.

use crate::array::Array;
use crate::ask::clock;
use crate::quote::{sbatch_path, script_path, shell_word};
use crate::{ClusterError, Settings};
use std::fmt::Write as _;
use std::path::Path;

/// A job ended with this because it does not see the run directory.
pub const NOT_VISIBLE: i32 = 91;
/// A job ended with this because the program cannot be run where it is.
pub const NO_PROGRAM: i32 = 92;
/// The exit code of an interrupted program that kept its state.
pub const INTERRUPTED: i32 = 75;

/// The comment of an array's jobs, by which they are known.
pub(crate) fn comment(token: &str, array: &str) -> String {
    format!("basin:{token}:{array}")
}

/// The script of an array. `token` names the run, `run` is its directory, `exe` the program `basin`.
///
/// # Errors
/// [`ClusterError::BadPath`].
pub fn script(
    array: &Array,
    settings: &Settings,
    token: &str,
    run: &Path,
    exe: &Path,
) -> Result<String, ClusterError> {
    let (run, exe) = (script_path(run)?, script_path(exe)?);
    let mut text = String::from("#!/bin/bash\n");
    options(&mut text, array, settings, token, &run);
    let _ = write!(
        text,
        "
# {jobs} of Basin, one for each line of {name}.tasks; what is done is not done again.
run={run}
exe={exe}
array={name}
token={token}
requeues={requeues}
settle={settle}
{BODY}",
        jobs = if array.jobs.len() == 1 { "A job".to_owned() } else { format!("{} jobs", array.jobs.len()) },
        name = array.name,
        run = shell_word(&run),
        exe = shell_word(&exe),
        requeues = settings.requeues,
        settle = settings.settle_seconds.ceil(),
    );
    let setup: String = settings.setup.iter().map(|line| format!("{line}\n")).collect();
    Ok(text.replace("# SETUP\n", &setup))
}

fn options(text: &mut String, array: &Array, settings: &Settings, token: &str, run: &str) {
    let name = &array.name;
    let last = array.jobs.len().saturating_sub(1);
    let limit = if settings.array_limit > 0 { format!("%{}", settings.array_limit) } else { String::new() };
    let log = sbatch_path(&format!("{run}/{}/log/{name}.", crate::FOLDER), "%a.log");
    let mut option = |line: String| {
        let _ = writeln!(text, "#SBATCH {line}");
    };
    option(format!("--job-name=basin-{name}"));
    option(format!("--comment={}", comment(token, name)));
    option(format!("--array=0-{last}{limit}"));
    option(format!("--output={log}"));
    option("--open-mode=append".to_owned());
    option("--requeue".to_owned());
    // Not so early in a short job that it would do nothing but keep checkpoints.
    let lead = settings.signal_seconds.min(array.ask.minutes.saturating_mul(50));
    if lead > 0 {
        option(format!("--signal=B:USR2@{lead}"));
    }
    option(format!("--time={}", clock(array.ask.minutes)));
    option("--nodes=1".to_owned());
    option("--ntasks=1".to_owned());
    option(format!("--cpus-per-task={}", settings.cpus));
    if array.ask.memory > 0 {
        option(format!("--mem={}M", array.ask.memory));
    }
    for (name, value) in [
        ("gres=gpu:", &settings.gpus),
        ("partition=", &settings.partition),
        ("account=", &settings.account),
        ("qos=", &settings.qos),
    ] {
        if !value.is_empty() {
            option(format!("--{name}{value}"));
        }
    }
    // The environment of the submission: the modules loaded there are what the program was tried out with.
    option("--export=ALL".to_owned());
    settings.extra.iter().for_each(|line| option(line.clone()));
}

/// What every job does.
const BODY: &str = r#"
index=${SLURM_ARRAY_TASK_ID:-0}
host=${SLURMD_NODENAME:-$(hostname)}

# The exit code is left in the run by rename: a scheduler forgets.
record() {
  local to="$run/cluster/exit/$array.$index"
  printf '%s %s %s %s\n' "$1" "${SLURM_JOB_ID:-0}" "${SLURM_RESTART_COUNT:-0}" "$host" >"$to.$host.$$" &&
    mv -f "$to.$host.$$" "$to"
}
refuse() {
  echo "basin: $2" >&2
  record "$1" 2>/dev/null
  exit "$1"
}

# A time limit that comes near, or a notice of preemption, reaches this shell alone and is passed on. TERM reaches every process of
# the job, so it is only waited out.
child= signalled= ending=
trap 'signalled=1; [ -z "$child" ] || kill -USR2 "$child" 2>/dev/null' USR2
trap 'signalled=1; ending=1' TERM

# A shared disk may take a while to show what was just written.
look() {
  seen= keys=
  [ ! -r "$run/cluster/marker" ] || read -r seen <"$run/cluster/marker"
  [ ! -r "$run/cluster/$array.tasks" ] || keys=$(sed -n "$((index + 1))p" "$run/cluster/$array.tasks")
  [ "$seen" = "$token" ] && [ -n "$keys" ]
}
until look; do
  [ "$SECONDS" -lt "$settle" ] ||
    refuse 91 "the run directory $run is not visible on $host (cluster/marker holds '$seen', expected $token); put it on a shared disk"
  sleep 1
done

# A device that was chosen where this was submitted means nothing here; Slurm tells which ones are this job's.
[ -n "${SLURM_JOB_GPUS:-}" ] || unset CUDA_VISIBLE_DEVICES
# SETUP
[ -x "$exe" ] || refuse 92 "$exe cannot be run on $host"

nodes=()
for key in $keys; do nodes+=(--node "$key"); done
if [ -n "$signalled" ]; then code=75; else
  "$exe" work "$run" "${nodes[@]}" &
  child=$!
  [ -z "$signalled" ] || kill -USR2 "$child"
  signalled=
  wait "$child"
  code=$?
  # A trap ends `wait` early: wait on for the program's own code.
  while [ -n "$signalled" ]; do
    signalled=
    wait "$child"
    code=$?
  done
  # Ended by USR2 before it could listen: nothing is lost.
  [ "$code" != $((128 + $(kill -l USR2))) ] || code=75
fi
record "$code"
# Interrupted with a checkpoint: once more, unless someone ended the job.
if [ "$code" = 75 ] && [ -z "$ending" ] && [ "${SLURM_RESTART_COUNT:-0}" -lt "$requeues" ]; then
  scontrol requeue "${SLURM_JOB_ID:-0}"
fi
exit "$code"
"#;
