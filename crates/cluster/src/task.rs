//! What is to be done, as a scheduler sees it: pieces of work with a price and what they need.

use crate::ClusterError;
use basin_core::digest;
use serde::{Deserialize, Serialize};

/// What kind of work a task is: long work is a job of its own, short work shares one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// A network is trained: minutes to days, keeps checkpoints.
    Training,
    /// An initial network, an import, a transform, a probe: seconds to minutes.
    Short,
}

impl Class {
    /// As it stands in names of arrays and in tables.
    pub fn name(self) -> &'static str {
        match self {
            Class::Training => "training",
            Class::Short => "short",
        }
    }
}

/// A piece of work: a node of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// What identifies it, 64 hexadecimal digits.
    pub key: String,
    /// Its folder's name, for people.
    pub name: String,
    /// Long or short.
    pub class: Class,
    /// Its price in seconds on one machine; 0 where unknown.
    pub seconds: f64,
    /// The tasks it needs, as positions in the plan; each stands before it.
    pub inputs: Vec<usize>,
}

/// Refuses a plan that cannot be one: inputs after what needs them, keys that are none, prices below zero.
pub(crate) fn check(plan: &[Task]) -> Result<(), ClusterError> {
    for (at, task) in plan.iter().enumerate() {
        let problem = if task.key.len() != 64 || !task.key.bytes().all(|b| b.is_ascii_hexdigit()) {
            "its key is not 64 hexadecimal digits"
        } else if !(task.seconds >= 0.0 && task.seconds.is_finite()) {
            "its price is not a number of seconds"
        } else if task.inputs.iter().any(|&input| input >= at) {
            "it needs a task that does not stand before it"
        } else {
            continue;
        };
        return Err(ClusterError::BadPlan { task: task.name.clone(), problem });
    }
    Ok(())
}

/// A key made of a text: for examples and tests, which have no plan.
pub fn key_of(text: &str) -> String {
    digest([text.as_bytes()]).to_string()
}
