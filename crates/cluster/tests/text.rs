//! What is shown and handed out as text: the dry run, commands for other schedulers.
#![cfg(unix)]

mod stand_in;

use basin_cluster::{Array, Ask, Class, RunFolder, Session, Settings, commands, dry_run, script, shell_word};
use stand_in::fake::Fake;
use stand_in::{Disk, paper, program, worker};
use std::fs;
use std::path::Path;
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::Duration;

#[test]
fn a_dry_run_shows_arrays_and_scripts_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let plan = paper(3, 7200.0);
    let disk = Disk::new(folder.path().join("run")).with_plan(&plan);
    let fake = Fake::new(folder.path().join("fake"));
    let settings = Settings {
        gpus: "a100:1".to_owned(),
        setup: vec!["module load cuda".to_owned()],
        extra: vec!["--constraint=a100".to_owned()],
        array_limit: 2,
        memory: 4000,
        ..Settings::default()
    };
    let slurm = fake.slurm();
    let session = Session {
        plan: &plan,
        folder: &disk,
        slurm: &slurm,
        settings: &settings,
        exe: Path::new("/opt/basin"),
        say: &|line| panic!("{line}"),
        interrupt: &|| false,
    };
    let text = dry_run(&session).unwrap();
    assert!(text.starts_with(&format!("{} tasks of {} in ", plan.len(), plan.len())), "{text}");
    for words in [
        "waits for",
        "#SBATCH --gres=gpu:a100:1\n",
        "#SBATCH --constraint=a100\n",
        "#SBATCH --mem=4000M\n",
        "#SBATCH --time=04:00:00\n",
        "#SBATCH --array=0-2%2\n",
        "\nmodule load cuda\n",
        "#SBATCH --signal=B:USR2@120\n",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
    assert!(!disk.path.join("cluster").exists());
    let nowhere = basin_cluster::Slurm { sbatch: "/not/there".into(), ..fake.slurm() };
    let text = dry_run(&Session { slurm: &nowhere, ..session }).unwrap();
    assert!(
        text.starts_with("Slurm is not asked (sbatch") || text.starts_with("Slurm is not asked (there"),
        "{text}"
    );
}

#[test]
fn commands_are_run_by_a_shell_wave_after_wave() {
    let folder = tempfile::tempdir().unwrap();
    let plan = paper(3, 0.1);
    let disk = Disk::new(folder.path().join("a run's $HOME")).with_plan(&plan);
    let exe = worker(folder.path());
    let settings = Settings { memory: 500, gpus: "1".to_owned(), ..Settings::default() };
    // Without regard to what is ready there is a line for every job.
    let all = commands(&plan, &disk, &exe, &settings, false).unwrap();
    assert!(all.len() > commands(&plan, &disk, &exe, &settings, true).unwrap().len());
    let mut waves = 0;
    loop {
        let lines = commands(&plan, &disk, &exe, &settings, true).unwrap();
        if lines.is_empty() {
            break;
        }
        for line in &lines {
            assert!(
                line.contains(" # class=") && line.contains(" cpus=1 memory=500M gpus=1 name="),
                "{line}"
            );
            assert!(Command::new("sh").args(["-c", line]).status().unwrap().success(), "{line}");
        }
        waves += 1;
        assert!(waves < 10);
    }
    assert!(waves > 1);
    disk.check(&plan);
    assert!(disk.is_done(&plan[0]).unwrap());
}

/// A job's script, run as Slurm would.
struct Job {
    folder: tempfile::TempDir,
    disk: Disk,
    script: std::path::PathBuf,
}

impl Job {
    fn new(seconds: f64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let plan = paper(1, seconds);
        let disk = Disk::new(folder.path().join("a run's \"$HOME\"")).with_plan(&plan);
        let exe = worker(folder.path());
        let settings = Settings { settle_seconds: 1.0, requeues: 1, ..Settings::default() };
        let ask = Ask { minutes: 90, memory: 0 };
        let array = Array { name: "short-a".to_owned(), class: Class::Short, depth: 0, ask, jobs: vec![0] };
        let text = script(&array, &settings, "t0", &disk.path, &exe).unwrap();
        let script = program(&folder.path().join("script"), &text);
        disk.write("cluster/marker", b"t0\n").unwrap();
        disk.write("cluster/exit/README", b"").unwrap();
        let keys: Vec<&str> = plan[..2].iter().map(|task| task.key.as_str()).collect();
        disk.write("cluster/short-a.tasks", format!("{}\n", keys.join(" ")).as_bytes()).unwrap();
        program(&folder.path().join("scontrol"), "#!/bin/bash\necho \"$*\" >>\"${0%/*}/calls\"\n");
        Self { folder, disk, script }
    }

    fn start(&self, restarts: u32) -> Child {
        let path = format!("{}:{}", self.folder.path().display(), std::env::var("PATH").unwrap());
        let mut command = Command::new(&self.script);
        command.env("PATH", path).env("SLURM_ARRAY_TASK_ID", "0").env("SLURM_JOB_ID", "7");
        command.env("SLURM_RESTART_COUNT", restarts.to_string()).env("SLURMD_NODENAME", "n1");
        command.stdout(std::process::Stdio::null());
        command.stderr(fs::File::create(self.folder.path().join("said")).unwrap()).spawn().unwrap()
    }

    /// How it ended, what it left in the run, and what it asked of Slurm.
    fn end(&self, mut child: Child) -> (i32, String, String) {
        let code = child.wait().unwrap().code().unwrap();
        let left = self.disk.read("cluster/exit/short-a.0").unwrap().unwrap_or_default();
        let calls = fs::read_to_string(self.folder.path().join("calls")).unwrap_or_default();
        (code, String::from_utf8(left).unwrap(), calls)
    }

    fn signal(&self, child: &Child, signal: &str) {
        sleep(Duration::from_millis(500));
        Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    }
}

#[test]
fn a_job_does_its_nodes_and_leaves_its_exit_code() {
    let job = Job::new(0.1);
    assert_eq!(job.end(job.start(0)), (0, "0 7 0 n1\n".to_owned(), String::new()));
    assert_eq!(job.disk.done(&paper(1, 0.1)), 2);
    fs::write(job.disk.path.join("inject/init-shared"), "6").unwrap();
    fs::remove_dir_all(job.disk.path.join("nodes")).unwrap();
    assert_eq!(job.end(job.start(0)).0, 6);
}

#[test]
fn a_job_that_is_told_of_its_end_keeps_a_checkpoint_and_queues_again() {
    let job = Job::new(20.0);
    let child = job.start(0);
    job.signal(&child, "-USR2");
    assert_eq!(job.end(child), (75, "75 7 0 n1\n".to_owned(), "requeue 7\n".to_owned()));
    assert!(fs::read_dir(job.disk.path.join("state")).unwrap().count() > 0);
    // Not more often than it may, and not when somebody ended it.
    let child = job.start(1);
    job.signal(&child, "-USR2");
    assert_eq!(job.end(child), (75, "75 7 1 n1\n".to_owned(), "requeue 7\n".to_owned()));
    let child = job.start(0);
    let below = fs::read_to_string(format!("/proc/{0}/task/{0}/children", child.id()));
    sleep(Duration::from_millis(500));
    job.signal(&child, "-TERM");
    let below = fs::read_to_string(format!("/proc/{0}/task/{0}/children", child.id())).or(below).unwrap();
    below.split_whitespace().for_each(|id| drop(Command::new("kill").args(["-TERM", id]).status()));
    assert_eq!(job.end(child), (75, "75 7 0 n1\n".to_owned(), "requeue 7\n".to_owned()));
}

#[test]
fn a_job_says_what_it_does_not_see() {
    let job = Job::new(0.1);
    job.disk.write("cluster/marker", b"another\n").unwrap();
    assert_eq!(job.end(job.start(0)).0, 91);
    let said = fs::read_to_string(job.folder.path().join("said")).unwrap();
    assert!(said.contains("is not visible on n1 (cluster/marker holds 'another', expected t0)"), "{said}");
    job.disk.write("cluster/marker", b"t0\n").unwrap();
    fs::remove_file(job.folder.path().join("basin")).unwrap();
    assert_eq!(job.end(job.start(0)).0, 92);
    let said = fs::read_to_string(job.folder.path().join("said")).unwrap();
    assert!(said.contains("basin cannot be run on n1"), "{said}");
}

#[test]
fn words_are_quoted_where_a_shell_would_read_them() {
    for (word, quoted) in
        [("a/b-c_1.2", "a/b-c_1.2"), ("", "''"), ("a b", "'a b'"), ("it's", r"'it'\''s'"), ("$(x)", "'$(x)'")]
    {
        assert_eq!(shell_word(word), quoted);
        let said = Command::new("sh").args(["-c", &format!("printf %s {quoted}")]).output().unwrap();
        assert_eq!(String::from_utf8(said.stdout).unwrap(), word);
    }
}
