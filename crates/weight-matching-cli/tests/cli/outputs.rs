//! One rule for all outputs: never an input, never what is not a regular file, never two into one.

use crate::refusals::{folder, refuse};
use crate::succeed;
use std::path::Path;

fn same_inputs(dir: &Path, before: &[Vec<u8>; 2]) {
    assert_eq!(&inputs(dir), before);
}

fn inputs(dir: &Path) -> [Vec<u8>; 2] {
    ["a.safetensors", "b.safetensors"].map(|name| std::fs::read(dir.join(name)).unwrap())
}

#[test]
fn an_input_is_never_replaced_even_by_force() {
    let folder = folder();
    let dir = folder.path();
    let before = inputs(dir);
    std::fs::create_dir(dir.join("sub")).unwrap();
    std::fs::hard_link(dir.join("a.safetensors"), dir.join("hard")).unwrap();
    for out in ["b.safetensors", "./b.safetensors", "sub/../a.safetensors", "hard"] {
        let align = ["align", "a.safetensors", "b.safetensors", "--out", out, "--force"];
        refuse(dir, &align, 2, &["which is read"]);
        let merge = ["merge", "a.safetensors", "b.safetensors", "--method", "mean", "--out", out, "--force"];
        refuse(dir, &merge, 2, &["which is read"]);
    }
    let permutations = ["--out", "q.safetensors", "--permutations", "a.safetensors", "--force"];
    refuse(
        dir,
        &[&["align", "a.safetensors", "b.safetensors"], &permutations[..]].concat(),
        2,
        &["which is read"],
    );
    std::fs::write(dir.join("spec.toml"), "").unwrap();
    let spec =
        ["align", "a.safetensors", "b.safetensors", "--spec", "spec.toml", "--out", "spec.toml", "--force"];
    refuse(dir, &spec, 2, &["which is read"]);
    same_inputs(dir, &before);
    assert!(!dir.join("q.safetensors").exists());
}

#[test]
fn two_outputs_are_two_files() {
    let folder = folder();
    let dir = folder.path();
    for other in ["q.safetensors", "./q.safetensors"] {
        let out = ["--out", "q.safetensors", "--permutations", other, "--force"];
        refuse(
            dir,
            &[&["align", "a.safetensors", "b.safetensors"], &out[..]].concat(),
            2,
            &["written twice"],
        );
    }
    let merge = ["merge", "a.safetensors", "b.safetensors", "--method", "pairwise", "--force"];
    let out = ["--out", "kept/0-a.safetensors", "--keep-aligned", "./kept"];
    std::fs::create_dir(dir.join("kept")).unwrap();
    refuse(dir, &[&merge[..], &out].concat(), 2, &["written twice"]);
    assert!(!dir.join("q.safetensors").exists());
}

#[cfg(unix)]
#[test]
fn what_is_no_regular_file_is_left_alone() {
    let folder = folder();
    let dir = folder.path();
    std::fs::write(dir.join("mine"), "mine").unwrap();
    std::os::unix::fs::symlink("mine", dir.join("link")).unwrap();
    std::os::unix::fs::symlink("nowhere", dir.join("dangling")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(dir.join("pipe")).status().unwrap().success());
    for (out, what) in [
        ("link", "a symbolic link"),
        ("dangling", "a symbolic link"),
        ("pipe", "a pipe or a device"),
        ("/dev/null", "a pipe or a device"),
    ] {
        let align = ["align", "a.safetensors", "b.safetensors", "--out", out, "--force"];
        refuse(dir, &align, 2, &[out, what]);
    }
    assert_eq!(std::fs::read(dir.join("mine")).unwrap(), b"mine");
    assert!(dir.join("link").symlink_metadata().unwrap().is_symlink());
}

#[test]
fn nothing_is_written_into_a_finished_node_and_no_folder_is_left_by_a_refusal() {
    let folder = folder();
    let dir = folder.path();
    std::fs::create_dir(dir.join("node")).unwrap();
    std::fs::write(dir.join("node/DONE"), "{}").unwrap();
    let align = ["align", "a.safetensors", "b.safetensors", "--out", "node/c.safetensors"];
    refuse(dir, &align, 2, &["which is finished and never changes"]);
    let merge = ["merge", "a.safetensors", "none", "--method", "pairwise", "--out", "m.safetensors"];
    refuse(dir, &[&merge[..], &["--keep-aligned", "kept"]].concat(), 4, &["none: cannot be read"]);
    assert!(!dir.join("kept").exists());
    let merge = ["merge", "a.safetensors", "b.safetensors", "--method", "pairwise", "--out", "m.safetensors"];
    succeed(dir, &[&merge[..], &["--keep-aligned", "kept/inner"]].concat());
    assert!(dir.join("kept/inner/1-b.safetensors").exists());
}
