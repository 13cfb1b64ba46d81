//! What is measured of networks that were fine-tuned from others, in a laboratory where every number is known.

mod alone;
mod records;
mod spokes;
mod task_vectors;

use basin_core::{Array, DataRef, Labels, Logits, Params, Record, SeedTree, Simplex};
use basin_ensemble::{Lab, LabError, Mixing};

/// Networks with some weights and a running statistic. What a network says of an image follows from its weights and the
/// image's place.
struct Known {
    networks: Vec<Params>,
    records: Vec<Record>,
    labels: Labels,
    says: fn(&[f32], usize) -> Vec<f32>,
    kept: Option<Record>,
    stop_after: Option<u64>,
    /// Networks evaluated, by their weights.
    evaluated: Vec<Vec<f32>>,
    /// Images they were evaluated on.
    looked_at: Vec<DataRef>,
}

fn network(weights: &[f32]) -> Params {
    let array = |values: &[f32]| Array::new(vec![values.len()], values.to_vec()).unwrap();
    // No two have the same statistic, so that it shows where it takes part.
    let statistic = array(&[1000.0 * weights[0] + 7.0]);
    [("fc.w".to_owned(), array(weights)), ("bn.running_mean".to_owned(), statistic)].into_iter().collect()
}

/// A record with the logits of some images, each of `classes`.
fn said(classes: usize, logits: &[f32]) -> Record {
    let mut record = Record::default();
    let shape = vec![logits.len() / classes, classes];
    record.arrays.insert("logits", Array::new(shape, logits.to_vec()).unwrap());
    record
}

/// Logits that name these classes.
fn naming(classes: usize, named: &[usize]) -> Record {
    let row = |&class: &usize| (0..classes).map(move |c| if c == class { 2.0 } else { 0.0 });
    said(classes, &named.iter().flat_map(row).collect::<Vec<f32>>())
}

impl Known {
    fn of(networks: &[&[f32]], records: Vec<Record>, classes: usize, labels: &[u32]) -> Self {
        Self {
            networks: networks.iter().map(|weights| network(weights)).collect(),
            records,
            labels: Labels::new(classes, labels.to_vec()).unwrap(),
            says: |_, _| panic!("no network is to be evaluated"),
            kept: None,
            stop_after: None,
            evaluated: Vec::new(),
            looked_at: Vec::new(),
        }
    }
}

impl Lab for Known {
    fn networks(&self) -> usize {
        self.networks.len()
    }

    fn params(&mut self, network: usize) -> Result<Params, LabError> {
        Ok(self.networks[network].clone())
    }

    fn records(&self) -> &[Record] {
        &self.records
    }

    fn labels(&self, _: &DataRef) -> Result<Labels, LabError> {
        Ok(self.labels.clone())
    }

    fn logits(&mut self, params: &Params, data: &DataRef) -> Result<Logits, LabError> {
        let weights = params.get("fc.w").ok_or("no weights")?.data().to_vec();
        let rows = (0..self.labels.len()).flat_map(|image| (self.says)(&weights, image)).collect();
        self.evaluated.push(weights);
        self.looked_at.push(data.clone());
        Ok(Logits::new(self.labels.classes(), rows)?)
    }

    fn logits_between(
        &mut self,
        who: &[usize],
        weights: &Simplex,
        _: &Mixing,
        data: &DataRef,
    ) -> Result<Logits, LabError> {
        assert!(weights.weights().iter().all(|weight| *weight > 0.0), "an end is not a network between");
        let networks: Vec<&Params> = who.iter().map(|&place| &self.networks[place]).collect();
        let between = Params::convex_combination(&networks, weights)?;
        self.logits(&between, data)
    }

    fn seeds(&self) -> SeedTree {
        SeedTree::root(1)
    }

    fn kept(&self) -> Option<&Record> {
        self.kept.as_ref()
    }

    fn step(&mut self, done: u64, of: u64, partial: &dyn Fn() -> Record) -> Result<(), LabError> {
        assert!(done <= of, "step {done} of {of}");
        if self.stop_after == Some(done) {
            self.kept = Some(partial());
            return Err("asked to stop".into());
        }
        Ok(())
    }
}

/// The names of a record's scalars, in order; none may be anything but a number.
fn names(record: &Record) -> Vec<&str> {
    assert!(record.scalars.values().all(|value| value.is_finite()), "{:?}", record.scalars);
    record.scalars.keys().map(String::as_str).collect()
}
