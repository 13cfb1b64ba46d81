//! Gathering copies of a run: what is whole comes over, what differs or is damaged is left, whenever it is stopped.

use basin_store::faulty::{Failure, Fault, FaultyFs};
use basin_store::{
    Claiming, Fate, Fs, GatheredNode, Gathering, NodeCheck, NodeDir, RealFs, RunDir, StoreError,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What of a node only tells how it was made.
const ABOUT: &[&str] = &["about.json"];

fn for_reading(root: &Path, name: &str) -> RunDir {
    RunDir::open_read_only(root, name, Arc::new(RealFs)).unwrap()
}

fn for_writing(root: &Path, name: &str) -> RunDir {
    RunDir::open(root, name, Arc::new(RealFs)).unwrap()
}

fn node(run: &RunDir, number: u32) -> NodeDir {
    run.node("member", &format!("{number:08x}")).unwrap()
}

fn name(number: u32) -> String {
    format!("member.{number:08x}")
}

/// Seals a node with a result and how it was made.
fn seal(root: &Path, run: &str, number: u32, result: &[u8], about: &str) {
    let node = node(&for_writing(root, run), number);
    node.write("final", result).unwrap();
    node.write("about.json", about.as_bytes()).unwrap();
    node.finish(&["final", "about.json"]).unwrap();
}

/// Gathers all nodes of these copies into the run `all`.
fn gather(root: &Path, copies: &[&str], fs: Arc<dyn Fs>) -> Result<Vec<GatheredNode>, StoreError> {
    let run = RunDir::open(root, "all", fs.clone())?;
    let copies = copies.iter().map(|name| RunDir::open_read_only(root, name, fs.clone()));
    let copies = copies.collect::<Result<Vec<_>, _>>()?;
    let gathering = Gathering { run: &run, copies: &copies, circumstances: ABOUT };
    gathering.look()?.iter().map(|node| gathering.take(node)).collect()
}

fn fates(gathered: &[GatheredNode]) -> Vec<(String, Fate)> {
    gathered.iter().map(|node| (node.name.clone(), node.fate.clone())).collect()
}

/// Every file below a run but its lock and claims, with its bytes.
fn files(root: &Path, run: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    let (mut files, mut left) = (BTreeMap::new(), vec![root.join(run)]);
    while let Some(folder) = left.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path);
            } else if !path.ends_with(".lock") && !path.to_string_lossy().contains("/.claim-") {
                let bytes = std::fs::read(&path).unwrap();
                files.insert(path.strip_prefix(root.join(run)).unwrap().to_owned(), bytes);
            }
        }
    }
    files
}

fn copied(root: &Path, run: &str, number: u32) -> Fate {
    Fate::Copied { from: root.join(run).join("nodes").join(name(number)) }
}

#[test]
fn finished_nodes_of_all_copies_come_over_with_their_seals_and_again_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    seal(root, "all", 0, b"zero", "here");
    seal(root, "a", 0, b"zero", "here");
    seal(root, "a", 1, b"one", "a");
    seal(root, "b", 2, b"two", "b");
    // Begun and not finished: no result yet.
    node(&for_writing(root, "b"), 3).save_state(7, b"half-way").unwrap();
    let before = [files(root, "a"), files(root, "b")];

    let gathered = gather(root, &["a", "b"], Arc::new(RealFs)).unwrap();
    assert_eq!(
        fates(&gathered),
        [(name(0), Fate::Present), (name(1), copied(root, "a", 1)), (name(2), copied(root, "b", 2))]
    );
    let all = files(root, "all");
    for (copy, number) in [("a", 1), ("b", 2)] {
        for file in ["final", "about.json", "DONE"] {
            let file = Path::new("nodes").join(name(number)).join(file);
            assert_eq!(all[&file], files(root, copy)[&file], "{}", file.display());
        }
        node(&for_reading(root, "all"), number).verify().unwrap();
    }
    assert_eq!([files(root, "a"), files(root, "b")], before);

    let again = gather(root, &["a", "b"], Arc::new(RealFs)).unwrap();
    assert!(again.len() == 3 && again.iter().all(|node| node.fate == Fate::Present), "{again:?}");
    assert_eq!(files(root, "all"), all);
}

#[test]
fn an_attempt_of_the_runs_own_gives_way_to_a_finished_copy() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let own = node(&for_writing(root, "all"), 1);
    own.write("about.json", b"here").unwrap();
    own.save_state(3, b"half-way").unwrap();
    drop(own);
    seal(root, "a", 1, b"one", "a");
    gather(root, &["a"], Arc::new(RealFs)).unwrap();
    assert_eq!(files(root, "all"), files(root, "a"));
}

#[test]
fn what_a_process_works_on_in_the_run_is_left_to_it_until_it_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    seal(root, "a", 1, b"one", "a");
    let run = for_writing(root, "all");
    let copies = [for_reading(root, "a")];
    let gathering = Gathering { run: &run, copies: &copies, circumstances: ABOUT };
    let sightings = gathering.look().unwrap();
    let worker = RunDir::join(root, "all", Arc::new(RealFs), "a job").unwrap();
    let Claiming::Mine(claim) = node(&worker, 1).claim().unwrap() else { panic!("nobody has it") };
    node(&worker, 1).write("final", b"on").unwrap();
    match gathering.take(&sightings[0]).unwrap().fate {
        Fate::InHand { holder, is_alive } => assert!(is_alive && holder.told == "a job"),
        other => panic!("{other:?}"),
    }
    assert_eq!(node(&run, 1).read("final").unwrap().unwrap(), b"on");
    drop(claim);
    assert_eq!(gathering.take(&sightings[0]).unwrap().fate, copied(root, "a", 1));
    assert_eq!(files(root, "all"), files(root, "a"));

    // One that ends while its node is looked at leaves a result, which counts.
    seal(root, "a", 2, b"two", "a");
    seal(root, "a", 3, b"three", "a");
    let sightings = gathering.look().unwrap();
    for (number, result) in [(2, &b"two"[..]), (3, b"other")] {
        node(&worker, number).write("final", result).unwrap();
        node(&worker, number).write("about.json", b"worker").unwrap();
        node(&worker, number).finish(&["final", "about.json"]).unwrap();
    }
    assert_eq!(gathering.take(&sightings[1]).unwrap().fate, Fate::Present);
    assert!(matches!(gathering.take(&sightings[2]).unwrap().fate, Fate::Differs { .. }));
}

#[test]
fn claims_left_on_finished_nodes_go_when_their_holders_are_gone() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    for run in ["all", "a"] {
        seal(root, run, 1, b"one", "a");
        seal(root, run, 2, b"two", "a");
    }
    let claim = |number: u32, text: &str| {
        let place = root.join("all/nodes").join(name(number)).join(".claim-3");
        std::fs::write(&place, text).unwrap();
        place
    };
    let gone = claim(1, "{}\nreleased\n");
    let there = claim(2, "{\"host\": \"elsewhere\"}\n....");
    let gathered = gather(root, &["a"], Arc::new(RealFs)).unwrap();
    assert!(gathered.iter().all(|node| node.fate == Fate::Present), "{gathered:?}");
    assert!(!gone.exists() && there.exists());
}

#[test]
fn different_results_under_one_name_are_refused_with_both_places_and_the_rest_is_gathered() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    seal(root, "all", 0, b"ours", "here");
    seal(root, "a", 0, b"other", "here");
    // Two copies that contradict each other leave a node that the run lacks as it is, whatever their order.
    seal(root, "a", 1, b"one", "a");
    seal(root, "b", 1, b"eleven", "a");
    // A file that only one of them has is a difference, too.
    seal(root, "all", 2, b"two", "here");
    let more = node(&for_writing(root, "b"), 2);
    for (file, bytes) in [("final", "two"), ("moments", "more")] {
        more.write(file, bytes.as_bytes()).unwrap();
    }
    more.finish(&["final", "moments"]).unwrap();
    drop(more);
    seal(root, "b", 3, b"three", "b");
    let place = |run: &str, number| root.join(run).join("nodes").join(name(number));
    for order in [["a", "b"], ["b", "a"]] {
        let before = files(root, "all");
        let gathered = gather(root, &order, Arc::new(RealFs)).unwrap();
        let expected = [(["all", "a"], 0, "final"), (order, 1, "final"), (["all", "b"], 2, "moments")];
        for (node, (runs, number, file)) in gathered.iter().zip(expected) {
            let places = runs.map(|run| place(run, number));
            assert_eq!(node.fate, Fate::Differs { places, files: vec![file.to_owned()] });
        }
        let mut after = files(root, "all");
        assert!(matches!(gathered[3].fate, Fate::Copied { .. } | Fate::Present), "{gathered:?}");
        after.retain(|path, _| before.contains_key(path) || !path.to_string_lossy().contains(&name(3)));
        assert_eq!(after, before, "of a node that differs nothing changes");
    }
}

#[test]
fn copies_made_elsewhere_are_the_same_result_and_the_runs_own_stays() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    seal(root, "all", 0, b"zero", "here");
    seal(root, "a", 0, b"zero", "another build");
    seal(root, "a", 1, b"one", "first");
    seal(root, "b", 1, b"one", "second");
    let before = files(root, "all");
    let gathered = gather(root, &["a", "b"], Arc::new(RealFs)).unwrap();
    assert_eq!(fates(&gathered), [(name(0), Fate::Present), (name(1), copied(root, "a", 1))]);
    let after = files(root, "all");
    assert!(before.iter().all(|(path, bytes)| after[path] == *bytes));
    assert_eq!(node(&for_reading(root, "all"), 1).read_verified("about.json").unwrap(), b"first");
}

#[test]
fn damaged_copies_are_passed_over_for_whole_ones_and_left_when_there_is_none() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    for run in ["a", "b"] {
        seal(root, run, 0, b"zero", run);
    }
    (1..=4).for_each(|number| seal(root, "a", number, b"many", "a"));
    let place = |run: &str, number| root.join(run).join("nodes").join(name(number));
    std::fs::write(place("a", 0).join("final"), b"zerp").unwrap();
    std::fs::write(place("a", 1).join("final"), b"manx").unwrap();
    std::fs::write(place("a", 2).join("final"), b"short or long").unwrap();
    std::fs::remove_file(place("a", 3).join("about.json")).unwrap();
    std::fs::write(place("a", 4).join("DONE"), b"{\"format\":7}").unwrap();
    // A run's own that no longer holds is not written over either.
    seal(root, "all", 5, b"five", "here");
    seal(root, "a", 5, b"five", "a");
    std::fs::write(place("all", 5).join("final"), b"fi").unwrap();

    let gathered = gather(root, &["a", "b"], Arc::new(RealFs)).unwrap();
    let fate = |number: usize| &gathered[number].fate;
    assert_eq!(*fate(0), copied(root, "b", 0));
    (1..=4).for_each(|number| assert_eq!(*fate(number), Fate::Left));
    assert_eq!(*fate(5), Fate::DamagedHere { why: "final has 2 bytes, DONE says 4".into() });
    let words = [
        "final has SHA-256",
        "final has SHA-256",
        "final has 13 bytes, DONE says 4",
        "about.json is missing",
        "DONE has format 7, expected 1: another build wrote it",
    ];
    for (number, words) in words.into_iter().enumerate() {
        let [damaged] = &gathered[number].damaged[..] else { panic!("{gathered:?}") };
        assert_eq!(damaged.node, place("a", number as u32));
        assert!(damaged.problems.len() == 1 && damaged.problems[0].starts_with(words), "{damaged:?}");
    }
    assert!(gathered[5].damaged.is_empty());
    let all = for_reading(root, "all");
    (1..=4).for_each(|number| assert_eq!(node(&all, number).check().unwrap(), NodeCheck::Unfinished));
    assert!(!place("all", 1).exists(), "nothing of a damaged copy is written");
}

#[test]
fn whatever_operation_fails_the_run_is_valid_and_gathering_again_completes_it() {
    let template = tempfile::tempdir().unwrap();
    seal(template.path(), "a", 1, b"one", "a");
    node(&for_writing(template.path(), "all"), 1).save_state(3, b"half-way").unwrap();
    let begun = ["a", "all"].map(|run| (run, files(template.path(), run)));
    let [(_, copy), _] = &begun;
    // Without flushes, which take the most of the time.
    let begin = |root: &Path| {
        for (run, (path, bytes)) in
            begun.iter().flat_map(|(run, files)| files.iter().map(move |file| (run, file)))
        {
            let path = root.join(run).join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
    };
    // The other failures are told by an error, too.
    let failures = [Failure::Device, Failure::ShortWrite, Failure::SilentLoss];
    for (failure, lasting) in failures.into_iter().flat_map(|failure| [(failure, false), (failure, true)]) {
        for at in 1.. {
            let dir = tempfile::tempdir().unwrap();
            let root = dir.path();
            begin(root);
            let fs = FaultyFs::new(Fault { lasting, ..Fault::once(at, failure) });
            let outcome = gather(root, &["a"], Arc::new(fs.clone()));
            let round = format!("{failure:?} lasting {lasting} at operation {at}: {outcome:?}");
            let told =
                outcome.is_ok_and(|gathered| gathered.iter().any(|node| node.fate == copied(root, "a", 1)));
            match node(&for_reading(root, "all"), 1).check().unwrap() {
                NodeCheck::Whole => {}
                NodeCheck::Unfinished => assert!(!told, "{round}"),
                NodeCheck::Damaged { .. } => panic!("{round}"),
            }
            gather(root, &["a"], Arc::new(RealFs)).unwrap();
            assert_eq!(files(root, "all"), *copy, "{round}");
            assert_eq!(files(root, "a"), *copy, "{round}");
            if !fs.fired() {
                assert!(told && at > 30, "the work is shorter than three atomic writes: {round}");
                break;
            }
        }
    }
}

#[test]
fn a_copy_on_a_disk_that_can_only_be_read_is_gathered() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    seal(root, "a", 1, b"one", "a");
    let run = for_writing(root, "all");
    let disk = FaultyFs::new(Fault::read_only_disk());
    // Whoever works there at the same time is not asked.
    let _working = for_writing(root, "a");
    let copies = [RunDir::open_read_only(root, "a", Arc::new(disk.clone())).unwrap()];
    let gathering = Gathering { run: &run, copies: &copies, circumstances: ABOUT };
    let [found] = <[_; 1]>::try_from(gathering.look().unwrap()).unwrap();
    assert_eq!(found.name(), name(1));
    assert_eq!(
        found.candidates().map(NodeDir::path).collect::<Vec<_>>(),
        [root.join("a/nodes").join(name(1))]
    );
    assert_eq!(gathering.take(&found).unwrap().fate, copied(root, "a", 1));
    assert!(!disk.fired(), "something was to be written there");
    // The other way round nothing is gathered and the copy's disk is not blamed.
    seal(root, "b", 2, b"two", "b");
    let (run, copies) = (for_reading(root, "all"), [for_reading(root, "b")]);
    let gathering = Gathering { run: &run, copies: &copies, circumstances: ABOUT };
    let refused = gathering.take(&gathering.look().unwrap()[0]);
    assert!(matches!(refused, Err(StoreError::ReadOnly { .. })), "{refused:?}");
}
