//! The presets, smallest first.

use basin_papers::Preset;

/// All presets; the first is the default one.
pub(crate) const PRESETS: &[Preset] = &[
    Preset {
        name: "quick",
        summary: "synthetic images, a narrow SmallCNN, two seeds, minutes on 2 cores",
        text: include_str!("../presets/quick.toml"),
    },
    Preset {
        name: "small",
        summary: "CIFAR-10, SmallCNN, three seeds, hours on 2 cores (needs --data-dir)",
        text: include_str!("../presets/small.toml"),
    },
    Preset {
        name: "paper",
        summary: "the notebook's recipe: CIFAR-10, MediumCNN, 40 epochs, ten runs (needs --data-dir)",
        text: include_str!("../presets/paper.toml"),
    },
];
