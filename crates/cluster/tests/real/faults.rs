//! What happens to jobs, daemons and watchers, one fault at a time.

use super::{Cluster, kill};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// Makes a fault happen, drawn by `draw` (a number below the one given), and names it. `leave` sends the watcher away; `down` holds the
/// nodes whose daemons were not started again.
pub(crate) fn fault(
    cluster: &mut Cluster,
    leave: &AtomicBool,
    down: &mut Vec<usize>,
    draw: &dyn Fn(u64, &str) -> u64,
) -> &'static str {
    let pick = |mut from: Vec<String>| -> Option<String> {
        let at = draw(from.len().max(1) as u64, "which") as usize;
        (!from.is_empty()).then(|| from.swap_remove(at))
    };
    let jobs = |cluster: &Cluster, states: &str| -> Vec<String> {
        let said = cluster.ask("squeue", &["-h", "-r", "-p", "lowr", "-t", states, "-o", "%i"]);
        said.lines().filter(|line| line.contains('_') && !line.contains(' ')).map(str::to_owned).collect()
    };
    let processes = |cluster: &Cluster, word: &str| -> Vec<String> {
        cluster.processes(word).iter().map(u32::to_string).collect()
    };
    match draw(11, "kind") {
        0 => {
            pick(processes(cluster, "basin work")).into_iter().for_each(|id| kill("-9", id.parse().unwrap()));
            "kill -9 of a program"
        }
        1 => {
            pick(processes(cluster, "slurm_script"))
                .into_iter()
                .for_each(|id| kill("-9", id.parse().unwrap()));
            "kill -9 of a job"
        }
        2 => {
            pick(jobs(cluster, "R")).into_iter().for_each(|job| drop(cluster.ask("scancel", &[&job])));
            "scancel of a running job"
        }
        3 => {
            pick(jobs(cluster, "PD")).into_iter().for_each(|job| drop(cluster.ask("scancel", &[&job])));
            "scancel of a waiting job"
        }
        4 => {
            pick(jobs(cluster, "R"))
                .into_iter()
                .for_each(|job| drop(cluster.ask("scontrol", &["requeue", &job])));
            "scontrol requeue"
        }
        5 => {
            let told = |job: String| drop(cluster.ask("scancel", &["--batch", "--signal=USR2", &job]));
            pick(jobs(cluster, "R")).into_iter().for_each(told);
            "USR2"
        }
        6 | 7 => {
            cluster.kill_controller();
            thread::sleep(Duration::from_millis(draw(3000, "away")));
            cluster.start_controller();
            "kill -9 of slurmctld"
        }
        8 => {
            // The daemon comes back at once, after the next such fault, or at the end.
            if let Some(node) = down.pop() {
                cluster.start_node(node);
            }
            let node = draw(4, "node") as usize;
            cluster.kill_node(node);
            if draw(2, "back") == 0 {
                cluster.start_node(node)
            } else {
                down.push(node)
            }
            "kill -9 of slurmd"
        }
        9 => {
            cluster.ask("sbatch", &["-p", "main", "-n", "4", "-o", "/dev/null", "--wrap", "sleep 2"]);
            "preemption"
        }
        _ => {
            leave.store(true, Ordering::Relaxed);
            thread::sleep(Duration::from_millis(200 + draw(2000, "gone")));
            leave.store(false, Ordering::Relaxed);
            "the watcher leaves and comes back"
        }
    }
}
