//! What a pickle builds here: plain values in one table, never objects.
//!
//! A file may say the same thing millions of times at a byte or two each. So values are small, text stays where it
//! is in the file, what a call was given is kept as a reference and looked at when it is needed, and all that grows
//! is paid for out of a budget of a few times the file's size.

use crate::Element;
use crate::known::{Known, known};
use crate::tensor::MOST_AXES;
use std::num::NonZeroU32;

/// Longest name of a tensor or storage, in bytes.
pub(crate) const LONGEST_NAME: usize = 512;
/// Memory that the values of a pickle may take: so many times the file's size, and so much more.
pub(crate) const MOST_TIMES: usize = 8;
const ALLOWANCE: usize = 1 << 20;
/// Calls of calls that are followed to name a class.
const MOST_CALLS: usize = 8;

/// A value: small ones themselves, others as their place in the [`Heap`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value {
    None,
    Bool,
    Int(i32),
    Float,
    Node(u32),
}

/// A place in the bytes that are read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    start: u32,
    len: u32,
}

/// A value with content of its own, 16 bytes.
#[derive(Debug)]
pub(crate) enum Node {
    /// An integer of more than 32 bits.
    Int(i64),
    Text(Span),
    /// Bytes, text that is not UTF-8, or an integer of more than 64 bits in little-endian order.
    Bytes(Span),
    /// A tuple, in the heap's row of items.
    Tuple {
        start: u32,
        len: u32,
    },
    /// Allocated when something is in it.
    List(Option<Box<List>>),
    /// Likewise.
    Dict(Option<Box<Dict>>),
    /// A name in a module, both text in the heap. What it stands for is looked up when it is called.
    Global {
        module: u32,
        name: u32,
    },
    /// Numbers under a key: the tuple that names them.
    Storage(u32),
    /// A view of a storage: the tuple it is rebuilt from.
    Tensor(u32),
    /// Something that is never built: its class, and the tuple or dictionary it would be built from, if any.
    Object {
        class: u32,
        content: Option<NonZeroU32>,
    },
}

/// The items of a list. Of plain numbers only the first few are kept: no list of them is looked into.
#[derive(Debug, Default)]
pub(crate) struct List {
    pub(crate) items: Vec<Value>,
    pub(crate) dropped: bool,
}

/// The entries of a dictionary, in their order.
#[derive(Debug, Default)]
pub(crate) struct Dict {
    pub(crate) entries: Vec<(Value, Value)>,
}

/// Numbers of one element type under a key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Storage<'a> {
    /// `None` for types that are not known here.
    pub(crate) element: Option<Element>,
    /// PyTorch's name of the type, such as `FloatStorage`.
    pub(crate) class: &'a str,
    pub(crate) key: &'a str,
    /// In elements.
    pub(crate) len: usize,
}

/// A tensor as a view of a storage, in elements.
#[derive(Clone, Debug)]
pub(crate) struct View<'a> {
    pub(crate) storage: Storage<'a>,
    /// `None` for types that are not known here.
    pub(crate) element: Option<Element>,
    /// Name of the type, for messages.
    pub(crate) kind: &'a str,
    pub(crate) offset: usize,
    pub(crate) shape: Vec<usize>,
    pub(crate) strides: Vec<usize>,
}

/// The values of a file. Nothing refers to a value by ownership, so neither cycles nor depth cost anything.
#[derive(Debug)]
pub(crate) struct Heap<'a> {
    bytes: &'a [u8],
    nodes: Vec<Node>,
    items: Vec<Value>,
    left: usize,
}

/// The values would take more memory than the budget allows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exhausted;

impl<'a> Heap<'a> {
    /// For the pickles in these bytes, which belong to a file of this size.
    pub(crate) fn new(bytes: &'a [u8], file_len: usize) -> Self {
        let left = file_len.saturating_mul(MOST_TIMES).saturating_add(ALLOWANCE);
        Self { bytes, nodes: Vec::new(), items: Vec::new(), left }
    }

    pub(crate) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Takes memory out of the budget.
    pub(crate) fn charge(&mut self, bytes: usize) -> Result<(), Exhausted> {
        self.left = self.left.checked_sub(bytes).ok_or(Exhausted)?;
        Ok(())
    }

    pub(crate) fn add(&mut self, node: Node) -> Result<Value, Exhausted> {
        // A growing vector holds up to twice what is in it.
        self.charge(2 * size_of::<Node>())?;
        let at = u32::try_from(self.nodes.len()).map_err(|_| Exhausted)?;
        self.nodes.push(node);
        Ok(Value::Node(at))
    }

    /// A place in the bytes as a value to keep.
    pub(crate) fn span(&self, start: usize, len: usize) -> Result<Span, Exhausted> {
        let small = |n: usize| u32::try_from(n).map_err(|_| Exhausted);
        Ok(Span { start: small(start)?, len: small(len)? })
    }

    pub(crate) fn add_tuple(&mut self, values: &[Value]) -> Result<Value, Exhausted> {
        self.charge(2 * size_of_val(values))?;
        let start = u32::try_from(self.items.len()).map_err(|_| Exhausted)?;
        let len = u32::try_from(values.len()).map_err(|_| Exhausted)?;
        self.items.extend_from_slice(values);
        self.add(Node::Tuple { start, len })
    }

    pub(crate) fn get(&self, value: Value) -> Option<&Node> {
        match value {
            Value::Node(at) => self.nodes.get(at as usize),
            _ => None,
        }
    }

    pub(crate) fn get_mut(&mut self, value: Value) -> Option<&mut Node> {
        match value {
            Value::Node(at) => self.nodes.get_mut(at as usize),
            _ => None,
        }
    }

    pub(crate) fn raw(&self, span: Span) -> &'a [u8] {
        self.bytes.get(span.start as usize..).and_then(|rest| rest.get(..span.len as usize)).unwrap_or(&[])
    }

    /// All storages that were named.
    pub(crate) fn storages(&self) -> impl Iterator<Item = Storage<'a>> {
        self.nodes.iter().filter_map(|node| match node {
            Node::Storage(id) => self.storage_of(Value::Node(*id)),
            _ => None,
        })
    }

    /// Text that is short enough for a name.
    pub(crate) fn name(&self, value: Value) -> Option<&'a str> {
        self.text(value).filter(|text| text.len() <= LONGEST_NAME)
    }

    pub(crate) fn text(&self, value: Value) -> Option<&'a str> {
        match self.get(value)? {
            Node::Text(span) => std::str::from_utf8(self.raw(*span)).ok(),
            _ => None,
        }
    }

    /// The items of a tuple or list, as far as they are kept.
    pub(crate) fn sequence(&self, value: Value) -> Option<&[Value]> {
        match self.get(value)? {
            Node::Tuple { start, len } => self.items.get(*start as usize..)?.get(..*len as usize),
            Node::List(None) => Some(&[]),
            Node::List(Some(list)) => (!list.dropped).then_some(&list.items),
            _ => None,
        }
    }

    pub(crate) fn dict(&self, value: Value) -> Option<&[(Value, Value)]> {
        match self.get(value)? {
            Node::Dict(dict) => Some(dict.as_deref().map_or(&[], |dict| &dict.entries)),
            _ => None,
        }
    }

    /// What a name stands for, if it is one of those that a state dict needs.
    pub(crate) fn known(&self, value: Value) -> Option<Known> {
        let (module, name) = self.global(value)?;
        known(module, name)
    }

    pub(crate) fn global(&self, value: Value) -> Option<(&'a str, &'a str)> {
        match self.get(value)? {
            Node::Global { module, name } => {
                Some((self.text(Value::Node(*module))?, self.text(Value::Node(*name))?))
            }
            _ => None,
        }
    }

    /// Module and name of the class of an object, or of the function that would have made it.
    pub(crate) fn class(&self, value: Value) -> Option<(&'a str, &'a str)> {
        let mut class = value;
        for _ in 0..MOST_CALLS {
            match self.get(class)? {
                Node::Object { class: inner, .. } => class = Value::Node(*inner),
                _ => return self.global(class),
            }
        }
        None
    }

    /// `('storage', class, key, device, length)`, before PyTorch 1.6 with a view as sixth.
    pub(crate) fn storage_of(&self, id: Value) -> Option<Storage<'a>> {
        let [kind, class, key, _, len, rest @ ..] = self.sequence(id)? else { return None };
        let (_, name) = self.global(*class)?;
        let element = match self.known(*class) {
            Some(Known::Storage(element)) => Some(element),
            Some(Known::Untyped) => Some(Element::U8),
            _ => None,
        };
        let plain = self.name(*kind)? == "storage" && matches!(rest, [] | [Value::None]);
        let (key, len) = (self.name(*key)?, self.size(*len)?);
        plain.then_some(Storage { element, class: name, key, len })
    }

    /// A tensor, if the value is one.
    pub(crate) fn tensor(&self, value: Value) -> Option<View<'a>> {
        match self.get(value)? {
            Node::Tensor(arguments) => self.view_of(Value::Node(*arguments)),
            _ => None,
        }
    }

    /// Whether the value is a tensor, without looking at it.
    pub(crate) fn is_tensor(&self, value: Value) -> bool {
        matches!(self.get(value), Some(Node::Tensor(_)))
    }

    /// `(storage, offset, shape, strides, …)`; with the type of its elements as seventh where the storage has none.
    pub(crate) fn view_of(&self, arguments: Value) -> Option<View<'a>> {
        let [storage, offset, shape, strides, rest @ ..] = self.sequence(arguments)? else { return None };
        let Node::Storage(id) = self.get(*storage)? else { return None };
        let storage = self.storage_of(Value::Node(*id))?;
        let (shape, strides) = (self.sizes(*shape)?, self.sizes(*strides)?);
        let (mut element, mut kind) = (storage.element, storage.class);
        if let Some((_, name)) = rest.get(2).and_then(|dtype| self.global(*dtype)) {
            (element, kind) = (Element::of_torch(name), name);
        }
        let view = View { storage, element, kind, offset: self.size(*offset)?, shape, strides };
        (view.shape.len() == view.strides.len()).then_some(view)
    }

    /// Extents, strides and the like: integers from 0.
    fn sizes(&self, value: Value) -> Option<Vec<usize>> {
        let values = self.sequence(value).filter(|values| values.len() <= MOST_AXES)?;
        values.iter().map(|&v| self.size(v)).collect()
    }

    /// An integer from 0.
    pub(crate) fn size(&self, value: Value) -> Option<usize> {
        match (value, self.get(value)) {
            (Value::Int(n), _) => usize::try_from(n).ok(),
            (_, Some(Node::Int(n))) => usize::try_from(*n).ok(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_small() {
        assert_eq!((size_of::<Value>(), size_of::<Node>()), (8, 16));
    }
}
