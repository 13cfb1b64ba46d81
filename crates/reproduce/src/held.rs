//! The images of a measurement: made when they are first asked for, the last few kept.

use crate::device::{self, OnDevice};
use anyhow::{Context, Result};
use basin_core::{DataRef, Labels, Params, Part};
use basin_data::{ImageSet, Normalisation};
use basin_ensemble::StatisticsOn;
use basin_plan::{Case, sizes};
use basin_train::Evaluator;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// So many are kept, whatever their size: a line between members looks at no more images, from point to point.
const FEW: usize = 8;
/// More are kept as long as all together take no more bytes.
const ROOM: u64 = 512 << 20;

/// Evaluators on the images that a probe announced.
pub(crate) struct Held<'b> {
    case: &'b Case,
    device: Option<&'b OnDevice>,
    announced: Vec<DataRef>,
    /// The one that was asked for last stands last.
    kept: Vec<Kept<'b>>,
    /// Labels take little.
    labels: RefCell<BTreeMap<DataRef, Labels>>,
    /// What running statistics were measured on last.
    statistics: Option<(StatisticsOn, Vec<(ImageSet, Normalisation)>)>,
    few: usize,
    room: u64,
}

struct Kept<'b> {
    data: DataRef,
    bytes: u64,
    evaluator: Box<dyn Evaluator + 'b>,
}

impl<'b> Held<'b> {
    /// Makes no images yet.
    ///
    /// # Errors
    /// When there are none for a reference, as [`Case::check_images`] says.
    pub(crate) fn new(case: &'b Case, device: Option<&'b OnDevice>, announced: Vec<DataRef>) -> Result<Self> {
        announced.iter().try_for_each(|data| case.check_images(data))?;
        let (kept, labels) = (Vec::new(), RefCell::default());
        Ok(Self { case, device, announced, kept, labels, statistics: None, few: FEW, room: ROOM })
    }

    fn check(&self, data: &DataRef) -> Result<()> {
        let announced = self.announced.contains(data);
        announced.then_some(()).with_context(|| format!("the probe did not announce {}", data.id()))
    }

    /// The labels of some images.
    ///
    /// # Errors
    /// For images that were not announced; as [`Case::labels`].
    pub(crate) fn labels(&self, data: &DataRef) -> Result<Labels> {
        self.check(data)?;
        if let Some(known) = self.labels.borrow().get(data) {
            return Ok(known.clone());
        }
        let labels = self.case.labels(data)?;
        self.labels.borrow_mut().insert(data.clone(), labels.clone());
        Ok(labels)
    }

    /// An evaluator on some images.
    ///
    /// # Errors
    /// For images that were not announced; as [`Case::images`]; the backend's.
    pub(crate) fn evaluator(&mut self, data: &DataRef) -> Result<&mut (dyn Evaluator + 'b)> {
        match self.kept.iter().position(|kept| kept.data == *data) {
            Some(at) => self.kept[at..].rotate_left(1),
            None => self.make(data)?,
        }
        let last = self.kept.last_mut().context("the evaluator that was put there")?;
        Ok(&mut *last.evaluator)
    }

    /// A network with its running statistics measured again.
    ///
    /// # Errors
    /// As [`Held::evaluator`].
    pub(crate) fn reestimated(&mut self, params: &Params, on: &StatisticsOn) -> Result<Params> {
        let images = match self.statistics.take().filter(|(known, _)| known == on) {
            Some((_, images)) => images,
            None => {
                on.data().iter().try_for_each(|data| self.check(data))?;
                self.case.statistics_seen(on)?
            }
        };
        let kinds: Vec<_> = images.iter().map(|(images, normalisation)| (images, normalisation)).collect();
        let network = &self.case.network;
        let measured = device::backend(network, self.device)?.reestimated(network, params, &kinds)?;
        self.statistics = Some((on.clone(), images));
        Ok(measured)
    }

    fn make(&mut self, data: &DataRef) -> Result<()> {
        self.check(data)?;
        let bytes = self.bytes(data);
        while self.kept.len() >= self.few
            && self.kept.iter().map(|kept| kept.bytes).sum::<u64>() + bytes > self.room
        {
            self.kept.remove(0);
        }
        let (case, images) = (self.case, self.case.images(data)?);
        let backend = device::backend(&case.network, self.device)?;
        let evaluator = backend.evaluator(&case.network, &images, &case.normalisation(data)?)?;
        self.kept.push(Kept { data: data.clone(), bytes, evaluator });
        Ok(())
    }

    /// About what an evaluator takes beside what the case has anyway: its images, and a network twice.
    fn bytes(&self, data: &DataRef) -> u64 {
        let images = match (data.part, &data.view) {
            (Part::Whole, None) => 0,
            _ => self.case.count(data) * self.case.network.extent().values(),
        };
        images as u64 + 8 * sizes::parameters(self.case)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use basin_core::SeedTree;
    use basin_plan::{Asked, Registry, Study};

    /// A small case on synthetic images.
    fn case() -> Case {
        let registry = Registry::default();
        let paper = registry.paper("single-basin").unwrap();
        let small = [
            ("data.train_images", "64"),
            ("data.test_images", "32"),
            ("model.width", "0.25"),
            ("train.batch", "8"),
            ("metrics.connectivity_images", "0"),
        ];
        Study::load(&Asked::first(paper, &registry, &small).unwrap()).unwrap().cases.remove(0)
    }

    #[test]
    fn the_last_few_are_kept_and_give_what_all_would() {
        let case = case();
        let params = case.network.init(&SeedTree::root(0));
        let views: Vec<DataRef> = (1..=5).map(|s| DataRef::test().seen(format!("fog:{s}"))).collect();
        let all = [vec![DataRef::test()], views].concat();
        let held = |few, room| Held { few, room, ..Held::new(&case, None, all.clone()).unwrap() };
        let (mut every, mut two) = (held(6, 0), held(2, 0));
        for data in all.iter().chain(all.iter().rev()) {
            let logits = every.evaluator(data).unwrap().logits(&params).unwrap();
            assert_eq!(two.evaluator(data).unwrap().logits(&params).unwrap(), logits, "{}", data.id());
            assert!(two.kept.len() <= 2 && two.kept.last().unwrap().data == *data);
        }
        assert_eq!(every.kept.len(), 6);
        // One pass in order, and the same images again and again: nothing is made twice.
        let mut two = held(2, 0);
        for data in &all {
            let first: *const dyn Evaluator = two.evaluator(data).unwrap();
            let again: *const dyn Evaluator = two.evaluator(data).unwrap();
            assert!(std::ptr::addr_eq(first, again));
        }
        // Room for more than the few.
        let mut roomy = held(2, u64::MAX);
        for data in &all {
            roomy.evaluator(data).unwrap();
        }
        assert_eq!(roomy.kept.len(), 6);
    }

    #[test]
    fn what_is_not_there_is_refused_before_anything_is_made() {
        let case = case();
        let refused = Held::new(&case, None, vec![DataRef::test(), DataRef::test().seen("fog:6")]).err();
        assert!(refused.unwrap().to_string().contains("the severity of fog"));
        let mut held = Held::new(&case, None, vec![DataRef::test()]).unwrap();
        let other = DataRef::test().first(3);
        for error in [held.evaluator(&other).err(), held.labels(&other).err()] {
            assert_eq!(error.unwrap().to_string(), "the probe did not announce test, first 3");
        }
    }

    #[test]
    fn labels_need_no_images_unless_a_view_draws_them() {
        let case = case();
        let views = [DataRef::test(), DataRef::test().seen("fog:1"), DataRef::test().first(4).seen("grey")];
        let held = Held::new(&case, None, views.to_vec()).unwrap();
        for data in &views {
            assert_eq!(held.labels(data).unwrap().values(), case.images(data).unwrap().labels());
        }
        assert!(held.kept.is_empty());
    }
}
