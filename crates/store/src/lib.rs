#![doc = include_str!("../README.md")]

mod atomic;
mod claim;
mod clock;
mod done;
mod error;
pub mod faulty;
mod fs;
mod gather;
mod journal;
mod limit;
mod lock;
mod names;
mod node;
mod outputs;
mod run;
mod sealed;
mod states;

pub use atomic::{write_atomic, write_below};
pub use claim::{Claim, Claiming, Holder, Lease};
pub use clock::utc;
pub use done::{NodeStatus, check_seal};
pub use error::StoreError;
pub use fs::{DirEntry, Fs, Kind, NewFile, RealFs, found};
pub use gather::{DamagedCopy, Fate, GatheredNode, Gathering, NotGathered, Sighting};
pub use journal::{History, Journal};
pub use limit::survive_file_size_limit;
pub use node::{NodeCheck, NodeDir};
pub use outputs::{OutputError, Outputs};
pub use run::RunDir;
pub use states::LoadedState;
