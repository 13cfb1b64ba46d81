#![doc = include_str!("../README.md")]

pub mod network;
pub mod recognise;
