//! The presets, smallest first.

use basin_papers::Preset;

/// All presets; the first is the default one.
pub(crate) const PRESETS: &[Preset] = &[
    Preset {
        name: "quick",
        summary: "synthetic images, perceptrons of 128 units, two seeds, minutes on 2 cores",
        text: include_str!("../presets/quick.toml"),
    },
    Preset {
        name: "small",
        summary: "CIFAR-10 halves, five seeds, hours on 2 cores (needs --data-dir)",
        text: include_str!("../presets/small.toml"),
    },
    Preset {
        name: "paper",
        summary: "the paper's regime: CIFAR-10, batch 32, rates 1e-3 and 1e-4, five seeds (needs --data-dir)",
        text: include_str!("../presets/paper.toml"),
    },
];
