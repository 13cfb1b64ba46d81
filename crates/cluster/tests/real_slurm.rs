//! Plans on a Slurm that is started for the test: everything is done in the end, and right, whatever happens on the way.
//! Skipped, with a line that says so, where Slurm is not installed; an error there with `BASIN_REQUIRE_SLURM`.
#![cfg(unix)]

mod real;
mod stand_in;
mod watched;

use basin_cluster::{
    Class, ClusterError, JobState, Outcome, RunFolder, Settings, Task, TaskState, key_of, view,
};
use real::faults::fault;
use real::kill;
use stand_in::{Disk, Elsewhere, Heard, paper};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use watched::{Post, after, begin, ready, run, run_through, settings};

#[test]
fn a_plan_runs_to_the_end_in_a_folder_with_spaces_and_quotes() {
    let plan = paper(10, 0.5);
    assert!(plan.len() >= 40, "{}", plan.len());
    let Some((cluster, disk)) = begin("a run's \"first\" %x 100%", &plan) else { return };
    let heard = Heard::default();
    let outcome = run(&cluster, &disk, &plan, &settings(), &heard, &|| false);
    assert_eq!(outcome, Outcome { done: plan.len(), ..Outcome::default() }, "{}", heard.all());
    disk.check(&plan);
    // The last job has done its work, and may still be on its way out.
    let end = Instant::now() + Duration::from_secs(120);
    let queue = loop {
        let queue = cluster.slurm().queue(&disk).unwrap();
        if queue.entries.iter().all(|entry| !entry.state.is_live()) {
            break queue;
        }
        assert!(Instant::now() < end, "{queue:?}");
        thread::sleep(Duration::from_millis(100));
    };
    let states = view(&plan, &disk, Some(&queue)).unwrap();
    assert!(states.iter().all(|state| *state == TaskState::Done));
    // Without faults each node is computed once, and a second start submits nothing.
    let computed = std::fs::read_to_string(disk.path.join("computed")).unwrap();
    assert_eq!(computed.lines().count(), plan.len());
    let before = disk.read("cluster/submissions.jsonl").unwrap();
    run(&cluster, &disk, &plan, &settings(), &heard, &|| false);
    assert_eq!(disk.read("cluster/submissions.jsonl").unwrap(), before);
}

#[test]
fn killed_cancelled_and_requeued_jobs_are_done_in_the_end() {
    let plan = paper(10, 1.0);
    let Some((mut cluster, disk)) = begin("run", &plan) else { return };
    let heard = run_through(&mut cluster, &disk, &plan, &settings(), |cluster| {
        after(&disk, &plan, 4);
        for word in ["basin work", "slurm_script"] {
            while cluster.processes(word).is_empty() {
                thread::sleep(Duration::from_millis(20));
            }
            // All of them: one alone may be about to end, or be a shell within the program.
            cluster.processes(word).into_iter().for_each(|process| kill("-9", process));
        }
        after(&disk, &plan, 12);
        // Several: one alone may be about to end.
        let running = loop {
            let running = cluster.ask("squeue", &["-h", "-r", "-t", "R", "-o", "%i"]);
            if running.lines().count() > 2 || disk.done(&plan) == plan.len() {
                break running;
            }
            thread::sleep(Duration::from_millis(20));
        };
        let (first, rest) = running.split_once('\n').unwrap_or_default();
        cluster.ask("scancel", &rest.lines().collect::<Vec<_>>());
        cluster.ask("scontrol", &["requeue", first]);
    });
    for words in ["was ended by a signal", "was cancelled by somebody"] {
        assert!(heard.contains(words), "{heard}");
    }
}

#[test]
fn a_controller_that_dies_after_submission_and_in_the_middle_loses_nothing() {
    let plan = paper(10, 1.0);
    let Some((mut cluster, disk)) = begin("run", &plan) else { return };
    run_through(&mut cluster, &disk, &plan, &settings(), |cluster| {
        while !disk.path.join("cluster/submissions.jsonl").exists() {
            thread::sleep(Duration::from_millis(5));
        }
        thread::sleep(Duration::from_millis(50));
        cluster.kill_controller();
        thread::sleep(Duration::from_secs(3));
        cluster.start_controller();
        after(&disk, &plan, 15);
        cluster.kill_controller();
        thread::sleep(Duration::from_secs(1));
        cluster.start_controller();
    });
}

#[test]
fn jobs_that_were_cancelled_and_forgotten_are_known_by_their_accounts() {
    let plan = paper(4, 2.0);
    let Some(cluster) = real::start_with_accounts("MinJobAge=2\n") else { return };
    let disk = ready(&cluster, "run", &plan);
    let heard = Heard::default();
    let first =
        run(&cluster, &disk, &plan, &settings(), &heard, &|| !cluster.processes("basin work").is_empty());
    assert!(first.interrupted && !cluster.ask("squeue", &["-h"]).is_empty());
    cluster.ask("scancel", &["--user=root"]);
    let end = Instant::now() + Duration::from_secs(300);
    while !cluster.ask("squeue", &["-h", "--states=all"]).is_empty() {
        assert!(Instant::now() < end, "{}", cluster.state());
        thread::sleep(Duration::from_millis(200));
    }
    let last = run(&cluster, &disk, &plan, &settings(), &heard, &|| false);
    assert_eq!(last.done, plan.len(), "{last:?}\n{}", heard.all());
    disk.check(&plan);
    let told = heard.all();
    // Without accounts nobody would know; of jobs that never began, accounts do not always tell.
    assert!(told.contains("was cancelled by somebody"), "{told}\n{}", cluster.ask("sacct", &["-X"]));
}

#[test]
fn a_node_that_dies_and_comes_back_while_its_jobs_run_on() {
    let plan = paper(8, 2.0);
    let Some((mut cluster, disk)) = begin("run", &plan) else { return };
    run_through(&mut cluster, &disk, &plan, &settings(), |cluster| {
        after(&disk, &plan, 3);
        cluster.kill_node(1);
        thread::sleep(Duration::from_secs(25));
        cluster.start_node(1);
    });
}

#[test]
fn a_watcher_that_leaves_and_comes_back_submits_nothing_twice() {
    let plan = paper(10, 0.6);
    let Some((cluster, disk)) = begin("run", &plan) else { return };
    let heard = Heard::default();
    let mut starts = 0;
    loop {
        let until = Instant::now() + Duration::from_millis(150 + 170 * (starts % 7));
        let outcome = run(&cluster, &disk, &plan, &settings(), &heard, &|| Instant::now() > until);
        starts += 1;
        if !outcome.interrupted {
            break;
        }
        assert!(starts < 200, "{}", heard.all());
    }
    assert!(starts > 3, "{starts}");
    disk.check(&plan);
    let computed = std::fs::read_to_string(disk.path.join("computed")).unwrap();
    assert_eq!(computed.lines().count(), plan.len(), "a node was computed twice\n{}", heard.all());
    assert!(heard.all().contains("the same command continues"), "{}", heard.all());
}

#[test]
fn a_run_that_jobs_do_not_see_ends_with_one_line() {
    let plan = paper(2, 0.2);
    let Some((cluster, disk)) = begin("run", &plan) else { return };
    let elsewhere = Elsewhere { disk, shown: cluster.folder.path().join("elsewhere") };
    let settings = settings();
    let post = Post::new(&cluster, &elsewhere, &plan, &settings);
    let attempt = || {
        let limit = Instant::now() + Duration::from_secs(300);
        let error = post.watch(&|_| {}, &|| Instant::now() > limit).unwrap_err().to_string();
        assert!(error.starts_with("jobs cannot see the run directory /tmp/slurm"), "{error}");
        let queue = post.slurm.queue(&elsewhere).unwrap();
        assert!(queue.entries.iter().all(|entry| entry.state != JobState::Pending), "{queue:?}");
        error
    };
    assert!(attempt().contains("cluster/marker is not the one of this run"));
}

/// Limits are whole minutes, looked at every half minute, so that a job may have half a minute more. This waits for three of them.
#[test]
fn time_limits_are_announced_or_raised() {
    let plan = |name: &str, seconds: f64| {
        vec![Task {
            key: key_of(name),
            name: name.to_owned(),
            class: Class::Training,
            seconds,
            inputs: vec![],
        }]
    };
    let (told, raised) = (plan("told", 50.0), plan("raised", 100.0));
    let Some((cluster, disk)) = begin("told", &told) else { return };
    let other = Disk::new(cluster.folder.path().join("raised")).with_plan(&raised);
    let heard = [Heard::default(), Heard::default()];
    let limit = Instant::now() + Duration::from_secs(900);
    let leave = || Instant::now() > limit;
    thread::scope(|scope| {
        let with = |signal_seconds| Settings { time: 1, signal_seconds, ..settings() };
        let (cluster, disk, told, first) = (&cluster, &disk, &told, &heard[0]);
        scope.spawn(move || run(cluster, disk, told, &with(50), first, &leave));
        run(cluster, &other, &raised, &with(0), &heard[1], &leave);
    });
    disk.check(&told);
    other.check(&raised);
    // Told in time, it kept its steps and put itself back into the queue, of which the watcher needed to know nothing.
    assert!(!heard[0].all().contains("submitted again"), "{}", heard[0].all());
    let exits = std::fs::read_dir(disk.path.join("cluster/exit")).unwrap().flatten();
    let exits: Vec<String> = exits.map(|exit| std::fs::read_to_string(exit.path()).unwrap()).collect();
    assert!(
        exits.iter().any(|exit| exit.starts_with("0 ") && exit.split(' ').nth(2) > Some("0")),
        "{exits:?}"
    );
    assert!(
        heard[1].all().contains("raised reached its time limit; it is submitted again"),
        "{}",
        heard[1].all()
    );
}

/// Faults one after the other, over as many runs as it takes: `BASIN_FAULTS` of them, drawn from `BASIN_SEED`.
#[test]
fn random_faults_change_no_result() {
    let number = |name: &str, usual: u64| std::env::var(name).map_or(usual, |value| value.parse().unwrap());
    let (wanted, seed) = (number("BASIN_FAULTS", 10), number("BASIN_SEED", 0));
    let tree = basin_core::SeedTree::root(seed);
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    let (mut happened, mut runs) = (0, 0);
    while happened < wanted {
        let plan = paper(10, 3.0);
        let Some((mut cluster, disk)) = begin("run", &plan) else { return };
        let settings = Settings { partition: "lowr".to_owned(), ..settings() };
        let heard = Heard::default();
        let begun = Instant::now();
        let (leave, over) = (AtomicBool::new(false), AtomicBool::new(false));
        let post = Post::new(&cluster, &disk, &plan, &settings);
        thread::scope(|scope| {
            let watcher = scope.spawn(|| {
                loop {
                    let say =
                        |line: &str| heard.say(&format!("{:5.1} {line}", begun.elapsed().as_secs_f64()));
                    let leave_now = || leave.load(Ordering::Relaxed) || begun.elapsed().as_secs() > 400;
                    match post.watch(&say, &leave_now) {
                        Ok(outcome) if outcome.interrupted && begun.elapsed().as_secs() < 400 => {
                            while leave.load(Ordering::Relaxed) {
                                thread::sleep(Duration::from_millis(20));
                            }
                        }
                        // A controller that is away when a watcher begins is told; the same command continues.
                        Err(ClusterError::Unavailable { .. }) => {}
                        outcome => {
                            over.store(true, Ordering::Relaxed);
                            return outcome.unwrap_or_else(|error| panic!("{error}\n{}", heard.all()));
                        }
                    }
                }
            });
            let mut down: Vec<usize> = Vec::new();
            while happened < wanted && !over.load(Ordering::Relaxed) && disk.done(&plan) < plan.len() {
                let draw = |most: u64, what: &str| {
                    let key = *tree.child(what).index(happened).key();
                    u64::from_le_bytes(key[..8].try_into().unwrap()) % most
                };
                thread::sleep(Duration::from_millis(300 + draw(900, "pause")));
                let fault = fault(&mut cluster, &leave, &mut down, &draw);
                heard.say(&format!("{:5.1} fault: {fault}", begun.elapsed().as_secs_f64()));
                *counts.entry(fault).or_default() += 1;
                happened += 1;
            }
            down.into_iter().for_each(|node| cluster.start_node(node));
            cluster.keep_in_service(|| !watcher.is_finished());
            let outcome = watcher.join().unwrap();
            assert_eq!(outcome.done, plan.len(), "{outcome:?}\n{}\n{}", heard.all(), cluster.state());
        });
        disk.check(&plan);
        runs += 1;
        let line = format!("run {runs}: {:.0} s, {happened} faults so far", begun.elapsed().as_secs_f64());
        basin_core::warn(&line);
    }
    basin_core::warn(&format!(
        "{runs} runs of {} tasks, all done and right: {counts:?}",
        paper(10, 1.0).len()
    ));
}

#[test]
fn what_fails_for_good_leaves_out_its_dependants_and_nothing_else() {
    let plan = paper(6, 0.3);
    let Some((cluster, disk)) = begin("run", &plan) else { return };
    std::fs::write(disk.path.join("inject/train-1"), "6").unwrap();
    std::fs::write(disk.path.join("inject/accuracy-4"), "4").unwrap();
    let heard = Heard::default();
    let outcome = run(&cluster, &disk, &plan, &settings(), &heard, &|| false);
    let named = |name: &str| plan.iter().position(|task| task.name == name).unwrap();
    let failed: Vec<_> = outcome.failed.iter().flat_map(|failure| failure.tasks.clone()).collect();
    for name in ["train-1", "accuracy-4"] {
        assert!(failed.contains(&named(name)), "{outcome:?}\n{}", heard.all());
    }
    let mut needs = vec![false; plan.len()];
    for (at, task) in plan.iter().enumerate() {
        needs[at] = task.name == "train-1" || task.inputs.iter().any(|&input| needs[input]);
    }
    for (at, task) in plan.iter().enumerate() {
        let wanted = !needs[at] && task.name != "accuracy-4";
        assert_eq!(disk.is_done(task).unwrap(), wanted, "{}\n{}", task.name, heard.all());
        let left_out = outcome.left_out.iter().any(|(task, by)| *task == at && *by == named("train-1"));
        assert_eq!(left_out, needs[at] && task.name != "train-1", "{} {outcome:?}", task.name);
    }
    let told = heard.all();
    assert!(told.contains("exit code 6: loss or gradient became NaN"), "{told}");
    assert!(told.contains("    cannot do train-1") && told.contains("so it ends"), "{told}");
    assert!(told.contains("is left out: it needs train-1, which failed"), "{told}");
    let states = view(&plan, &disk, None).unwrap();
    assert!(
        matches!(&states[named("train-1")], TaskState::Failed { log, .. } if log.len() == 2),
        "{states:?}"
    );
    // Mended, the same command goes on.
    std::fs::remove_file(disk.path.join("inject/train-1")).unwrap();
    std::fs::remove_file(disk.path.join("inject/accuracy-4")).unwrap();
    let outcome = run(&cluster, &disk, &plan, &settings(), &heard, &|| false);
    assert_eq!(outcome.done, plan.len(), "{}", heard.all());
    disk.check(&plan);
}
