#![doc = include_str!("../README.md")]

mod address;
mod checksum;
mod download;
mod error;
mod fetch;
mod job;
mod layout;
mod lock;
mod part;
mod transfer;
mod unpack;

pub use basin_core::{Archive, FileRule, Packing, Published};
pub use error::{FetchError, SourceError};
pub use fetch::{Fetched, fetch};
pub use job::{Event, Patience, Request};
