//! A pickle machine that cannot execute anything: it knows the instructions that pickles are written with today,
//! builds plain values, and makes of every name it does not know an opaque value that is never called.

use crate::Problem;
use crate::known::{Known, is_command};
use crate::pickle_machine::{Machine, Step};
use crate::pickle_value::{Heap, Node, Value};
use std::num::NonZeroU32;

/// Most arguments of a call that is carried out.
const MOST_ARGUMENTS: usize = 16;

/// Reads one pickle from there on. Returns its value and where it ends.
pub(crate) fn read(heap: &mut Heap<'_>, at: usize) -> Result<(Value, usize), Problem> {
    let mut machine = Machine::new(heap, at);
    loop {
        machine.start = machine.at;
        if let Some(value) = machine.step()? {
            return Ok((value, machine.at));
        }
    }
}

impl Machine<'_, '_> {
    /// One instruction; a value when it was the last.
    fn step(&mut self) -> Step<Option<Value>> {
        match self.take(1)?[0] {
            // PROTO, FRAME: nothing to do.
            0x80 => drop(self.take(1)?),
            0x95 => drop(self.take(8)?),
            b'.' => return self.pop().map(Some),
            b'(' => self.push_mark()?,
            b'0' => drop(self.pop()?),
            b'1' => drop(self.pop_mark()?),
            b'2' => {
                let top = self.top()?;
                self.push_value(top)?;
            }
            b'N' => self.push_value(Value::None)?,
            0x88 | 0x89 => self.push_value(Value::Bool)?,
            b'K' => {
                let number = self.number(1)?;
                self.push_int(number as i64)?;
            }
            b'M' => {
                let number = self.number(2)?;
                self.push_int(number as i64)?;
            }
            b'J' => {
                let number = self.number(4)? as u32;
                self.push_int(number.cast_signed().into())?;
            }
            0x8a => self.push_long(1)?,
            0x8b => self.push_long(4)?,
            b'G' => {
                self.take(8)?;
                self.push_value(Value::Float)?;
            }
            b'X' => self.push_text(4)?,
            0x8c => self.push_text(1)?,
            0x8d => self.push_text(8)?,
            // Text of Python 2.
            b'U' => self.push_text(1)?,
            b'T' => self.push_text(4)?,
            b'C' => self.push_bytes(1)?,
            b'B' => self.push_bytes(4)?,
            0x8e | 0x96 => self.push_bytes(8)?,
            b'}' => self.push(Node::Dict(None))?,
            b']' => self.push(Node::List(None))?,
            b')' => self.push_tuple(&[])?,
            b't' => {
                let values = self.pop_mark()?;
                self.push_tuple(&values)?;
            }
            code @ 0x85..=0x87 => self.tuple(usize::from(code - 0x84))?,
            // EMPTY_SET, what fills it, and FROZENSET: sets are not looked into.
            0x8f => self.push(Node::List(None))?,
            0x90 => drop(self.pop_mark()?),
            0x91 => {
                self.pop_mark()?;
                self.push(Node::List(None))?;
            }
            b'a' => {
                let value = self.pop()?;
                self.extend(&[value])?;
            }
            b'e' => {
                let values = self.pop_mark()?;
                self.extend(&values)?;
            }
            b's' => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.set(&[key, value])?;
            }
            b'u' => {
                let entries = self.pop_mark()?;
                self.set(&entries)?;
            }
            b'q' => self.put(1)?,
            b'r' => self.put(4)?,
            0x94 => self.memoize_next()?,
            b'h' => self.get(1)?,
            b'j' => self.get(4)?,
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.global(module, name)?;
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                self.global(module, name)?;
            }
            b'Q' => self.persistent()?,
            b'R' | 0x81 => self.call()?,
            // NEWOBJ_EX: what is given by name is not looked into.
            0x92 => {
                self.pop()?;
                self.call()?;
            }
            b'b' => self.build()?,
            other => return Err(self.refuse(format!("instruction {other:#04x} is in no state dict"))),
        }
        Ok(None)
    }

    fn global(&mut self, module: Value, name: Value) -> Step<()> {
        let (Value::Node(module_at), Value::Node(name_at)) = (module, name) else {
            return Err(self.refuse("takes a name where there is none"));
        };
        let (Some(module), Some(name)) = (self.heap.name(module), self.heap.name(name)) else {
            return Err(self.refuse("takes a name where there is none"));
        };
        if is_command(module, name) {
            return Err(Problem::Forbidden { module: module.to_owned(), name: name.to_owned() });
        }
        self.push(Node::Global { module: module_at, name: name_at })
    }

    fn persistent(&mut self) -> Step<()> {
        let id = self.pop()?;
        match id {
            Value::Node(at) if self.heap.storage_of(id).is_some() => self.push(Node::Storage(at)),
            _ => Err(self.refuse("a storage that cannot be understood")),
        }
    }

    /// Calls: those that rebuild tensors are carried out here, of others it is kept what they are.
    fn call(&mut self) -> Step<()> {
        let (arguments, callable) = (self.pop()?, self.pop()?);
        let (Value::Node(class), Value::Node(given)) = (callable, arguments) else {
            return Err(self.refuse("calls what is not a function"));
        };
        if !matches!(self.heap.get(callable), Some(Node::Global { .. } | Node::Object { .. })) {
            return Err(self.refuse("calls what is not a function"));
        }
        let mut known = self.heap.known(callable);
        let mut given = Value::Node(given);
        if known == Some(Known::OfType) {
            // A tensor of a class of its own is rebuilt like one of none.
            let parts = self.heap.sequence(given).and_then(|parts| Some((*parts.first()?, *parts.get(2)?)));
            let (function, inner) = parts.ok_or_else(|| self.refuse("a tensor that cannot be understood"))?;
            (known, given) = (self.heap.known(function), inner);
        }
        let arguments = self.heap.sequence(given);
        match known {
            Some(Known::Dict) => self.push_dict(given),
            Some(Known::Tensor) => match given {
                Value::Node(at) if self.heap.view_of(given).is_some() => self.push(Node::Tensor(at)),
                _ => Err(self.refuse("a tensor that cannot be understood")),
            },
            Some(Known::Parameter) => {
                let data =
                    arguments.and_then(|a| a.first().copied()).filter(|&data| self.heap.is_tensor(data));
                let data = data.ok_or_else(|| self.refuse("a parameter without a tensor"))?;
                self.push_value(data)
            }
            Some(Known::Storage(_) | Known::Untyped) => Err(self.refuse("a storage that is not kept apart")),
            Some(Known::OfType) | None => {
                let content = match given {
                    Value::Node(at) => NonZeroU32::new(at),
                    _ => None,
                };
                self.push(Node::Object { class, content })
            }
        }
    }

    /// A dictionary; Python 2 gives its pairs when it is made, others follow as instructions of their own.
    fn push_dict(&mut self, arguments: Value) -> Step<()> {
        let arguments = self.heap.sequence(arguments).filter(|arguments| arguments.len() <= MOST_ARGUMENTS);
        let arguments = arguments.ok_or_else(|| self.refuse("a dictionary that cannot be understood"))?;
        let pairs = arguments.iter().find_map(|&pairs| self.heap.sequence(pairs)).unwrap_or(&[]);
        let mut entries = Vec::new();
        for &pair in pairs {
            let Some(&[key, value]) = self.heap.sequence(pair) else {
                return Err(self.refuse("a dictionary that cannot be understood"));
            };
            // A file may give one list of pairs again and again: what it takes is paid for below.
            entries.extend([key, value]);
        }
        self.push(Node::Dict(None))?;
        if entries.is_empty() { Ok(()) } else { self.set(&entries) }
    }

    /// BUILD: the state of an object, which says what it was.
    fn build(&mut self) -> Step<()> {
        let state = self.pop()?;
        let target = self.top()?;
        if let (Value::Node(at), Some(Node::Object { content, .. })) = (state, self.heap.get_mut(target)) {
            *content = NonZeroU32::new(at);
        }
        Ok(())
    }
}
