//! Copies of a run, brought together: what was done anywhere counts once, what contradicts or is damaged is left and told.

use crate::{artefacts, basin, expect_code, run, stderr, tiny};
use basin_tests::files;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

const DEEP: [&str; 2] = ["--methods", "deep"];

fn gather(into: &Path, from: &[&Path]) -> Output {
    Command::new(basin()).arg("gather").arg(into).args(from).output().unwrap()
}

fn copy(from: &Path, to: &Path) {
    for (path, bytes) in files(from) {
        let path = to.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

/// The files of a run's nodes.
fn nodes(run: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    artefacts(run).into_iter().filter(|(path, _)| path.starts_with("nodes")).collect()
}

fn assert_same(a: &[(PathBuf, Vec<u8>)], b: &[(PathBuf, Vec<u8>)]) {
    let names = |files: &[(PathBuf, Vec<u8>)]| files.iter().map(|file| file.0.clone()).collect::<Vec<_>>();
    assert_eq!(names(a), names(b));
    let differs = a.iter().zip(b).find(|(x, y)| x.1 != y.1);
    assert!(differs.is_none(), "{} differs", differs.unwrap().0.0.display());
}

/// A finished run of two members.
fn finished(folder: &Path) -> PathBuf {
    expect_code(&tiny(folder, &DEEP), 0);
    folder.join("run")
}

/// The folders of a run's nodes by the names of the nodes.
fn by_name(run: &Path) -> BTreeMap<String, PathBuf> {
    let entries = std::fs::read_dir(run.join("nodes")).unwrap().map(|entry| entry.unwrap().path());
    let name =
        |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().rsplit_once('.').unwrap().0.to_owned();
    entries.map(|path| (name(&path), path)).collect()
}

/// Gives a finished node another content of one of its files, as if it had been made so.
fn reseal(node: &Path, file: &str, change: impl Fn(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(node.join(file)).unwrap();
    change(&mut bytes);
    std::fs::write(node.join(file), &bytes).unwrap();
    let done = node.join("DONE");
    let mut listed: serde_json::Value = serde_json::from_slice(&std::fs::read(&done).unwrap()).unwrap();
    let hash: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    listed["files"][file] = serde_json::json!({"sha256": hash, "size": bytes.len()});
    std::fs::write(&done, format!("{listed:#}\n")).unwrap();
}

#[test]
fn halves_done_in_two_places_make_the_run_that_one_would_have_made() {
    let folder = tempfile::tempdir().unwrap();
    let [alone, first, all] = ["alone", "first", "all"].map(|name| folder.path().join(name));
    let alone = finished(&alone);
    expect_code(&tiny(&first, &[&DEEP[..], &["--runner", "none"]].concat()), 75);
    let (first, second, all_run) = (first.join("run"), folder.path().join("second"), all.join("run"));
    copy(&first, &second);
    let plan: serde_json::Value =
        serde_json::from_slice(&std::fs::read(first.join("plan.json")).unwrap()).unwrap();
    let key = |name: &str| {
        let node = plan["nodes"].as_array().unwrap().iter().find(|node| node["name"] == name).unwrap();
        node["key"].as_str().unwrap().to_owned()
    };
    for (copy, node) in [(&first, "deep-1"), (&second, "deep-2")] {
        expect_code(&run(&["work", copy.to_str().unwrap(), "--node", &key(node)]), 0);
    }
    let before = [files(&first), files(&second)];
    let gathered = gather(&all_run, &[&first, &second]);
    expect_code(&gathered, 0);
    let told = String::from_utf8_lossy(&gathered.stdout).into_owned();
    for words in [
        format!("plan from {}", first.join("plan.json").display()),
        format!("nodes from {}", second.display()),
        format!("basin work {} --any carries out what is left", all_run.display()),
    ] {
        assert!(told.contains(&words), "{words} in {told}");
    }
    let made = by_name(&all_run);
    assert!(made.contains_key("s0-deep-1") && made.contains_key("s0-deep-2"), "{made:?}");
    assert!(made.values().all(|node| node.join("DONE").exists()));
    // Copies are only read: no file of theirs changes or comes, not even a lock.
    assert_same(&files(&first), &before[0]);
    assert_same(&files(&second), &before[1]);
    // Again there is nothing to do.
    let before = artefacts(&all_run);
    let again = gather(&all_run, &[&second, &first]);
    expect_code(&again, 0);
    assert!(!String::from_utf8_lossy(&again.stdout).contains("nodes from"));
    assert_same(&artefacts(&all_run), &before);
    // What is left, and the report.
    expect_code(&run(&["work", all_run.to_str().unwrap(), "--any"]), 0);
    expect_code(&tiny(&all, &[&DEEP[..], &["--runner", "none"]].concat()), 0);
    assert_same(&nodes(&all_run), &nodes(&alone));
    for file in ["results.csv", "plan.json"] {
        assert!(
            std::fs::read(all_run.join(file)).unwrap() == std::fs::read(alone.join(file)).unwrap(),
            "{file}"
        );
    }
}

/// How many nodes of a run are finished.
fn sealed(run: &Path) -> usize {
    let nodes = std::fs::read_dir(run.join("nodes")).into_iter().flatten().flatten();
    nodes.filter(|node| node.path().join("DONE").exists()).count()
}

#[test]
fn killed_at_scattered_moments_gathering_leaves_a_valid_run_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let from = finished(&folder.path().join("a"));
    let all = folder.path().join("all");
    let mut counts = std::collections::BTreeSet::new();
    for attempt in 0..24 {
        let before = sealed(&all);
        let mut command = Command::new(basin());
        command.arg("gather").arg(&all).arg(&from).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        // After some time, or when a node more is there: how long that takes depends on what else the machine does.
        match attempt % 2 {
            0 => std::thread::sleep(Duration::from_millis(4 + attempt * 3)),
            _ => {
                while sealed(&all) == before && child.try_wait().unwrap().is_none() {
                    std::thread::sleep(Duration::from_micros(200));
                }
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        if all.join("nodes").exists() {
            let whole = run(&["verify", all.to_str().unwrap()]);
            expect_code(&whole, 0);
            let told = String::from_utf8_lossy(&whole.stdout).into_owned();
            counts.insert(told.split(' ').next().unwrap().to_owned());
        }
    }
    expect_code(&gather(&all, &[&from]), 0);
    assert_same(&nodes(&all), &nodes(&from));
    assert!(counts.len() > 1, "never killed in the middle: {counts:?}");
}

#[test]
fn two_results_under_one_name_are_refused_with_both_places_and_what_rests_on_them_is_held_back() {
    let folder = tempfile::tempdir().unwrap();
    let a = finished(&folder.path().join("a"));
    let [b, all] = ["b", "all"].map(|name| folder.path().join(name));
    copy(&a, &b);
    copy(&a, &all);
    let (in_b, in_all) = (by_name(&b), by_name(&all));
    // Of the run only what was trained first is there, with another last bit.
    let kept = |name: &str| !name.contains("deep") || name == "s0-deep-1";
    in_all
        .iter()
        .filter(|(name, _)| !kept(name))
        .for_each(|(_, node)| std::fs::remove_dir_all(node).unwrap());
    let flip = |bytes: &mut Vec<u8>| *bytes.last_mut().unwrap() ^= 1;
    reseal(&in_all["s0-deep-1"], "final.safetensors", flip);
    // Made by another build on another machine, a node is the same result.
    let other = |bytes: &mut Vec<u8>| *bytes = b"[{\"basin\": \"0.0.1\"}]".to_vec();
    reseal(&in_b["s0-deep-2"], "environment.json", other);
    let before = files(&all.join("nodes"));

    let refused = gather(&all, &[&b, &a]);
    expect_code(&refused, 8);
    let said = stderr(&refused);
    let hash = |node: &Path| node.file_name().unwrap().to_str().unwrap().to_owned();
    for words in [
        format!("{} holds different results in two places (final.safetensors)", hash(&in_all["s0-deep-1"])),
        in_all["s0-deep-1"].display().to_string(),
        in_b["s0-deep-1"].display().to_string(),
        format!("computed from {}, which differs", hash(&in_all["s0-deep-1"])),
        "s0-performance-deep.".to_owned(),
    ] {
        assert!(said.contains(&words), "{words} in {said}");
    }
    let after = files(&all.join("nodes"));
    assert!(before.iter().all(|file| after.contains(file)), "what was there changed");
    let now = by_name(&all);
    assert!(now["s0-deep-2"].join("DONE").exists() && !now.contains_key("s0-performance-deep"), "{now:?}");
    let environment = |node: &Path| std::fs::read(node.join("environment.json")).unwrap();
    assert!(environment(&now["s0-deep-2"]) == environment(&in_b["s0-deep-2"]), "of the first copy");
    // Who gives up the one gets the other, and the rest.
    std::fs::remove_dir_all(&in_all["s0-deep-1"]).unwrap();
    expect_code(&gather(&all, &[&b, &a]), 0);
    expect_code(&run(&["verify", all.to_str().unwrap()]), 0);
    assert_eq!(by_name(&all).len(), by_name(&a).len());
}

#[test]
fn damaged_nodes_of_a_copy_are_told_and_left_and_whole_ones_elsewhere_make_up_for_them() {
    let folder = tempfile::tempdir().unwrap();
    let a = finished(&folder.path().join("a"));
    let [b, all] = ["b", "all"].map(|name| folder.path().join(name));
    copy(&a, &b);
    let damaged = by_name(&a)["s0-deep-2"].join("final.safetensors");
    let mut bytes = std::fs::read(&damaged).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&damaged, bytes).unwrap();
    let left = gather(&all, &[&a]);
    expect_code(&left, 8);
    for words in ["s0-deep-2.", "there is no whole copy of it", "final.safetensors has SHA-256"] {
        assert!(stderr(&left).contains(words), "{words} in {}", stderr(&left));
    }
    assert_eq!(by_name(&all).len(), by_name(&a).len() - 1);
    let mended = gather(&all, &[&a, &b]);
    expect_code(&mended, 0);
    assert!(stderr(&mended).contains("was passed over"), "{}", stderr(&mended));
    assert_same(&nodes(&all), &nodes(&b));
    // Damage of the run's own is not written over unasked.
    std::fs::write(by_name(&all)["s0-deep-2"].join("final.safetensors"), "short").unwrap();
    let own = gather(&all, &[&b]);
    expect_code(&own, 8);
    assert!(stderr(&own).contains("--repair takes its seal off, then gather again"), "{}", stderr(&own));
    expect_code(&run(&["verify", all.to_str().unwrap(), "--repair"]), 0);
    expect_code(&gather(&all, &[&b]), 0);
    assert_same(&nodes(&all), &nodes(&b));
}

#[test]
fn what_is_no_copy_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let a = finished(&folder.path().join("a"));
    let [all, other, missing] = ["all", "other", "missing"].map(|name| folder.path().join(name));
    std::fs::create_dir(&other).unwrap();
    std::fs::write(other.join("notes.txt"), "mine").unwrap();
    let before = files(folder.path());
    let inside = a.join("all");
    let cases: [(&Path, &[&Path], i32, &str); 6] = [
        (&all, &[&a, &missing], 8, "there is no run at"),
        (&all, &[&a, &other], 2, "holds no nodes/, expected the directory of a run"),
        (&a, &[&a], 2, "is the run itself"),
        (&inside, &[&a], 2, "holds the run that is to be written"),
        (&other, &[&a], 2, "is there and is not a run directory"),
        (&other.join("notes.txt"), &[&a], 2, "is there and is not a run directory"),
    ];
    for (into, from, code, words) in cases {
        let refused = gather(into, from);
        expect_code(&refused, code);
        assert!(stderr(&refused).contains(words), "{words} in {}", stderr(&refused));
        assert_same(&files(folder.path()), &before);
    }
    assert!(!all.exists());
    expect_code(&run(&["gather", all.to_str().unwrap()]), 2);
}
