//! The images that a case's work looks at, by their references: parts, views, how they are normalised, in what order they come.

use crate::Case;
use crate::exit::Usage;
use anyhow::{Context, Result};
use basin_core::{DataRef, Part};
use basin_data::{ImageSet, Normalisation, SharedNoise, Split};
use basin_ensemble::Trajectory;
use basin_views::View;
use std::sync::{Arc, PoisonError};

impl Case {
    /// Whether there are the images of a reference.
    ///
    /// # Errors
    /// As [`Case::images`].
    pub(crate) fn check_images(&self, data: &DataRef) -> Result<()> {
        if let Some(set) = &data.set {
            return Err(Usage(format!("no data set {set} in this experiment, expected its own")).into());
        }
        let whole = self.whole(data.split);
        let (mut extent, mut classes) = (whole.extent(), whole.classes());
        if let Some(view) = &data.view {
            let turned = View::parse(view).and_then(|view| view.turned(extent, classes));
            (extent, classes) = turned.map_err(|error| Usage(error.to_string()))?;
        }
        let (wanted, known) = (self.network.extent(), self.network.classes());
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

    fn whole(&self, split: Split) -> &Arc<ImageSet> {
        match split {
            Split::Train => &self.train,
            Split::Test => &self.test,
        }
    }

    /// The images of a reference.
    ///
    /// # Errors
    /// When there are none of its part, or no view of its name.
    pub fn images(&self, data: &DataRef) -> Result<Arc<ImageSet>> {
        self.check_images(data)?;
        let whole = self.whole(data.split);
        let chosen = || basin_data::chosen(whole.labels(), whole.classes(), data.part);
        Ok(match (&data.view, data.part) {
            (Some(view), _) => {
                Arc::new(View::parse(view)?.apply(whole, &chosen()?, &self.config.dataset().normalisation)?)
            }
            (None, Part::Whole) => whole.clone(),
            (None, _) => Arc::new(whole.pick(&chosen()?)?),
        })
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
        if let Some(known) = known().get(&data.view) {
            return Ok(*known);
        }
        let own = Normalisation::of(&*self.images(&DataRef { view: data.view.clone(), ..DataRef::train() })?);
        known().insert(data.view.clone(), own);
        Ok(own)
    }

    /// The noise that a trajectory shares with others, if it does.
    ///
    /// # Errors
    /// As [`Case::images`]; where its data is none of the sides, or sides differ in size.
    pub(crate) fn shared_noise(&self, trajectory: &Trajectory) -> Result<Option<SharedNoise>> {
        let Trajectory { name, data, sides, .. } = trajectory;
        if sides.is_empty() {
            return Ok(None);
        }
        let side = sides.iter().position(|side| side == data);
        let side =
            side.with_context(|| format!("{name} is trained on none of the sides it shares noise with"))?;
        let labels = |side: &DataRef| {
            let whole = self.whole(side.split);
            let chosen = basin_data::chosen(whole.labels(), whole.classes(), side.part)?;
            Ok(chosen.into_iter().map(|i| whole.labels()[i]).collect::<Vec<_>>())
        };
        let labels = sides.iter().map(labels).collect::<Result<Vec<_>>>()?;
        let borrowed: Vec<&[u32]> = labels.iter().map(Vec::as_slice).collect();
        Ok(Some(SharedNoise::new(&borrowed, side, self.train.classes())?))
    }

    /// The test images on which ensembles are measured.
    pub(crate) fn measured(&self) -> DataRef {
        let view = Some(&self.config.data().view_test).filter(|view| !view.is_empty());
        DataRef { view: view.cloned(), ..DataRef::test() }
    }

    /// Number of images of a reference.
    pub fn count(&self, data: &DataRef) -> usize {
        let whole = self.whole(data.split);
        basin_data::part_len(whole.labels(), whole.classes(), data.part)
    }
}
