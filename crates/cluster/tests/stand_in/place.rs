//! A watcher in front of recorded Slurm commands.

use super::fake::Fake;
use super::{Disk, Heard};
use basin_cluster::{Class, ClusterError, Outcome, RunFolder, Session, Settings, Task, key_of, watch};
use std::path::Path;
use std::time::{Duration, Instant};

/// A plan, a run directory and recorded Slurm commands, watched as a test wants.
pub(crate) struct Place {
    pub(crate) fake: Fake,
    pub(crate) disk: Disk,
    pub(crate) heard: Heard,
    pub(crate) plan: Vec<Task>,
    pub(crate) settings: Settings,
    _folder: tempfile::TempDir,
}

pub(crate) fn place(plan: Vec<Task>) -> Place {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::new(folder.path().join("run")).with_plan(&plan);
    let fake = Fake::new(folder.path().join("fake"));
    let settings = Settings { poll_seconds: 0.05, settle_seconds: 0.15, ..Settings::default() };
    Place { fake, disk, heard: Heard::default(), plan, settings, _folder: folder }
}

pub(crate) fn one() -> Vec<Task> {
    let (name, class) = ("train-0".to_owned(), Class::Training);
    vec![Task { key: key_of(&name), name, class, seconds: 600.0, inputs: vec![] }]
}

impl Place {
    /// Watches; `act` is called again and again and says when the user leaves.
    pub(crate) fn watch(&self, act: &dyn Fn() -> bool) -> Result<Outcome, ClusterError> {
        let slurm = self.fake.slurm();
        let limit = Instant::now() + Duration::from_secs(200);
        watch(&Session {
            plan: &self.plan,
            folder: &self.disk,
            slurm: &slurm,
            settings: &self.settings,
            exe: Path::new("/bin/basin"),
            say: &|line| self.heard.say(line),
            interrupt: &|| act() || Instant::now() > limit,
        })
    }

    pub(crate) fn seal(&self, task: usize) {
        self.disk.write(&format!("nodes/{}", self.plan[task].key), b"").unwrap();
    }

    /// What the last job that was submitted leaves as its exit code.
    pub(crate) fn exits(&self, code: i32) {
        let script = self.fake.scripts().pop().unwrap();
        let array = script.lines().find_map(|line| line.strip_prefix("array=")).unwrap().to_owned();
        self.disk.write(&format!("cluster/exit/{array}.0"), format!("{code} 1 0 n1\n").as_bytes()).unwrap();
    }

    pub(crate) fn refused(&self) -> String {
        let error = self.watch(&|| false).unwrap_err().to_string();
        assert!(!self.fake.read("calls").contains("--parsable"), "something was submitted\n{error}");
        assert!(!error.contains('\n'), "{error}");
        error
    }
}
