//! Several processes on one run: each node in one pair of hands, and in others' when these are gone.

use crate::{node_of, open, reader};
use basin_store::faulty::{Failure, Fault, FaultyFs};
use basin_store::{Claim, Claiming, Lease, NodeDir, RealFs, RunDir, StoreError};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

fn join(root: &Path) -> RunDir {
    RunDir::join(root, "run", Arc::new(RealFs), "job 7").unwrap()
}

fn mine(node: &NodeDir) -> Claim {
    match node.claim().unwrap() {
        Claiming::Mine(claim) => claim,
        Claiming::Held(holder) => panic!("held by {holder}"),
    }
}

fn is_held(node: &NodeDir) -> bool {
    matches!(node.claim().unwrap(), Claiming::Held(_))
}

fn claims(root: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(root.join("run/nodes/member.0123abcd"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with(".claim"))
        .collect();
    names.sort();
    names
}

#[test]
fn one_of_two_has_a_node_and_the_other_gets_it_when_it_is_given_back() {
    let root = tempfile::tempdir().unwrap();
    let (starter, worker) = (open(root.path()), join(root.path()));
    let (first, second) = (node_of(&starter), node_of(&worker));
    let claim = mine(&second);
    match first.claim().unwrap() {
        Claiming::Held(holder) => {
            assert_eq!(holder.pid, std::process::id());
            assert!(holder.to_string().ends_with("(job 7)"), "{holder}");
        }
        Claiming::Mine(_) => panic!("two have it"),
    }
    assert_eq!(reader(root.path()).holder().unwrap().unwrap().pid, std::process::id());
    drop(claim);
    assert_eq!(first.holder().unwrap(), None);
    let claim = mine(&first);
    assert!(is_held(&second) && !claim.lost());
    assert_eq!(claims(root.path()), [".claim-1", ".claim-2"], "no number is used twice");
}

#[test]
fn claims_go_when_the_node_is_done() {
    let root = tempfile::tempdir().unwrap();
    let run = open(root.path());
    let node = node_of(&run);
    drop(mine(&node));
    let claim = mine(&node);
    node.write("final", b"weights").unwrap();
    node.finish(&["final"]).unwrap();
    drop(claim);
    assert_eq!(claims(root.path()), [""; 0]);
    // One who comes late gets an empty claim, sees DONE and leaves nothing behind.
    drop(mine(&node));
    assert_eq!(claims(root.path()), [""; 0]);
    assert_eq!(node.read_verified("final").unwrap(), b"weights");
}

#[test]
fn whoever_joins_writes_nodes_and_a_journal_of_its_own_and_nothing_else() {
    let root = tempfile::tempdir().unwrap();
    let none = RunDir::join(root.path(), "run", Arc::new(RealFs), "");
    assert!(matches!(none, Err(StoreError::NoSuchRun { .. })));
    let starter = open(root.path());
    starter.journal().append(&1).unwrap();
    let worker = join(root.path());
    assert!(matches!(worker.write("plan.json", b"{}"), Err(StoreError::ReadOnly { .. })));
    worker.journal().append(&2).unwrap();
    starter.journal().append(&3).unwrap();
    assert_eq!(starter.journal().read::<u64>().unwrap().lines, [1, 3, 2]);
    let node = node_of(&worker);
    node.write("final", b"weights").unwrap();
    node.finish(&["final"]).unwrap();
    assert!(node_of(&starter).is_done().unwrap());
    // The worker needs no starter, and is not an obstacle to one.
    drop(starter);
    open(root.path());
}

/// A claim as a process on another machine would have left it.
fn elsewhere(root: &Path, number: u64) -> std::path::PathBuf {
    let folder = root.join("run/nodes/member.0123abcd");
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(format!(".claim-{number}"));
    let line = r#"{"host":"node-12","pid":99,"kernel":"b0b","locked":true}"#;
    std::fs::write(&path, format!("{line}\n...")).unwrap();
    path
}

#[test]
fn a_holder_elsewhere_is_gone_when_its_lease_is() {
    let root = tempfile::tempdir().unwrap();
    let run = open(root.path());
    run.set_lease(Lease { expires: Duration::from_millis(300) });
    let claim = elsewhere(root.path(), 4);
    let node = node_of(&run);
    let begin = Instant::now();
    for beats in 4..9 {
        match node.claim().unwrap() {
            Claiming::Held(holder) => assert_eq!(holder.to_string(), "process 99 on node-12"),
            Claiming::Mine(_) => panic!("taken from one who is alive, after {beats} signs of life"),
        }
        std::thread::sleep(Duration::from_millis(100));
        let text = std::fs::read_to_string(&claim).unwrap() + ".";
        std::fs::write(&claim, text).unwrap();
    }
    assert!(begin.elapsed() >= Duration::from_millis(300), "longer than a lease");
    assert!(is_held(&node));
    std::thread::sleep(Duration::from_millis(350));
    let _claim = mine(&node);
    assert!(claims(root.path()).contains(&".claim-5".to_owned()));
}

/// Given back, and a sign of life that was on its way came after.
#[test]
fn what_was_given_back_is_free_at_once() {
    let root = tempfile::tempdir().unwrap();
    let run = open(root.path());
    let claim = elsewhere(root.path(), 1);
    assert!(is_held(&node_of(&run)));
    let text = std::fs::read_to_string(&claim).unwrap() + "released\n.";
    std::fs::write(&claim, text).unwrap();
    let _claim = mine(&node_of(&run));
}

/// Times of files do not count, so neither do the clocks of other machines.
#[test]
fn a_clock_that_is_wrong_takes_nothing_from_anybody() {
    let root = tempfile::tempdir().unwrap();
    let run = open(root.path());
    let claim = elsewhere(root.path(), 1);
    for hours in [-1, 1] {
        let now = std::time::SystemTime::now();
        let hour = Duration::from_secs(3600);
        let time = if hours < 0 { now - hour } else { now + hour };
        std::fs::File::options().write(true).open(&claim).unwrap().set_modified(time).unwrap();
        assert!(is_held(&node_of(&run)));
    }
}

#[test]
fn whoever_was_taken_over_writes_nothing_more() {
    let root = tempfile::tempdir().unwrap();
    let run = open(root.path());
    run.set_lease(Lease { expires: Duration::from_millis(120) });
    let node = node_of(&run);
    let claim = mine(&node);
    node.write("final", b"weights").unwrap();
    assert!(!claim.lost());
    elsewhere(root.path(), 2);
    let refused = [node.write("final", b"other"), node.save_state(1, b"x"), node.finish(&["final"])];
    for refused in refused {
        assert!(matches!(refused, Err(StoreError::TakenOver { .. })), "{refused:?}");
    }
    assert!(claim.lost());
    assert_eq!(std::fs::read(node.path().join("final")).unwrap(), b"weights");
    assert!(!node.is_done().unwrap());
    // Nor does it when who took over has already finished, and no claim is left.
    let node = run.node("member", "00000002").unwrap();
    let claim = mine(&node);
    std::fs::remove_file(node.path().join(".claim-1")).unwrap();
    assert!(matches!(node.write("final", b"other"), Err(StoreError::TakenOver { .. })));
    assert!(claim.lost());
}

#[test]
fn who_holds_a_claim_gives_signs_of_life_until_it_is_taken_over() {
    let root = tempfile::tempdir().unwrap();
    let run = open(root.path());
    run.set_lease(Lease { expires: Duration::from_millis(60) });
    let claim = mine(&node_of(&run));
    let length = || std::fs::metadata(root.path().join("run/nodes/member.0123abcd/.claim-1")).unwrap().len();
    let wait = |condition: &dyn Fn() -> bool| {
        let begin = Instant::now();
        while !condition() && begin.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(condition());
    };
    let first = length();
    wait(&|| length() > first + 2);
    elsewhere(root.path(), 2);
    wait(&|| claim.lost());
}

const ROOT: &str = "BASIN_STORE_CLAIMING_WORKER_ROOT";

#[test]
#[ignore = "not a test: the process that the test below starts and kills"]
fn holder() {
    if let Some(root) = std::env::var_os(ROOT) {
        let run = join(Path::new(&root));
        let claim = mine(&node_of(&run));
        node_of(&run).write("held", b"").unwrap();
        std::thread::sleep(Duration::from_secs(600));
        drop(claim);
    }
}

fn start(root: &Path) -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["claims::holder", "--exact", "--ignored"]).env(ROOT, root);
    child.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

#[test]
fn a_killed_holder_on_this_machine_loses_its_node_at_once() {
    let root = tempfile::tempdir().unwrap();
    let run = open(root.path());
    let node = node_of(&run);
    let mut child = start(root.path());
    while node.read("held").unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(is_held(&node));
    let orphan = node.path().join(".basin-tmp-1-1");
    std::fs::write(&orphan, b"half").unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let _claim = mine(&node);
    assert!(!orphan.exists(), "what killed writers left goes with the claim");
}

#[test]
fn many_workers_do_every_node_exactly_once() {
    let root = tempfile::tempdir().unwrap();
    drop(open(root.path()));
    const NODES: u64 = 60;
    std::thread::scope(|scope| {
        for worker in 0..8_u64 {
            let root = root.path();
            scope.spawn(move || {
                let run = join(root);
                let node = |number: u64| run.node("member", &format!("{number:08x}")).unwrap();
                while (0..NODES).any(|number| !node(number).is_done().unwrap()) {
                    for number in (0..NODES).map(|number| (number + 7 * worker) % NODES) {
                        let node = node(number);
                        if node.is_done().unwrap() {
                            continue;
                        }
                        let Claiming::Mine(_claim) = node.claim().unwrap() else { continue };
                        if node.is_done().unwrap() {
                            continue;
                        }
                        run.journal().append(&number).unwrap();
                        node.write("final", &number.to_le_bytes()).unwrap();
                        node.finish(&["final"]).unwrap();
                    }
                }
            });
        }
    });
    let mut done: Vec<u64> = open(root.path()).journal().read().unwrap().lines;
    done.sort_unstable();
    assert_eq!(done, (0..NODES).collect::<Vec<_>>());
}

#[test]
fn a_disk_that_fails_while_a_node_is_claimed_costs_a_lease_at_most() {
    for at in 1.. {
        let root = tempfile::tempdir().unwrap();
        drop(open(root.path()));
        let fs = FaultyFs::default();
        let run = RunDir::join(root.path(), "run", Arc::new(fs.clone()), "").unwrap();
        fs.set(Some(Fault::once(at, Failure::DiskFull)));
        let node = node_of(&run);
        let claimed = node.claim();
        let (fired, refused) = (fs.fired(), claimed.is_err());
        drop(claimed);
        fs.set(None);
        let other = join(root.path());
        other.set_lease(Lease { expires: Duration::ZERO });
        let _claim = mine(&node_of(&other));
        if !fired {
            assert!(at > 5 && !refused, "{at}");
            break;
        }
    }
}
