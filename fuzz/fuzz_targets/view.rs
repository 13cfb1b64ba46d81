//! Views as they are written in settings: written one way, and what is accepted can be looked through.
#![no_main]

use basin_data::{ImageSet, Normalisation};
use basin_fuzz::{USUAL, bounded, told};
use basin_views::View;
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

/// Two images each, of three channels and of one.
static SETS: LazyLock<[ImageSet; 2]> = LazyLock::new(|| {
    [3, 1].map(|channels| {
        let extent =
            if channels == 3 { basin_core::Extent::colour(32) } else { basin_core::Extent::grey(32) };
        let pixels = (0..2 * 32 * 32 * channels).map(|i| (i * i % 251) as u8).collect();
        ImageSet::new(extent, 10, pixels, vec![3, 7]).expect("a set")
    })
});
/// Longer chains are read, too, but not looked through: each of them takes its time.
const MOST: usize = 3;

fuzz_target!(|text: &str| bounded(text.len(), USUAL, || {
    let view = match View::parse(text) {
        Ok(view) => view,
        Err(error) => return told(&error),
    };
    let written = view.text();
    assert_eq!(View::parse(&written).expect("what is written can be read").text(), written);
    for set in &*SETS {
        if view.check(set).is_ok() && text.matches('+').count() < MOST {
            let seen = view.apply(set, &[1, 0], &Normalisation::CIFAR10).expect("checked");
            let (extent, classes) = view.turned(set.extent(), set.classes()).expect("checked");
            assert_eq!((seen.len(), seen.extent(), seen.classes()), (2, extent, classes));
            assert!(
                view.apply(set, &[1], &Normalisation::CIFAR10).expect("checked").image(0) == seen.image(0)
            );
        }
    }
}));
