//! What is measured after the checks, the most important first.

use super::networks::Measured;
use super::throughput::Workload;
use basin_gpu::Precision;
use std::fmt;

/// Something to begin before the deadline.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Part {
    /// Training of one network.
    Training(Workload),
    /// All convolutions at a precision.
    Convolutions(Precision),
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Training(workload) => workload.fmt(f),
            Self::Convolutions(precision) => write!(f, "convolutions {}", precision.name()),
        }
    }
}

/// Precision by precision the first network of each architecture and the convolutions; then, precision by precision, the
/// other widths.
pub(super) fn parts(networks: &[Measured], precisions: &[Precision], batch: usize) -> Vec<Part> {
    let is_first = |at: usize| networks[..at].iter().all(|before| before.model != networks[at].model);
    let (first, others): (Vec<_>, Vec<_>) = (0..networks.len()).partition(|at| is_first(*at));
    let training = |at: &usize, precision: Precision| {
        let Measured { model, width } = networks[*at].clone();
        Part::Training(Workload { model, width, precision, batch })
    };
    let mut parts = Vec::new();
    for &precision in precisions {
        parts.extend(first.iter().map(|at| training(at, precision)));
        parts.push(Part::Convolutions(precision));
    }
    for &precision in precisions {
        parts.extend(others.iter().map(|at| training(at, precision)));
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu_check::networks::{DEFAULT, parse};

    #[test]
    fn the_papers_networks_come_first_in_every_precision_and_other_widths_last() {
        let precisions = [Precision::Bf16, Precision::Tf32];
        let parts = parts(&parse(DEFAULT).unwrap(), &precisions, 128);
        let told: Vec<_> = parts.iter().map(Part::to_string).collect();
        let expected = [
            "resnet20:4 bf16",
            "vit:1 bf16",
            "convolutions bf16",
            "resnet20:4 tf32",
            "vit:1 tf32",
            "convolutions tf32",
            "resnet20:2 bf16",
            "resnet20:1 bf16",
            "resnet20:2 tf32",
            "resnet20:1 tf32",
        ];
        assert_eq!(told, expected);
    }
}
