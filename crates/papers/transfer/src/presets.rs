//! The presets, smallest first.

use basin_papers::Preset;

/// All presets; the first is the default one.
pub(crate) const PRESETS: &[Preset] = &[
    Preset {
        name: "quick",
        summary: "synthetic images, one half of the classes to the other, minutes on 2 cores",
        text: include_str!("../presets/quick.toml"),
    },
    Preset {
        name: "small",
        summary: "60 of CIFAR-100's classes to the other 40, ResNet20, three seeds, hours on 2 cores (needs --data-dir)",
        text: include_str!("../presets/small.toml"),
    },
    Preset {
        name: "paper",
        summary: "CIFAR-100, ResNet-50 from imported checkpoints, the paper's recipe (needs --data-dir, source.checkpoints, candle)",
        text: include_str!("../presets/paper.toml"),
    },
];
