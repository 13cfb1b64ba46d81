//! A laboratory in memory: linear classifiers on drawn points, counted and stopped at will.

use crate::{Lab, LabError, Mixing, StatisticsOn};
use basin_core::{Array, DataRef, Labels, Logits, Params, Part, Record, SeedTree, Simplex};
use std::cell::RefCell;
use std::collections::BTreeSet;

const CLASSES: usize = 4;
const FEATURES: usize = 5;
/// Images of a whole split.
pub(super) const IMAGES: usize = 40;

/// Networks are matrices `[classes, features]`; image i is the same for everybody.
pub(super) struct Laboratory {
    networks: Vec<Params>,
    records: Vec<Record>,
    pub(super) kept: Option<Record>,
    /// Steps after which the laboratory asks to stop.
    pub(super) stop_after: Option<u64>,
    /// Images that passed forward.
    pub(super) evaluated: usize,
    /// Steps told.
    pub(super) steps: u64,
    /// Images that were asked for.
    pub(super) asked: RefCell<BTreeSet<DataRef>>,
}

impl Laboratory {
    pub(super) fn new(networks: usize, logits: usize) -> Self {
        let drawn: Vec<Params> = (0..networks.max(logits)).map(network).collect();
        let record = |params: &Params| {
            let values = evaluate(params, &DataRef::test());
            let mut record = Record::default();
            let array = Array::new(vec![IMAGES, CLASSES], values).expect("as many as images and classes");
            record.arrays.insert("logits", array);
            record
        };
        let records = drawn.iter().take(logits).map(record).collect();
        let networks = drawn.into_iter().take(networks).collect();
        let asked = RefCell::default();
        Self { networks, records, kept: None, stop_after: None, evaluated: 0, steps: 0, asked }
    }

    /// Counts images that pass forward.
    fn look(&mut self, data: &DataRef, images: usize) {
        self.asked.borrow_mut().insert(data.clone());
        self.evaluated += images;
    }
}

pub(super) fn count(data: &DataRef) -> usize {
    match data.part {
        Part::Whole => IMAGES,
        Part::First(n) => n,
        Part::Share { of, .. } => IMAGES / of,
        Part::Rest { of, .. } => IMAGES - IMAGES / of,
        Part::Skewed { .. } => IMAGES / 2,
    }
}

fn network(i: usize) -> Params {
    let mut rng = SeedTree::root(7).child("network").index(i as u64).rng();
    let values = (0..CLASSES * FEATURES).map(|_| rng.normal() as f32).collect();
    let array = Array::new(vec![CLASSES, FEATURES], values).expect("as many as classes and features");
    Params::from_iter([("w".to_owned(), array)])
}

fn image(data: &DataRef, i: usize) -> Vec<f32> {
    let mut rng = SeedTree::root(7).child(data.split.name()).index(i as u64).rng();
    (0..FEATURES).map(|_| rng.normal() as f32).collect()
}

fn evaluate(params: &Params, data: &DataRef) -> Vec<f32> {
    let weights = params.get("w").expect("the only array").data();
    let row = |i: usize| {
        let image = image(data, i);
        let class = |row: &[f32]| row.iter().zip(&image).map(|(w, x)| w * x).sum::<f32>();
        weights.chunks(FEATURES).map(class).collect::<Vec<f32>>()
    };
    (0..count(data)).flat_map(row).collect()
}

impl Lab for Laboratory {
    fn networks(&self) -> usize {
        self.networks.len()
    }

    fn params(&mut self, network: usize) -> Result<Params, LabError> {
        Ok(self.networks.get(network).ok_or("no such network")?.clone())
    }

    fn records(&self) -> &[Record] {
        &self.records
    }

    fn labels(&self, data: &DataRef) -> Result<Labels, LabError> {
        self.asked.borrow_mut().insert(data.clone());
        // What network 0 says, now and then: neither chance nor certainty.
        let right = Logits::new(CLASSES, evaluate(&network(0), data))?.softmax(1.0);
        let labels = right.argmax().enumerate().map(|(i, class)| if i % 3 == 0 { 0 } else { class });
        Ok(Labels::new(CLASSES, labels.collect())?)
    }

    fn logits(&mut self, params: &Params, data: &DataRef) -> Result<Logits, LabError> {
        self.look(data, count(data));
        Ok(Logits::new(CLASSES, evaluate(params, data))?)
    }

    /// What a linear classifier classifies by is the image.
    fn features(&mut self, _: &Params, data: &DataRef) -> Result<Option<Array>, LabError> {
        self.look(data, count(data));
        let rows = (0..count(data)).flat_map(|i| image(data, i)).collect();
        Ok(Some(Array::new(vec![count(data), FEATURES], rows)?))
    }

    fn logits_between(
        &mut self,
        who: &[usize],
        weights: &Simplex,
        _: &Mixing,
        data: &DataRef,
    ) -> Result<Logits, LabError> {
        let networks: Vec<&Params> = who.iter().map(|&i| &self.networks[i]).collect();
        let mixed = Params::convex_combination(&networks, weights)?;
        self.logits(&mixed, data)
    }

    /// A linear classifier has no running statistics.
    fn reestimated(&mut self, params: &Params, _: &StatisticsOn) -> Result<Params, LabError> {
        Ok(params.clone())
    }

    /// Of the linear classifier: the mean over images of (probabilities − label) × image.
    fn gradient(
        &mut self,
        params: &Params,
        data: &DataRef,
        images: &[usize],
    ) -> Result<(f64, Params), LabError> {
        self.look(data, images.len());
        let (labels, n) = (self.labels(data)?, images.len() as f64);
        let probs = Logits::new(CLASSES, evaluate(params, data))?.softmax(1.0);
        let rows: Vec<&[f64]> = probs.rows().collect();
        let (mut loss, mut sum) = (0.0, vec![0.0; CLASSES * FEATURES]);
        for &i in images {
            let (x, row) = (image(data, i), rows[i]);
            loss -= row[labels.values()[i] as usize].ln() / n;
            for (class, p) in row.iter().enumerate() {
                let error = p - f64::from(u8::from(class == labels.values()[i] as usize));
                let slots = sum[class * FEATURES..].iter_mut();
                slots.zip(&x).for_each(|(slot, x)| *slot += error * f64::from(*x) / n);
            }
        }
        let gradient = params.map(|_, _| sum.iter().map(|g| *g as f32).collect());
        Ok((loss, gradient))
    }

    fn seeds(&self) -> SeedTree {
        SeedTree::root(3)
    }

    fn kept(&self) -> Option<&Record> {
        self.kept.as_ref()
    }

    fn step(&mut self, done: u64, of: u64, partial: &dyn Fn() -> Record) -> Result<(), LabError> {
        assert!(done <= of, "step {done} of {of}");
        self.steps += 1;
        if self.stop_after == Some(self.steps) {
            self.kept = Some(partial());
            return Err("asked to stop".into());
        }
        Ok(())
    }
}
