//! The methods and papers that a run can name: one line each.

use crate::config::Config;
use crate::exit::Usage;
use crate::experiment::architecture;
use anyhow::{Context, Result};
use basin_ensemble::EnsembleMethod;
use basin_methods::{
    Constrained, Deep, Distillation, Distilled, DistilledDeep, Imported, JointMatching, JointlyPermuted,
    Permuted, Shortcut, Swe, Teachers,
};
use basin_models::Family;
use basin_paper_single_basin::SingleBasin;
use basin_papers::Paper;
use std::fmt::Debug;
use weight_matching::PermutationSpec;

type Make = fn(&Config) -> Result<Box<dyn EnsembleMethod>>;

/// Method ids with what makes them from a configuration; papers.
#[derive(Clone, Debug)]
pub struct Registry {
    entries: Vec<(&'static str, Make)>,
    papers: Vec<&'static dyn Paper>,
}

impl Default for Registry {
    fn default() -> Self {
        Self { entries: Vec::new(), papers: vec![&SingleBasin] }
            .with("deep", |_| Ok(Box::new(Deep)))
            .with("constrained", |c| Ok(Box::new(Constrained { split_epoch: c.int("ensemble.split_epoch") })))
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
    }
}

impl Registry {
    /// Adds a method, for example one from another crate.
    #[must_use]
    pub fn with(mut self, id: &'static str, make: Make) -> Self {
        self.entries.push((id, make));
        self
    }

    /// Adds a paper, for example one from another crate.
    #[must_use]
    pub fn with_paper(mut self, paper: &'static dyn Paper) -> Self {
        self.papers.push(paper);
        self
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
            Some((_, make)) => make(config),
            None => {
                let known: Vec<_> = self.entries.iter().map(|(id, _)| *id).collect();
                Err(Usage(format!("ensemble.methods names {id:?}, expected some of {}", known.join(", ")))
                    .into())
            }
        }
    }
}

fn imported(config: &Config) -> Result<Imported> {
    let paths = config.text("ensemble.imports").split(',').map(str::trim).filter(|path| !path.is_empty());
    let file = |path: &str| Ok((path.into(), crate::import::content(path.as_ref())?));
    Ok(Imported { files: paths.map(file).collect::<Result<_>>()? })
}

fn swe(config: &Config) -> Swe {
    let (peak, warmup) = (config.float("train.peak_lr"), config.float("train.warmup"));
    Swe { peak, warmup, floor: config.float("ensemble.swe_floor") }
}

fn distillation(config: &Config) -> Distillation {
    let label_weight = config.float("ensemble.label_weight");
    Distillation { label_weight, temperature: config.float("ensemble.temperature") }
}

fn distilled(config: &Config) -> Distilled {
    Distilled::new(config.int("ensemble.split_epoch"), distillation(config))
}

fn cheaper(config: &Config, teachers: Teachers, shortcut: Shortcut) -> Distilled {
    Distilled { teachers, shortcut, ..distilled(config) }
}

fn last(config: &Config) -> Shortcut {
    Shortcut::Last(config.int("ensemble.distil_last"))
}

fn replay(config: &Config) -> Shortcut {
    Shortcut::Replay(config.int("ensemble.replay_epochs"))
}

fn permuted(config: &Config) -> Result<Permuted> {
    let (spec, spec_name) = spec(config)?;
    Ok(Permuted { spec, spec_name })
}

fn jointly_permuted(matching: JointMatching, config: &Config) -> Result<JointlyPermuted> {
    let (spec, spec_name) = spec(config)?;
    Ok(JointlyPermuted { matching, spec, spec_name })
}

/// The permutation spec of the configured network, and its name.
fn spec(config: &Config) -> Result<(PermutationSpec, String)> {
    let name = config.text("model.name");
    let spec = match architecture(config)?.family() {
        Family::ResNet { depth, .. } => PermutationSpec::resnet(depth),
        Family::Vit(vit) => PermutationSpec::vit(vit.layers, vit.heads),
    };
    let spec = spec.with_context(|| format!("permutation spec of {name}"))?;
    Ok((spec, name.to_owned()))
}
