//! The samplers around solutions as a configuration has them.

use basin_config::{Config, Subspace};
use basin_ensemble::Acceptance;
use basin_methods::{
    Spread, SubspaceDropout, SubspaceGaussian, SubspacePca, SubspacePcaRandom, SubspaceRandom, Subspaces,
    Swag,
};

pub(crate) fn random(config: &Config) -> SubspaceRandom {
    let &Subspace { scale_random: scale, acceptance: share, acceptance_images: images, tries, .. } =
        config.subspace();
    let acceptance = (share > 0.0).then_some(Acceptance { images, share, tries });
    SubspaceRandom { subspaces: subspaces(config), scale, acceptance }
}

pub(crate) fn dropout(config: &Config) -> SubspaceDropout {
    SubspaceDropout { subspaces: subspaces(config), rate: config.subspace().scale_dropout }
}

pub(crate) fn gaussian(config: &Config) -> SubspaceGaussian {
    let &Subspace { last, scale_gaussian, .. } = config.subspace();
    SubspaceGaussian { subspaces: subspaces(config), last, spread: spread(config, scale_gaussian) }
}

pub(crate) fn swag(config: &Config) -> Swag {
    let &Subspace { last, scale_gaussian, .. } = config.subspace();
    Swag { subspaces: subspaces(config), last, spread: spread(config, scale_gaussian) }
}

pub(crate) fn pca(config: &Config) -> SubspacePca {
    let &Subspace { last, rank, scale_pca, .. } = config.subspace();
    SubspacePca { subspaces: subspaces(config), last, rank, spread: spread(config, scale_pca) }
}

pub(crate) fn pca_random(config: &Config) -> SubspacePcaRandom {
    let &Subspace { rank, scale_pca, .. } = config.subspace();
    SubspacePcaRandom { random: random(config), rank, spread: spread(config, scale_pca) }
}

fn subspaces(config: &Config) -> Subspaces {
    let &Subspace { runs, samples, .. } = config.subspace();
    let runs = if runs == 0 { config.ensemble().members } else { runs };
    Subspaces { runs, samples }
}

fn spread(config: &Config, scale: f64) -> Spread {
    Spread { scale, varied: config.subspace().varied }
}
