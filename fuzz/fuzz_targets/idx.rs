//! MNIST's two files, gzipped or not: what is loaded is what the bytes say. Labels, then images.
#![no_main]

use basin_data::{FASHION_MNIST, MNIST, Source, Split};
use basin_fuzz::{USUAL, bounded, parts, scratch, told};
use libfuzzer_sys::fuzz_target;
use std::path::PathBuf;
use std::sync::LazyLock;

static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| scratch("idx"));
const GZIP: &[u8] = b"\x1f\x8b";

fuzz_target!(|bytes: &[u8]| {
    let [labels, images] = parts(bytes);
    let write =
        |name: &str, bytes| std::fs::write(FOLDER.join(name), bytes).expect("the folder can be written");
    write("t10k-labels-idx1-ubyte", labels);
    write("t10k-images-idx3-ubyte", images);
    let dataset = if bytes.len().is_multiple_of(2) { &MNIST } else { &FASHION_MNIST };
    bounded(bytes.len(), USUAL, || match Source::folder(dataset, &*FOLDER).load(Split::Test) {
        Ok(set) => {
            let stated =
                |header: usize| set.labels().iter().map(|l| *l as u8).eq(labels[header..].iter().copied());
            assert!(labels.starts_with(GZIP) || stated(8));
            assert!(images.starts_with(GZIP) || set.images() == &images[16..]);
        }
        Err(error) => told(&error),
    });
});
