//! Trained parameters are what an earlier build made of the same command, bit for bit.

use basin_tests::{basin, expect_code};
use serde_json::Value;
use sha2::Digest;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

const DIGESTS: &str = include_str!("../fixtures/nodes/digests.json");

/// The settings under which the digests were written.
const SETTINGS: &[&str] = &[
    "--width=0.25",
    "--members=2",
    "--set=data.train_images=64",
    "--set=data.test_images=32",
    "--set=train.batch=16",
    "--set=train.epochs=3",
    "--set=ensemble.split_epoch=1",
    "--set=metrics.draws=5",
    "--set=metrics.pairs=1",
    "--set=metrics.connectivity_images=0",
    "--set=metrics.line_points=3",
];

/// By node and file, without the part of a node's name that names all that determines it.
fn digests(nodes: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for node in std::fs::read_dir(nodes).unwrap().map(|entry| entry.unwrap().path()) {
        let name = node.file_stem().unwrap().to_str().unwrap().to_owned();
        for file in ["final.safetensors", "moments.safetensors"] {
            if let Ok(bytes) = std::fs::read(node.join(file)) {
                found.insert(format!("{name}/{file}"), sha256(&bytes));
            }
        }
    }
    found
}

fn sha256(bytes: &[u8]) -> String {
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn same(network: &str, more: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(basin());
    command.args(["reproduce", "--preset", "quick", "--name", "golden", "--model", network]);
    command.args(SETTINGS).args(more).arg("--runs").arg(folder.path()).env("BASIN_ISA", "portable");
    expect_code(&command.output().unwrap(), 0);
    let expected: Value = serde_json::from_str(DIGESTS).unwrap();
    let expected: BTreeMap<String, String> = serde_json::from_value(expected[network].clone()).unwrap();
    let found = digests(&folder.path().join("golden/nodes"));
    assert!(expected.len() > 30, "{}", expected.len());
    assert_eq!(found, expected);
}

#[test]
fn resnets_of_every_method_have_not_moved_by_a_bit() {
    let methods = "--methods=deep,constrained,swe,permuted,distilled,distilled-deep,distilled-last,distilled-replayed,\
                   distilled-one-teacher,distilled-ensemble,multi-pcd,merge-many,frank-wolfe";
    same("resnet20", &[methods]);
}

#[test]
fn transformers_of_every_method_have_not_moved_by_a_bit() {
    let methods = "--methods=deep,constrained,swe,permuted,distilled,distilled-deep,distilled-replayed,multi-pcd,merge-many";
    same("vit", &[methods, "--set=ensemble.swe_floor=0.0001"]);
}
