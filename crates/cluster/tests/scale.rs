//! Large plans against commands that answer at once: the dry run, the submission, the view.
#![cfg(unix)]

mod stand_in;

use basin_cluster::{Class, Session, Settings, Task, TaskState, dry_run, key_of, view, watch};
use stand_in::fake::Fake;
use stand_in::{Disk, Heard};
use std::path::Path;
use std::time::Instant;

/// A plan of trainings in chains of three with nine pieces of short work each: transforms, probes, probes of pairs.
fn plan(tasks: usize) -> Vec<Task> {
    let each = (0..tasks).map(|at| {
        let (training, network) = (at % 10 == 0, at / 10);
        let inputs = match at % 10 {
            0 if network % 3 == 0 => vec![],
            0 => vec![at - 10],
            9 if network > 0 => vec![at - 9, at - 19],
            _ => vec![at - 1],
        };
        let (class, seconds) = if training {
            (Class::Training, 600.0 + (network % 7) as f64 * 900.0)
        } else {
            (Class::Short, 20.0)
        };
        Task { key: key_of(&at.to_string()), name: format!("node-{at}"), class, seconds, inputs }
    });
    each.collect()
}

struct Seconds {
    dry: f64,
    submit: f64,
    view: f64,
    jobs: usize,
    arrays: usize,
}

fn measure(tasks: usize) -> Seconds {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan(tasks);
    let (disk, fake) = (Disk::new(folder.path().join("run")), Fake::new(folder.path().join("fake")));
    let settings = Settings {
        ahead: usize::MAX / 2,
        queue_limit: usize::MAX,
        poll_seconds: 0.2,
        settle_seconds: 60.0,
        ..Settings::default()
    };
    let (slurm, heard) = (fake.slurm(), Heard::default());
    let session = Session {
        plan: &plan,
        folder: &disk,
        slurm: &slurm,
        settings: &settings,
        exe: Path::new("/bin/basin"),
        say: &|line| heard.say(line),
        interrupt: &|| heard.all().contains("submitted"),
    };
    let begin = Instant::now();
    let text = dry_run(&session).unwrap();
    let dry = begin.elapsed().as_secs_f64();
    assert!(text.starts_with(&format!("{tasks} tasks of {tasks} in ")), "{}", &text[..200]);
    // The whole plan at once, all waves of it.
    let begin = Instant::now();
    assert!(watch(&session).unwrap().interrupted);
    let submit = begin.elapsed().as_secs_f64();
    let scripts = fake.scripts();
    let queue = slurm.queue(&disk).unwrap();
    let begin = Instant::now();
    let states = view(&plan, &disk, Some(&queue)).unwrap();
    let view = begin.elapsed().as_secs_f64();
    assert!(states.iter().all(|state| matches!(state, TaskState::Queued { .. })), "{}", heard.all());
    Seconds { dry, submit, view, jobs: queue.entries.len(), arrays: scripts.len() }
}

#[test]
fn ten_thousand_tasks_are_handed_over_in_seconds() {
    let mut lines = vec!["| tasks | jobs | arrays | dry run | submission | view |".to_owned()];
    for tasks in [100, 1000, 10_000] {
        let found = measure(tasks);
        lines.push(format!(
            "| {tasks} | {} | {} | {:.3} s | {:.2} s | {:.3} s |",
            found.jobs, found.arrays, found.dry, found.submit, found.view
        ));
        assert!(found.dry < 5.0 && found.submit < 60.0 && found.view < 2.0, "{}", lines.join("\n"));
    }
    basin_core::warn(&lines.join("\n"));
}
