//! Measures ensembles: members' logits once per member, then every metric, kept with the hash of what it came from.

use crate::Experiment;
use crate::between::{Between, repair_images};
use crate::device::{Evaluating, OnDevice};
use crate::execute::Executor;
use crate::plan::{NodeIndex, PlannedEnsemble, PlannedNode};
use crate::progress::Progress;
use anyhow::{Context, Result};
use basin_core::{Digest, Labels, Logits, Params, Probs, Simplex, TensorFile, digest};
use basin_metrics::{
    Combine, PairedDifference, accuracy, brier, choose_pairs, combine, disagreement, ece, joint_connectivity,
    jsd_one_vs_all, member_accuracies, nll, paired_difference, pairwise_connectivity, true_class_variance,
};
use basin_report::{MinusDeep, PairwiseLine, Row};
use serde::{Deserialize, Serialize};

/// Logits of the test split, `[n, classes]`, in a member's directory.
const LOGITS: &str = "logits-test.safetensors";
const MEASURED: &str = "measured.json";

/// Everything measured of one ensemble.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The ensemble's row of the results.
    pub row: Row,
    /// Connectivity along lines between pairs of members.
    pub lines: Vec<PairwiseLine>,
}

/// Measures the plan's ensembles.
#[derive(Debug)]
pub struct Measurer<'a> {
    executor: &'a Executor<'a>,
    device: Option<&'a OnDevice>,
}

impl<'a> Measurer<'a> {
    /// A measurer for the executor's study, on the device where there is one.
    pub fn new(executor: &'a Executor<'a>, device: Option<&'a OnDevice>) -> Self {
        Self { executor, device }
    }

    fn experiment(&self, ensemble: &PlannedEnsemble) -> &'a Experiment {
        &self.executor.study.cases[ensemble.case]
    }

    /// Units of work of one ensemble, in passes over the training set (a forward pass is a third of one).
    pub fn units(&self, ensemble: &PlannedEnsemble) -> f64 {
        let experiment = self.experiment(ensemble);
        images_of(experiment) / 3.0 / experiment.train.len() as f64
    }

    /// Whether an ensemble was measured before.
    ///
    /// # Errors
    /// When the disk does not tell.
    pub fn is_done(&self, ensemble: &PlannedEnsemble) -> Result<bool> {
        Ok(self.dir(ensemble)?.is_done()?)
    }

    /// Measures an ensemble, or reads what was measured before.
    ///
    /// # Errors
    /// When files are damaged, parameters do not fit, or the run was interrupted.
    pub fn measure(&self, ensemble: &PlannedEnsemble, progress: &Progress) -> Result<Measured> {
        let mut measured = self.measure_once(ensemble, progress)?;
        // Another case may have measured the same ensemble first, under its own label.
        let label = crate::design::label(&self.experiment(ensemble).varied);
        let model = self.experiment(ensemble).config.text("model.name");
        for line in &mut measured.lines {
            line.case.clone_from(&label);
            // Files of earlier builds do not name the network.
            line.model = model.to_owned();
        }
        measured.row.case = label;
        measured.row.passes = ensemble.passes;
        let members = ensemble.members.iter().map(|&m| self.executor.dir(self.node(m)));
        let dirs = [self.dir(ensemble)].into_iter().chain(members).collect::<Result<Vec<_>>>()?;
        let up = if self.executor.study.design.folder().is_empty() { "" } else { "../" };
        measured.row.sources = dirs.iter().map(|dir| format!("{up}nodes/{}", dir.name())).collect();
        Ok(measured)
    }

    /// How an ensemble compares with the deep one of the same training and seed, if the plan has one.
    ///
    /// # Errors
    /// When files are damaged.
    pub fn minus_deep(&self, ensemble: &PlannedEnsemble) -> Result<Option<MinusDeep>> {
        let (experiment, seed) = (self.experiment(ensemble), ensemble.seed);
        let same = |other: &&PlannedEnsemble| {
            other.method == "deep"
                && other.members.len() == ensemble.members.len()
                && other.seed == seed
                && self.experiment(other).setting(seed) == experiment.setting(seed)
        };
        let deep = self.executor.plan.ensembles.iter().find(same);
        let Some(deep) = deep.filter(|deep| deep.members != ensemble.members) else { return Ok(None) };
        let (own, deep) = (self.together(ensemble)?, self.together(deep)?);
        let PairedDifference { mean, standard_error } =
            paired_difference(&own, &deep, &experiment.test_labels)?;
        Ok(Some(MinusDeep { mean, standard_error }))
    }

    /// The ensemble's prediction on the test split.
    fn together(&self, ensemble: &PlannedEnsemble) -> Result<Probs> {
        let how: Combine = self.experiment(ensemble).config.text("metrics.combine").parse()?;
        let logits = |&m: &NodeIndex| self.logits(m, &|| self.executor.params(m));
        Ok(combine(&ensemble.members.iter().map(logits).collect::<Result<Vec<_>>>()?, how)?)
    }

    fn measure_once(&self, ensemble: &PlannedEnsemble, progress: &Progress) -> Result<Measured> {
        let dir = self.dir(ensemble)?;
        if dir.is_done()? {
            let bytes = dir.read_verified(MEASURED)?;
            return serde_json::from_slice(&bytes)
                .with_context(|| format!("{}/{MEASURED}", dir.path().display()));
        }
        let result = self.compute(ensemble, progress);
        let (name, event) = (dir.name(), if result.is_ok() { "done" } else { "stop" });
        self.executor.journal(name, &self.key(ensemble), event)?;
        let measured = result?;
        dir.write(MEASURED, &serde_json::to_vec_pretty(&measured)?)?;
        dir.finish(&[MEASURED])?;
        Ok(measured)
    }

    fn dir(&self, ensemble: &PlannedEnsemble) -> Result<basin_store::NodeDir> {
        let key = self.key(ensemble).short();
        Ok(self.executor.run.node(&format!("s{}-measure-{}", ensemble.seed, ensemble.method), &key)?)
    }

    /// Digest of the members, the test images and all settings of the metrics.
    pub(crate) fn key(&self, ensemble: &PlannedEnsemble) -> Digest {
        let experiment = self.experiment(ensemble);
        let config = &experiment.config;
        let members: Vec<_> = ensemble.members.iter().map(|&m| *self.node(m).key.bytes()).collect();
        let int = |key: &str| config.int(key).to_string();
        let mut settings = vec![
            "measure 1".into(),
            ensemble.method.clone(),
            config.text("metrics.combine").into(),
            int("metrics.draws"),
            int("metrics.pairs"),
            int("metrics.line_points"),
            int("metrics.ece_bins"),
            probe_images(experiment).to_string(),
            experiment.test_digest.to_string(),
        ];
        // A mechanism that is off leaves no mark, so that it does not rename earlier measurements.
        let repaired = repair_images(experiment);
        if repaired > 0 {
            settings.push(format!("repaired on {repaired} of {}", experiment.train_digest));
        }
        digest(members.iter().map(|m| &m[..]).chain(settings.iter().map(|s| s.as_bytes())))
    }

    fn node(&self, index: NodeIndex) -> &PlannedNode {
        &self.executor.plan.nodes[index]
    }

    fn compute(&self, ensemble: &PlannedEnsemble, progress: &Progress) -> Result<Measured> {
        let experiment = self.experiment(ensemble);
        let probe = experiment.test.take(probe_images(experiment)).context("metrics.connectivity_images")?;
        let (config, labels) = (&experiment.config, &experiment.test_labels);
        let members =
            ensemble.members.iter().map(|&m| self.executor.params(m)).collect::<Result<Vec<_>>>()?;
        let logits = ensemble
            .members
            .iter()
            .zip(&members)
            .map(|(&m, params)| self.logits(m, &|| Ok(params.clone())))
            .collect::<Result<Vec<_>>>()?;
        let probs: Vec<Probs> = logits.iter().map(|l| l.softmax(1.0)).collect();
        let how: Combine = config.text("metrics.combine").parse()?;
        let together = combine(&logits, how)?;
        let accuracies = member_accuracies(&probs, labels)?;

        let (points, pairs) = (config.int("metrics.line_points"), config.int("metrics.pairs") as usize);
        let seeds = experiment.seeds(ensemble.seed).child("metrics");
        let pairs = choose_pairs(members.len(), pairs, &seeds.child("pairs"));
        let draws = config.int("metrics.draws") as usize;
        let steps = draws as u64 + pairs.len() as u64 * (points - 2);
        let mut task = progress.begin(&format!("q {}", ensemble.method), self.units(ensemble), steps, 0);
        let mut step = 0;
        let probe_labels = Labels::new(probe.classes(), probe.labels().to_vec())?;
        let mut between = Between::new(experiment, &members, &probe, &probe_labels, self.device)?;
        let mut evaluate = |who: &[usize], weights: &Simplex| -> Result<f64> {
            self.executor.interrupt.check()?;
            let result = between.accuracy(who, weights)?;
            step += 1;
            task.step(step);
            Ok(result)
        };

        let on_probe = accuracies_on(&probe_labels, &logits)?;
        let all: Vec<usize> = (0..members.len()).collect();
        let connectivity =
            joint_connectivity(&on_probe, draws, &seeds.child("lambda"), |weights| evaluate(&all, weights))
                .map_err(unwrap_connectivity)?;
        let alphas: Vec<f64> = (0..points).map(|i| i as f64 / (points - 1) as f64).collect();
        let mut lines = Vec::new();
        for &(i, j) in &pairs {
            let curve = pairwise_connectivity(on_probe[i], on_probe[j], &alphas, |weights| {
                evaluate(&[i, j], weights)
            })
            .map_err(unwrap_connectivity)?;
            let (method, seed) = (ensemble.method.clone(), ensemble.seed);
            let (model, pair) = (config.text("model.name").to_owned(), (i, j));
            let (case, alphas, q) = (String::new(), curve.alphas, curve.q);
            lines.push(PairwiseLine { case, model, method, seed, pair, alphas, q });
        }
        let row = Row {
            case: String::new(),
            sources: Vec::new(),
            dataset: config.text("data.dataset").into(),
            model: config.text("model.name").into(),
            method: ensemble.method.clone(),
            seed: ensemble.seed,
            members: members.len(),
            ensemble_accuracy: accuracy(&together, labels)?,
            mean_member_accuracy: basin_metrics::stats::mean(&accuracies)?,
            joint_connectivity: connectivity.mean,
            joint_connectivity_sd: connectivity.sd,
            nll: nll(&together, labels)?,
            brier: brier(&together, labels)?,
            ece: ece(&together, labels, config.int("metrics.ece_bins") as usize)?,
            jsd_one_vs_all: jsd_one_vs_all(&probs)?,
            true_class_variance: true_class_variance(&probs, labels)?,
            disagreement: disagreement(&probs)?,
            member_accuracies: accuracies,
            passes: ensemble.passes,
            minus_deep: None,
        };
        Ok(Measured { row, lines })
    }

    /// A member's logits on the test split, from its directory or computed and kept there.
    fn logits(&self, member: NodeIndex, params: &dyn Fn() -> Result<Params>) -> Result<Logits> {
        let experiment = self.executor.experiment(self.node(member));
        let dir = self.executor.dir(self.node(member))?;
        let file = format!("{}-{LOGITS}", experiment.test_digest.short());
        if let Some(bytes) = dir.read_derived(&file)? {
            let decoded = TensorFile::decode(&bytes)?;
            let logits = decoded.params.get("logits").context("a logits file without logits")?;
            return Ok(Logits::new(experiment.network.classes(), logits.data().to_vec())?);
        }
        self.executor.interrupt.check()?;
        let Experiment { network, test, normalisation, .. } = experiment;
        let logits = Evaluating::new(self.device, network, test, normalisation)?.logits(&params()?)?;
        dir.write_derived(&file, &encode_logits(&logits)?)?;
        Ok(logits)
    }
}

/// Accuracies of members on the first test images, as many as there are labels, from their logits on all.
fn accuracies_on(labels: &Labels, logits: &[Logits]) -> Result<Vec<f64>> {
    let prefix = |l: &Logits| {
        let values = l.values()[..labels.len() * l.classes()].to_vec();
        Ok(Logits::new(l.classes(), values)?.softmax(1.0))
    };
    let probs = logits.iter().map(prefix).collect::<Result<Vec<_>>>()?;
    Ok(member_accuracies(&probs, labels)?)
}

/// Safetensors with one tensor `logits` `[n, classes]`.
///
/// # Errors
/// Never: the shape follows from the logits.
pub(crate) fn encode_logits(logits: &Logits) -> Result<Vec<u8>> {
    let mut params = Params::new();
    let shape = vec![logits.len(), logits.classes()];
    params.insert("logits", basin_core::Array::new(shape, logits.values().to_vec())?);
    Ok(TensorFile { params, ..Default::default() }.encode())
}

/// Test images for connectivity: the first ones.
fn probe_images(experiment: &Experiment) -> usize {
    match experiment.config.int("metrics.connectivity_images") as usize {
        0 => experiment.test.len(),
        n => n,
    }
}

/// Images that pass forward to measure one ensemble's connectivity.
pub(crate) fn images_of(experiment: &Experiment) -> f64 {
    let config = &experiment.config;
    let probe = probe_images(experiment) as u64;
    let members = config.int("ensemble.members");
    let pairs = config.int("metrics.pairs").min(members * (members - 1) / 2);
    let networks = config.int("metrics.draws") + pairs * (config.int("metrics.line_points") - 2);
    let repair = repair_images(experiment) as u64;
    (networks * (probe + repair) + members * repair) as f64
}

fn unwrap_connectivity(error: basin_metrics::ConnectivityError<anyhow::Error>) -> anyhow::Error {
    match error {
        basin_metrics::ConnectivityError::Evaluation { source, .. } => source,
        other => anyhow::anyhow!("{other}"),
    }
}
