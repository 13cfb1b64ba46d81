//! A look at networks along a path: loss, accuracy, and how far they are from both ends.

use super::put;
use crate::inputs::subject;
use crate::scores::Scores;
use crate::similarity::is_weight;
use basin_core::{Array, Curve, DataRef, Labels, Params, Record};
use basin_ensemble::{Lab, ProbeError, StatisticsOn};

/// What networks along a path are looked at with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// Images for loss, accuracy and disagreement.
    pub test: DataRef,
    /// Training images by whose loss the path is judged.
    pub train: DataRef,
    /// For networks with running statistics (BatchNorm): those of every network between the ends are measured again, and those of
    /// the ends, too, where sides see their images through views. None: they are left as they are.
    pub statistics: Option<StatisticsOn>,
}

/// What is known of a network, in this order; also the names of the lists that are kept.
const NAMES: [&str; 8] = [
    "train-loss",
    "train-accuracy",
    "test-loss",
    "test-accuracy",
    "disagreement-1",
    "disagreement-2",
    "cosine-1",
    "cosine-2",
];

/// The classes that both ends name, `[2, n]`.
const CLASSES: &str = "classes";

impl Watched {
    pub(crate) fn settings(&self) -> String {
        self.statistics.as_ref().map_or_else(String::new, StatisticsOn::mark)
    }

    pub(crate) fn check(&self, id: &'static str) -> Result<(), ProbeError> {
        match &self.statistics {
            Some(StatisticsOn { images: images @ 0..2, .. }) => {
                Err(subject(id, format!("running statistics of {images} images, expected at least 2")))
            }
            _ => Ok(()),
        }
    }

    /// Test, train, and the images of running statistics.
    pub(crate) fn data(&self) -> Vec<DataRef> {
        let statistics = self.statistics.iter().flat_map(StatisticsOn::data);
        [self.test.clone(), self.train.clone()].into_iter().chain(statistics).collect()
    }

    /// Price of a look at so many networks.
    pub(crate) fn cost(&self, networks: usize, images: &dyn Fn(&DataRef) -> usize) -> u64 {
        (networks * (images(&self.test) + images(&self.train) + self.looked_at())) as u64
    }

    /// Images on which the statistics of one network are measured.
    fn looked_at(&self) -> usize {
        self.statistics.as_ref().map_or(0, |on| on.images)
    }
}

/// The networks that were looked at, the two ends first.
#[derive(Debug)]
pub(crate) struct Walk<'p> {
    id: &'static str,
    watched: &'p Watched,
    ends: &'p [Params; 2],
    labels: [Labels; 2],
    /// Of the ends.
    classes: Vec<Vec<u32>>,
    rows: Vec<[f64; 8]>,
}

impl<'p> Walk<'p> {
    /// Goes on from what was kept.
    pub(crate) fn new(
        id: &'static str,
        watched: &'p Watched,
        ends: &'p [Params; 2],
        lab: &dyn Lab,
    ) -> Result<Self, ProbeError> {
        let labels = [lab.labels(&watched.test)?, lab.labels(&watched.train)?];
        let mut walk = Self { id, watched, ends, labels, classes: Vec::new(), rows: Vec::new() };
        if let Some(kept) = lab.kept() {
            let lists: Option<Vec<&Vec<f64>>> = NAMES.iter().map(|name| kept.lists.get(*name)).collect();
            let lists = lists.unwrap_or_default();
            let rows = lists.iter().map(|list| list.len()).min().unwrap_or(0);
            walk.rows = (0..rows).map(|row| std::array::from_fn(|name| lists[name][row])).collect();
            if let Some(classes) = kept.arrays.get(CLASSES) {
                let ends = classes.data().chunks(walk.labels[0].len().max(1));
                walk.classes = ends.map(|end| end.iter().map(|class| *class as u32).collect()).collect();
            }
        }
        Ok(walk)
    }

    /// Networks looked at so far.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Price of a look.
    pub(crate) fn price(&self) -> u64 {
        (self.labels[0].len() + self.labels[1].len() + self.watched.looked_at()) as u64
    }

    /// Adds what is known to what is kept.
    pub(crate) fn keep(&self, mut record: Record) -> Record {
        for (place, name) in NAMES.iter().enumerate() {
            record = record.with_list(*name, self.rows.iter().map(|row| row[place]).collect());
        }
        let classes: Vec<f32> = self.classes.iter().flatten().map(|class| *class as f32).collect();
        let shape = vec![self.classes.len(), self.labels[0].len()];
        if let Ok(classes) = Array::new(shape, classes) {
            record.arrays.insert(CLASSES, classes);
        }
        record
    }

    /// Looks at the next network: the first two are the ends, with the statistics that [`Watched`] says.
    ///
    /// # Errors
    /// The laboratory's; an end without a finite loss.
    pub(crate) fn look(&mut self, lab: &mut dyn Lab, network: &Params) -> Result<(), ProbeError> {
        let place = self.rows.len();
        let statistics = self.watched.statistics.as_ref().filter(|on| place >= 2 || !on.sides.is_empty());
        let measured = statistics.map(|on| lab.reestimated(network, on)).transpose()?;
        let network = measured.as_ref().unwrap_or(network);
        let mut scores = |data: &DataRef, labels: &Labels| {
            let logits = lab.logits(network, data)?;
            Scores::of(&logits, labels).map_err(|error| subject(self.id, error))
        };
        let train = scores(&self.watched.train, &self.labels[1])?;
        let test = scores(&self.watched.test, &self.labels[0])?;
        let mut row = [f64::NAN; 8];
        [row[0], row[1]] = Scores::numbers(train.as_ref());
        [row[2], row[3]] = Scores::numbers(test.as_ref());
        if place < 2 {
            if !row[..4].iter().all(|value| value.is_finite()) {
                return Err(subject(self.id, format!("member {} has no finite loss", place + 1)));
            }
            self.classes.truncate(place);
            self.classes.extend(test.iter().map(|scores| scores.classes.clone()));
        }
        if let Some(Scores { classes, .. }) = &test {
            for (slot, end) in row[4..6].iter_mut().zip(&self.classes) {
                let apart = end.iter().zip(classes).filter(|(a, b)| a != b).count();
                *slot = apart as f64 / classes.len() as f64;
            }
            // The first end was looked at before the second was known.
            if place == 1 {
                self.rows[0][5] = row[4];
            }
        }
        for (slot, end) in row[6..].iter_mut().zip(self.ends) {
            let cosine = network.cosine(end, is_weight).map_err(|error| subject(self.id, error))?;
            *slot = cosine.unwrap_or(f64::NAN);
        }
        self.rows.push(row);
        Ok(())
    }

    /// How far the second end is from the first.
    pub(crate) fn disagreement(&self) -> f64 {
        self.rows[1][4]
    }

    /// Largest training loss of the networks at these places, minus the larger end's, at least 0; infinite where one of them has
    /// no finite loss.
    pub(crate) fn barrier(&self, places: &[usize]) -> f64 {
        let ends = self.rows[0][0].max(self.rows[1][0]);
        let highest = places
            .iter()
            .map(|place| self.rows[*place][0])
            .fold(ends, |highest, loss| if loss.is_nan() { f64::INFINITY } else { highest.max(loss) });
        highest - ends
    }

    /// Curves of the networks at these places on a path of that kind: loss and accuracy of subject `tunnel-1-2`, the distance to
    /// each end of subjects `tunnel-from-1` and `tunnel-from-2`.
    pub(crate) fn curves(
        &self,
        mut record: Record,
        kind: &str,
        positions: &[f64],
        places: &[usize],
    ) -> Record {
        let told = [
            ("1-2", "train", "path-loss"),
            ("1-2", "train", "path-accuracy"),
            ("1-2", "test", "path-loss"),
            ("1-2", "test", "path-accuracy"),
            ("from-1", "test", "path-disagreement"),
            ("from-2", "test", "path-disagreement"),
            ("from-1", "test", "path-cosine"),
            ("from-2", "test", "path-cosine"),
        ];
        for (column, (of, data, quantity)) in told.iter().enumerate() {
            record = record.with_curve(Curve {
                subject: format!("{kind}-{of}"),
                data: (*data).to_owned(),
                quantity: (*quantity).to_owned(),
                variable: "position".to_owned(),
                at: positions.to_vec(),
                values: places.iter().map(|place| self.rows[*place][column]).collect(),
            });
        }
        record
    }
}

/// What is kept besides: networks by name.
pub(crate) fn kept<'n>(networks: impl Iterator<Item = (String, &'n Params)>) -> Record {
    let mut record = Record::default();
    networks.for_each(|(name, params)| put(&mut record, &name, params));
    record
}
