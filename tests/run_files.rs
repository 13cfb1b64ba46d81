//! Commands that read what finished runs wrote: compare, reproduce with a configuration file, export.

use crate::{expect_code, run, stderr, tiny};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::OnceLock;

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Two runs that all tests here share and none changes: two methods with two seeds; one of them, trained longer.
fn runs() -> &'static [PathBuf; 2] {
    static RUNS: OnceLock<(tempfile::TempDir, [PathBuf; 2])> = OnceLock::new();
    let (_, runs) = RUNS.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let [a, b] = ["a", "b"].map(|name| folder.path().join(name));
        expect_code(&tiny(&a, &["--methods=deep,constrained", "--seeds=0,1"]), 0);
        expect_code(&tiny(&b, &["--methods=deep", "--seeds=0,1", "--set=train.epochs=4"]), 0);
        let runs = [a.join("run"), b.join("run")];
        (folder, runs)
    });
    runs
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// What a run's results hold.
fn results(run: &Path) -> Value {
    serde_json::from_slice(&fs::read(run.join("results.json")).unwrap()).unwrap()
}

#[test]
fn two_runs_are_set_side_by_side() {
    let [a, b] = runs();
    let told = run(&["compare", text(a), text(b)]);
    expect_code(&told, 0);
    let told = stdout(&told);
    let epochs = told.lines().find(|line| line.starts_with("train.epochs ")).unwrap();
    assert_eq!(epochs.split_whitespace().collect::<Vec<_>>(), ["train.epochs", "3", "4"]);
    assert!(!told.contains("train.batch"), "a key that does not differ is told: {told}");
    // Passes are the same for both seeds, so that nothing overlaps.
    let passes = told.lines().find(|line| line.contains("deep") && line.contains(" passes ")).unwrap();
    assert!(passes.ends_with("+2.0 *"), "{passes}");
    assert!(told.contains("Only in A\nconstrained: ensemble-accuracy, "), "{told}");
    assert!(!told.contains("Only in B"), "{told}");

    let told = run(&["compare", text(a), text(b), "--json"]);
    expect_code(&told, 0);
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    let keys: Vec<_> =
        told["keys"].as_array().unwrap().iter().map(|key| key["key"].as_str().unwrap()).collect();
    assert_eq!(keys, ["ensemble.methods", "train.epochs"]);
    let rows = told["rows"].as_array().unwrap();
    let row = rows.iter().find(|row| row["metric"] == "ensemble-accuracy").unwrap();
    for (side, run) in [("a", a), ("b", b)] {
        let ensembles = results(run)["ensembles"].as_array().unwrap().clone();
        let deep = ensembles.iter().filter(|ensemble| ensemble["method"] == "deep");
        let values: Vec<f64> = deep
            .map(|ensemble| ensemble["scalars"]["ensemble"]["ensemble-accuracy"].as_f64().unwrap())
            .collect();
        assert_eq!(values.len(), 2);
        // Student's t at 0.975 with one degree of freedom is tan(0.475 π); sd / √2 is half of the difference.
        let (mean, half) =
            ((values[0] + values[1]) / 2.0, 12.706_204_736 * (values[0] - values[1]).abs() / 2.0);
        let near = |value: &Value, expected: f64| (value.as_f64().unwrap() - expected).abs() < 1e-9;
        let found = &row[side];
        assert!(near(&found["mean"], mean) && found["seeds"] == 2, "{found}");
        let interval = &found["interval"];
        assert!(
            near(&interval[0], mean - half) && near(&interval[1], mean + half),
            "{found} beside ± {half}"
        );
    }
    assert!(told["only_in_a"].as_array().unwrap().iter().all(|row| row["method"] == "constrained"));

    let same = stdout(&run(&["compare", text(a), text(a)]));
    assert!(same.contains("No key of the configuration differs") && same.contains(", 0 of "), "{same}");
}

#[test]
fn what_cannot_be_compared_says_why() {
    let [a, _] = runs();
    let folder = tempfile::tempdir().unwrap();
    let absent = run(&["compare", text(a), text(folder.path())]);
    expect_code(&absent, 2);
    assert!(stderr(&absent).contains("results.json does not exist"), "{}", stderr(&absent));
    let whole = fs::read(a.join("results.json")).unwrap();
    fs::write(folder.path().join("results.json"), &whole[..whole.len() / 2]).unwrap();
    let cut = run(&["compare", text(a), text(folder.path())]);
    expect_code(&cut, 3);
    assert!(stderr(&cut).contains("results.json cannot be read: EOF"), "{}", stderr(&cut));
    fs::write(folder.path().join("results.json"), b"\xff\xfe").unwrap();
    expect_code(&run(&["compare", text(folder.path()), text(a)]), 3);
}

#[test]
fn a_run_is_repeated_from_its_configuration() {
    let [a, _] = runs();
    let folder = tempfile::tempdir().unwrap();
    let (config, elsewhere) = (a.join("config.resolved.toml"), text(folder.path()));
    let again = ["reproduce", "--config", text(&config), "--runs", elsewhere, "--name=run"];
    expect_code(&run(&again), 0);
    let here = folder.path().join("run");
    assert!(fs::read(a.join("results.csv")).unwrap() == fs::read(here.join("results.csv")).unwrap());
    let nodes = |run: &Path| {
        let entries = fs::read_dir(run.join("nodes")).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = entries.collect();
        names.sort();
        names
    };
    assert_eq!(nodes(a), nodes(&here));
    let written = fs::read_to_string(here.join("config.resolved.toml")).unwrap();
    assert!(written.contains("epochs = 3 # config file"), "{written}");

    let over = run(&[&again[..], &["--seeds=1", "--set", "train.batch=32", "--methods=deep"]].concat());
    expect_code(&over, 0);
    let written = fs::read_to_string(here.join("config.resolved.toml")).unwrap();
    for line in ["seeds = [\"1\"] # command line", "batch = 32 # command line", "epochs = 3 # config file"] {
        assert!(written.contains(line), "{line} in {written}");
    }
}

#[test]
fn a_configuration_file_that_does_not_fit_is_refused_whole() {
    let [a, _] = runs();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    let refused = |content: &str| {
        fs::write(&file, content).unwrap();
        let runs = folder.path().join("runs");
        let refused = run(&["reproduce", "--config", text(&file), "--runs", text(&runs)]);
        expect_code(&refused, 2);
        assert!(!runs.exists(), "something was written");
        stderr(&refused)
    };
    let whole = fs::read_to_string(a.join("config.resolved.toml")).unwrap();
    let unknown = refused(&whole.replace("\nepochs = ", "\nepoch = ").replace("\nbatch = 16", "\nbatch = 0"));
    assert!(
        unknown.contains("config.toml: unknown key train.epoch; did you mean train.epochs?"),
        "{unknown}"
    );
    assert!(unknown.contains("config.toml: train.batch is 0, expected a whole number"), "{unknown}");
    let format = refused(&whole.replace("\nformat = 1\n", "\nformat = 2\n"));
    assert!(format.contains("format 2, expected 1"), "{format}");
    assert!(refused("[train\n").contains("config.toml: "));
    let absent = run(&["reproduce", "--config", text(&folder.path().join("absent.toml"))]);
    expect_code(&absent, 2);
    assert!(stderr(&absent).contains("absent.toml: No such file"), "{}", stderr(&absent));
}

/// The payloads of the records of a TFRecord file; their checksums are tested where they are computed.
fn records(bytes: &[u8]) -> Vec<&[u8]> {
    let (mut rest, mut records) = (bytes, Vec::new());
    while !rest.is_empty() {
        let length = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
        records.push(&rest[12..12 + length]);
        rest = &rest[16 + length..];
    }
    records
}

#[test]
fn training_curves_are_written_for_tensorboard() {
    let [a, _] = runs();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("logs");
    let export = ["export", text(a), "--to=tensorboard", "--out", text(&out)];
    let told = run(&export);
    expect_code(&told, 0);
    // Two networks of each method and seed.
    assert!(stdout(&told).starts_with("8 files in "), "{}", stdout(&told));
    let results = results(a);
    let curves = results["training"].as_array().unwrap();
    for curve in curves {
        let name = format!("s{}-{}", curve["seed"], curve["node"].as_str().unwrap());
        let bytes = fs::read(out.join(name).join("events.out.tfevents.0.basin")).unwrap();
        let records = records(&bytes);
        assert!(records[0].ends_with(b"brain.Event:2"));
        let points = curve["points"].as_array().unwrap();
        assert_eq!(records.len(), 1 + 3 * points.len());
        for (point, events) in points.iter().zip(records[1..].chunks(3)) {
            for (event, (tag, key)) in events.iter().zip([
                ("train/loss", "loss"),
                ("train/accuracy", "accuracy"),
                ("train/learning_rate", "learning_rate"),
            ]) {
                // Field 2, the step, a varint below 128; then the summary, which ends in the value.
                assert_eq!(&event[..2], [0x10, point["epoch"].as_f64().unwrap() as u8]);
                let value = f32::from_le_bytes(event[event.len() - 4..].try_into().unwrap());
                assert_eq!(value, point[key].as_f64().unwrap() as f32, "{tag}");
                assert!(event.windows(tag.len()).any(|part| part == tag.as_bytes()), "{tag}");
            }
        }
    }
    let refused = run(&export);
    expect_code(&refused, 2);
    assert!(
        stderr(&refused).contains("exists; give another name, or --force to replace it"),
        "{}",
        stderr(&refused)
    );
    expect_code(&run(&[&export[..], &["--force"]].concat()), 0);
}

#[test]
fn every_trained_network_has_a_card_with_its_accuracy() {
    let [a, _] = runs();
    let folder = tempfile::tempdir().unwrap();
    let export = ["export", text(a), "--to=model-card", "--out", text(folder.path())];
    expect_code(&run(&export), 0);
    let mut cards = 0;
    for ensemble in results(a)["ensembles"].as_array().unwrap() {
        let sources = ensemble["sources"].as_array().unwrap();
        for (i, source) in sources[sources.len() - 2..].iter().enumerate() {
            let source = source.as_str().unwrap();
            assert!(a.join(source).join("final.safetensors").is_file());
            let name = source.rsplit('/').next().unwrap();
            let card = fs::read_to_string(folder.path().join(format!("{name}.md"))).unwrap();
            let share = ensemble["scalars"][format!("member-{}", i + 1)]["member-accuracy"].as_f64().unwrap();
            let method = ensemble["method"].as_str().unwrap();
            let row = format!("| {method} | {} of 2 | {:.2} |", i + 1, 100.0 * share);
            let file = format!("`{source}/final.safetensors`");
            for part in [
                &row,
                &file,
                "## Data",
                "train_images = 96\n",
                "[train]\n",
                "epochs = 3\n",
                "@misc{lion2024basin",
            ] {
                assert!(card.contains(part), "{part} in {card}");
            }
            cards += 1;
        }
    }
    assert_eq!((cards, fs::read_dir(folder.path()).unwrap().count()), (8, 8));
    expect_code(&run(&export), 2);
    expect_code(&run(&[&export[..], &["--force"]].concat()), 0);
    // Nothing is half there: where one file may not be written none is.
    let other = tempfile::tempdir().unwrap();
    let first = fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().file_name();
    fs::write(other.path().join(first), "mine").unwrap();
    expect_code(&run(&["export", text(a), "--to=model-card", "--out", text(other.path())]), 2);
    assert_eq!(fs::read_dir(other.path()).unwrap().count(), 1);
}
