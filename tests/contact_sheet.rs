//! `basin data`: the views that there are, and images through them as a picture.

use crate::{expect_code, run, stderr};
use std::fs;

const SMALL: [&str; 3] = ["--set=data.train_images=40", "--set=data.test_images=20", "--images=4"];

#[test]
fn views_are_listed_with_their_ranges() {
    let output = run(&["data"]);
    expect_code(&output, 0);
    let text = String::from_utf8(output.stdout).unwrap();
    for words in ["rotate:angle", "a number in -360..=360 degrees", "fog:severity", "a whole number in 1..=5"]
    {
        assert!(text.contains(words), "{words} in {text}");
    }
}

#[test]
fn a_sheet_is_a_picture_and_the_same_every_time() {
    let folder = tempfile::tempdir().unwrap();
    let draw = |name: &str, more: &[&str]| {
        let out = folder.path().join(name);
        let drawn = run(&[&["data", "--show", "--out", out.to_str().unwrap()], &SMALL[..], more].concat());
        expect_code(&drawn, 0);
        (String::from_utf8(drawn.stdout).unwrap(), fs::read(out).unwrap())
    };
    let (told, first) = draw("a.png", &["--view", "fog", "--view=rotate:45+blur:1"]);
    assert!(told.starts_with("7 rows of images in ") && first.starts_with(b"\x89PNG"), "{told}");
    assert_eq!(draw("b.png", &["--view", "fog", "--view=rotate:45+blur:1", "--set=run.threads=1"]).1, first);
    let (told, shift) = draw("c.png", &["--view=band:0", "--view-b=gaussian_noise:5@3", "--split=test"]);
    assert!(told.starts_with("4 rows") && shift != first, "{told}");
}

#[test]
fn what_cannot_be_shown_ends_with_bad_usage_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("sheet.png");
    let file = out.to_str().unwrap();
    for (more, words) in [
        (&["--view=fgo:1"][..], "no view fgo (in \"fgo:1\"), nearest is fog"),
        (&["--view=fog:9"], "the severity of fog must be a whole number in 1..=5, found 9"),
        (&["--view=coloured:0.1"], "images for coloured must be of 1 channel, found 3"),
        (&["--view=grey", "--view=fog", "--view-b=band:1"], "--view is given 2 times, expected once"),
        (&["--view=grey", "--set=data.partition=imbalance"], "--view beside a shift by --set"),
        (&["--split=both"], "--split both, expected train or test"),
        (&["--set=data.sed=1"], "data.seed"),
    ] {
        let refused = run(&[&["data", "--show", "--out", file], &SMALL[..], more].concat());
        expect_code(&refused, 2);
        assert!(stderr(&refused).contains(words), "{words} in {}", stderr(&refused));
        assert!(!out.exists());
    }
    fs::write(&out, "mine").unwrap();
    let refused = run(&[&["data", "--show", "--out", file], &SMALL[..]].concat());
    expect_code(&refused, 2);
    assert!(stderr(&refused).contains("--force") && fs::read(&out).unwrap() == b"mine");
}
