//! A Slurm of a test's own: munged, slurmctld and slurmd's on loopback, below one folder, ended with it.
#![allow(dead_code, reason = "each test program takes what it needs")]

pub(crate) mod accounts;
pub(crate) mod faults;

use accounts::Accounts;
use basin_cluster::Slurm;
use std::fs;
use std::io::Write;
use std::net::{TcpListener, ToSocketAddrs};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// One cluster at a time: they share the machine's few cores.
static ALONE: Mutex<()> = Mutex::new(());

pub(crate) struct Cluster {
    pub(crate) folder: tempfile::TempDir,
    munged: Child,
    controller: Child,
    daemons: Vec<Child>,
    _accounts: Option<Accounts>,
    _alone: MutexGuard<'static, ()>,
}

/// A cluster of four nodes with two CPUs each, `None` (said on standard error) where Slurm is not installed.
pub(crate) fn start(extra: &str) -> Option<Cluster> {
    start_with(extra, false)
}

/// As [`start`]; a database keeps accounts.
pub(crate) fn start_with_accounts(extra: &str) -> Option<Cluster> {
    start_with(extra, true)
}

#[allow(clippy::zombie_processes, reason = "a test that panics here ends with its process group")]
fn start_with(extra: &str, accounts: bool) -> Option<Cluster> {
    let lacks = |programs: &[&'static str]| -> Vec<&str> {
        programs.iter().filter(|program| find(program).is_none()).copied().collect()
    };
    let slurm = (["munged", "slurmctld", "slurmd", "sbatch"].as_slice(), "BASIN_REQUIRE_SLURM");
    let database = (accounts::PROGRAMS.as_slice(), "BASIN_REQUIRE_SLURM_ACCOUNTS");
    for (programs, required) in [slurm].into_iter().chain(accounts.then_some(database)) {
        let missing = lacks(programs).join(", ");
        if !missing.is_empty() {
            let line = format!("skipped: {missing} not installed (.ci/slurm names the packages)");
            assert!(std::env::var_os(required).is_none(), "{line}");
            basin_core::warn(&line);
            return None;
        }
    }
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    // Munge's socket has a path of at most 107 characters, and lies where only its owner writes.
    let folder = tempfile::Builder::new().prefix("slurm").tempdir_in("/tmp").unwrap();
    let d = folder.path().to_owned();
    fs::set_permissions(&d, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    ["state", "spool", "log"].iter().for_each(|name| fs::create_dir(d.join(name)).unwrap());
    let munged = munge(&d);
    let host = Command::new("hostname").arg("-s").output().unwrap().stdout;
    let host = String::from_utf8_lossy(&host).trim().to_owned();
    let accounts = accounts.then(|| Accounts::start(&d, &host));
    let extra = extra.to_owned() + accounts.as_ref().map_or("", |accounts| &accounts.lines);
    for _ in 0..5 {
        configure(&d, &host, &extra);
        let mut controller = daemon(&d, "slurmctld", &["-D"]);
        if !until(60, || ping(&d) || controller.try_wait().unwrap().is_some()) || !ping(&d) {
            stop(&mut controller);
            continue;
        }
        let mut daemons: Vec<Child> =
            (1..=4).map(|n| daemon(&d, "slurmd", &["-D", "-N", &format!("n{n}")])).collect();
        if until(60, || idle(&d) == 4) {
            return Some(Cluster { folder, munged, controller, daemons, _accounts: accounts, _alone: alone });
        }
        // Somebody else took a port.
        daemons.iter_mut().chain([&mut controller]).for_each(stop);
        let _ = fs::remove_dir_all(d.join("state"));
        fs::create_dir(d.join("state")).unwrap();
    }
    panic!("slurmctld did not start: {}", fs::read_to_string(d.join("log/slurmctld")).unwrap_or_default());
}

fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default();
    path.split(':').chain(["/usr/sbin", "/sbin"]).map(|d| Path::new(d).join(program)).find(|p| p.is_file())
}

fn until(seconds: u64, mut holds: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + Duration::from_secs(seconds);
    while Instant::now() < end {
        if holds() {
            return true;
        }
        sleep(Duration::from_millis(50));
    }
    false
}

fn spawn(d: &Path, log: &str, command: &mut Command) -> Child {
    let file = fs::File::options().append(true).create(true).open(d.join("log").join(log)).unwrap();
    command
        .stdin(Stdio::null())
        .stdout(file.try_clone().unwrap())
        .stderr(file)
        .process_group(0)
        .spawn()
        .unwrap()
}

fn munge(d: &Path) -> Child {
    let key = d.join("munge.key");
    let mut file = fs::File::create(&key).unwrap();
    let secret: Vec<u8> = fs::read("/proc/sys/kernel/random/uuid").unwrap().repeat(4);
    file.write_all(&secret).unwrap();
    fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let path = |name: &str| d.join(name).display().to_string();
    let mut command = Command::new(find("munged").unwrap());
    command.args(["--foreground", "--force", "--num-threads=2"]);
    for (option, name) in [
        ("key-file", "munge.key"),
        ("socket", "munge.sock"),
        ("pid-file", "munged.pid"),
        ("log-file", "log/munged.log"),
        ("seed-file", "munge.seed"),
    ] {
        command.arg(format!("--{option}={}", path(name)));
    }
    let child = spawn(d, "munged", &mut command);
    assert!(until(60, || d.join("munge.sock").exists()), "munged did not start");
    child
}

fn daemon(d: &Path, name: &str, arguments: &[&str]) -> Child {
    let mut command = Command::new(find(name).unwrap());
    command.args(arguments).arg("-f").arg(d.join("slurm.conf"));
    spawn(d, name, &mut command)
}

fn stop(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// How many nodes wait for work.
fn idle(d: &Path) -> usize {
    let mut command = Command::new("timeout");
    command
        .args(["5", "sinfo", "-h", "-p", "main", "-N", "-o", "%T"])
        .env("SLURM_CONF", d.join("slurm.conf"));
    let said = command.output().unwrap().stdout;
    String::from_utf8_lossy(&said).lines().filter(|line| *line == "idle").count()
}

fn ping(d: &Path) -> bool {
    let said = Command::new("scontrol").arg("ping").env("SLURM_CONF", d.join("slurm.conf")).output();
    said.is_ok_and(|said| String::from_utf8_lossy(&said.stdout).contains("is UP"))
}

/// Five free ports in a row; somebody else may take one before the daemons do, then they are started again.
fn ports(address: &str) -> u16 {
    let seed = fs::read("/proc/sys/kernel/random/uuid").unwrap();
    let start = seed.iter().fold(0_u16, |sum, &byte| sum.wrapping_mul(31).wrapping_add(u16::from(byte)));
    (0..1000)
        .map(|n| 20_000 + start.wrapping_add(n * 7) % 10_000)
        .find(|&base| (base..base + 5).all(|port| TcpListener::bind((address, port)).is_ok()))
        .unwrap()
}

fn configure(d: &Path, host: &str, extra: &str) {
    // Daemons that bind to the host's own address are only for this machine where that is loopback.
    let address = (host, 0).to_socket_addrs().ok().and_then(|mut found| found.next()).map(|found| found.ip());
    let loopback = address.is_some_and(|address| address.is_loopback());
    let address = address.filter(|_| loopback).map_or("127.0.0.1".to_owned(), |address| address.to_string());
    let only_here = if loopback { "CommunicationParameters=NoInAddrAny,NoCtldInAddrAny\n" } else { "" };
    let (port, d_) = (ports(&address), d.display());
    let text = format!(
        "ClusterName=test
SlurmctldHost={host}({address})
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={d_}/munge.sock,cred_expire=5
{only_here}SlurmctldPort={port}
SlurmctldPidFile={d_}/slurmctld.pid
SlurmctldLogFile={d_}/log/slurmctld.log
StateSaveLocation={d_}/state
SlurmdPidFile={d_}/slurmd-%n.pid
SlurmdLogFile={d_}/log/slurmd-%n.log
SlurmdSpoolDir={d_}/spool/%n
SlurmdParameters=config_overrides
ProctrackType=proctrack/pgid
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
DefMemPerCPU=100
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=2,sched_interval=5,batch_sched_delay=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
EnforcePartLimits=ALL
ReturnToService=2
SlurmdTimeout=10
SlurmctldTimeout=10
KillWait=2
InactiveLimit=0
Waittime=0
NodeName=n[1-4] NodeHostname={host} NodeAddr={address} Port=[{}-{}] CPUs=2 RealMemory=1000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE PriorityTier=10 PreemptMode=OFF State=UP
PartitionName=brief Nodes=ALL MaxTime=00:30:00 PriorityTier=10 PreemptMode=OFF State=UP
PartitionName=low Nodes=ALL MaxTime=INFINITE PriorityTier=1 PreemptMode=CANCEL State=UP
PartitionName=lowr Nodes=ALL MaxTime=INFINITE PriorityTier=1 PreemptMode=REQUEUE State=UP
{extra}
",
        port + 1,
        port + 4
    );
    fs::write(d.join("slurm.conf"), text).unwrap();
    fs::write(d.join("cgroup.conf"), "CgroupAutomount=no\n").unwrap();
}

impl Cluster {
    /// Slurm's commands, for this cluster.
    pub(crate) fn slurm(&self) -> Slurm {
        let conf = self.folder.path().join("slurm.conf").display().to_string();
        Slurm {
            environment: vec![("SLURM_CONF".to_owned(), conf)],
            call_limit: Duration::from_secs(5),
            ..Slurm::default()
        }
    }

    /// What a command of Slurm's says.
    pub(crate) fn ask(&self, program: &str, arguments: &[&str]) -> String {
        let mut command = Command::new("timeout");
        command.args(["5", program]).args(arguments).env("SLURM_CONF", self.folder.path().join("slurm.conf"));
        let said = command.output().unwrap();
        String::from_utf8_lossy(&said.stdout).into_owned() + &String::from_utf8_lossy(&said.stderr)
    }

    pub(crate) fn log(&self, name: &str) -> String {
        let text = fs::read_to_string(self.folder.path().join("log").join(name)).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }

    /// The queue, the nodes that are out of service, and the controller's last lines.
    pub(crate) fn state(&self) -> String {
        let (jobs, nodes) = (self.ask("squeue", &["-r"]), self.ask("sinfo", &["--list-reasons"]));
        [jobs, nodes, self.ask("sinfo", &["-N"]), self.log("slurmctld.log")].join("\n")
    }

    /// Puts nodes back into service that Slurm took out of it, as its administrator would, as long as `goes_on`: on a machine
    /// that is busy enough it drains nodes that were slow to answer.
    pub(crate) fn keep_in_service(&self, goes_on: impl Fn() -> bool) {
        while goes_on() {
            self.ask("scontrol", &["update", "NodeName=n[1-4]", "State=RESUME"]);
            (0..50).take_while(|_| goes_on()).for_each(|_| sleep(Duration::from_millis(100)));
        }
    }

    /// `kill -9` of the controller.
    pub(crate) fn kill_controller(&mut self) {
        stop(&mut self.controller);
    }

    /// Starts it again, more than once where somebody else has its port for the moment.
    pub(crate) fn start_controller(&mut self) {
        let d = self.folder.path().to_owned();
        for _ in 0..10 {
            self.controller = daemon(&d, "slurmctld", &["-D"]);
            let up = until(120, || ping(&d) || self.controller.try_wait().unwrap().is_some()) && ping(&d);
            if up {
                return;
            }
            self.kill_controller();
        }
        panic!("slurmctld does not come back: {}", self.log("slurmctld"));
    }

    /// `kill -9` of a node's daemon; what runs there goes on.
    pub(crate) fn kill_node(&mut self, node: usize) {
        stop(&mut self.daemons[node]);
    }

    pub(crate) fn start_node(&mut self, node: usize) {
        self.daemons[node] = daemon(self.folder.path(), "slurmd", &["-D", "-N", &format!("n{}", node + 1)]);
    }

    /// Processes of jobs whose command line holds a word.
    pub(crate) fn processes(&self, word: &str) -> Vec<u32> {
        let own = self.folder.path().display().to_string();
        let all = fs::read_dir("/proc").unwrap().flatten();
        let ids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        ids.filter(|id| {
            let line = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            line.contains(&own) && line.contains(word) && !line.contains("slurm.conf")
        })
        .collect()
    }
}

pub(crate) fn kill(signal: &str, process: u32) {
    let _ = Command::new("kill").args([signal, &process.to_string()]).stderr(Stdio::null()).status();
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.ask("scancel", &["--quiet", "--user=root"]);
        until(5, || self.ask("squeue", &["-h"]).is_empty());
        let daemons = self.daemons.iter_mut().chain([&mut self.controller, &mut self.munged]);
        daemons.for_each(stop);
        // Step daemons outlive their parents, and jobs theirs.
        let own = self.folder.path().display().to_string();
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
                continue;
            };
            let read = |name: &str| fs::read(entry.path().join(name)).unwrap_or_default();
            let about = [read("environ"), read("cmdline")].concat();
            let about = String::from_utf8_lossy(&about).into_owned();
            let of_a_job = about.contains("SLURM_JOB_ID=") || about.contains("slurmstepd");
            if id != std::process::id() && of_a_job && about.contains(&own) {
                kill("-9", id);
            }
        }
    }
}
