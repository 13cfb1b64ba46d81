//! Where runs go: likeness of their states in weights and in predictions, along each run and between runs.

use crate::inputs::{logits, subject};
use crate::similarity::is_weight;
use basin_core::{Citation, Curve, DataRef, Logits, Params, Probs, Record, SeedTree, Surface};
use basin_ensemble::{Lab, Probe, ProbeError};
use basin_metrics::{TsneSettings, disagreement_matrix, pca, tsne};

/// Cosines of weights and disagreement of predictions between the states of several runs, and a map of their predictions
/// (Fort et al. 2019, Figures 2 to 4).
///
/// Inputs: the states of run 1 in the order of its epochs, then those of run 2, …; the same number each, and the logits of each on
/// `data`. Record: surfaces `cosine-matrix` and `disagreement-matrix` of subject `runs`, where x and y are places of states
/// counted from 1 and marks `run-i` stand at the first state of each run; curves `embedding-y` over `embedding-x` of subject
/// `run-i`, one point for each state in order, on `tsne` ([`tsne`] of the states' predicted probabilities on all images) and on
/// `pca` (their first two principal components). Scalars: means over pairs of states of one run (`weight-cosine-within`,
/// `disagreement-within`) and over pairs of states of two runs (`…-between`), and the first minus the second,
/// `weight-cosine-gap` and `disagreement-gap`; `tsne-divergence`, what the t-SNE minimises (nats). What one run or one state leaves undefined is left out.
///
/// Cost: nothing passes forward; O(s² d) for s states of d weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Trajectories {
    /// The images that the logits belong to.
    pub data: DataRef,
    /// Epochs after which each run's states were taken, in order; broken ones within the first.
    pub epochs: Vec<f64>,
    /// Perplexity of the t-SNE, above 1; lowered where there are too few states for it.
    pub perplexity: f64,
}

/// Where the map comes from.
const CITATION: Citation = Citation {
    key: "maaten2008tsne",
    authors: "van der Maaten, Laurens and Hinton, Geoffrey",
    title: "Visualizing Data using t-SNE",
    year: 2008,
    locator: "JMLR 9:2579",
};

impl Probe for Trajectories {
    fn id(&self) -> &'static str {
        "trajectories"
    }

    fn settings(&self) -> String {
        let epochs: Vec<String> = self.epochs.iter().map(f64::to_string).collect();
        format!("1 (epochs {}; perplexity {})", epochs.join(" "), self.perplexity)
    }

    fn citations(&self) -> Vec<Citation> {
        vec![basin_metrics::disagreement::CITATION, CITATION]
    }

    fn data(&self) -> Vec<DataRef> {
        vec![self.data.clone()]
    }

    fn cost(&self, _: usize, _: &dyn Fn(&DataRef) -> usize) -> u64 {
        0
    }

    fn record_bytes(&self, _: usize, _: &dyn Fn(&DataRef) -> usize) -> u64 {
        // Two matrices over the states of a few runs, some twenty letters a number.
        40 * (5 * self.epochs.len() as u64).pow(2)
    }

    fn check(&self, networks: usize, records: usize) -> Result<(), ProbeError> {
        let states = self.epochs.len();
        let whole = states > 0 && networks > 1 && networks.is_multiple_of(states);
        match whole && networks == records {
            true => Ok(()),
            false => {
                let found = format!("{networks} networks and {records} logits of {states} epochs");
                let expected = "expected at least two, as many of each run as epochs, and the logits of each";
                Err(subject(self.id(), format!("{found}, {expected}")))
            }
        }
    }

    fn run(&self, lab: &mut dyn Lab) -> Result<Record, ProbeError> {
        self.check(lab.networks(), lab.records().len())?;
        let id = self.id();
        let logits = logits(id, lab)?;
        let states = (0..lab.networks()).map(|i| lab.params(i)).collect::<Result<Vec<Params>, _>>()?;
        let cosines = self.cosines(&states)?;
        let probs: Vec<Probs> = logits.iter().map(|l: &Logits| l.softmax(1.0)).collect();
        let differ = disagreement_matrix(&probs).map_err(|error| subject(id, error))?;
        let record = Record::default()
            .with_surface(self.matrix("cosine-matrix", &cosines))
            .with_surface(self.matrix("disagreement-matrix", &differ));
        let record = self.means(record, "weight-cosine", &cosines);
        let record = self.means(record, "disagreement", &differ);
        self.embedded(record, &probs, &lab.seeds())
    }
}

impl Trajectories {
    /// Symmetric; 1 on the diagonal, NaN beside a network of zeros.
    fn cosines(&self, states: &[Params]) -> Result<Vec<Vec<f64>>, ProbeError> {
        let mut matrix = vec![vec![1.0; states.len()]; states.len()];
        for i in 0..states.len() {
            for j in 0..i {
                let cosine = states[i].cosine(&states[j], is_weight);
                let cosine = cosine.map_err(|error| subject(self.id(), error))?.unwrap_or(f64::NAN);
                (matrix[i][j], matrix[j][i]) = (cosine, cosine);
            }
        }
        Ok(matrix)
    }

    fn run_of(&self, state: usize) -> usize {
        state / self.epochs.len()
    }

    fn matrix(&self, quantity: &str, matrix: &[Vec<f64>]) -> Surface {
        let places: Vec<f64> = (1..=matrix.len()).map(|place| place as f64).collect();
        let first = |run: usize| (run * self.epochs.len() + 1) as f64;
        let runs = matrix.len() / self.epochs.len();
        Surface {
            subject: "runs".into(),
            data: "test".into(),
            quantity: quantity.into(),
            variables: ["state".into(), "other-state".into()],
            x: places.clone(),
            y: places,
            values: matrix.concat(),
            marks: (0..runs).map(|run| (format!("run-{}", run + 1), [first(run); 2])).collect(),
        }
    }

    /// Means within runs and between them.
    fn means(&self, mut record: Record, name: &str, matrix: &[Vec<f64>]) -> Record {
        let mean = |same: bool| {
            let pairs = (0..matrix.len()).flat_map(|i| (0..i).map(move |j| (i, j)));
            let pairs = pairs.filter(|(i, j)| (self.run_of(*i) == self.run_of(*j)) == same);
            let values: Vec<f64> = pairs.map(|(i, j)| matrix[i][j]).collect();
            (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
        };
        let (within, between) = (mean(true), mean(false));
        let gap = within.zip(between).map(|(within, between)| within - between);
        for (end, value) in [("within", within), ("between", between), ("gap", gap)] {
            if let Some(value) = value {
                record = record.with(format!("{name}-{end}"), value);
            }
        }
        record
    }

    /// Maps of the predictions.
    fn embedded(&self, mut record: Record, probs: &[Probs], seeds: &SeedTree) -> Result<Record, ProbeError> {
        let rows: Vec<Vec<f64>> = probs.iter().map(|p| p.rows().flatten().copied().collect()).collect();
        let refuse = |error: basin_metrics::MetricError| subject(self.id(), error);
        let components = pca(&rows, 2).map_err(refuse)?;
        let mut maps = vec![("pca", components.scores)];
        // A perplexity is a number of neighbours: of so few states there is no map.
        let perplexity = self.perplexity.min((probs.len() as f64 - 1.0) / 3.0);
        if perplexity > 1.0 {
            let settings = TsneSettings { perplexity, ..TsneSettings::default() };
            let embedding = tsne(&rows, &settings, seeds).map_err(refuse)?;
            record = record.with("tsne-divergence", embedding.divergence);
            maps.push(("tsne", embedding.points.iter().map(|point| point.to_vec()).collect()));
        }
        for (map, points) in maps {
            for (run, states) in points.chunks(self.epochs.len()).enumerate() {
                let along =
                    |axis: usize| states.iter().map(|p| p.get(axis).copied().unwrap_or(0.0)).collect();
                record = record.with_curve(Curve {
                    subject: format!("run-{}", run + 1),
                    data: map.into(),
                    quantity: "embedding-y".into(),
                    variable: "embedding-x".into(),
                    at: along(0),
                    values: along(1),
                });
            }
        }
        Ok(record)
    }
}
