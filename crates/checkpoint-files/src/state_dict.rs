//! Where in a pickled file the network's tensors are.

use crate::Problem;
use crate::names::{listed, shown};
use crate::pickle_value::{Heap, LONGEST_NAME, Node, Value, View};
use crate::tensor::{MOST_TENSORS, check_name};
use std::collections::BTreeSet;

/// Keys under which training programs keep the network, the likeliest first.
const KEYS: [&str; 6] = ["state_dict", "model_state_dict", "model", "net", "network", "module"];
/// Most dictionaries around the network.
const DEPTH: usize = 4;
/// Entries of a dictionary that are looked at to find the network.
const MOST_ENTRIES: usize = 4096;
/// Values that are looked at to find a tensor inside an object.
const MOST_LOOKS: usize = 64;
/// Dictionaries that are looked at to find the network.
const MOST_DICTIONARIES: usize = 4096;
/// Names of the items of a list.
const PLACES: [&str; 8] = ["0", "1", "2", "3", "4", "5", "6", "7"];

/// The network's tensors, and what its file says about it.
pub(crate) struct Found<'a> {
    /// In the order of the dictionary.
    pub(crate) tensors: Vec<(String, View<'a>)>,
    /// Whether PyTorch Lightning wrote the file: its networks stand under `model.`.
    pub(crate) lightning: bool,
}

/// The tensors in order: under the key, if one is given, or where the network is. Says in the notes where they were
/// and what was left out beside them.
pub(crate) fn find<'a>(
    heap: &Heap<'a>,
    top: Value,
    key: Option<&str>,
    notes: &mut Vec<String>,
) -> Result<Found<'a>, Problem> {
    let lightning = entries(heap, top).iter().any(|(key, _)| {
        matches!(*key, "pytorch-lightning_version" | "hyper_parameters" | "hparams_name" | "lr_schedulers")
    });
    let (mut here, mut path) = (top, Vec::new());
    let mut prefix = None;
    if let Some(key) = key {
        match at_key(heap, top, key) {
            Some(value) => (here, path) = (value, vec![key.to_owned()]),
            // Networks beside each other in one dictionary, told apart by how their names begin.
            None => prefix = Some(format!("{key}.")),
        }
    }
    while path.len() < DEPTH {
        let Some((key, inner)) = nested(heap, here, notes)? else { break };
        path.push(key.to_owned());
        here = inner;
    }
    if let Some(prefix) = &prefix
        && !entries(heap, here).iter().any(|(name, value)| name.starts_with(prefix) && heap.is_tensor(*value))
    {
        let keys = entries(heap, top).into_iter().map(|(key, value)| shown_entry(heap, key, value));
        return Err(Problem::NoKey { key: key.unwrap_or_default().to_owned(), found: keys.collect() });
    }
    let tensors = collect(heap, here, prefix.as_deref(), notes)?;
    if !path.is_empty() {
        notes.push(format!("took the network under {}", shown(&path.join("."))));
    }
    if let Some(prefix) = prefix {
        notes.push(format!("took the {} tensors whose names begin with {}", tensors.len(), shown(&prefix)));
    }
    Ok(Found { tensors, lightning })
}

/// The tensors of one dictionary.
fn collect<'a>(
    heap: &Heap<'a>,
    here: Value,
    prefix: Option<&str>,
    notes: &mut Vec<String>,
) -> Result<Vec<(String, View<'a>)>, Problem> {
    if let Some(class) = module_class(heap, here) {
        return Err(Problem::Module { class, at: String::new() });
    }
    let Some(dict) = heap.dict(here) else {
        return Err(Problem::NoTensors { found: format!("found {}", describe(heap, here)) });
    };
    let (mut tensors, mut seen, mut others) = (Vec::new(), BTreeSet::new(), Others::default());
    for &(key, value) in dict {
        let Some(name) = heap.name(key) else {
            if heap.is_tensor(value) {
                let name =
                    heap.text(key).map_or_else(|| describe(heap, key), |text| text[..start(text)].to_owned());
                let reason = format!("stands under what is not a name of at most {LONGEST_NAME} bytes");
                return Err(Problem::Tensor { name, reason });
            }
            others.add(|| format!("a key ({})", describe(heap, value)));
            continue;
        };
        let Some(rest) = name.strip_prefix(prefix.unwrap_or_default()) else { continue };
        if let Some(class) = rebuilt(heap, value) {
            return Err(Problem::Rebuilt { name: name.to_owned(), class });
        }
        if !heap.is_tensor(value) {
            others.add(|| shown_entry(heap, name, value));
            continue;
        }
        check_name(rest)?;
        let refuse = |reason: &str| Problem::Tensor { name: name.to_owned(), reason: reason.to_owned() };
        let view = heap.tensor(value).ok_or_else(|| refuse("cannot be understood"))?;
        if !seen.insert(rest) {
            return Err(refuse("stands in it twice; save the file again"));
        }
        if tensors.len() == MOST_TENSORS {
            let found = format!("found more than {MOST_TENSORS} tensors, which are too many");
            return Err(Problem::NoTensors { found });
        }
        tensors.push((rest.to_owned(), view));
    }
    if tensors.is_empty() {
        let all = entries(heap, here).into_iter();
        if let Some((at, class)) = { all }.find_map(|(key, value)| Some((key, module_class(heap, value)?))) {
            return Err(Problem::Module { class, at: at.to_owned() });
        }
        let found =
            others.listed().map_or("found an empty dictionary".into(), |listed| format!("found {listed}"));
        return Err(Problem::NoTensors { found });
    }
    notes.extend(others.listed().map(|listed| format!("left out what is not a tensor: {listed}")));
    Ok(tensors)
}

/// Entries that are not tensors: the first few, and how many.
#[derive(Default)]
struct Others {
    shown: Vec<String>,
    count: usize,
}

impl Others {
    fn add(&mut self, entry: impl FnOnce() -> String) {
        self.count += 1;
        if self.shown.len() < 8 {
            self.shown.push(entry());
        }
    }

    fn listed(&self) -> Option<String> {
        let shown = self.shown.join(", ");
        match self.count - self.shown.len() {
            _ if self.count == 0 => None,
            0 => Some(shown),
            more => Some(format!("{shown} and {more} more")),
        }
    }
}

/// Where the first few characters of a text end.
fn start(text: &str) -> usize {
    text.char_indices().nth(64).map_or(text.len(), |(at, _)| at)
}

/// Keys and values of a dictionary, or places and values of a short list, as far as they have names.
fn entries<'a>(heap: &Heap<'a>, value: Value) -> Vec<(&'a str, Value)> {
    if let Some(dict) = heap.dict(value) {
        return dict
            .iter()
            .take(MOST_ENTRIES)
            .filter_map(|&(key, value)| Some((heap.name(key)?, value)))
            .collect();
    }
    let items = heap.sequence(value).unwrap_or(&[]);
    PLACES.into_iter().zip(items.iter().copied()).collect()
}

/// The value under a key, or under the parts of one between dots.
fn at_key(heap: &Heap<'_>, top: Value, key: &str) -> Option<Value> {
    let (mut here, mut rest) = (top, key);
    for _ in 0..DEPTH {
        let all = entries(heap, here);
        let ends = rest.match_indices('.').map(|(dot, _)| dot).chain([rest.len()]).rev();
        let (end, value) = { ends }
            .find_map(|end| Some((end, all.iter().rev().find(|(key, _)| *key == &rest[..end])?.1)))?;
        if end == rest.len() {
            return Some(value);
        }
        (here, rest) = (value, &rest[end + 1..]);
    }
    None
}

/// The dictionary one level down that holds the network, if this one does not: under a usual key, or the only one
/// with weights.
fn nested<'a>(
    heap: &Heap<'a>,
    here: Value,
    notes: &mut Vec<String>,
) -> Result<Option<(&'a str, Value)>, Problem> {
    let all = entries(heap, here);
    let said = |&&(key, value): &&(&'a str, Value)| shown_entry(heap, key, value);
    let mut looks = MOST_DICTIONARIES;
    let mut holds = |value, least| holds_tensors(heap, value, least, DEPTH, &mut looks);
    let usual = KEYS
        .iter()
        .find_map(|wanted| all.iter().rev().find(|(key, value)| key == wanted && holds(*value, 0)));
    if usual.is_none() && all.iter().any(|(_, value)| is_weight(heap, *value)) {
        return Ok(None);
    }
    let networks: Vec<&(&str, Value)> = all.iter().filter(|(_, value)| holds(*value, 2)).collect();
    if let Some(&(key, value)) = usual {
        let others: Vec<String> = networks.iter().filter(|(other, _)| *other != key).map(said).collect();
        if !others.is_empty() {
            notes.push(format!("also there, for --key: {}", listed(&others, 8)));
        }
        return Ok(Some((key, value)));
    }
    match networks[..] {
        [] => Ok(None),
        [&(key, value)] => Ok(Some((key, value))),
        ref several => Err(Problem::Several { found: several.iter().map(said).collect() }),
    }
}

/// Whether a value is a tensor with at least two axes, as every network has some.
fn is_weight(heap: &Heap<'_>, value: Value) -> bool {
    heap.tensor(value).is_some_and(|view| view.shape.len() > 1)
}

/// Whether a dictionary, or one in it, holds tensors with at least so many axes.
fn holds_tensors(heap: &Heap<'_>, value: Value, least: usize, depth: usize, looks: &mut usize) -> bool {
    if depth == 0 || *looks == 0 || heap.dict(value).is_none() && heap.sequence(value).is_none() {
        return false;
    }
    *looks -= 1;
    let all = entries(heap, value);
    all.iter().any(|(_, value)| heap.tensor(*value).is_some_and(|view| view.shape.len() >= least))
        || all.iter().any(|(_, value)| holds_tensors(heap, *value, least, depth - 1, looks))
}

/// The class of an object that is a whole network.
fn module_class(heap: &Heap<'_>, value: Value) -> Option<String> {
    let Node::Object { content: Some(content), .. } = heap.get(value)? else { return None };
    let own = entries(heap, Value::Node(content.get()));
    let has = |wanted: &str| own.iter().any(|(key, _)| *key == wanted);
    (has("_modules") && has("_parameters")).then(|| class_name(heap, value))
}

/// The function or class that a value with tensors in it would have been rebuilt by.
fn rebuilt(heap: &Heap<'_>, value: Value) -> Option<String> {
    matches!(heap.get(value), Some(Node::Object { .. })).then_some(())?;
    let (mut open, mut looks) = (vec![value], 0);
    while let Some(inner) = open.pop() {
        looks += 1;
        if looks > MOST_LOOKS {
            return None;
        }
        match heap.get(inner) {
            Some(Node::Storage(_) | Node::Tensor(_)) => return Some(class_name(heap, value)),
            Some(Node::Object { content: Some(content), .. }) => open.push(Value::Node(content.get())),
            Some(Node::Tuple { .. } | Node::List(_)) => {
                open.extend(heap.sequence(inner).unwrap_or(&[]).iter().take(MOST_LOOKS));
            }
            _ => {}
        }
    }
    None
}

fn class_name(heap: &Heap<'_>, value: Value) -> String {
    heap.class(value).map_or_else(|| "an unknown class".into(), |(module, name)| format!("{module}.{name}"))
}

/// An entry for messages: its key and what it is.
fn shown_entry(heap: &Heap<'_>, key: &str, value: Value) -> String {
    format!("{} ({})", shown(key), describe(heap, value))
}

/// The kind of a value, for messages.
fn describe(heap: &Heap<'_>, value: Value) -> String {
    let text = match (value, heap.get(value)) {
        (Value::None, _) => "None",
        (Value::Bool, _) => "a truth value",
        (Value::Int(_) | Value::Float, _) | (_, Some(Node::Int(_))) => "a number",
        (_, Some(Node::Text(_))) => "text",
        (_, Some(Node::Bytes(_))) => "bytes",
        (_, Some(Node::Tuple { .. } | Node::List(_))) => "a list",
        (_, Some(Node::Dict(_))) => {
            let tensors = entries(heap, value).iter().filter(|(_, value)| heap.is_tensor(*value)).count();
            if tensors > 0 {
                return format!("{tensors} tensors");
            }
            "a dictionary"
        }
        (_, Some(Node::Global { .. })) => "a name",
        (_, Some(Node::Storage(_))) => "a storage",
        (_, Some(Node::Tensor(_))) => "a single tensor",
        (_, Some(Node::Object { .. }) | None) => {
            return match module_class(heap, value) {
                Some(class) => format!("a whole module, {}", shown(&class)),
                None => format!("an object of {}", shown(&class_name(heap, value))),
            };
        }
    };
    text.to_owned()
}
