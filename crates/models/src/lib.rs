#![doc = include_str!("../README.md")]

mod architecture;
mod drop_path;
mod init;
mod network;
mod repair;
mod resnet;
mod vit;

pub use architecture::{Architecture, Family, ModelError};
pub use drop_path::rate_at as drop_path_rate;
pub use init::Init;
pub use network::{Foreign, Layout, Network, ParamSpec};
pub use repair::NetworkStatistics;
pub use resnet::ResNet;
pub use vit::{Vit, VitConfig};
