//! The methods, networks, data sets, probes and papers of a program: one line each, and the config keys that they bring.
//!
//! A crate outside of this workspace begins with the built-in ones, adds its own, and has the whole command line:
//! `basin_cli::main(Registry::default().with("mine", make).with_key(KEY))`, as `examples/own-method` does. A method reads
//! its keys when it is made; what it read belongs into its recipe, which names its nodes.

use crate::measuring::{self, Ensembles, ProbeEntry};
use crate::subspaces;
use crate::transfer::{self, greedy, soup};
use anyhow::{Result, ensure};
use basin_config::{Config, Key, Keys, NetworkEntry, NoiseName, PartitionName, built_in_networks};
use basin_core::LabelSkew;
use basin_data::{Archive, Dataset};
use basin_ensemble::EnsembleMethod;
use basin_exit::Usage;
use basin_methods::{
    Averaged, Constrained, Deep, Distillation, Distilled, DistilledDeep, Division, Imported, JointMatching,
    JointlyPermuted, Mixture, Noise, Partition, Permuted, Shifted, Shortcut, Start, Swe, Teachers,
};
use basin_paper_data_shift::DataShift;
use basin_paper_everything::Everything;
use basin_paper_loss_landscape::LossLandscape;
use basin_paper_single_basin::SingleBasin;
use basin_paper_transfer::Transfer;
use basin_papers::Paper;
use std::fmt::Debug;
use weight_matching::PermutationSpec;

type Make = fn(&Config) -> Result<Box<dyn EnsembleMethod>>;

/// Method ids with what makes them from a configuration; papers; the config keys of both.
#[derive(Clone, Debug)]
pub struct Registry {
    entries: Vec<(&'static str, Make)>,
    networks: Vec<NetworkEntry>,
    datasets: Vec<&'static Dataset>,
    probes: Vec<ProbeEntry>,
    papers: Vec<&'static dyn Paper>,
    keys: Vec<Key>,
}

impl Default for Registry {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            networks: built_in_networks(),
            datasets: Dataset::BUILT_IN.to_vec(),
            probes: measuring::built_in(),
            papers: vec![&SingleBasin, &DataShift, &LossLandscape, &Transfer, &Everything],
            keys: Vec::new(),
        }
        .with("deep", |_| Ok(Box::new(Deep)))
        .with("constrained", |c| Ok(Box::new(Constrained { split_epoch: c.ensemble().split_epoch })))
        .with("swe", |c| Ok(Box::new(swe(c))))
        .with("permuted", |c| Ok(Box::new(permuted(c)?)))
        .with("multi-pcd", |c| Ok(Box::new(jointly_permuted(JointMatching::MultiPcd, c)?)))
        .with("merge-many", |c| Ok(Box::new(jointly_permuted(JointMatching::MergeMany, c)?)))
        .with("frank-wolfe", |c| Ok(Box::new(jointly_permuted(JointMatching::FrankWolfe, c)?)))
        .with("distilled", |c| Ok(Box::new(distilled(c))))
        .with("distilled-last", |c| Ok(Box::new(cheaper(c, Teachers::Own, last(c)))))
        .with("distilled-replayed", |c| Ok(Box::new(cheaper(c, Teachers::Own, replay(c)))))
        .with("distilled-one-teacher", |c| Ok(Box::new(cheaper(c, Teachers::First, Shortcut::None))))
        .with("distilled-one-teacher-last", |c| Ok(Box::new(cheaper(c, Teachers::First, last(c)))))
        .with("distilled-one-teacher-replayed", |c| Ok(Box::new(cheaper(c, Teachers::First, replay(c)))))
        .with("distilled-ensemble", |c| Ok(Box::new(cheaper(c, Teachers::All, Shortcut::None))))
        .with("distilled-ensemble-last", |c| Ok(Box::new(cheaper(c, Teachers::All, last(c)))))
        .with("distilled-ensemble-replayed", |c| Ok(Box::new(cheaper(c, Teachers::All, replay(c)))))
        .with("imported", |c| Ok(Box::new(imported(c)?)))
        .with("distilled-deep", |c| Ok(Box::new(DistilledDeep { distillation: distillation(c) })))
        .with("shifted", |c| Ok(Box::new(shifted(c, Start::Together))))
        .with("shifted-apart", |c| Ok(Box::new(shifted(c, Start::Apart))))
        .with("shifted-constrained", |c| Ok(Box::new(shifted(c, trunk(c)))))
        .with("shifted-matched", |c| Ok(Box::new(shifted(c, matched(c)?))))
        .with("subspace-random", |c| Ok(Box::new(subspaces::random(c))))
        .with("subspace-dropout", |c| Ok(Box::new(subspaces::dropout(c))))
        .with("subspace-gaussian", |c| Ok(Box::new(subspaces::gaussian(c))))
        .with("subspace-pca", |c| Ok(Box::new(subspaces::pca(c))))
        .with("subspace-pca-random", |c| Ok(Box::new(subspaces::pca_random(c))))
        .with("swag", |c| Ok(Box::new(subspaces::swag(c))))
        .with("local", |c| Ok(Box::new(transfer::local(c)?)))
        .with("global", |c| Ok(Box::new(transfer::global(c)?)))
        .with("sse", |c| Ok(Box::new(transfer::sse(c)?)))
        .with("star-sse", |c| Ok(Box::new(transfer::star_sse(c)?)))
        .with("fge", |c| Ok(Box::new(transfer::fge(c)?)))
        .with("swa", |c| Ok(Box::new(transfer::swa(c)?)))
        .with("tuned-swag", |c| Ok(Box::new(transfer::swag(c)?)))
        .with("local-soup", |c| Ok(Box::new(soup("local-soup", transfer::local(c)?, Mixture::Uniform))))
        .with("local-greedy-soup", |c| {
            Ok(Box::new(soup("local-greedy-soup", transfer::local(c)?, greedy(c))))
        })
        .with("local-stock", |c| Ok(Box::new(soup("local-stock", transfer::local(c)?, Mixture::ModelStock))))
        .with("sse-soup", |c| Ok(Box::new(soup("sse-soup", transfer::sse(c)?, Mixture::Uniform))))
        .with("sse-greedy-soup", |c| Ok(Box::new(soup("sse-greedy-soup", transfer::sse(c)?, greedy(c)))))
        .with("star-sse-soup", |c| {
            Ok(Box::new(soup("star-sse-soup", transfer::star_sse(c)?, Mixture::Uniform)))
        })
        .with("star-sse-greedy-soup", |c| {
            Ok(Box::new(soup("star-sse-greedy-soup", transfer::star_sse(c)?, greedy(c))))
        })
        .with("star-sse-stock", |c| {
            Ok(Box::new(soup("star-sse-stock", transfer::star_sse(c)?, Mixture::ModelStock)))
        })
        .with("averaged", |c| Ok(Box::new(Averaged { last: c.subspace().last })))
    }
}

impl Registry {
    /// Adds a method, for example one from another crate.
    #[must_use]
    pub fn with(mut self, id: &'static str, make: Make) -> Self {
        self.entries.push((id, make));
        self
    }

    /// Adds a network, for example a module of candle's from another crate (`basin_candle::Module`).
    #[must_use]
    pub fn with_network(mut self, network: NetworkEntry) -> Self {
        self.networks.push(network);
        self
    }

    /// Adds a data set, for example one from another crate.
    #[must_use]
    pub fn with_dataset(mut self, dataset: &'static Dataset) -> Self {
        self.datasets.push(dataset);
        self
    }

    /// Adds a measurement of every ensemble, for example one from another crate.
    #[must_use]
    pub fn with_probe(mut self, probe: ProbeEntry) -> Self {
        self.probes.push(probe);
        self
    }

    /// Adds a paper, for example one from another crate.
    #[must_use]
    pub fn with_paper(mut self, paper: &'static dyn Paper) -> Self {
        self.papers.push(paper);
        self
    }

    /// Adds a config key, for example one that a method of another crate reads or that a paper of another crate varies.
    #[must_use]
    pub fn with_key(mut self, key: Key) -> Self {
        self.keys.push(key);
        self
    }

    /// All config keys: the built-in ones and those added.
    ///
    /// # Errors
    /// When keys, methods or papers that were added are malformed or named like others; all problems at once.
    pub fn keys(&self) -> Result<Keys> {
        let keys = Keys::with(&self.keys, &self.networks, &self.datasets);
        let again = |kind: &str, ids: Vec<&str>| {
            let twice = ids.iter().enumerate().filter(|(i, id)| ids[..*i].contains(id));
            twice
                .map(|(_, id)| format!("{kind} {id}, expected another id than that of an earlier one"))
                .collect()
        };
        let methods: Vec<String> = again("method", self.methods().collect());
        let networks = again("network", self.networks.iter().map(|network| network.name).collect());
        let datasets = again("data set", self.datasets.iter().map(|dataset| dataset.name).collect());
        let probes = again("probe", self.probes.iter().map(|probe| probe.id).collect());
        let papers = again("paper", self.papers.iter().map(|paper| paper.id()).collect());
        let faults =
            [keys.as_ref().err().cloned().unwrap_or_default(), methods, networks, datasets, probes, papers]
                .concat();
        match keys {
            Ok(keys) if faults.is_empty() => Ok(keys),
            _ => {
                Err(Usage(format!("the registry of this program is refused:\n  {}", faults.join("\n  ")))
                    .into())
            }
        }
    }

    /// The published archive of the data set of that name.
    ///
    /// # Errors
    /// [`Usage`] when it has none; with those that have.
    pub fn archive(&self, dataset: &str) -> Result<&'static Archive, Usage> {
        let published = || self.datasets.iter().filter_map(|dataset| Some((dataset.name, dataset.archive?)));
        published().find(|(name, _)| *name == dataset).map(|(_, archive)| archive).ok_or_else(|| {
            let names: Vec<&str> = published().map(|(name, _)| name).collect();
            Usage(format!(
                "{dataset:?} cannot be fetched, expected one of {}; the synthetic sets are made from a seed and need no files",
                names.join(", ")
            ))
        })
    }

    /// The measurements that every ensemble gets.
    pub fn probes(&self) -> &[ProbeEntry] {
        &self.probes
    }

    /// The ids of those that an ensemble gets where it is asked for.
    pub fn probes_to_ask_for(&self) -> impl Iterator<Item = &'static str> {
        self.probes.iter().filter(|probe| probe.of == Ensembles::Asked).map(|probe| probe.id)
    }

    /// All papers, the default one first.
    pub fn papers(&self) -> &[&'static dyn Paper] {
        &self.papers
    }

    /// The paper of that id.
    ///
    /// # Errors
    /// When there is none; with those there are.
    pub fn paper(&self, id: &str) -> Result<&'static dyn Paper> {
        let known = || {
            self.papers.iter().map(|p| format!("  {:<15} {}", p.id(), p.citation().title)).collect::<Vec<_>>()
        };
        let unknown = || Usage(format!("unknown paper {id}, expected one of\n{}", known().join("\n"))).into();
        self.papers.iter().copied().find(|paper| paper.id() == id).ok_or_else(unknown)
    }

    /// The ids of all methods.
    pub fn methods(&self) -> impl Iterator<Item = &'static str> {
        self.entries.iter().map(|(id, _)| *id)
    }

    /// The method of that id.
    ///
    /// # Errors
    /// When the id is unknown or the configuration does not fit it.
    pub fn method(&self, id: &str, config: &Config) -> Result<Box<dyn EnsembleMethod>> {
        match self.entries.iter().find(|(known, _)| *known == id) {
            Some((_, make)) => {
                let method = make(config)?;
                // Rows, nodes and reports carry the method's own id.
                let own = method.id();
                ensure!(
                    own == id,
                    Usage(format!("the method registered as {id} calls itself {own}, expected one id"))
                );
                Ok(method)
            }
            None => {
                let known: Vec<_> = self.entries.iter().map(|(id, _)| *id).collect();
                Err(Usage(format!("ensemble.methods names {id:?}, expected some of {}", known.join(", ")))
                    .into())
            }
        }
    }
}

fn imported(config: &Config) -> Result<Imported> {
    let paths = config.ensemble().imports.split(',').map(str::trim).filter(|path| !path.is_empty());
    let file = |path: &str| Ok((path.into(), crate::import::content(path.as_ref())?));
    Ok(Imported { files: paths.map(file).collect::<Result<_>>()? })
}

fn swe(config: &Config) -> Swe {
    let train = config.train();
    Swe { peak: train.peak_lr, warmup: train.warmup, floor: config.ensemble().swe_floor }
}

fn distillation(config: &Config) -> Distillation {
    let ensemble = config.ensemble();
    Distillation { label_weight: ensemble.label_weight, temperature: ensemble.temperature }
}

fn distilled(config: &Config) -> Distilled {
    Distilled::new(config.ensemble().split_epoch, distillation(config))
}

fn cheaper(config: &Config, teachers: Teachers, shortcut: Shortcut) -> Distilled {
    Distilled { teachers, shortcut, ..distilled(config) }
}

fn last(config: &Config) -> Shortcut {
    Shortcut::Last(config.ensemble().distil_last)
}

fn replay(config: &Config) -> Shortcut {
    Shortcut::Replay(config.ensemble().replay_epochs)
}

fn permuted(config: &Config) -> Result<Permuted> {
    let (spec, spec_name) = spec(config)?;
    Ok(Permuted { spec, spec_name })
}

fn jointly_permuted(matching: JointMatching, config: &Config) -> Result<JointlyPermuted> {
    let (spec, spec_name) = spec(config)?;
    Ok(JointlyPermuted { matching, spec, spec_name })
}

/// The parts that the configuration divides the data into.
pub fn division(config: &Config) -> Division {
    let data = config.data();
    let view = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    let partition = match data.partition {
        PartitionName::Covariate => Partition::Covariate,
        // To a thousandth, as the key says.
        PartitionName::Imbalance => {
            Partition::Labels(LabelSkew::PerMille((data.imbalance * 1000.0).round() as u32))
        }
        PartitionName::GitReBasin => Partition::Labels(LabelSkew::GitReBasin),
    };
    let views = [&data.view_a, &data.view_b].map(view);
    Division { partition, seed: data.partition_seed, views }
}

fn shifted(config: &Config, start: Start) -> Shifted {
    let noise = match config.train().noise {
        NoiseName::Fixed => Noise::Fixed,
        NoiseName::Independent => Noise::Independent,
    };
    Shifted { division: division(config), noise, start }
}

fn trunk(config: &Config) -> Start {
    Start::Trunk { split_epoch: config.ensemble().split_epoch }
}

fn matched(config: &Config) -> Result<Start> {
    let (spec, spec_name) = spec(config)?;
    Ok(Start::Matched { spec: Box::new(spec), spec_name })
}

/// The permutation spec of the configured network, and its name.
fn spec(config: &Config) -> Result<(PermutationSpec, String)> {
    Ok((config.permutation_spec(config.extent())?, config.model().name.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use basin_config::Range;

    const KEY: Key = Key::new("deep.extra", "1", Range::Int(1, 9), "unit", "doc");

    #[test]
    fn entries_named_like_others_are_refused_all_at_once_with_the_code_of_usage() {
        let registry = Registry::default().with("deep", |_| Ok(Box::new(Deep))).with_key(KEY).with_key(KEY);
        let error = registry.with_paper(&SingleBasin).keys().unwrap_err();
        assert_eq!(basin_exit::code(&error), basin_exit::USAGE);
        let expected = "the registry of this program is refused:\n  \
                        key deep.extra, expected another name or alias than those of deep.extra\n  \
                        method deep, expected another id than that of an earlier one\n  \
                        paper single-basin, expected another id than that of an earlier one";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn archives_are_found_by_their_data_sets_and_others_are_told_what_there_is() {
        let registry = Registry::default();
        assert_eq!(registry.archive("cifar100").unwrap().folder, "cifar-100-binary");
        for name in ["synthetic", "cifar-10"] {
            let error = registry.archive(name).unwrap_err().to_string();
            assert!(
                error.contains("cifar10, cifar100, tiny-imagenet") && error.contains("from a seed"),
                "{error}"
            );
        }
    }

    #[test]
    fn every_method_is_registered_as_what_it_calls_itself() {
        let registry = Registry::default().with("deep-again", |_| Ok(Box::new(Deep)));
        let config = Config::plain(&registry.keys().unwrap(), &[]).unwrap();
        for id in registry.methods().filter(|id| *id != "deep-again") {
            assert_eq!(registry.method(id, &config).unwrap().id(), id);
        }
        let error = registry.method("deep-again", &config).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the method registered as deep-again calls itself deep, expected one id"
        );
        assert_eq!(basin_exit::code(&error), basin_exit::USAGE);
    }
}
