//! The images that a case's work looks at, by their references: parts, views, how they are normalised, in what order they come.

use crate::Case;
use crate::published::Published;
use anyhow::{Context, Result, ensure};
use basin_config::OrderName;
use basin_core::{DataRef, Digest, Labels, Part};
use basin_data::{DataError, ImageSet, Normalisation, Sampling, SharedNoise, Split};
use basin_ensemble::{StatisticsOn, Trajectory};
use basin_exit::Usage;
use basin_probes::PUBLISHED;
use basin_views::View;
use std::sync::{Arc, PoisonError};

impl Case {
    /// Whether there are the images of a reference.
    ///
    /// # Errors
    /// As [`Case::images`].
    pub fn check_images(&self, data: &DataRef) -> Result<()> {
        let whole = self.whole(data)?;
        let (mut extent, mut classes) = (whole.extent(), whole.classes());
        if let Some(published) = Published::of(data.view.as_deref())? {
            published.digest(self, data)?;
        } else if let Some(view) = &data.view {
            View::parse(view).map_err(|error| Usage(error.to_string()))?;
            let turned = self.view(view)?.turned(extent, classes);
            (extent, classes) = turned.map_err(|error| Usage(error.to_string()))?;
        }
        let (wanted, known) = (self.network.extent(), self.network.classes());
        if let Some(set) = self.other(data) {
            // Its labels are none of the network's.
            if extent != wanted {
                return Err(Usage(format!(
                    "images of {set} are {extent}, expected {wanted}, which the network takes; name another data set, or set \
                     data.padded or data.halved so that they agree"
                ))
                .into());
            }
            classes = known;
        }
        if (extent, classes) != (wanted, known) {
            let how = data.view.as_ref().map_or("as they are".to_owned(), |view| format!("through {view}"));
            return Err(Usage(format!(
                "images {how} have {} channels and {classes} classes, expected {} and {known}, as the first side sees them; set \
                 data.view_a, data.view_b and data.view_test so that they agree",
                extent.channels, wanted.channels
            ))
            .into());
        }
        basin_data::chosen(whole.labels(), whole.classes(), data.part)?;
        Ok(())
    }

    /// The view that is written so, with photographs where it needs some.
    pub fn view(&self, text: &str) -> Result<View> {
        self.others.view(&self.config, text)
    }

    /// The data set of a reference that is not the experiment's own.
    pub fn other<'a>(&self, data: &'a DataRef) -> Option<&'a str> {
        data.set.as_deref().filter(|set| *set != self.config.data().dataset)
    }

    /// All images that a reference chooses from.
    fn whole(&self, data: &DataRef) -> Result<Arc<ImageSet>> {
        match (self.other(data), data.split) {
            (Some(set), split) => Ok(self.others.part(&self.config, set, split)?.images),
            (None, Split::Train) => Ok(self.train.clone()),
            (None, Split::Test) => Ok(self.test.clone()),
        }
    }

    /// What names all of them.
    pub fn whole_digest(&self, data: &DataRef) -> Result<Digest> {
        match (self.other(data), data.split) {
            (Some(set), split) => Ok(self.others.part(&self.config, set, split)?.digest),
            (None, Split::Train) => Ok(self.train_digest),
            (None, Split::Test) => Ok(self.test_digest),
        }
    }

    /// The images of a reference.
    ///
    /// # Errors
    /// When there are none of its part, or no view of its name.
    pub fn images(&self, data: &DataRef) -> Result<Arc<ImageSet>> {
        self.check_images(data)?;
        let whole = self.whole(data)?;
        let chosen = || basin_data::chosen(whole.labels(), whole.classes(), data.part);
        if let Some(published) = Published::of(data.view.as_deref())? {
            let images = published.load(self, data)?;
            let (planned, found) = (published.digest(self, data)?, images.digest());
            ensure!(
                planned == found,
                DataError::Npy {
                    path: self.config.data().corrupted_dir.clone().into(),
                    what: "the content of an array",
                    expected: format!("{planned}, as when the run was planned"),
                    found: found.to_string(),
                }
            );
            return Ok(Arc::new(images.pick(&chosen()?)?));
        }
        Ok(match (&data.view, data.part) {
            (Some(view), _) => {
                Arc::new(self.view(view)?.apply(&whole, &chosen()?, &self.config.dataset().normalisation)?)
            }
            (None, Part::Whole) => whole,
            (None, _) => Arc::new(whole.pick(&chosen()?)?),
        })
    }

    /// The images on which running statistics are measured again, equally many of each side, and how each is normalised.
    ///
    /// # Errors
    /// As [`Case::images`].
    pub fn statistics_seen(&self, on: &StatisticsOn) -> Result<Vec<(ImageSet, Normalisation)>> {
        let each = on.images / on.sides.len().max(1);
        let of = |data: &DataRef| {
            self.check_images(data)?;
            let whole = self.whole(data)?;
            let mut chosen = basin_data::chosen(whole.labels(), whole.classes(), data.part)?;
            chosen.truncate(each);
            let images = match &data.view {
                Some(view) => {
                    self.view(view)?.apply(&whole, &chosen, &self.config.dataset().normalisation)?
                }
                None => whole.pick(&chosen)?,
            };
            Ok((images, self.normalisation(data)?))
        };
        on.data().iter().map(of).collect()
    }

    /// The labels of a reference's images, which are made only where their view has labels of its own.
    ///
    /// # Errors
    /// As [`Case::images`].
    pub fn labels(&self, data: &DataRef) -> Result<Labels> {
        let whole = self.whole(data)?;
        let view = data.view.as_deref().filter(|view| !view.starts_with(PUBLISHED));
        let view = view.map(|view| self.view(view)).transpose()?;
        let classes = match &view {
            Some(view) => view.turned(whole.extent(), whole.classes())?.1,
            None => whole.classes(),
        };
        if classes != whole.classes() {
            return Ok(Labels::new(classes, self.images(data)?.labels().to_vec())?);
        }
        let chosen = basin_data::chosen(whole.labels(), classes, data.part)?;
        Ok(Labels::new(classes, chosen.into_iter().map(|i| whole.labels()[i]).collect())?)
    }

    /// How the pixels of a reference are normalised: by the configured statistics, or by those of all training images
    /// through the same view.
    ///
    /// # Errors
    /// As [`Case::images`].
    pub fn normalisation(&self, data: &DataRef) -> Result<Normalisation> {
        if let Some(everywhere) = self.normalisation {
            return Ok(everywhere);
        }
        let known = || self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        // There are no published corruptions of training images.
        let view = data.view.clone().filter(|view| !view.starts_with(PUBLISHED));
        if let Some(known) = known().get(&view) {
            return Ok(*known);
        }
        let own = Normalisation::of(&*self.images(&DataRef { view: view.clone(), ..DataRef::train() })?);
        known().insert(view, own);
        Ok(own)
    }

    /// The noise that a trajectory shares with others, if it does.
    ///
    /// # Errors
    /// As [`Case::images`]; where its data is none of the sides, or sides differ in size.
    pub fn shared_noise(&self, trajectory: &Trajectory) -> Result<Option<SharedNoise>> {
        let Trajectory { name, data, sides, .. } = trajectory;
        if sides.is_empty() {
            return Ok(None);
        }
        let side = sides.iter().position(|side| side == data);
        let side =
            side.with_context(|| format!("{name} is trained on none of the sides it shares noise with"))?;
        let labels = |side: &DataRef| {
            let whole = self.whole(side)?;
            let chosen = basin_data::chosen(whole.labels(), whole.classes(), side.part)?;
            Ok(chosen.into_iter().map(|i| whole.labels()[i]).collect::<Vec<_>>())
        };
        let labels = sides.iter().map(labels).collect::<Result<Vec<_>>>()?;
        let borrowed: Vec<&[u32]> = labels.iter().map(Vec::as_slice).collect();
        Ok(Some(SharedNoise::new(&borrowed, side, self.train.classes())?))
    }

    /// How the epochs of a training come by their images.
    ///
    /// # Errors
    /// As [`Case::shared_noise`]; where images are drawn with replacement in a training that goes by their order.
    pub fn sampling(&self, trajectory: &Trajectory) -> Result<Sampling> {
        let shared = self.shared_noise(trajectory)?;
        if self.config.train().order == OrderName::Permuted {
            return Ok(shared.map_or(Sampling::Permuted, |shared| Sampling::Shared(Arc::new(shared))));
        }
        let refused = |why| {
            let method = &trajectory.method;
            Err(Usage(format!("train.order is with-replacement: {why} {method}, expected permuted")).into())
        };
        if shared.is_some() {
            return refused("sides that share one sample of noise show every image once an epoch in");
        }
        if trajectory.objective.replay().is_some() {
            return refused(
                "logits are kept for an image and its augmentation, which is drawn by its place, in",
            );
        }
        Ok(Sampling::WithReplacement)
    }

    /// The test images on which ensembles are measured.
    pub fn measured(&self) -> DataRef {
        let view = Some(&self.config.data().view_test).filter(|view| !view.is_empty());
        DataRef { view: view.cloned(), ..DataRef::test() }
    }

    /// Number of images of a reference; none of a data set that is not there.
    pub fn count(&self, data: &DataRef) -> usize {
        let Ok(whole) = self.whole(data) else { return 0 };
        basin_data::part_len(whole.labels(), whole.classes(), data.part)
    }
}
