//! A plan watched on a cluster, to its end or while faults happen.

use crate::real::{self, Cluster};
use crate::stand_in::{Disk, Heard, worker};
use basin_cluster::{ClusterError, Outcome, RunFolder, Session, Settings, Slurm, Task, watch};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

pub(crate) fn settings() -> Settings {
    Settings { poll_seconds: 0.3, settle_seconds: 1.5, signal_seconds: 0, ..Settings::default() }
}

/// A cluster, and a run directory in it with this name.
pub(crate) fn begin(name: &str, plan: &[Task]) -> Option<(Cluster, Disk)> {
    let cluster = real::start("")?;
    let disk = ready(&cluster, name, plan);
    Some((cluster, disk))
}

pub(crate) fn ready(cluster: &Cluster, name: &str, plan: &[Task]) -> Disk {
    worker(cluster.folder.path());
    Disk::new(cluster.folder.path().join(name)).with_plan(plan)
}

/// Waits until so many tasks are done.
pub(crate) fn after(disk: &Disk, plan: &[Task], done: usize) {
    while disk.done(plan) < done {
        thread::sleep(Duration::from_millis(50));
    }
}

/// What a watcher needs, apart from the cluster, which is free for faults meanwhile.
pub(crate) struct Post<'a, F> {
    pub(crate) slurm: Slurm,
    exe: PathBuf,
    folder: &'a F,
    plan: &'a [Task],
    settings: &'a Settings,
}

impl<'a, F: RunFolder> Post<'a, F> {
    pub(crate) fn new(cluster: &Cluster, folder: &'a F, plan: &'a [Task], settings: &'a Settings) -> Self {
        Self { slurm: cluster.slurm(), exe: cluster.folder.path().join("basin"), folder, plan, settings }
    }

    pub(crate) fn watch(
        &self,
        say: &dyn Fn(&str),
        interrupt: &dyn Fn() -> bool,
    ) -> Result<Outcome, ClusterError> {
        let Self { slurm, exe, folder, plan, settings } = self;
        watch(&Session { plan, folder: *folder, slurm, settings, exe, say, interrupt })
    }
}

/// Watches until the end, or until `leave` holds.
pub(crate) fn run(
    cluster: &Cluster,
    disk: &Disk,
    plan: &[Task],
    settings: &Settings,
    heard: &Heard,
    leave: &dyn Fn() -> bool,
) -> Outcome {
    let outcome = Post::new(cluster, disk, plan, settings).watch(&|line| heard.say(line), leave);
    outcome.unwrap_or_else(|error| panic!("{error}\n{}\n{}", heard.all(), cluster.state()))
}

/// Watches while `faults` happen; ends with everything done and right. Returns what was heard.
pub(crate) fn run_through(
    cluster: &mut Cluster,
    disk: &Disk,
    plan: &[Task],
    settings: &Settings,
    faults: impl FnOnce(&mut Cluster),
) -> String {
    let (heard, begun) = (Heard::default(), Instant::now());
    let post = Post::new(cluster, disk, plan, settings);
    let outcome = thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let say = |line: &str| heard.say(&format!("{:5.1} {line}", begun.elapsed().as_secs_f64()));
            post.watch(&say, &|| begun.elapsed() > Duration::from_secs(900))
        });
        faults(cluster);
        cluster.keep_in_service(|| !watcher.is_finished());
        watcher.join().unwrap()
    });
    let outcome = outcome.unwrap_or_else(|error| panic!("{error}\n{}\n{}", heard.all(), cluster.state()));
    if std::env::var_os("BASIN_HEARD").is_some() {
        basin_core::warn(&heard.all());
    }
    assert_eq!(outcome.done, plan.len(), "{outcome:?}\n{}\n{}", heard.all(), cluster.state());
    disk.check(plan);
    heard.all()
}
