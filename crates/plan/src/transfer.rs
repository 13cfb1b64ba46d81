//! The methods of transfer learning as a configuration has them.

use crate::import;
use anyhow::Result;
use basin_config::{Config, HeadsName, Transfer};
use basin_core::DataRef;
use basin_ensemble::EnsembleMethod;
use basin_methods::{
    Cycles, Fge, FineTuned, FineTuning, Heads, Mixture, PretrainedFile, Soup, Spread, Sse, StarSse, Swa,
    TunedSwag,
};
use std::path::PathBuf;
use std::sync::Arc;

/// Seed of the images that are held out: one draw for all runs, as there is one test set.
const HELD_OUT_BY: u64 = 0;

/// The training images that are held out from fine-tuning, if any are.
pub(crate) fn held_out(config: &Config) -> Option<DataRef> {
    match config.transfer().held_out {
        0 => None,
        of => Some(DataRef::train().share(0, of, HELD_OUT_BY)),
    }
}

fn tuning(config: &Config) -> Result<FineTuning> {
    let &Transfer { checkpoint, heads, held_out, .. } = config.transfer();
    let head = config.head(config.extent())?;
    let paths = config.source().checkpoints.split(',').map(str::trim).filter(|path| !path.is_empty());
    let file = |path: &str| {
        let path = PathBuf::from(path);
        let (content, classes) = (import::content(&path)?, import::classes(&path, &head[0])?);
        Ok(PretrainedFile { path, content, classes })
    };
    Ok(FineTuning {
        checkpoint,
        files: paths.map(file).collect::<Result<_>>()?,
        heads: match heads {
            HeadsName::Own => Heads::Own,
            HeadsName::Shared => Heads::Shared,
        },
        data: match held_out {
            0 => DataRef::train(),
            of => DataRef::train().without_share(0, of, HELD_OUT_BY),
        },
        head,
    })
}

fn cycles(config: &Config) -> Cycles {
    let &Transfer { cycle_length: length, cycle_rate: rate, .. } = config.transfer();
    Cycles { length, rate, peak: config.train().peak_lr }
}

pub(crate) fn local(config: &Config) -> Result<FineTuned> {
    Ok(FineTuned::Local(tuning(config)?))
}

pub(crate) fn global(config: &Config) -> Result<FineTuned> {
    Ok(FineTuned::Global(tuning(config)?))
}

pub(crate) fn sse(config: &Config) -> Result<Sse> {
    Ok(Sse { tuning: tuning(config)?, cycles: cycles(config) })
}

pub(crate) fn star_sse(config: &Config) -> Result<StarSse> {
    Ok(StarSse { tuning: tuning(config)?, cycles: cycles(config) })
}

pub(crate) fn fge(config: &Config) -> Result<Fge> {
    Ok(Fge { tuning: tuning(config)?, cycles: cycles(config), epochs: config.transfer().fge_epochs })
}

pub(crate) fn swa(config: &Config) -> Result<Swa> {
    Ok(Swa { tuning: tuning(config)?, cycles: cycles(config) })
}

pub(crate) fn swag(config: &Config) -> Result<TunedSwag> {
    let subspace = config.subspace();
    let spread = Spread { scale: subspace.scale_gaussian, varied: subspace.varied };
    Ok(TunedSwag { swa: swa(config)?, last: subspace.last, spread })
}

/// One network made of the members of an ensemble.
pub(crate) fn soup(id: &'static str, of: impl EnsembleMethod + 'static, mixture: Mixture) -> Soup {
    Soup { id, of: Arc::new(of), mixture }
}

/// The mixture of greedy soups.
pub(crate) fn greedy(config: &Config) -> Mixture {
    Mixture::Greedy(held_out(config))
}
