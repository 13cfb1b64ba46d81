//! The watcher against commands that say what a test wants: every reason why a job ends, lost answers, refusals, bad input.
#![cfg(unix)]

mod stand_in;

use basin_cluster::{RunFolder, Session, Settings, Task, watch};
use stand_in::paper;
use stand_in::place::{Place, one, place};
use std::cell::Cell;
use std::path::Path;

/// The value of an option in a script.
fn option<'a>(script: &'a str, name: &str) -> Option<&'a str> {
    script.lines().find_map(|line| line.strip_prefix(&format!("#SBATCH --{name}=")))
}

#[test]
fn each_reason_is_told_apart_and_borne_as_often_as_it_may_be() {
    let place = place(one());
    let step = Cell::new(0);
    let outcome = place.watch(&|| {
        if !place.fake.waits() {
            return false;
        }
        let state = |state: &str| place.fake.all_are(state, "n1");
        match step.replace(step.get() + 1) {
            0 => state("TIMEOUT"),
            1 => {
                let queue = place.fake.read("queue");
                let (id, comment) = ("102_0", queue.lines().last().unwrap().split('|').next().unwrap());
                let job = format!(
                    "JobId=9 ExitCode=0:125 TRES=cpu=1,mem=100M,node=1 BatchHost=n1 Comment={comment}\n"
                );
                place.fake.put(&format!("job-{id}"), &job);
                state("OUT_OF_MEMORY");
            }
            2 => state("CANCELLED"),
            3 => state("NODE_FAIL"),
            4 => state("PREEMPTED"),
            5 => {
                place.exits(75);
                state("FAILED");
            }
            6 => {
                place.exits(137);
                state("FAILED");
            }
            7 => place.fake.put("queue", ""),
            8 => state("COMPLETED"),
            9 => {
                place.exits(8);
                state("FAILED");
            }
            _ => {
                place.exits(8);
                state("FAILED");
            }
        }
        false
    });
    let outcome = outcome.unwrap();
    let heard = place.heard.all();
    for words in [
        "reached its time limit",
        "ran out of memory",
        "was cancelled by somebody",
        "lost its node",
        "was preempted",
        "was interrupted and kept a checkpoint",
        "was ended by a signal",
        "is not known to Slurm any more",
        "ended well without its work being there",
        "could not write (exit code 8); it is submitted again",
    ] {
        assert!(heard.contains(&format!("train-0 {words}")), "{words}\n{heard}");
    }
    assert_eq!(outcome.failed[0].why, "2 times it could not write (exit code 8)", "{heard}");
    let scripts = place.fake.scripts();
    assert_eq!(scripts.len(), 11, "{heard}");
    // 600 s times two are 20 minutes; then twice as much, once. Memory: twice what the cluster gave.
    let times: Vec<_> = scripts.iter().map(|script| option(script, "time").unwrap()).collect();
    assert_eq!(times[..3], ["00:20:00", "00:45:00", "00:45:00"]);
    let memory: Vec<_> = scripts.iter().map(|script| option(script, "mem")).collect();
    assert_eq!(memory[..4], [None, None, Some("200M"), Some("200M")]);
    // Another watcher tries afresh, with what was learned of its memory.
    place.watch(&|| place.fake.scripts().len() > 11).unwrap();
    assert_eq!(option(&place.fake.scripts()[11], "mem"), Some("200M"));
}

#[test]
fn what_cannot_get_better_is_not_submitted_again() {
    for code in [1, 2, 3, 4, 6, 7] {
        let place = place(one());
        let outcome = place
            .watch(&|| {
                if place.fake.waits() {
                    place.exits(code);
                    place.fake.all_are("FAILED", "n1");
                }
                false
            })
            .unwrap();
        assert!(outcome.failed[0].why.starts_with(&format!("exit code {code}: ")), "{outcome:?}");
        assert_eq!(place.fake.scripts().len(), 1);
    }
}

#[test]
fn an_answer_that_is_lost_is_found_in_the_queue() {
    let place = place(one());
    place.fake.put("lost", "");
    let outcome = place.watch(&|| {
        if place.heard.all().contains("queued") {
            place.seal(0);
        }
        false
    });
    assert_eq!(outcome.unwrap().done, 1);
    assert_eq!(place.fake.scripts().len(), 1);
    let heard = place.heard.all();
    assert!(
        heard.contains("does not answer sbatch: Batch job submission failed: Socket timed out"),
        "{heard}"
    );
    assert!(heard.contains("Slurm's controller answers again"), "{heard}");
}

#[test]
fn an_array_that_was_accepted_twice_is_cancelled_once() {
    let place = place(one());
    let outcome = place.watch(&|| {
        let queue = place.fake.read("queue");
        if queue.lines().count() == 1 {
            place.fake.put("queue", &format!("{queue}{}", queue.replace("|101|", "|102|")));
        }
        if place.fake.read("calls").contains("scancel --quiet 102\n") {
            place.seal(0);
        }
        false
    });
    assert_eq!(outcome.unwrap().done, 1);
    assert!(!place.fake.read("calls").contains("scancel --quiet 101\n"));
}

#[test]
fn a_job_that_only_waits_for_others_of_its_array_is_freed() {
    let place = place(paper(2, 60.0));
    // Everything that the second network's accuracy needs is there; the array of trainings is not done.
    let outcome = place.watch(&|| {
        let named = |name: &str| place.plan.iter().position(|task| task.name == name).unwrap();
        if place.fake.scripts().len() > 2 {
            ["init-shared", "init-1", "train-0", "train-1"].iter().for_each(|name| place.seal(named(name)));
        }
        place.fake.read("calls").contains("scontrol update JobId=")
    });
    assert!(outcome.unwrap().interrupted, "{}\n{}", place.fake.read("calls"), place.heard.all());
}

#[test]
fn a_queue_that_is_full_is_waited_for_and_a_refusal_without_jobs_is_told() {
    let mut place = place(paper(2, 60.0));
    place.settings.ahead = 0;
    let words = "sbatch: error: QOSMaxSubmitJobPerUserLimit\nsbatch: error: Batch job submission failed: Job violates policy\n";
    let full = place.watch(&|| {
        if place.fake.scripts().len() == 1 && !place.fake.folder.join("refuse").exists() {
            place.fake.put("refuse", words);
            let first = |task: &Task| ["init-shared", "train-0"].contains(&task.name.as_str());
            (0..place.plan.len()).filter(|&task| first(&place.plan[task])).for_each(|task| place.seal(task));
        }
        place.heard.all().contains("the queue takes no more for now: sbatch was refused")
    });
    assert!(full.unwrap().interrupted);
    assert!(place.heard.all().contains("the queue takes no more"), "{}", place.heard.all());
    place.fake.put("queue", "");
    let error = place.watch(&|| false).unwrap_err().to_string();
    assert!(error.contains("sbatch was refused: QOSMaxSubmitJobPerUserLimit"), "{error}");
}

/// One machine of several does not see the run: jobs go elsewhere, and what the user leaves out stays out.
#[test]
fn a_machine_that_does_not_see_the_run_is_left_out() {
    for (extra, expected) in [(vec![], "n1"), (vec!["--exclude=n9".to_owned()], "n9,n1")] {
        let mut place = place(one());
        place.settings.extra = extra;
        let outcome = place.watch(&|| {
            if place.fake.waits() {
                match place.fake.scripts().len() {
                    // The first reached the run, where the disk was full.
                    1 => place.exits(8),
                    2 => place.exits(91),
                    _ => place.seal(0),
                }
                place.fake.all_are("FAILED", "n1");
            }
            false
        });
        assert_eq!(outcome.unwrap().done, 1, "{}", place.heard.all());
        let scripts = place.fake.scripts();
        assert_eq!(scripts.len(), 3, "{}", place.heard.all());
        assert_eq!(option(&scripts[2], "exclude"), Some(expected));
        assert_ne!(option(&scripts[1], "exclude"), Some(expected));
    }
}

#[test]
fn jobs_that_do_not_see_the_run_or_the_program_end_everything_with_one_line() {
    for (code, words) in [(91, "jobs cannot see the run directory"), (92, "jobs cannot run /bin/basin")] {
        let place = place(one());
        let error = place.watch(&|| {
            if place.fake.waits() {
                place.exits(code);
                place.fake.all_are("FAILED", "n1");
            }
            false
        });
        let error = error.unwrap_err().to_string();
        assert!(error.contains(words) && error.contains("on n1"), "{error}");
    }
    let place = place(one());
    let error = place.watch(&|| {
        let queue = place.fake.read("queue");
        place.fake.put(
            "queue",
            &queue.replace("|PENDING||0:00|N/A|Resources", "|FAILED|n3|0:00|N/A|JobLaunchFailure"),
        );
        false
    });
    let error = error.unwrap_err().to_string();
    assert!(error.contains("on n3: Slurm could not open the job's log"), "{error}");
}

/// One job is submitted, the queue forgets it, accounts tell this; what becomes of it.
fn forgotten(place: &Place, accounts: &str) -> String {
    place.fake.put("config", "MaxArraySize = 10\nAccountingStorageType = accounting_storage/slurmdbd\n");
    place.fake.put("accounts", accounts);
    let outcome = place.watch(&|| {
        if place.fake.scripts().len() == 1 {
            place.fake.put("queue", "");
        }
        place.fake.scripts().len() == 2
    });
    assert!(outcome.unwrap().interrupted);
    place.heard.all()
}

#[test]
fn accounts_tell_what_the_queue_forgot() {
    let place = place(one());
    let heard = forgotten(&place, "100_0|COMPLETED|n1|None|\n101_0|TIMEOUT|n1|None|mem=40M\n");
    assert!(heard.contains("train-0 reached its time limit"), "{heard}");
    assert_eq!(option(&place.fake.scripts()[1], "time"), Some("00:45:00"));
    let asked = place.fake.read("calls");
    assert!(asked.contains("--jobs=101 --name=basin-training-"), "{asked}");
}

/// The program ends by a signal, which its job notes; that memory was the reason, and how much there was, only accounts know.
#[test]
fn a_job_that_was_killed_and_forgotten_is_given_more_memory() {
    let place = place(one());
    place.watch(&|| place.fake.scripts().len() == 1).unwrap();
    place.exits(137);
    let heard = forgotten(&place, "101_0|OUT_OF_MEMORY|n1|None|cpu=1,mem=40M,node=1\n");
    assert!(heard.contains("train-0 ran out of memory; it is submitted again with 80 MB"), "{heard}");
}

#[test]
fn a_job_that_never_began_because_another_failed_is_no_failure_of_its_own() {
    let place = place(one());
    let heard = forgotten(&place, "101_[0]|CANCELLED|None assigned|Dependency|\n");
    assert!(!heard.contains("train-0"), "{heard}");
}

#[test]
fn a_controller_that_is_away_is_told_once_and_waited_for() {
    let place = place(one());
    let rounds = Cell::new(0);
    let outcome = place.watch(&|| {
        if place.fake.scripts().len() == 1 && rounds.get() == 0 {
            place.fake.put("away", "");
        }
        if place.fake.read("calls").matches("squeue").count() > 5 {
            place.fake.remove("away");
            rounds.set(1);
        }
        if place.heard.all().contains("answers again") {
            place.seal(0);
        }
        false
    });
    assert_eq!(outcome.unwrap().done, 1);
    assert_eq!(place.heard.all().matches("does not answer squeue").count(), 1, "{}", place.heard.all());
}

#[test]
fn what_can_be_known_is_refused_before_anything_is_submitted() {
    let mut place = place(one());
    let with = |place: &mut Place, change: &dyn Fn(&mut Settings)| {
        place.settings = Settings { poll_seconds: 0.05, ..Settings::default() };
        change(&mut place.settings);
        place.refused()
    };
    let told = with(&mut place, &|settings| settings.partition = "gpus".to_owned());
    assert_eq!(
        told,
        "there is no partition gpus; there are: main, brief; set slurm.partition to one of them"
    );
    let told = with(&mut place, &|settings| {
        settings.partition = "brief".to_owned();
        settings.time = 31;
    });
    assert!(
        told.starts_with("slurm.time asks for 31 minutes, but partition brief gives at most 30"),
        "{told}"
    );
    let told = with(&mut place, &|settings| settings.cpus = 0);
    assert_eq!(told, "slurm.cpus is 0, expected 1 to 1024");
    let told = with(&mut place, &|settings| settings.extra = vec!["--array=1-2".to_owned()]);
    assert!(told.starts_with("slurm.extra is --array=1-2, expected no option that"), "{told}");
    let told = with(&mut place, &|settings| settings.account = "a b".to_owned());
    assert!(told.starts_with("slurm.account is a b, expected letters"), "{told}");
    place.settings = Settings::default();
    place.plan[0].inputs = vec![0];
    assert!(place.refused().contains("it needs a task that does not stand before it"));
}

#[test]
fn a_machine_without_slurm_is_told_so() {
    let place = place(one());
    let slurm = basin_cluster::Slurm { sbatch: "sbatch-that-is-not-there".into(), ..place.fake.slurm() };
    let error = watch(&Session {
        plan: &place.plan,
        folder: &place.disk,
        slurm: &slurm,
        settings: &place.settings,
        exe: Path::new("/bin/basin"),
        say: &|_| {},
        interrupt: &|| false,
    });
    let error = error.unwrap_err().to_string();
    assert!(error.contains("sbatch-that-is-not-there cannot be run: it is not in PATH"), "{error}");
    assert!(!place.disk.path.join("cluster").exists());
}

#[test]
fn notes_that_were_cut_short_are_read_and_strange_ones_are_not() {
    let place = place(one());
    place.disk.write("cluster/submissions.jsonl", b"{\"event\":\"accepted\",\"arr").unwrap();
    place.watch(&|| place.fake.scripts().len() == 1).unwrap();
    place.watch(&|| !place.fake.read("queue").is_empty()).unwrap();
    place.disk.write("cluster/submissions.jsonl", b"what is this\n").unwrap();
    let error = place.watch(&|| false).unwrap_err().to_string();
    assert!(error.starts_with("line 1 of cluster/submissions.jsonl is not one of ours"), "{error}");
}

#[test]
fn a_watcher_that_was_killed_at_any_moment_submits_nothing_twice() {
    let place = place(paper(2, 60.0));
    place.watch(&|| place.fake.read("calls").matches("squeue").count() > 1).unwrap();
    let submitted = place.fake.scripts().len();
    let notes = place.disk.read("cluster/submissions.jsonl").unwrap().unwrap();
    assert!(submitted > 1 && notes.len() > 100);
    // Whatever of its notes reached the disk, the queue shows what was accepted.
    let ends =
        (0..notes.len()).filter(|&at| notes[at] == b'\n').flat_map(|end| [end.saturating_sub(9), end + 1]);
    for cut in ends.chain([0]) {
        place.disk.write("cluster/submissions.jsonl", &notes[..cut]).unwrap();
        let before = place.fake.read("calls").matches("squeue").count();
        place.watch(&|| place.fake.read("calls").matches("squeue").count() > before + 1).unwrap();
        assert_eq!(place.fake.scripts().len(), submitted, "cut at {cut}\n{}", place.heard.all());
    }
    // What was noted and never reached Slurm is submitted when it is certain that it is not there.
    place.disk.write("cluster/submissions.jsonl", &notes).unwrap();
    let queue = place.fake.read("queue");
    let rest: Vec<&str> = queue.lines().filter(|line| !line.contains("|101|")).collect();
    place.fake.put("queue", &format!("{}\n", rest.join("\n")));
    place.watch(&|| place.fake.scripts().len() > submitted).unwrap();
    assert_eq!(place.fake.scripts().len(), submitted + 1, "{}", place.heard.all());
}
