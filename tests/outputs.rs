//! What a command writes because it was told a name: never an input, nothing that is not a regular file, nothing that is
//! finished, and what exists only when asked to.
#![cfg(unix)]

use crate::{expect_code, run, stderr};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A folder with a network, a file of somebody's, links to it and to nothing, a pipe, a finished node.
fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_owned();
    fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/resnet8.safetensors"), dir.join("net"))
        .unwrap();
    fs::write(dir.join("mine"), "mine").unwrap();
    symlink("mine", dir.join("link")).unwrap();
    symlink("nowhere", dir.join("dangling")).unwrap();
    fs::hard_link(dir.join("net"), dir.join("hard")).unwrap();
    assert!(Command::new("mkfifo").arg(dir.join("pipe")).status().unwrap().success());
    fs::create_dir(dir.join("node")).unwrap();
    fs::write(dir.join("node/DONE"), "{}").unwrap();
    (folder, dir)
}

fn predict(dir: &Path, out: &str, more: &[&str]) -> Output {
    let (checkpoint, out) = (dir.join("net"), dir.join(out));
    let files = ["predict", "--checkpoint", text(&checkpoint), "--out", text(&out)];
    let network = ["--model=resnet8", "--width=0.125", "--dataset=synthetic", "--set=data.test_images=10"];
    run(&[&files[..], &network, more].concat())
}

#[test]
fn predictions_replace_nothing_that_they_must_not() {
    let (_folder, dir) = folder();
    let network = fs::read(dir.join("net")).unwrap();
    for (out, word) in [
        ("net", "which is read"),
        ("./net", "which is read"),
        ("node/../net", "which is read"),
        ("hard", "which is read"),
        ("link", "a symbolic link"),
        ("dangling", "a symbolic link"),
        ("pipe", "a pipe or a device"),
        ("/dev/null", "a pipe or a device"),
        ("node", "a folder"),
        ("node/out", "is finished and never changes"),
        ("absent/out", "its folder does not exist"),
    ] {
        let refused = predict(&dir, out, &["--force"]);
        expect_code(&refused, 2);
        assert!(stderr(&refused).contains(word), "{out}: {}", stderr(&refused));
    }
    let refused = predict(&dir, "mine", &[]);
    expect_code(&refused, 2);
    assert!(stderr(&refused).contains("--force"), "{}", stderr(&refused));
    assert_eq!(fs::read(dir.join("net")).unwrap(), network);
    assert_eq!(fs::read(dir.join("mine")).unwrap(), b"mine");
    expect_code(&predict(&dir, "new", &[]), 0);
    let new = fs::read(dir.join("new")).unwrap();
    expect_code(&predict(&dir, "mine", &["--force"]), 0);
    assert!(fs::read(dir.join("mine")).unwrap() == new, "the same predictions");
}

#[test]
fn predictions_replace_no_file_of_the_data() {
    let (_folder, dir) = folder();
    let data = dir.join("data");
    fs::create_dir(&data).unwrap();
    let record = |fine: u8| [vec![fine / 5, fine], vec![fine; 3072]].concat();
    fs::write(data.join("test.bin"), (0..100).flat_map(record).collect::<Vec<u8>>()).unwrap();
    let (checkpoint, out) = (dir.join("net"), data.join("test.bin"));
    let files = ["predict", "--checkpoint", text(&checkpoint), "--out", text(&out), "--force"];
    let refused = run(&[&files[..], &["--dataset=cifar100", "--data-dir", text(&data)]].concat());
    expect_code(&refused, 2);
    assert!(stderr(&refused).contains("a file in"), "{}", stderr(&refused));
    assert_eq!(fs::metadata(data.join("test.bin")).unwrap().len(), 100 * 3074);
}

#[test]
fn lines_of_a_benchmark_are_added_to_a_regular_file_alone() {
    let (_folder, dir) = folder();
    let bench = |name: &str| {
        let out = dir.join(name);
        run(&["bench", "augment", "--batch=1", "--steps=1", "--rounds=1", "--out", text(&out)])
    };
    expect_code(&bench("new"), 0);
    expect_code(&bench("new"), 0);
    assert_eq!(fs::read_to_string(dir.join("new/augment.jsonl")).unwrap().lines().count() % 2, 0);
    expect_code(&bench("node"), 2);
    for target in ["../mine", "/dev/null", "nowhere"] {
        let _ = fs::remove_dir_all(dir.join("linked"));
        fs::create_dir(dir.join("linked")).unwrap();
        symlink(target, dir.join("linked/augment.jsonl")).unwrap();
        let refused = bench("linked");
        expect_code(&refused, 2);
        assert!(stderr(&refused).contains("a symbolic link"), "{}", stderr(&refused));
    }
    assert_eq!(fs::read(dir.join("mine")).unwrap(), b"mine");
}

/// A folder with committed results.
fn results(dir: &Path) -> PathBuf {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../results");
    let mut folders: Vec<PathBuf> = fs::read_dir(committed).unwrap().map(|e| e.unwrap().path()).collect();
    folders.sort();
    let found = folders.iter().map(|folder| folder.join("results.json")).find(|file| file.is_file()).unwrap();
    let run = dir.join("run");
    fs::create_dir(&run).unwrap();
    fs::copy(found, run.join("results.json")).unwrap();
    run
}

#[test]
fn a_report_and_an_export_are_written_through_no_link() {
    let (_folder, dir) = folder();
    let folder = results(&dir);
    expect_code(&run(&["report", text(&folder)]), 0);
    // Its own files are written again.
    expect_code(&run(&["report", text(&folder)]), 0);
    for target in [dir.join("mine"), "/dev/null".into(), dir.join("nowhere")] {
        let page = folder.join("report/index.html");
        fs::remove_file(&page).unwrap();
        symlink(&target, &page).unwrap();
        let refused = run(&["report", text(&folder)]);
        expect_code(&refused, 8);
        assert!(stderr(&refused).contains("is a symbolic link"), "{}", stderr(&refused));
    }
    fs::remove_dir_all(folder.join("report")).unwrap();
    symlink(dir.join("node"), folder.join("report")).unwrap();
    expect_code(&run(&["report", text(&folder)]), 8);
    assert_eq!(fs::read_dir(dir.join("node")).unwrap().count(), 1, "something was written behind the link");

    let (node, events) = (dir.join("node/export"), dir.join("events"));
    let sealed = run(&["export", text(&folder), "--to=tensorboard", "--force", "--out", text(&node)]);
    expect_code(&sealed, 2);
    expect_code(&run(&["export", text(&folder), "--to=tensorboard", "--out", text(&events)]), 0);
    expect_code(&run(&["export", text(&folder), "--to=tensorboard", "--out", text(&events)]), 2);
    assert_eq!(fs::read(dir.join("mine")).unwrap(), b"mine");
}

/// What a terminal or a page would obey, in every name of the results.
#[test]
fn names_from_results_are_shown_and_not_obeyed() {
    const HOSTILE: &str = "x\u{1b}]0;title\u{7}\u{202e}<b>`|_$";
    let (_folder, dir) = folder();
    let folder = results(&dir);
    let file = folder.join("results.json");
    let mut all: serde_json::Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    all.as_object_mut().unwrap().remove("digest");
    all["name"] = HOSTILE.into();
    for ensemble in all["ensembles"].as_array_mut().unwrap() {
        for key in ["dataset", "model", "method"] {
            ensemble[key] = format!("{}{HOSTILE}", ensemble[key].as_str().unwrap()).into();
        }
    }
    fs::write(&file, all.to_string()).unwrap();
    let told = [run(&["report", text(&folder)]), run(&["compare", text(&folder), text(&folder)])];
    for output in &told {
        let said = [&output.stdout[..], &output.stderr].concat();
        let said = String::from_utf8(said).unwrap();
        assert!(!said.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{said}");
    }
    expect_code(&told[0], 0);
    for name in ["index.html", "tables.md", "tables.tex"] {
        let page = fs::read_to_string(folder.join("report").join(name)).unwrap();
        assert!(!page.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{name}");
        assert!(!page.contains("x ]0;title  <b>") && page.contains("0;title"), "{name}");
    }
}
