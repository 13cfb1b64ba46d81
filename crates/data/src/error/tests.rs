//! What is told of data that cannot be used, and what to do about it.

use super::*;

/// A new variant does not compile here until it has a line in the test.
fn place(error: &DataError) -> usize {
    match error {
        DataError::NoFolder { .. } => 0,
        DataError::Missing { .. } => 1,
        DataError::Form { .. } => 2,
        DataError::Read { .. } => 3,
        DataError::Length { .. } => 4,
        DataError::WrongDataset { .. } => 5,
        DataError::Checksum { .. } => 6,
        DataError::Archive { .. } => 7,
        DataError::Label { .. } => 8,
        DataError::Listing { .. } => 9,
        DataError::Layout { .. } => 10,
        DataError::Image { .. } => 11,
        DataError::Extent { .. } => 12,
        DataError::Set { .. } => 13,
        DataError::Setting { .. } => 14,
        DataError::NoView { .. } => 15,
        DataError::View { .. } => 16,
        DataError::Npy { .. } => 17,
        DataError::Idx { .. } => 18,
        DataError::Mat { .. } => 19,
    }
}

#[test]
fn every_error_says_what_where_and_what_to_do() {
    let (path, text) = (|| PathBuf::from("d/f"), |text: &str| text.to_owned());
    let told = [
        (
            DataError::NoFolder { dataset: "cifar10", wanted: "its batches" },
            "cifar10 is read from disk but no folder was given; pass --data-dir with its batches",
        ),
        (DataError::Missing { path: path(), action: text("restore it") }, "d/f is missing; restore it"),
        (
            DataError::Form {
                path: path(),
                found: text("a pipe"),
                expected: text("a folder"),
                action: text("pass a folder"),
            },
            "d/f is a pipe, expected a folder; pass a folder",
        ),
        (
            DataError::Read { path: path(), source: std::io::ErrorKind::PermissionDenied.into() },
            "cannot read d/f; check what it is, its permissions and the disk",
        ),
        (
            DataError::Length { path: path(), expected: text("30"), least: 30, found: 29 },
            "d/f has 29 bytes, expected 30: it is truncated; fetch the official file again",
        ),
        (
            DataError::Length { path: path(), expected: text("30"), least: 30, found: 31 },
            "d/f has 31 bytes, expected 30: it is over-long or torn; fetch the official file again",
        ),
        (
            DataError::WrongDataset { path: path(), expected: "cifar10", found: "cifar100" },
            "d/f holds cifar100, expected cifar10; pass --dataset cifar100 or another --data-dir",
        ),
        (
            DataError::Checksum { path: path(), expected: text("aa"), found: text("bb") },
            "d/f has md5 bb, expected the published aa; delete it and fetch the archive again",
        ),
        (
            DataError::Archive { path: path(), reason: text("it ends early") },
            "d/f is not a whole tar.gz archive (it ends early); fetch it again",
        ),
        (
            DataError::Label { path: path(), record: 1, kind: "coarse", label: 20, classes: 20 },
            "d/f: record 1 has coarse label 20, expected 0..20; the file is damaged or of another data set, fetch the official one again",
        ),
        (
            DataError::Listing { path: path(), line: 3, expected: text("a class"), found: text("x y") },
            "d/f:3: found \"x y\", expected a class; restore the official file",
        ),
        (
            DataError::Layout {
                path: path(),
                expected: text("500 as most classes have"),
                found: text("499 images of class n01"),
            },
            "d/f has 499 images of class n01, expected 500 as most classes have; restore the official folder",
        ),
        (
            DataError::Image { path: path(), reason: text("no JPEG marker") },
            "d/f is not a readable JPEG or PNG image: no JPEG marker; restore the official file",
        ),
        (
            DataError::Extent { path: path(), expected: 64, found: (32, 48) },
            "d/f is 32x48 pixels, expected 64x64; restore the official file",
        ),
        (
            DataError::Set { what: "number of images", expected: text("1..=4"), found: text("5") },
            "number of images: expected 1..=4, found 5",
        ),
        (
            DataError::Setting {
                key: "augment.flip",
                expected: "a probability in 0..=1",
                found: text("1.5"),
            },
            "augment.flip is 1.5, expected a probability in 0..=1; change --set augment.flip",
        ),
        (
            DataError::NoView {
                view: text("gray@1"),
                name: text("gray"),
                nearest: "grey",
                known: text("grey, band:channel"),
            },
            "no view gray (in \"gray@1\"), nearest is grey; expected one of grey, band:channel",
        ),
        (
            DataError::View {
                view: text("fog:6"),
                what: text("the severity of fog"),
                expected: text("a whole number in 1..=5"),
                found: text("6"),
            },
            "view \"fog:6\": the severity of fog must be a whole number in 1..=5, found 6",
        ),
        (
            DataError::Npy { path: path(), what: "type", expected: text("|u1"), found: text("<f4") },
            "d/f: type is <f4, expected |u1; restore the official file",
        ),
        (
            DataError::Idx {
                path: path(),
                expected: text("magic number 00000803"),
                found: text("magic number 00000801"),
            },
            "d/f: found magic number 00000801, expected magic number 00000803; fetch the official file again",
        ),
        (
            DataError::Mat { path: path(), expected: text("3 labels"), found: text("2") },
            "d/f: found 2, expected 3 labels; fetch the official file again",
        ),
    ];
    let mut seen = [false; 20];
    for (error, text) in &told {
        assert_eq!(error.to_string(), *text);
        seen[place(error)] = true;
    }
    assert_eq!(seen, [true; 20], "every variant is told");
}
