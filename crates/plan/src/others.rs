//! Data sets beside the experiment's own, which measurements name: each part loaded once, when something first asks for it.

use crate::source::{blank_images, blank_or_digest, sized, source};
use anyhow::{Context, Result};
use basin_config::Config;
use basin_core::Digest;
use basin_data::{ImageSet, Source, Split};
use basin_exit::Usage;
use basin_views::View;
use basin_views::corruptions::Frost;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// One part of a data set.
#[derive(Clone, Debug)]
pub(crate) struct Loaded {
    pub(crate) images: Arc<ImageSet>,
    pub(crate) digest: Digest,
}

/// What was loaded, for all cases of a study.
#[derive(Clone, Debug, Default)]
pub struct Others {
    found: Arc<Mutex<Found>>,
    /// Whether blank images may stand in for a data set without a folder.
    may_be_blank: bool,
}

#[derive(Debug, Default)]
struct Found {
    parts: BTreeMap<String, Loaded>,
    notes: Vec<String>,
    blank: bool,
    /// Photographs of frost, by their folder.
    frost: BTreeMap<String, Arc<Frost>>,
    /// Of images that are read again when they are needed.
    digests: BTreeMap<String, Digest>,
}

impl Others {
    /// Takes blank images of the official number for a data set without a folder.
    pub fn or_blank() -> Self {
        Self { may_be_blank: true, ..Self::default() }
    }

    /// All of a part of the data set of that name, at the configured size. A set that is made has as many images as the
    /// experiment's; the limits of its images bind no set that is read.
    ///
    /// # Errors
    /// When no data set has that name; when its files are not there or are no such set.
    pub(crate) fn part(&self, config: &Config, set: &str, split: Split) -> Result<Loaded> {
        let Some(dataset) = config.dataset_named(set) else {
            let known: Vec<&str> = config.datasets().map(|dataset| dataset.name).collect();
            let known = known.join(", ");
            return Err(
                Usage(format!("a measurement names the data set {set:?}, expected one of {known}")).into()
            );
        };
        let own = source(config);
        let dir = Some(config.data().other_dir.as_str()).filter(|dir| !dir.is_empty()).map(Into::into);
        let source = Source { dataset, dir: dir.or(own.dir.clone()), ..own };
        let (halved, padded) = (config.data().halved, config.data().padded);
        let key = format!("{source:?} {split:?} {halved} {padded}");
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(part) = found.parts.get(&key) {
            return Ok(part.clone());
        }
        let official = dataset.official_images(split);
        let blank = official.filter(|_| self.may_be_blank && source.dir.is_none());
        let images = match blank {
            Some(n) => blank_images(dataset, n)?,
            None => {
                let load = source.load_and_tell(split, &mut |note| found.notes.push(note.to_owned()));
                load.with_context(|| {
                    format!("data set {set} of a measurement, from data.other_dir or, where that is not set, data.dir")
                })?
            }
        };
        let images = Arc::new(sized(config, images)?);
        let part = Loaded { digest: blank_or_digest(&images, blank.is_some()), images };
        found.blank |= blank.is_some();
        found.parts.insert(key, part.clone());
        Ok(part)
    }

    /// The view that is written so, with the photographs of `data.frost_dir` if it needs some and they are set.
    ///
    /// # Errors
    /// For a text that is not a view; when the folder holds no photographs.
    pub fn view(&self, config: &Config, text: &str) -> Result<View> {
        let view = View::parse(text)?;
        let dir = config.data().frost_dir.as_str();
        if dir.is_empty() || !view.needs_photographs() {
            return Ok(view);
        }
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(frost) = found.frost.get(dir) {
            return Ok(view.with_frost(frost.clone()));
        }
        let frost = Frost::open(Path::new(dir)).context("photographs of frost from data.frost_dir")?;
        let frost = found.frost.entry(dir.to_owned()).or_insert(Arc::new(frost));
        Ok(view.with_frost(frost.clone()))
    }

    /// The digest of that name, made once.
    ///
    /// # Errors
    /// What `make` says.
    pub fn digest(&self, name: String, make: impl FnOnce() -> Result<Digest>) -> Result<Digest> {
        let known = || self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(digest) = known().digests.get(&name) {
            return Ok(*digest);
        }
        let digest = make()?;
        known().digests.insert(name, digest);
        Ok(digest)
    }

    /// In what the loaded sets are not the published ones.
    pub fn notes(&self) -> Vec<String> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).notes.clone()
    }

    /// Whether a data set that is not there was stood in for.
    pub fn blank(&self) -> bool {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).blank
    }
}
