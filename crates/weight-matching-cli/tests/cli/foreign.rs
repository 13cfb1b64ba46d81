//! Files as people have them, given together.

use crate::{fixture, succeed};
use std::collections::BTreeMap;
use tempfile::tempdir;
use weight_matching::Params;
use weight_matching::files::Checkpoint;

#[test]
fn networks_with_and_without_a_prefix_go_together() {
    let folder = tempdir().unwrap();
    let dir = folder.path();
    let plain = Checkpoint::read(&fixture("plain.pt")).unwrap();
    let named: Params = plain.params.iter().map(|(name, w)| (format!("student.{name}"), w.clone())).collect();
    std::fs::write(dir.join("named.safetensors"), Checkpoint::encode(&named, &BTreeMap::new()).unwrap())
        .unwrap();
    let a = fixture("several.pt");
    let merge = ["merge", a.to_str().unwrap(), a.to_str().unwrap(), "--key", "params", "--method", "mean"];
    succeed(dir, &[&merge[..], &["--out", "m.safetensors"]].concat());
    let b = fixture("plain.pt");
    let merge =
        ["merge", "named.safetensors", b.to_str().unwrap(), "--method", "mean", "--out", "n.safetensors"];
    succeed(dir, &merge);
    for name in ["m.safetensors", "n.safetensors"] {
        let merged = Checkpoint::read(&dir.join(name)).unwrap().in_order_of(&plain);
        assert_eq!(merged.params, plain.params, "{name}");
    }
}
