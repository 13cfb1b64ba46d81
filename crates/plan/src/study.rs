//! What one run consists of: the cases of a paper's experiment, each a whole configuration with its data and network.

use crate::loading::Datasets;
use crate::planned::PlannedNode;
use crate::problem::{self, Problem};
use crate::{Case, Registry};
use anyhow::Result;
use basin_config::{Config, ConfigError, Keys, Settled};
use basin_papers::{CaseError, CaseKeys, Paper, Preset, Settings, Varied, case_keys, label};
use std::collections::BTreeMap;

/// What was asked for on the command line.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The paper.
    pub paper: &'static dyn Paper,
    /// Its experiment: which cases there are.
    pub experiment: &'static basin_papers::Experiment,
    /// Values to begin with.
    pub preset: &'static Preset,
    /// Values of a file, as `(key, text)`, that take their place.
    pub file: Vec<(String, String)>,
    /// Values that take the place of these, as `(key, text)`. What an experiment varies itself takes the place of these.
    pub settings: Vec<(String, String)>,
    /// The keys that there are.
    pub keys: Keys,
}

impl Asked {
    /// A paper's first experiment with its first preset, and these values in place of the preset's.
    ///
    /// # Errors
    /// As [`Registry::keys`].
    pub fn first(paper: &'static dyn Paper, registry: &Registry, settings: &[(&str, &str)]) -> Result<Self> {
        let (experiment, preset) = (&paper.experiments()[0], &paper.presets()[0]);
        let settings = settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Ok(Self { paper, experiment, preset, file: Vec::new(), settings, keys: registry.keys()? })
    }

    /// The configuration without anything that the experiment varies.
    ///
    /// # Errors
    /// [`ConfigError`] lists everything wrong.
    pub fn base(&self) -> Result<Config, ConfigError> {
        Config::resolve_over(&self.keys, self.preset, &self.file, &self.settings, &[])
    }

    /// The configuration of one case.
    ///
    /// # Errors
    /// [`ConfigError`] lists everything wrong.
    pub fn case(&self, varied: &Varied) -> Result<Config, ConfigError> {
        Config::resolve_over(&self.keys, self.preset, &self.file, &self.settings, varied)
    }

    /// The configuration of one case as far as it makes one, with all that is wrong with it.
    pub fn settle(&self, varied: &Varied) -> Settled {
        Config::settle(&self.keys, self.preset, &self.file, &self.settings, varied)
    }

    /// Every case with its configuration.
    ///
    /// # Errors
    /// [`ConfigError`] lists everything wrong.
    pub fn configs(&self) -> Result<Vec<(Varied, Config)>, ConfigError> {
        self.cases()?.into_iter().map(|varied| Ok((varied.clone(), self.case(&varied)?))).collect()
    }

    /// What each case of the experiment varies.
    ///
    /// # Errors
    /// [`ConfigError`] lists everything wrong.
    pub fn cases(&self) -> Result<Vec<Varied>, ConfigError> {
        (self.experiment.cases)(self).map_err(|error| match error.downcast::<ConfigError>() {
            Ok(error) => *error,
            Err(other) => ConfigError { problems: vec![format!("  {other}")] },
        })
    }

    /// Keys that were set and that the experiment sets itself, so that what was asked for has no effect; and whether that
    /// is so in all of its cases.
    ///
    /// # Errors
    /// As [`Asked::base`].
    pub fn replaced(&self) -> Result<BTreeMap<&'static str, bool>, ConfigError> {
        let cases = self.cases()?;
        let varied = cases.iter().flatten().map(|(key, _)| *key);
        let asked = |key: &&str| self.settings.iter().any(|(asked, _)| self.keys.is_key(asked, key));
        let sets = |case: &Varied, key: &str| case.iter().any(|(own, _)| *own == key);
        let everywhere = |key| (key, cases.iter().all(|case| sets(case, key)));
        Ok(varied.filter(asked).map(everywhere).collect())
    }
}

impl Asked {
    /// A value of the configuration that results when these are varied.
    fn value<T>(
        &self,
        key: &str,
        varied: &Varied,
        what: &str,
        read: impl FnOnce(&serde_json::Value) -> Option<T>,
    ) -> Result<T, CaseError> {
        let config = self.case(varied)?.to_json();
        let value = config.pointer(&format!("/{}", key.replace('.', "/"))).and_then(read);
        value.ok_or_else(|| format!("{}: {key} is no {what}", self.experiment.name).into())
    }
}

impl Settings for Asked {
    fn int(&self, key: &str, varied: &Varied) -> Result<u64, CaseError> {
        self.value(key, varied, "whole number", serde_json::Value::as_u64)
    }

    fn float(&self, key: &str, varied: &Varied) -> Result<f64, CaseError> {
        self.value(key, varied, "number", serde_json::Value::as_f64)
    }

    fn text(&self, key: &str, varied: &Varied) -> Result<String, CaseError> {
        self.value(key, varied, "word", |value| value.as_str().map(str::to_owned))
    }
}

/// The cases of an experiment, loaded.
#[derive(Clone, Debug)]
pub struct Study {
    /// The paper.
    pub paper: &'static dyn Paper,
    /// Its experiment.
    pub experiment: &'static basin_papers::Experiment,
    /// At least one case; the first one's settings stand for what all have in common.
    pub cases: Vec<Case>,
    /// Whether a data set that is not there was stood in for.
    pub outlined: bool,
    /// In what the data sets are not the published ones, a line each.
    pub notes: Vec<String>,
}

impl Study {
    /// Resolves every case, loads each data set once, builds the networks.
    ///
    /// # Errors
    /// With the file or key, what was expected and what was found.
    pub fn load(asked: &Asked) -> Result<Self> {
        Self::with(asked, Datasets::default())
    }

    /// As [`Study::load`], for a price: blank images of the official number stand in for a data set without a folder.
    ///
    /// # Errors
    /// As [`Study::load`].
    pub fn outline(asked: &Asked) -> Result<Self> {
        Self::with(asked, Datasets::or_blank())
    }

    fn with(asked: &Asked, datasets: Datasets) -> Result<Self> {
        Self::attempt(asked, asked.configs()?, datasets).map_err(problem::refusal)
    }

    /// As [`Study::load`], of cases that are resolved, with everything that is wrong.
    pub fn attempt(
        asked: &Asked,
        configs: Vec<(Varied, Config)>,
        mut datasets: Datasets,
    ) -> Result<Self, Vec<Problem>> {
        let (mut cases, mut problems) = (Vec::new(), Vec::new());
        for (varied, config) in configs {
            match Case::attempt(config, varied, &mut datasets) {
                Ok(case) => cases.push(case),
                Err(more) => problems.extend(more),
            }
        }
        match problems.is_empty() {
            true => {
                let (outlined, notes) = (datasets.blank, datasets.notes);
                Ok(Self { paper: asked.paper, experiment: asked.experiment, cases, outlined, notes })
            }
            false => Err(problems),
        }
    }

    /// The first case's configuration, and of every case what it varies and where else it differs from the first.
    pub fn to_toml(&self) -> String {
        let mut text = self.config().to_toml();
        for case in self.cases.iter().filter(|case| !case.varied.is_empty()) {
            text += "\n[[case]]\n";
            text += &case.config.lines_beside(self.config());
        }
        text
    }

    /// Whether a data set that is not there was stood in for: the experiment's own, or one that a measurement looks at.
    pub fn is_outlined(&self) -> bool {
        self.outlined || self.cases.iter().any(|case| case.others.blank())
    }

    /// In what its data sets are not the published ones, with those that measurements look at.
    pub fn all_notes(&self) -> Vec<String> {
        let others = self.cases.first().map(|case| case.others.notes()).unwrap_or_default();
        self.notes.iter().cloned().chain(others).collect()
    }

    /// What one case varies, beyond data set, network and methods.
    pub fn case_keys(&self, place: usize) -> CaseKeys {
        let varied = self.cases[place].varied.iter().map(|(key, value)| (*key, value.as_str()));
        case_keys(varied, self.paper.symbols())
    }

    /// The same in the paper's symbols, for the eye.
    pub fn label(&self, place: usize) -> String {
        label(&self.case_keys(place), self.paper.symbols())
    }

    /// Where its results stand below the run directory, with `/` at the end: those of the paper's first experiment at the
    /// top, so that experiments of one run share its nodes and keep their reports apart.
    pub fn folder(&self) -> String {
        let first = self.paper.experiments().first().map(|experiment| experiment.name);
        if Some(self.experiment.name) == first { String::new() } else { format!("{}/", self.experiment.name) }
    }

    /// The images, network and settings that make a node.
    pub fn case_of(&self, node: &PlannedNode) -> &Case {
        self.cases[node.case].stage(node.at_source)
    }

    /// The configuration of the first case.
    pub fn config(&self) -> &Config {
        &self.cases[0].config
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::plan_context;
    use basin_papers::{Comparison, Contrast, Figure};

    /// No experiment may end with a refusal that its own cases bring about.
    #[test]
    fn every_experiment_can_be_planned_with_every_preset_data_set_and_network() {
        let registry = Registry::default();
        let mut planned = 0;
        for &paper in registry.papers() {
            let all = |preset: &'static Preset| paper.experiments().iter().map(move |e| (preset, e));
            for (preset, experiment) in paper.presets().iter().flat_map(all) {
                for dataset in ["synthetic", "cifar10", "cifar100", "tiny-imagenet"] {
                    for model in ["resnet20", "vit"] {
                        let set = |key: &str, value: &str| (key.to_owned(), value.to_owned());
                        let settings = vec![set("data.dataset", dataset), set("model.name", model)];
                        let (file, keys) = (Vec::new(), registry.keys().unwrap());
                        let asked = Asked { paper, experiment, preset, file, settings, keys };
                        // Files that its user is to bring.
                        if !asked.base().unwrap().source().checkpoints.is_empty() {
                            continue;
                        }
                        for varied in asked.cases().unwrap() {
                            let config = asked.case(&varied).unwrap();
                            for id in &config.ensemble().methods {
                                let method = registry.method(id, &config).unwrap();
                                let recipe = method.plan(&plan_context(&config)).unwrap_or_else(|e| {
                                    panic!(
                                        "{} {} {dataset} {model} {varied:?}: {e}",
                                        preset.name, experiment.name
                                    )
                                });
                                planned += recipe.members().len();
                            }
                        }
                    }
                }
            }
        }
        assert!(planned > 1000, "{planned}");
    }

    /// A misspelt name would be a column, a figure or a verdict that stays empty.
    #[test]
    fn papers_name_metrics_methods_and_keys_that_there_are() {
        let (registry, mut named) = (Registry::default(), 0);
        let keys = registry.keys().unwrap();
        for paper in registry.papers() {
            let layout = paper.layout();
            let mut metrics: Vec<&str> = [layout.compared, layout.described].concat();
            metrics.extend(layout.within.iter().flat_map(|within| [within.metric, within.error]));
            metrics.extend(layout.figures.iter().flat_map(|figure| figure.metrics()));
            let mut methods: Vec<&str> = Vec::new();
            let mut varied: Vec<&str> = paper.symbols().iter().map(|symbol| symbol.key).collect();
            let of = |contrasts: &'static [Contrast]| {
                contrasts.iter().flat_map(|contrast| [Some(contrast.metric), contrast.error]).flatten()
            };
            for claim in paper.claims() {
                methods.extend(claim.methods());
                varied.extend(claim.scope.case.iter().map(|(key, _)| *key));
                metrics.extend(of(claim.given));
                match claim.comparison {
                    Comparison::All(all) => metrics.extend(of(all)),
                    Comparison::Connected { metric, .. } => metrics.push(metric),
                    Comparison::Trend { metric, over, .. } => {
                        metrics.push(metric);
                        varied.push(over);
                    }
                }
            }
            for figure in layout.figures {
                if let Figure::Grid(grid) = figure {
                    varied.extend([grid.x.key, grid.y.key]);
                }
            }
            named += metrics.len() + methods.len() + varied.len();
            let unknown_metrics = metrics.into_iter().filter(|id| paper.metric(id).is_none());
            let unknown_methods = methods.into_iter().filter(|id| !registry.methods().any(|own| own == *id));
            let unknown_keys = varied.into_iter().filter(|key| !keys.iter().any(|own| own.name == *key));
            let unknown: Vec<&str> = unknown_metrics.chain(unknown_methods).chain(unknown_keys).collect();
            assert!(unknown.is_empty(), "{}: {unknown:?}", paper.id());
        }
        assert!(named > 200, "{named}");
    }
}
