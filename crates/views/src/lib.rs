#![doc = include_str!("../README.md")]

pub mod corruptions;
mod view;

pub use view::{Channels, Parameter, Takes, Transformation, View};
