//! CIFAR-100's files (CIFAR-10's are as long as published or refused): what is loaded is what the bytes say.
//!
//! The first byte tells which file it is and whether the rest are its bytes or, so that the rules about many records are
//! reached, three bytes for each record: coarse label, fine label, what fills the image.
#![no_main]

use basin_data::{CIFAR10, CIFAR100, Source, Split};
use basin_fuzz::{USUAL, bounded, scratch, told};
use libfuzzer_sys::fuzz_target;
use std::path::PathBuf;
use std::sync::LazyLock;

static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| scratch("cifar"));
/// Most records that are made of three bytes each: there are 100 classes.
const MOST: usize = 120;
/// Bytes of a plane and of an image.
const PLANE: usize = 32 * 32;
const RECORD: usize = 2 + 3 * PLANE;

fuzz_target!(|bytes: &[u8]| {
    let [which, rest @ ..] = bytes else { return };
    let (name, split) = if which & 1 == 0 { ("test.bin", Split::Test) } else { ("train.bin", Split::Train) };
    let records = |three: &[u8]| [&three[..2], &[three[2]; 3 * PLANE]].concat();
    let file = if which & 2 == 0 {
        rest.to_vec()
    } else {
        rest.chunks_exact(3).take(MOST).flat_map(records).collect()
    };
    let dataset = if which & 4 == 0 { &CIFAR100 } else { &CIFAR10 };
    std::fs::write(FOLDER.join(name), &file).expect("the folder can be written");
    bounded(file.len(), USUAL, || match Source::folder(dataset, &*FOLDER).load(split) {
        Ok(set) => {
            assert_eq!((dataset.name, file.len()), ("cifar100", set.len() * RECORD));
            for (i, record) in file.chunks_exact(RECORD).enumerate() {
                assert_eq!(set.labels()[i], u32::from(record[1]));
                // The first image and the last: all of them are read the same way.
                if i != 0 && i + 1 != set.len() {
                    continue;
                }
                let pixel = |at: usize| [0, 1, 2].map(|plane| record[2 + plane * PLANE + at]);
                assert!(set.image(i).chunks_exact(3).enumerate().all(|(at, found)| found == pixel(at)));
            }
        }
        Err(error) => told(&error),
    });
    std::fs::remove_file(FOLDER.join(name)).expect("the folder can be written");
});
