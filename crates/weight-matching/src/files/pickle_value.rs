//! What a pickle builds here: plain values in one table, never objects.

use crate::files::Element;
use crate::files::tensor::MOST_AXES;

/// Longest name of a tensor or storage, in bytes.
const LONGEST_NAME: usize = 512;

/// A value: small ones themselves, others as their place in the [`Heap`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value {
    None,
    Bool,
    Int(i64),
    Float,
    Node(usize),
}

/// A value with content of its own.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    Text(String),
    /// Bytes, or an integer of more than 64 bits in little-endian order.
    Bytes(Vec<u8>),
    /// A tuple or list.
    Sequence(Vec<Value>),
    Dict(Vec<(Value, Value)>),
    /// A name that may stand in a state dict.
    Known(Known),
    Storage(Storage),
    Tensor(View),
    /// An object that is skipped: its class is harmless and its content without use here.
    Skipped,
}

/// What an allowed name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// A dictionary, such as `collections.OrderedDict`.
    Dict,
    /// `torch._utils._rebuild_tensor`, `_rebuild_tensor_v2`.
    Tensor,
    /// `torch._utils._rebuild_parameter`.
    Parameter,
    /// A class of `torch` such as `FloatStorage`.
    Storage(Element),
    /// Metadata beside the tensors, such as `argparse.Namespace`.
    Skipped,
}

/// Numbers of one element type under a key.
#[derive(Clone, Debug)]
pub(crate) struct Storage {
    pub(crate) element: Element,
    pub(crate) key: String,
    pub(crate) len: usize,
}

/// A tensor as a view of a storage, in elements.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) storage: usize,
    pub(crate) offset: usize,
    pub(crate) shape: Vec<usize>,
    pub(crate) strides: Vec<usize>,
}

/// The names that may stand in a state dict or beside it. Everything else is refused.
pub(crate) fn known(module: &str, name: &str) -> Option<Known> {
    let skipped = [
        ("argparse", "Namespace"),
        ("torch", "Size"),
        ("torch", "device"),
        ("torch.serialization", "_get_layout"),
        ("_codecs", "encode"),
        ("numpy", "dtype"),
        ("numpy.core.multiarray", "scalar"),
        ("numpy._core.multiarray", "scalar"),
        ("builtins", "set"),
        ("__builtin__", "set"),
    ];
    const DTYPES: [&str; 10] =
        ["float16", "bfloat16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool"];
    match (module, name) {
        ("collections", "OrderedDict" | "defaultdict" | "Counter") => Some(Known::Dict),
        ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => Some(Known::Tensor),
        ("torch._utils", "_rebuild_parameter") => Some(Known::Parameter),
        ("torch", class) if class.ends_with("Storage") => Element::of_storage(class).map(Known::Storage),
        ("torch", dtype) if DTYPES.contains(&dtype) => Some(Known::Skipped),
        pair if skipped.contains(&pair) => Some(Known::Skipped),
        _ => None,
    }
}

/// The values of a file. Nothing refers to a value by ownership, so neither cycles nor depth cost anything.
#[derive(Debug, Default)]
pub(crate) struct Heap(Vec<Node>);

impl Heap {
    pub(crate) fn add(&mut self, node: Node) -> Value {
        self.0.push(node);
        Value::Node(self.0.len() - 1)
    }

    pub(crate) fn get(&self, value: Value) -> Option<&Node> {
        match value {
            Value::Node(at) => self.0.get(at),
            _ => None,
        }
    }

    pub(crate) fn get_mut(&mut self, value: Value) -> Option<&mut Node> {
        match value {
            Value::Node(at) => self.0.get_mut(at),
            _ => None,
        }
    }

    /// The storage a view points at.
    pub(crate) fn storage(&self, view: &View) -> Option<&Storage> {
        match self.0.get(view.storage) {
            Some(Node::Storage(storage)) => Some(storage),
            _ => None,
        }
    }

    /// All storages that were named.
    pub(crate) fn storages(&self) -> impl Iterator<Item = &Storage> {
        self.0.iter().filter_map(|node| match node {
            Node::Storage(storage) => Some(storage),
            _ => None,
        })
    }

    /// Text that is short enough for a name. What is read many times must be short: a file may refer to one
    /// text, or one list, millions of times.
    pub(crate) fn name(&self, value: Value) -> Option<&str> {
        self.text(value).filter(|text| text.len() <= LONGEST_NAME)
    }

    fn text(&self, value: Value) -> Option<&str> {
        match self.get(value) {
            Some(Node::Text(text)) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn sequence(&self, value: Value) -> Option<&[Value]> {
        match self.get(value) {
            Some(Node::Sequence(values)) => Some(values),
            _ => None,
        }
    }

    pub(crate) fn dict(&self, value: Value) -> Option<&[(Value, Value)]> {
        match self.get(value) {
            Some(Node::Dict(entries)) => Some(entries),
            _ => None,
        }
    }

    pub(crate) fn tensor(&self, value: Value) -> Option<&View> {
        match self.get(value) {
            Some(Node::Tensor(view)) => Some(view),
            _ => None,
        }
    }

    /// Extents, strides and the like: integers from 0.
    pub(crate) fn sizes(&self, value: Value) -> Option<Vec<usize>> {
        let values = self.sequence(value).filter(|values| values.len() <= MOST_AXES)?;
        values.iter().map(|&v| size(v)).collect()
    }

    /// The kind of a value, for messages.
    pub(crate) fn describe(&self, value: Value) -> &'static str {
        match (value, self.get(value)) {
            (Value::None, _) => "None",
            (Value::Bool, _) => "a truth value",
            (Value::Int(_) | Value::Float, _) => "a number",
            (_, Some(Node::Text(_))) => "text",
            (_, Some(Node::Bytes(_))) => "bytes",
            (_, Some(Node::Sequence(_))) => "a list",
            (_, Some(Node::Dict(_))) => "a dictionary",
            (_, Some(Node::Known(_))) => "a class",
            (_, Some(Node::Storage(_))) => "a storage",
            (_, Some(Node::Tensor(_))) => "a single tensor",
            (_, Some(Node::Skipped) | None) => "an object",
        }
    }
}

/// An integer from 0.
pub(crate) fn size(value: Value) -> Option<usize> {
    match value {
        Value::Int(n) => usize::try_from(n).ok(),
        _ => None,
    }
}
