//! The two arrays of a corruption as CIFAR-10-C is published: beginnings that are as they come, bodies that are long enough if
//! the beginning says so. The first byte tells whether a label is out of range; then pixels, then labels.
#![no_main]

use basin_fuzz::{USUAL, bounded, parts, scratch, told};
use basin_views::corruptions::official;
use libfuzzer_sys::fuzz_target;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::LazyLock;

static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| scratch("npy"));
/// Bytes of the published bodies; most of them are a hole.
const PIXELS: u64 = 50_000 * 32 * 32 * 3;
const LABELS: u64 = 50_000 * 8;

/// A beginning, as many zeros as an array's body has, and a last byte.
fn write(name: &str, beginning: &[u8], body: u64, last: u8) {
    let mut file = File::create(FOLDER.join(name)).expect("the folder can be written");
    file.write_all(beginning).expect("the folder can be written");
    if beginning.starts_with(b"\x93NUMPY") && beginning.len() >= 64 {
        file.seek(SeekFrom::Start(beginning.len() as u64 + body - 8)).expect("a regular file");
        file.write_all(&[last, 0, 0, 0, 0, 0, 0, 0]).expect("the folder can be written");
    }
}

fuzz_target!(|bytes: &[u8]| {
    let [first, rest @ ..] = bytes else { return };
    let [pixels, labels] = parts(rest);
    // Whole sets take their time: one in 64, by chance.
    let last = if first.is_multiple_of(64) { 3 } else { 200 };
    write("fog.npy", pixels, PIXELS, 0);
    write("labels.npy", labels, LABELS, last);
    bounded(bytes.len(), USUAL, || match official(&FOLDER, "fog", 5) {
        Ok(set) => assert!(set.len() == 10_000 && last == 3),
        Err(error) => told(&error),
    });
});
