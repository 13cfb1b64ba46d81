//! Slurm's commands as scripts that read and write files of a folder: what they are to say lies there, what they are asked is written
//! down in `calls`.

use super::program;
use basin_cluster::Slurm;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

pub(crate) struct Fake {
    pub(crate) folder: PathBuf,
}

const SBATCH: &str = r#"
[ "$1" != --version ] || exit 0
[ ! -e refuse ] || { cat refuse >&2; exit 1; }
for script; do :; done
id=$(($(cat id 2>/dev/null || echo 100) + 1)); echo $id >id
comment=$(sed -n 's/^#SBATCH --comment=//p' "$script")
last=$(sed -n 's/^#SBATCH --array=0-\([0-9]*\).*/\1/p' "$script")
reason=Resources; case "$*" in *--dependency*) reason=Dependency;; esac
seq 0 "$last" | sed "s/.*/$comment|$id|&|PENDING||0:00|N\/A|$reason/" >>queue
[ ! -e lost ] || { rm lost; echo 'sbatch: error: Batch job submission failed: Socket timed out' >&2; exit 1; }
echo $id
"#;

impl Fake {
    pub(crate) fn new(folder: PathBuf) -> Self {
        fs::create_dir_all(&folder).unwrap();
        let fake = Self { folder };
        let scripts = [
            ("sbatch", SBATCH),
            (
                "squeue",
                "[ ! -e away ] || { echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1; }\ncat queue 2>/dev/null; true",
            ),
            (
                "scontrol",
                "case \"$1 $2\" in 'show config') cat config;; 'show partition') cat partitions;; 'show job') cat \"job-$3\" 2>/dev/null;; esac",
            ),
            ("scancel", "true"),
            ("sacct", "cat accounts"),
        ];
        for (name, text) in scripts {
            let head = format!(
                "#!/bin/bash\ncd '{}' || exit 9\necho \"{name} $*\" >>calls\n",
                fake.folder.display()
            );
            program(&fake.folder.join(name), &format!("{head}{text}\n"));
        }
        fake.put(
            "config",
            "MaxArraySize            = 1001\nAccountingStorageType   = accounting_storage/none\n",
        );
        fake.put("partitions", "PartitionName=main Default=YES MaxTime=UNLIMITED\nPartitionName=brief Default=NO MaxTime=00:30:00\n");
        fake
    }

    pub(crate) fn slurm(&self) -> Slurm {
        let program = |name: &str| self.folder.join(name);
        Slurm {
            sbatch: program("sbatch"),
            squeue: program("squeue"),
            scontrol: program("scontrol"),
            sacct: program("sacct"),
            scancel: program("scancel"),
            environment: Vec::new(),
            call_limit: Duration::from_secs(60),
        }
    }

    pub(crate) fn put(&self, name: &str, text: &str) {
        let aside = self.folder.join(format!("{name}.new"));
        fs::write(&aside, text).unwrap();
        fs::rename(aside, self.folder.join(name)).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(name)).unwrap_or_default()
    }

    pub(crate) fn remove(&self, name: &str) {
        let _ = fs::remove_file(self.folder.join(name));
    }

    /// Every job that waits is now in this state, on a node or on none.
    pub(crate) fn all_are(&self, state: &str, node: &str) {
        self.put("queue", &self.read("queue").replace("|PENDING||", &format!("|{state}|{node}|")));
    }

    /// The scripts that were submitted, in order.
    pub(crate) fn scripts(&self) -> Vec<String> {
        let calls = self.read("calls");
        let submitted = calls.lines().filter_map(|line| line.strip_prefix("sbatch --parsable"));
        submitted.map(|line| fs::read_to_string(&line[line.find('/').unwrap()..]).unwrap()).collect()
    }

    pub(crate) fn waits(&self) -> bool {
        self.read("queue").contains("|PENDING||")
    }
}
