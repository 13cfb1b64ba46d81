//! From tasks to jobs: each task once, inputs first, no cycle, on random plans; and quick on large ones.

use basin_cluster::{Bundling, Class, ClusterError, Job, Task, jobs, key_of};
use proptest::prelude::*;
use std::time::Instant;

fn task(at: usize, class: Class, seconds: f64, inputs: Vec<usize>) -> Task {
    Task { key: key_of(&at.to_string()), name: format!("t{at}"), class, seconds, inputs }
}

/// Random plans: each task needs a few of those before it, mostly near ones.
fn plans() -> impl Strategy<Value = Vec<Task>> {
    let one = (any::<bool>(), 0.0..400.0, proptest::collection::vec((0.0..1.0_f64, 1_i32..6), 0..4));
    proptest::collection::vec(one, 0..80).prop_map(|drawn| {
        let each = drawn.into_iter().enumerate().map(|(at, (training, seconds, inputs))| {
            let near = |(share, power): (f64, i32)| (at as f64 * (1.0 - share.powi(power))) as usize;
            let mut inputs: Vec<usize> = inputs.into_iter().map(near).filter(|&input| input < at).collect();
            inputs.sort_unstable();
            inputs.dedup();
            task(at, if training { Class::Training } else { Class::Short }, seconds, inputs)
        });
        each.collect()
    })
}

fn check(plan: &[Task], jobs: &[Job], done: &[bool], bundling: &Bundling) {
    let mut job_of = vec![None; plan.len()];
    for (at, job) in jobs.iter().enumerate() {
        assert!(job.tasks.is_sorted());
        assert!(job.tasks.iter().any(|&task| !done[task]));
        for &task in &job.tasks {
            assert_eq!(job_of[task].replace(at), None, "task {task} is in two jobs");
        }
        let trainings = job.tasks.iter().filter(|&&task| plan[task].class == Class::Training).count();
        assert_eq!(job.class == Class::Training, trainings == 1);
        assert!(trainings <= 1 && job.tasks.len() <= bundling.tasks.max(1));
        if job.class == Class::Short && job.tasks.len() > 1 {
            assert!(job.seconds <= bundling.seconds + 1e-9, "{job:?}");
        }
    }
    for (task, job) in job_of.iter().enumerate() {
        assert!(job.is_some() || done[task], "task {task} is in no job");
    }
    for (at, job) in jobs.iter().enumerate() {
        let mut parents: Vec<usize> = job
            .tasks
            .iter()
            .flat_map(|&task| plan[task].inputs.iter().filter_map(|&input| job_of[input]))
            .filter(|&parent| parent != at)
            .collect();
        parents.sort_unstable();
        parents.dedup();
        assert_eq!(job.parents, parents);
        // Parents stand before their children and in an earlier wave: there is no cycle.
        assert!(parents.iter().all(|&parent| parent < at && jobs[parent].wave < job.wave), "{job:?}");
        assert_eq!(job.wave, parents.iter().map(|&parent| jobs[parent].wave + 1).max().unwrap_or(0));
    }
}

proptest! {
    #[test]
    fn each_task_once_and_inputs_first(plan in plans(), most in 1_usize..9, seconds in 1.0..900.0, parents in 0_usize..6) {
        let bundling = Bundling { tasks: most, seconds, parents };
        let none = vec![false; plan.len()];
        let all = jobs(&plan, &none, &bundling).unwrap();
        check(&plan, &all, &none, &bundling);
        // What is done changes no bundle, only leaves some out.
        let done: Vec<bool> = (0..plan.len()).map(|at| at % 3 != 1).collect();
        let rest = jobs(&plan, &done, &bundling).unwrap();
        check(&plan, &rest, &done, &bundling);
        prop_assert!(rest.iter().all(|job| all.iter().any(|other| other.digest == job.digest)));
    }
}

#[test]
fn work_that_becomes_ready_together_shares_a_job() {
    use Class::{Short, Training};
    let plan = [
        task(0, Short, 1.0, vec![]),
        task(1, Training, 100.0, vec![0]),
        task(2, Training, 100.0, vec![]),
        task(3, Short, 5.0, vec![1]),
        task(4, Short, 5.0, vec![3]),
        task(5, Short, 5.0, vec![2]),
        task(6, Short, 5.0, vec![3, 5]),
    ];
    let tasks = |bundling: &Bundling| -> Vec<Vec<usize>> {
        jobs(&plan, &[false; 7], bundling).unwrap().into_iter().map(|job| job.tasks).collect()
    };
    // The initial network is needed by one training alone and joins it; small bundles of a wave are joined.
    assert_eq!(tasks(&Bundling::default()), [vec![0, 1], vec![2], vec![3, 4, 5], vec![6]]);
    // When jobs may wait for one parent only, the chains of each network stay apart.
    let apart = Bundling { parents: 1, ..Bundling::default() };
    assert_eq!(tasks(&apart), [vec![0, 1], vec![2], vec![3, 4], vec![5], vec![6]]);
}

#[test]
fn plans_that_are_none_are_refused() {
    let refuse = |plan: &[Task]| match jobs(plan, &[], &Bundling::default()) {
        Err(ClusterError::BadPlan { problem, .. }) => problem,
        other => panic!("{other:?}"),
    };
    let good = || task(0, Class::Short, 1.0, vec![]);
    assert!(refuse(&[Task { inputs: vec![0], ..good() }]).contains("does not stand before it"));
    assert!(refuse(&[Task { seconds: f64::NAN, ..good() }]).contains("not a number of seconds"));
    assert!(refuse(&[Task { key: "abc".to_owned(), ..good() }]).contains("64 hexadecimal digits"));
}

/// Plans of 1 000 and 10 000 tasks, with chains, probes of all networks, and long chains of short work.
#[test]
fn cost_grows_with_the_plan_and_no_faster() {
    let plan = |tasks: usize| -> Vec<Task> {
        let each = (0..tasks).map(|at| match at % 10 {
            0 => {
                task(at, Class::Training, 60.0, if at % 30 == 0 || at < 10 { vec![] } else { vec![at - 10] })
            }
            9 => task(
                at,
                Class::Short,
                1.0,
                (0..at).step_by(10).collect::<Vec<_>>().split_off(at / 10 * 9 / 10),
            ),
            _ => task(at, Class::Short, 1.0, vec![at - 1]),
        });
        each.collect()
    };
    let seconds = |tasks: usize| {
        let plan = plan(tasks);
        let begin = Instant::now();
        let jobs = jobs(&plan, &vec![false; tasks], &Bundling::default()).unwrap();
        assert!(jobs.len() > tasks / 20);
        begin.elapsed().as_secs_f64()
    };
    let (small, large) = (seconds(1000), seconds(10_000));
    assert!(large < 1.0, "{small} s, {large} s");
}
