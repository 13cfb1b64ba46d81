//! From tasks to jobs: trainings alone, short work in bundles that become ready together.
//!
//! A short task's *anchors* are the trainings that it builds on, directly or through other short tasks. Tasks with equal anchors
//! become ready together, so they share a job. No cycle can come of it: along an arrow between short tasks the set of anchors only
//! grows, and where it stays equal, plan order decides. Small bundles of one wave are then joined, which makes no cycle either,
//! because every arrow leads to a later wave.

use crate::task::check;
use crate::{Class, ClusterError, Task};
use basin_core::digest;
use std::collections::BTreeMap;
use std::rc::Rc;

/// How far short tasks are joined.
#[derive(Clone, Debug, PartialEq)]
pub struct Bundling {
    /// At most so many tasks in a bundle.
    pub tasks: usize,
    /// At most so many seconds in a bundle of several tasks.
    pub seconds: f64,
    /// Bundles are joined as long as they wait for at most so many jobs together.
    pub parents: usize,
}

impl Default for Bundling {
    fn default() -> Self {
        Self { tasks: 32, seconds: 900.0, parents: 16 }
    }
}

/// One job: the tasks that one command carries out.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// For people: the name of its last task, and how many others there are.
    pub name: String,
    /// The digest of its tasks' keys, 64 hexadecimal digits.
    pub digest: String,
    /// Positions in the plan, ascending.
    pub tasks: Vec<usize>,
    /// Training when one of its tasks is.
    pub class: Class,
    /// The sum of its tasks' prices; 0 where the price of its training is unknown.
    pub seconds: f64,
    /// The jobs that it waits for, as positions in the list of jobs, ascending.
    pub parents: Vec<usize>,
    /// The length of the longest chain of parents.
    pub wave: usize,
}

/// More anchors than this are not carried along: such a task is a bundle of its own, and an anchor of what follows.
const MOST_ANCHORS: usize = 256;

/// The jobs of a plan, parents before children; bundles do not depend on what is done, but those without work left are dropped.
/// Cost: linear in tasks and inputs.
///
/// # Errors
/// [`ClusterError::BadPlan`].
pub fn jobs(plan: &[Task], done: &[bool], bundling: &Bundling) -> Result<Vec<Job>, ClusterError> {
    check(plan)?;
    let anchored = by_anchors(plan, &folded(plan, bundling.tasks), bundling);
    let all = assemble(plan, anchored);
    let all = assemble(plan, join_small(&all, bundling));
    let left = |job: &Job| job.tasks.iter().any(|&task| !done.get(task).copied().unwrap_or(false));
    let groups = all.into_iter().filter(left).map(|job| job.tasks).collect();
    Ok(assemble(plan, groups))
}

/// The jobs whose tasks are given, in order of waves and of the plan. Tasks in no group are taken as done.
pub(crate) fn assemble(plan: &[Task], groups: Vec<Vec<usize>>) -> Vec<Job> {
    let mut job_of = vec![usize::MAX; plan.len()];
    for (job, tasks) in groups.iter().enumerate() {
        tasks.iter().for_each(|&task| job_of[task] = job);
    }
    let parents: Vec<Vec<usize>> = groups
        .iter()
        .enumerate()
        .map(|(job, tasks)| {
            let inputs = tasks.iter().flat_map(|&task| plan[task].inputs.iter().map(|&input| job_of[input]));
            let mut parents: Vec<usize> = inputs.filter(|&p| p != job && p != usize::MAX).collect();
            parents.sort_unstable();
            parents.dedup();
            parents
        })
        .collect();
    let waves = waves(&parents);
    let mut order: Vec<usize> = (0..groups.len()).collect();
    order.sort_by_key(|&job| (waves[job], groups[job].first().copied()));
    let mut place = vec![0; groups.len()];
    order.iter().enumerate().for_each(|(at, &job)| place[job] = at);
    order
        .into_iter()
        .map(|job| {
            let mut waits: Vec<usize> = parents[job].iter().map(|&parent| place[parent]).collect();
            waits.sort_unstable();
            describe(plan, groups[job].clone(), waits, waves[job])
        })
        .collect()
}

fn describe(plan: &[Task], tasks: Vec<usize>, parents: Vec<usize>, wave: usize) -> Job {
    let last = tasks.last().map_or("", |&task| plan[task].name.as_str());
    let name = match tasks.len() {
        0 | 1 => last.to_owned(),
        n => format!("{last} and {} more", n - 1),
    };
    let training = tasks.iter().find(|&&task| plan[task].class == Class::Training);
    let known = training.is_none_or(|&task| plan[task].seconds > 0.0);
    Job {
        name,
        digest: digest(tasks.iter().map(|&task| plan[task].key.as_bytes())).to_string(),
        class: if training.is_some() { Class::Training } else { Class::Short },
        seconds: if known { tasks.iter().map(|&task| plan[task].seconds).sum() } else { 0.0 },
        tasks,
        parents,
        wave,
    }
}

/// The longest chain of parents of each job, by Kahn's order.
fn waves(parents: &[Vec<usize>]) -> Vec<usize> {
    let mut children = vec![Vec::new(); parents.len()];
    let mut missing: Vec<usize> = parents.iter().map(Vec::len).collect();
    for (job, of) in parents.iter().enumerate() {
        of.iter().for_each(|&parent| children[parent].push(job));
    }
    let mut wave = vec![0; parents.len()];
    let mut ready: Vec<usize> = (0..parents.len()).filter(|&job| missing[job] == 0).collect();
    while let Some(job) = ready.pop() {
        for &child in &children[job] {
            wave[child] = wave[child].max(wave[job] + 1);
            missing[child] -= 1;
            if missing[child] == 0 {
                ready.push(child);
            }
        }
    }
    wave
}

/// For each task the training whose job it joins: itself, or the only one that needs it, as an initial network of its own.
fn folded(plan: &[Task], most: usize) -> Vec<Option<usize>> {
    let mut home: Vec<Option<usize>> =
        plan.iter().enumerate().map(|(at, task)| (task.class == Class::Training).then_some(at)).collect();
    let mut users: Vec<Option<Option<usize>>> = vec![None; plan.len()];
    let mut size: Vec<usize> = vec![1; plan.len()];
    for at in (0..plan.len()).rev() {
        if plan[at].class == Class::Short {
            home[at] = users[at].flatten().filter(|&training| size[training] < most);
            home[at].into_iter().for_each(|training| size[training] += 1);
        }
        for &input in &plan[at].inputs {
            users[input] = match users[input] {
                None => Some(home[at]),
                Some(known) => Some(known.filter(|_| known == home[at])),
            };
        }
    }
    home
}

fn by_anchors(plan: &[Task], home: &[Option<usize>], bundling: &Bundling) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut of_training: BTreeMap<usize, usize> = BTreeMap::new();
    let mut open: BTreeMap<Rc<[usize]>, (usize, f64)> = BTreeMap::new();
    let mut anchors: Vec<Rc<[usize]>> = Vec::with_capacity(plan.len());
    for (at, task) in plan.iter().enumerate() {
        if let Some(training) = home[at] {
            let group = *of_training.entry(training).or_insert_with(|| {
                groups.push(Vec::new());
                groups.len() - 1
            });
            groups[group].push(at);
            anchors.push([training].into());
            continue;
        }
        let mut own: Vec<usize> = task.inputs.iter().flat_map(|&i| anchors[i].iter().copied()).collect();
        own.sort_unstable();
        own.dedup();
        if own.len() > MOST_ANCHORS {
            groups.push(vec![at]);
            anchors.push([at].into());
            continue;
        }
        let own: Rc<[usize]> = own.into();
        let room = |&(group, seconds): &(usize, f64)| {
            groups[group].len() < bundling.tasks && seconds + task.seconds <= bundling.seconds
        };
        match open.get(&own).copied().filter(room) {
            Some((group, seconds)) => {
                groups[group].push(at);
                open.insert(Rc::clone(&own), (group, seconds + task.seconds));
            }
            None => {
                groups.push(vec![at]);
                open.insert(Rc::clone(&own), (groups.len() - 1, task.seconds));
            }
        }
        anchors.push(own);
    }
    groups
}

/// Joins neighbours among the short jobs of a wave while the whole stays small and waits for few jobs.
fn join_small(jobs: &[Job], bundling: &Bundling) -> Vec<Vec<usize>> {
    struct Open {
        group: usize,
        wave: usize,
        seconds: f64,
        parents: Vec<usize>,
    }
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut open: Option<Open> = None;
    for job in jobs {
        if job.class == Class::Training {
            groups.push(job.tasks.clone());
            continue;
        }
        if let Some(open) = open.as_mut().filter(|open| open.wave == job.wave) {
            let mut together: Vec<usize> = open.parents.iter().chain(&job.parents).copied().collect();
            together.sort_unstable();
            together.dedup();
            let group = &mut groups[open.group];
            let fits = group.len() + job.tasks.len() <= bundling.tasks
                && open.seconds + job.seconds <= bundling.seconds
                && together.len() <= bundling.parents;
            if fits {
                group.extend(&job.tasks);
                group.sort_unstable();
                open.seconds += job.seconds;
                open.parents = together;
                continue;
            }
        }
        groups.push(job.tasks.clone());
        let (wave, seconds, parents) = (job.wave, job.seconds, job.parents.clone());
        open = Some(Open { group: groups.len() - 1, wave, seconds, parents });
    }
    groups
}
