//! The presets, smallest first.

use basin_papers::Preset;

/// All presets; the first is the default one.
pub(crate) const PRESETS: &[Preset] = &[
    Preset {
        name: "quick",
        summary: "synthetic images, narrow net, 3 members, about 2 minutes on 2 cores",
        text: include_str!("../presets/quick.toml"),
    },
    Preset {
        name: "small",
        summary: "CIFAR-10, ResNet20 ×0.5, 3 members, under an hour on 2 cores (needs --data-dir)",
        text: include_str!("../presets/small.toml"),
    },
    Preset {
        name: "paper",
        summary: "the paper's set-up: ResNet20 ×4 or ViT, 5 members, 3 seeds (needs --data-dir and a large machine)",
        text: include_str!("../presets/paper.toml"),
    },
];
