//! The hands of the pickle machine: bytes, stack, marks and memo, taken from only when something is there, and
//! growing only as far as the budget of the heap allows.

use crate::Problem;
use crate::pickle_value::{Dict, Exhausted, Heap, List, MOST_TIMES, Node, Value};
use std::collections::BTreeMap;

/// Most bytes of one pickle: names and shapes, not weights.
pub(crate) const MOST_BYTES: usize = 1 << 24;
/// Plain numbers that are kept of a list.
const MOST_PLAIN: usize = 16;
/// Memory of an entry of the memo, of a list and of a dictionary, and of an empty one of those, with what growing
/// by doubling leaves free.
const MEMO: usize = 32;
const ITEM: usize = 2 * size_of::<Value>();
const ENTRY: usize = 2 * ITEM;
const CONTAINER: usize = 96;

pub(crate) type Step<T> = Result<T, Problem>;

pub(crate) struct Machine<'h, 'a> {
    pub(crate) heap: &'h mut Heap<'a>,
    /// Where the pickle must have ended.
    pub(crate) end: usize,
    pub(crate) at: usize,
    /// Where the current instruction begins.
    pub(crate) start: usize,
    stack: Vec<Value>,
    /// Most values that were on the stack.
    highest: usize,
    /// Heights of the stack at the open marks.
    marks: Vec<u32>,
    most_marks: usize,
    memo: BTreeMap<u32, Value>,
}

impl<'h, 'a> Machine<'h, 'a> {
    pub(crate) fn new(heap: &'h mut Heap<'a>, at: usize) -> Self {
        let end = heap.bytes().len().min(at.saturating_add(MOST_BYTES));
        let (stack, marks, memo) = (Vec::new(), Vec::new(), BTreeMap::new());
        Self { heap, end, at, start: at, stack, highest: 0, marks, most_marks: 0, memo }
    }

    pub(crate) fn refuse(&self, reason: impl Into<String>) -> Problem {
        Problem::Pickle { at: self.start, reason: reason.into() }
    }

    pub(crate) fn exhausted(&self) -> Problem {
        self.refuse(format!("its values would take more than {MOST_TIMES} times the file's size in memory"))
    }

    fn paid<T>(&self, result: Result<T, Exhausted>) -> Step<T> {
        result.map_err(|Exhausted| self.exhausted())
    }

    fn charge(&mut self, bytes: usize) -> Step<()> {
        let paid = self.heap.charge(bytes);
        self.paid(paid)
    }

    /// Where the next bytes stand, and that many of them.
    fn taken(&mut self, n: usize) -> Step<(usize, &'a [u8])> {
        let Some(end) = self.at.checked_add(n).filter(|&end| end <= self.end) else {
            let whole = self.end == self.heap.bytes().len();
            return Err(match whole {
                true => Problem::Truncated {
                    what: "a PyTorch file",
                    reason: "its pickle ends in the middle".into(),
                },
                false => self.refuse("it is longer than 16 MiB without the weights"),
            });
        };
        let start = std::mem::replace(&mut self.at, end);
        Ok((start, &self.heap.bytes()[start..end]))
    }

    pub(crate) fn take(&mut self, n: usize) -> Step<&'a [u8]> {
        Ok(self.taken(n)?.1)
    }

    /// An unsigned little-endian number of up to eight bytes.
    pub(crate) fn number(&mut self, bytes: usize) -> Step<u64> {
        Ok(self.take(bytes)?.iter().rev().fold(0, |n, &b| n << 8 | u64::from(b)))
    }

    fn length(&mut self, bytes: usize) -> Step<usize> {
        // A length beyond the address space is beyond the file too.
        Ok(usize::try_from(self.number(bytes)?).unwrap_or(usize::MAX))
    }

    /// A line of text as a value of its own.
    pub(crate) fn line(&mut self) -> Step<Value> {
        let rest = &self.heap.bytes()[self.at..self.end];
        let len = rest.iter().take(256).position(|&b| b == b'\n');
        let len = len.ok_or_else(|| self.refuse("a name without end"))?;
        let line = self.text_at(self.at, len)?;
        self.at += len + 1;
        Ok(line)
    }

    fn text_at(&mut self, start: usize, len: usize) -> Step<Value> {
        let span = self.heap.span(start, len);
        let span = self.paid(span)?;
        let is_text = std::str::from_utf8(self.heap.raw(span)).is_ok();
        self.add(if is_text { Node::Text(span) } else { Node::Bytes(span) })
    }

    pub(crate) fn add(&mut self, node: Node) -> Step<Value> {
        let added = self.heap.add(node);
        self.paid(added)
    }

    pub(crate) fn push(&mut self, node: Node) -> Step<()> {
        let value = self.add(node)?;
        self.push_value(value)
    }

    pub(crate) fn push_value(&mut self, value: Value) -> Step<()> {
        self.stack.push(value);
        if self.stack.len() > self.highest {
            self.highest = self.stack.len();
            self.charge(ITEM)?;
        }
        Ok(())
    }

    pub(crate) fn push_mark(&mut self) -> Step<()> {
        let height = u32::try_from(self.stack.len()).map_err(|_| self.exhausted())?;
        self.marks.push(height);
        if self.marks.len() > self.most_marks {
            self.most_marks = self.marks.len();
            self.charge(2 * size_of::<u32>())?;
        }
        Ok(())
    }

    pub(crate) fn push_int(&mut self, number: i64) -> Step<()> {
        match i32::try_from(number) {
            Ok(small) => self.push_value(Value::Int(small)),
            Err(_) => self.push(Node::Int(number)),
        }
    }

    pub(crate) fn push_long(&mut self, length_bytes: usize) -> Step<()> {
        let len = self.length(length_bytes)?;
        let (start, bytes) = self.taken(len)?;
        if len > 8 {
            let span = self.heap.span(start, len);
            let span = self.paid(span)?;
            return self.push(Node::Bytes(span));
        }
        let negative = bytes.last().is_some_and(|b| b >> 7 == 1);
        let mut filled = [if negative { 0xff } else { 0 }; 8];
        filled[..len].copy_from_slice(bytes);
        self.push_int(i64::from_le_bytes(filled))
    }

    /// Text. Python 2 writes its text as bytes, and text may hold what is not UTF-8: that stays bytes.
    pub(crate) fn push_text(&mut self, length_bytes: usize) -> Step<()> {
        let len = self.length(length_bytes)?;
        let (start, _) = self.taken(len)?;
        let text = self.text_at(start, len)?;
        self.push_value(text)
    }

    pub(crate) fn push_bytes(&mut self, length_bytes: usize) -> Step<()> {
        let len = self.length(length_bytes)?;
        let (start, _) = self.taken(len)?;
        let span = self.heap.span(start, len);
        let span = self.paid(span)?;
        self.push(Node::Bytes(span))
    }

    pub(crate) fn pop(&mut self) -> Step<Value> {
        let floor = self.marks.last().map_or(0, |&mark| mark as usize);
        match self.stack.len() > floor {
            true => Ok(self.stack.pop().unwrap_or(Value::None)),
            false => Err(self.refuse("takes a value where there is none")),
        }
    }

    pub(crate) fn pop_mark(&mut self) -> Step<Vec<Value>> {
        let mark = self.marks.pop().ok_or_else(|| self.refuse("goes back to a mark that is not there"))?;
        Ok(self.stack.split_off(mark as usize))
    }

    pub(crate) fn top(&self) -> Step<Value> {
        self.stack.last().copied().ok_or_else(|| self.refuse("looks at a value where there is none"))
    }

    pub(crate) fn push_tuple(&mut self, values: &[Value]) -> Step<()> {
        let tuple = self.heap.add_tuple(values);
        let tuple = self.paid(tuple)?;
        self.push_value(tuple)
    }

    pub(crate) fn tuple(&mut self, n: usize) -> Step<()> {
        let mut values = (0..n).map(|_| self.pop()).collect::<Step<Vec<_>>>()?;
        values.reverse();
        self.push_tuple(&values)
    }

    pub(crate) fn put(&mut self, bytes: usize) -> Step<()> {
        let key = self.number(bytes)?;
        self.memoize(key)
    }

    /// Keeps the top under the next number.
    pub(crate) fn memoize_next(&mut self) -> Step<()> {
        self.memoize(self.memo.len() as u64)
    }

    fn memoize(&mut self, key: u64) -> Step<()> {
        let key = u32::try_from(key).map_err(|_| self.exhausted())?;
        let value = self.top()?;
        if self.memo.insert(key, value).is_none() {
            self.charge(MEMO)?;
        }
        Ok(())
    }

    pub(crate) fn get(&mut self, bytes: usize) -> Step<()> {
        let key = self.number(bytes)?;
        let value = u32::try_from(key).ok().and_then(|key| self.memo.get(&key).copied());
        let value = value.ok_or_else(|| self.refuse("remembers what was never kept"))?;
        self.push_value(value)
    }

    /// Appends to a list; what an object would do with the values is not looked into.
    pub(crate) fn extend(&mut self, values: &[Value]) -> Step<()> {
        let target = self.top()?;
        let first = matches!(self.heap.get(target), Some(Node::List(None)));
        self.charge(ITEM * values.len() + if first { CONTAINER } else { 0 })?;
        match self.heap.get_mut(target) {
            Some(Node::List(list)) => {
                let List { items, dropped } = &mut **list.get_or_insert_default();
                for &value in values {
                    match matches!(value, Value::Node(_)) || items.len() < MOST_PLAIN {
                        true => items.push(value),
                        false => *dropped = true,
                    }
                }
                Ok(())
            }
            Some(Node::Object { .. }) => Ok(()),
            _ => Err(self.refuse("appends to what is not a list")),
        }
    }

    /// Sets keys of a dictionary. An object with keys is one of a class of dictionaries.
    pub(crate) fn set(&mut self, entries: &[Value]) -> Step<()> {
        let (pairs, []) = entries.as_chunks::<2>() else {
            return Err(self.refuse("sets a key without a value"));
        };
        let target = self.top()?;
        let first = matches!(self.heap.get(target), Some(Node::Dict(None) | Node::Object { .. }));
        self.charge(ENTRY * pairs.len() + if first { CONTAINER } else { 0 })?;
        let pairs = pairs.iter().map(|&[key, value]| (key, value));
        match self.heap.get_mut(target) {
            Some(Node::Dict(dict)) => dict.get_or_insert_default().entries.extend(pairs),
            Some(node @ Node::Object { .. }) => {
                *node = Node::Dict(Some(Box::new(Dict { entries: pairs.collect() })));
            }
            _ => return Err(self.refuse("sets a key of what is not a dictionary")),
        }
        Ok(())
    }
}
