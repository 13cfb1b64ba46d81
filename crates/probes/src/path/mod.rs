//! What the paths between two networks have in common: training of their points, and a look at networks along them.

mod descent;
mod walk;

pub use descent::Descent;
pub(crate) use descent::{Batches, Chord, GRADIENT, Moving};
pub use walk::Watched;
pub(crate) use walk::{Walk, kept as kept_networks};

use crate::inputs::subject;
use crate::similarity::is_weight;
use basin_core::{Params, Record};
use basin_ensemble::{Lab, ProbeError};

/// What a path may lie above its higher end and still count as one of low loss, in nats.
pub(crate) const TOLERANCE: f64 = 0.1;

/// The first two networks, which must be of one layout and differ.
pub(crate) fn two(id: &'static str, lab: &mut dyn Lab) -> Result<[Params; 2], ProbeError> {
    let ends = [lab.params(0)?, lab.params(1)?];
    let apart = ends[0].check_same_layout(&ends[1]);
    apart.map_err(|error| subject(id, format!("members 1 and 2 are not of one layout: {error}")))?;
    let same = |(name, array): (&str, &_)| !is_weight(name) || ends[1].get(name) == Some(array);
    if ends[0].iter().all(same) {
        return Err(subject(
            id,
            "members 1 and 2 have the same weights; a path needs two different networks",
        ));
    }
    Ok(ends)
}

/// Refuses fewer than two networks.
pub(crate) fn at_least_two(id: &'static str, networks: usize) -> Result<(), ProbeError> {
    match networks {
        0 | 1 => Err(subject(id, format!("networks: {networks}, expected at least 2"))),
        _ => Ok(()),
    }
}

/// Puts a network among a record's arrays, under a name.
pub(crate) fn put(record: &mut Record, name: &str, params: &Params) {
    params.iter().for_each(|(array, values)| record.arrays.insert(format!("{name}/{array}"), values.clone()));
}

/// The network of that name; none where an array of it is missing. `like` has its names.
pub(crate) fn taken(record: &Record, name: &str, like: &Params) -> Option<Params> {
    let array =
        |array: &str| Some((array.to_owned(), record.arrays.get(&format!("{name}/{array}"))?.clone()));
    like.iter().map(|(name, _)| array(name)).collect()
}
