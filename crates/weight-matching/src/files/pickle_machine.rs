//! The hands of the pickle machine: bytes, stack, marks and memo, taken from only when something is there.

use crate::files::Problem;
use crate::files::pickle_value::{Heap, Node, Value};
use std::collections::BTreeMap;

/// Most bytes of one pickle: names and shapes, not weights.
pub(crate) const MOST_BYTES: usize = 1 << 24;

pub(crate) type Step<T> = Result<T, Problem>;

pub(crate) struct Machine<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) at: usize,
    /// Where the current instruction begins.
    pub(crate) start: usize,
    pub(crate) stack: Vec<Value>,
    /// Heights of the stack at the open marks.
    pub(crate) marks: Vec<usize>,
    pub(crate) memo: BTreeMap<u64, Value>,
    pub(crate) heap: &'a mut Heap,
}

impl Machine<'_> {
    pub(crate) fn refuse(&self, reason: impl Into<String>) -> Problem {
        Problem::Pickle { at: self.start, reason: reason.into() }
    }

    pub(crate) fn take(&mut self, n: usize) -> Step<&[u8]> {
        let Some(end) = self.at.checked_add(n).filter(|&end| end <= self.bytes.len()) else {
            let reason = match self.bytes.len() {
                MOST_BYTES => "it is longer than 16 MiB without the weights",
                _ => "it ends in the middle, it may be truncated",
            };
            return Err(self.refuse(reason));
        };
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    /// An unsigned little-endian number of up to eight bytes.
    pub(crate) fn number(&mut self, bytes: usize) -> Step<u64> {
        Ok(self.take(bytes)?.iter().rev().fold(0, |n, &b| n << 8 | u64::from(b)))
    }

    pub(crate) fn length(&mut self, bytes: usize) -> Step<usize> {
        // A length beyond the address space is beyond the file too.
        Ok(usize::try_from(self.number(bytes)?).unwrap_or(usize::MAX))
    }

    pub(crate) fn line(&mut self) -> Step<String> {
        let rest = &self.bytes[self.at..];
        let len = rest.iter().take(256).position(|&b| b == b'\n');
        let len = len.ok_or_else(|| self.refuse("a name without end"))?;
        let line = String::from_utf8_lossy(&rest[..len]).into_owned();
        self.at += len + 1;
        Ok(line)
    }

    pub(crate) fn push(&mut self, node: Node) {
        let value = self.heap.add(node);
        self.stack.push(value);
    }

    pub(crate) fn push_int(&mut self, bytes: usize) -> Step<()> {
        let number = self.number(bytes)?;
        self.stack.push(Value::Int(number as i64));
        Ok(())
    }

    pub(crate) fn push_long(&mut self) -> Step<()> {
        let len = self.length(1)?;
        let bytes = self.take(len)?.to_vec();
        if len > 8 {
            self.push(Node::Bytes(bytes));
            return Ok(());
        }
        let negative = bytes.last().is_some_and(|b| b >> 7 == 1);
        let mut filled = [if negative { 0xff } else { 0 }; 8];
        filled[..len].copy_from_slice(&bytes);
        self.stack.push(Value::Int(i64::from_le_bytes(filled)));
        Ok(())
    }

    pub(crate) fn push_text(&mut self, length_bytes: usize) -> Step<()> {
        let len = self.length(length_bytes)?;
        let bytes = self.take(len)?.to_vec();
        let text = String::from_utf8(bytes).map_err(|_| self.refuse("text that is not UTF-8"))?;
        self.push(Node::Text(text));
        Ok(())
    }

    pub(crate) fn push_bytes(&mut self, length_bytes: usize) -> Step<()> {
        let len = self.length(length_bytes)?;
        let bytes = self.take(len)?.to_vec();
        self.push(Node::Bytes(bytes));
        Ok(())
    }

    pub(crate) fn pop(&mut self) -> Step<Value> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.len() > floor {
            true => Ok(self.stack.pop().unwrap_or(Value::None)),
            false => Err(self.refuse("takes a value where there is none")),
        }
    }

    pub(crate) fn pop_text(&mut self) -> Step<String> {
        let value = self.pop()?;
        let text = self.heap.name(value).map(str::to_owned);
        text.ok_or_else(|| self.refuse("takes a name where there is none"))
    }

    pub(crate) fn pop_mark(&mut self) -> Step<Vec<Value>> {
        let mark = self.marks.pop().ok_or_else(|| self.refuse("goes back to a mark that is not there"))?;
        Ok(self.stack.split_off(mark))
    }

    pub(crate) fn top(&self) -> Step<Value> {
        self.stack.last().copied().ok_or_else(|| self.refuse("looks at a value where there is none"))
    }

    pub(crate) fn tuple(&mut self, n: usize) -> Step<()> {
        let mut values = (0..n).map(|_| self.pop()).collect::<Step<Vec<_>>>()?;
        values.reverse();
        self.push(Node::Sequence(values));
        Ok(())
    }

    pub(crate) fn put(&mut self, bytes: usize) -> Step<()> {
        let key = self.number(bytes)?;
        self.memoize(key)
    }

    pub(crate) fn memoize(&mut self, key: u64) -> Step<()> {
        let value = self.top()?;
        self.memo.insert(key, value);
        Ok(())
    }

    pub(crate) fn get(&mut self, bytes: usize) -> Step<()> {
        let key = self.number(bytes)?;
        let value = self.memo.get(&key).copied();
        self.stack.push(value.ok_or_else(|| self.refuse("remembers what was never kept"))?);
        Ok(())
    }

    pub(crate) fn extend(&mut self, values: Vec<Value>) -> Step<()> {
        let target = self.top()?;
        match self.heap.get_mut(target) {
            Some(Node::Sequence(items)) => items.extend(values),
            Some(Node::Skipped) => {}
            _ => return Err(self.refuse("appends to what is no list")),
        }
        Ok(())
    }

    pub(crate) fn set(&mut self, entries: &[Value]) -> Step<()> {
        let (pairs, []) = entries.as_chunks::<2>() else {
            return Err(self.refuse("sets a key without a value"));
        };
        let target = self.top()?;
        match self.heap.get_mut(target) {
            Some(Node::Dict(dict)) => dict.extend(pairs.iter().map(|&[key, value]| (key, value))),
            Some(Node::Skipped) => {}
            _ => return Err(self.refuse("sets a key of what is no dictionary")),
        }
        Ok(())
    }
}
