//! Where a configuration's images come from, what stands in for them in a plan, and what becomes of them on the way.

use anyhow::Result;
use basin_config::Config;
use basin_core::{Digest, digest};
use basin_data::{Dataset, ImageSet, Source};

/// Where the configured data set comes from.
pub fn source(config: &Config) -> Source {
    let data = config.data();
    let standard = Source::synthetic(data.seed);
    let count = |asked, standard| if asked == 0 { standard } else { asked };
    Source {
        dataset: config.dataset(),
        dir: Some(data.dir.as_str()).filter(|dir| !dir.is_empty()).map(Into::into),
        train_images: count(data.train_images, standard.train_images),
        test_images: count(data.test_images, standard.test_images),
        ..standard
    }
}

/// What names images, blank ones by this alone.
pub(crate) fn blank_or_digest(set: &ImageSet, blank: bool) -> Digest {
    if blank { digest([&b"blank"[..]]) } else { set.digest() }
}

/// As many black images, the classes in turn.
pub(crate) fn blank_images(dataset: &Dataset, n: usize) -> Result<ImageSet> {
    let (extent, classes) = (dataset.extent, dataset.classes);
    let labels = (0..n).map(|i| (i % classes) as u32).collect();
    Ok(ImageSet::new(extent, classes, vec![0; n * extent.values()], labels)?)
}

/// The images at the configured size.
pub(crate) fn sized(config: &Config, set: ImageSet) -> Result<ImageSet> {
    let set = if config.data().halved { set.halved()? } else { set };
    Ok(if config.data().padded > 0 { set.padded(config.data().padded)? } else { set })
}
