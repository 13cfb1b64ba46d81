//! Where in a pickled file the network's tensors are.

use crate::files::Problem;
use crate::files::pickle_value::{Heap, Value, View};
use crate::files::tensor::MOST_TENSORS;
use std::collections::BTreeMap;

/// Keys under which training programs keep the network, the likeliest first.
const KEYS: [&str; 6] = ["state_dict", "model_state_dict", "model", "net", "network", "module"];
/// Most dictionaries around the network.
const DEPTH: usize = 4;

/// The tensors by name. Says in the notes where they were and what was left out beside them.
pub(crate) fn find<'a>(
    heap: &'a Heap,
    top: Value,
    notes: &mut Vec<String>,
) -> Result<BTreeMap<String, &'a View>, Problem> {
    let mut here = top;
    let mut path: Vec<&str> = Vec::new();
    while path.len() < DEPTH {
        let Some((key, inner)) = nested(heap, here) else { break };
        path.push(key);
        here = inner;
    }
    let Some(entries) = heap.dict(here) else {
        return Err(Problem::NoTensors { found: format!("found {}", heap.describe(here)) });
    };
    let mut tensors = BTreeMap::new();
    let mut others = Others::default();
    for &(key, value) in entries {
        match (heap.name(key), heap.tensor(value)) {
            (Some(name), Some(view)) => drop(tensors.insert(name.to_owned(), view)),
            (name, _) => others.add(name.unwrap_or("a key"), heap.describe(value)),
        }
    }
    if tensors.is_empty() {
        let found = if others.count == 0 { "found an empty dictionary".into() } else { others.listed() };
        return Err(Problem::NoTensors { found });
    }
    if tensors.len() > MOST_TENSORS {
        let found = format!("{} of them, expected at most {MOST_TENSORS}", tensors.len());
        return Err(Problem::NoTensors { found });
    }
    if !path.is_empty() {
        notes.push(format!("took the network under {}", path.join(".")));
    }
    if others.count > 0 {
        notes.push(format!("left out what is no tensor: {}", others.listed()));
    }
    Ok(tensors)
}

/// The dictionary one level down that holds the network, if there is one.
fn nested(heap: &Heap, value: Value) -> Option<(&'static str, Value)> {
    let entries = heap.dict(value)?;
    KEYS.iter().find_map(|wanted| {
        let (_, inner) = entries.iter().rev().find(|(key, _)| heap.name(*key) == Some(wanted))?;
        let content = heap.dict(*inner)?;
        let holds = |(key, value): &(Value, Value)| {
            heap.tensor(*value).is_some()
                || heap.dict(*value).is_some() && heap.name(*key).is_some_and(|key| KEYS.contains(&key))
        };
        content.iter().any(holds).then_some((*wanted, *inner))
    })
}

/// Entries that are no tensors: the first few, and how many.
#[derive(Default)]
struct Others {
    shown: Vec<String>,
    count: usize,
}

impl Others {
    fn add(&mut self, name: &str, kind: &str) {
        self.count += 1;
        if self.shown.len() < 8 {
            self.shown.push(format!("{name} ({kind})"));
        }
    }

    fn listed(&self) -> String {
        let more = self.count - self.shown.len();
        let shown = self.shown.join(", ");
        if more == 0 { shown } else { format!("{shown} and {more} more") }
    }
}
