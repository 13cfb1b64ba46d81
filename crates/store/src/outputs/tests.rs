//! What an output may be, and what it may not.

use super::*;
use crate::RealFs;
use crate::faulty::FaultyFs;
use std::fs;
use tempfile::{TempDir, tempdir};

fn folder() -> (TempDir, PathBuf) {
    let folder = tempdir().unwrap();
    let path = folder.path().to_owned();
    fs::create_dir(path.join("sub")).unwrap();
    fs::write(path.join("in"), "input").unwrap();
    fs::write(path.join("old"), "old").unwrap();
    (folder, path)
}

#[test]
fn a_file_that_exists_is_replaced_only_when_asked_for() {
    let (_folder, dir) = folder();
    let refused = Outputs::new([], false).add(&dir.join("old"));
    assert!(matches!(refused, Err(OutputError::Exists { .. })), "{refused:?}");
    let mut outputs = Outputs::new([], true);
    outputs.add(&dir.join("old")).unwrap();
    outputs.write(&RealFs, &dir.join("old"), b"new").unwrap();
    assert_eq!(fs::read(dir.join("old")).unwrap(), b"new");
}

#[test]
fn an_input_is_never_an_output_however_it_is_spelled() {
    let (_folder, dir) = folder();
    fs::hard_link(dir.join("in"), dir.join("hard")).unwrap();
    for name in ["in", "./in", "sub/../in", "hard"] {
        let mut outputs = Outputs::new([&*dir.join("in")], true);
        let refused = outputs.add(&dir.join(name));
        assert!(matches!(refused, Err(OutputError::Input { .. })), "{name}: {refused:?}");
    }
    // An input that is read through a link is the file behind it.
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("in", dir.join("link")).unwrap();
        let refused = Outputs::new([&*dir.join("link")], true).add(&dir.join("in"));
        assert!(matches!(refused, Err(OutputError::Input { .. })), "{refused:?}");
    }
    assert_eq!(fs::read(dir.join("in")).unwrap(), b"input");
}

#[test]
fn two_outputs_are_two_files() {
    let (_folder, dir) = folder();
    for (first, second) in [("q", "./q"), ("q", "sub/../q"), ("new/q", "new/../new/q"), ("old", "old")] {
        let mut outputs = Outputs::new([], true);
        outputs.add_below(&dir.join(first)).unwrap();
        let refused = outputs.add_below(&dir.join(second));
        assert!(matches!(refused, Err(OutputError::Twice { .. })), "{second}: {refused:?}");
    }
    let mut outputs = Outputs::new([], true);
    outputs.add(&dir.join("q")).unwrap();
    outputs.add(&dir.join("sub/q")).unwrap();
}

#[cfg(unix)]
#[test]
fn what_is_no_regular_file_is_never_replaced() {
    let (_folder, dir) = folder();
    std::os::unix::fs::symlink("old", dir.join("link")).unwrap();
    std::os::unix::fs::symlink("nowhere", dir.join("dangling")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(dir.join("socket")).unwrap();
    for (path, word) in [
        (dir.join("link"), "a symbolic link"),
        (dir.join("dangling"), "a symbolic link"),
        (dir.join("sub"), "a folder"),
        (dir.join("socket"), "a pipe or a device"),
        ("/dev/null".into(), "a pipe or a device"),
    ] {
        let refused = Outputs::new([], true).add(&path).unwrap_err();
        assert!(refused.to_string().contains(word), "{refused}");
    }
    for path in [dir.join("sub/"), dir.join(".."), PathBuf::from("/")] {
        let refused = Outputs::new([], true).add(&path).unwrap_err();
        assert!(matches!(refused, OutputError::NoName { .. } | OutputError::NotAFile { .. }), "{refused}");
    }
}

#[test]
fn nothing_is_written_into_a_finished_node_or_a_folder_that_is_not_there() {
    let (_folder, dir) = folder();
    fs::create_dir_all(dir.join("node/inner")).unwrap();
    fs::write(dir.join("node/DONE"), "{}").unwrap();
    for path in ["node/x", "node/inner/x", "sub/../node/x", "node/new/x"] {
        let refused = Outputs::new([], true).add_below(&dir.join(path));
        assert!(matches!(refused, Err(OutputError::Sealed { .. })), "{path}: {refused:?}");
    }
    let refused = Outputs::new([], true).add(&dir.join("none/x"));
    assert!(matches!(refused, Err(OutputError::NoFolder { .. })), "{refused:?}");
}

#[test]
fn a_name_that_was_taken_since_is_not_replaced() {
    let (_folder, dir) = folder();
    let mut outputs = Outputs::new([], false);
    outputs.add(&dir.join("q")).unwrap();
    fs::write(dir.join("q"), "another's").unwrap();
    let refused = outputs.write(&RealFs, &dir.join("q"), b"mine");
    assert!(matches!(refused, Err(OutputError::Exists { .. })), "{refused:?}");
    assert_eq!(fs::read(dir.join("q")).unwrap(), b"another's");
}

#[test]
fn in_a_folder_that_is_read_files_may_be_added_and_none_replaced() {
    let (_folder, dir) = folder();
    fs::write(dir.join("sub/batch"), "data").unwrap();
    let mut outputs = Outputs::new([], true).reading(&dir.join("sub"));
    for path in ["sub/batch", "sub/../sub/batch", "./sub/batch"] {
        let refused = outputs.add(&dir.join(path));
        assert!(matches!(refused, Err(OutputError::Input { .. })), "{path}: {refused:?}");
    }
    outputs.add(&dir.join("sub/new")).unwrap();
    outputs.add(&dir.join("old")).unwrap();
}

#[test]
fn content_is_on_the_disk_before_it_takes_the_name() {
    let (_folder, dir) = folder();
    let mut outputs = Outputs::new([], false);
    outputs.add(&dir.join("q")).unwrap();
    let fs = FaultyFs::default();
    let mut parts = |to: &mut dyn Write| [b"two ", b"part"].iter().try_for_each(|part| to.write_all(*part));
    outputs.write_with(&fs, &dir.join("q"), &mut parts).unwrap();
    assert_eq!(fs.trace(), ["create_new", "write", "write", "sync", "size", "rename"]);
    assert_eq!(fs::read(dir.join("q")).unwrap(), b"two part");
}

#[test]
fn content_that_is_called_off_leaves_what_was_there() {
    let (_folder, dir) = folder();
    let mut outputs = Outputs::new([], true);
    fs::write(dir.join("q"), "before").unwrap();
    outputs.add(&dir.join("q")).unwrap();
    let fs = FaultyFs::default();
    let mut content = |to: &mut dyn Write| to.write_all(b"after");
    let refused = outputs.write_when(&fs, &dir.join("q"), &mut content, &mut || false).unwrap_err();
    assert!(refused.to_string().contains("called off"), "{refused}");
    assert_eq!(fs.trace(), ["create_new", "write", "sync", "size", "remove"]);
    assert_eq!(fs::read(dir.join("q")).unwrap(), b"before");
    outputs.write_when(&fs, &dir.join("q"), &mut content, &mut || true).unwrap();
    assert_eq!(fs::read(dir.join("q")).unwrap(), b"after");
}

/// A new variant does not compile here until it has a line in the test.
fn place(error: &OutputError) -> usize {
    match error {
        OutputError::Exists { .. } => 0,
        OutputError::Input { .. } => 1,
        OutputError::Twice { .. } => 2,
        OutputError::NotAFile { .. } => 3,
        OutputError::NoName { .. } => 4,
        OutputError::NoFolder { .. } => 5,
        OutputError::Sealed { .. } => 6,
        OutputError::Unseen { .. } => 7,
        OutputError::Store(_) => 8,
    }
}

#[test]
fn every_error_says_what_where_and_what_to_do() {
    let path = || PathBuf::from("out");
    let told = [
        (OutputError::Exists { path: path() }, "out exists; give another name, or --force to replace it"),
        (
            OutputError::Input { path: path(), input: path() },
            "out is one of the files, which is read; give the output another name",
        ),
        (
            OutputError::Input { path: path(), input: ".".into() },
            "out is a file in ., which is read; give the output another name",
        ),
        (
            OutputError::Input { path: path(), input: "in".into() },
            "out is the same file as in, which is read; give the output another name",
        ),
        (
            OutputError::Twice { path: path(), other: path() },
            "out is to be written twice; give each output a name of its own",
        ),
        (
            OutputError::Twice { path: path(), other: "./out".into() },
            "out is to be written twice, also as ./out; give each output a name of its own",
        ),
        (
            OutputError::NotAFile { path: path(), kind: "a folder", advice: "give the name of a file in it" },
            "out is a folder, expected a regular file or a free name; give the name of a file in it",
        ),
        (OutputError::NoName { path: "out/".into() }, "out/ is not a file name; give the name of a file"),
        (
            OutputError::NoFolder { path: "a/out".into() },
            "a/out: its folder does not exist; create it, or choose another",
        ),
        (
            OutputError::Sealed { path: "n/out".into(), node: "n".into() },
            "n/out lies in n, which is finished and never changes; choose another folder",
        ),
        (
            OutputError::Unseen { path: path(), cause: ErrorKind::PermissionDenied.into() },
            "cannot look at out: permission denied; choose another folder",
        ),
        (
            OutputError::Store(StoreError::NoSuchRun { path: "r/a".into() }),
            "there is no run at r/a; check the name or start the run first",
        ),
    ];
    let mut seen = [false; 9];
    for (error, text) in &told {
        assert_eq!(error.to_string(), *text);
        seen[place(error)] = true;
    }
    assert_eq!(seen, [true; 9], "every variant is told");
}
