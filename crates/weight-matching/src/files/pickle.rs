//! A pickle machine that cannot execute anything: it knows the instructions that state dicts are written
//! with, builds plain values, and refuses everything else with the byte where it stands.

use crate::files::Problem;
use crate::files::pickle_machine::{MOST_BYTES, Machine, Step};
use crate::files::pickle_value::{Heap, Known, Node, Storage, Value, View, known, size};
use std::collections::BTreeMap;

/// Most arguments of a call.
const MOST_ARGUMENTS: usize = 16;

/// Reads one pickle from the beginning of `bytes`. Returns its value and its length.
pub(crate) fn read(bytes: &[u8], heap: &mut Heap) -> Result<(Value, usize), Problem> {
    let bytes = &bytes[..bytes.len().min(MOST_BYTES)];
    let mut machine =
        Machine { bytes, at: 0, start: 0, stack: Vec::new(), marks: Vec::new(), memo: BTreeMap::new(), heap };
    loop {
        machine.start = machine.at;
        if let Some(value) = machine.step()? {
            return Ok((value, machine.at));
        }
    }
}

impl Machine<'_> {
    /// One instruction; a value when it was the last.
    fn step(&mut self) -> Step<Option<Value>> {
        match self.take(1)?[0] {
            // PROTO, FRAME: nothing to do.
            0x80 => drop(self.take(1)?),
            0x95 => drop(self.take(8)?),
            b'.' => return self.pop().map(Some),
            b'(' => self.marks.push(self.stack.len()),
            b'0' => drop(self.pop()?),
            b'1' => drop(self.pop_mark()?),
            b'N' => self.stack.push(Value::None),
            0x88 | 0x89 => self.stack.push(Value::Bool),
            b'K' => self.push_int(1)?,
            b'M' => self.push_int(2)?,
            b'J' => {
                let bytes = self.number(4)? as u32;
                self.stack.push(Value::Int(i64::from(bytes.cast_signed())));
            }
            0x8a => self.push_long()?,
            b'G' => {
                self.take(8)?;
                self.stack.push(Value::Float);
            }
            b'X' => self.push_text(4)?,
            0x8c => self.push_text(1)?,
            0x8d => self.push_text(8)?,
            b'U' | b'C' => self.push_bytes(1)?,
            b'T' | b'B' => self.push_bytes(4)?,
            b'}' => self.push(Node::Dict(Vec::new())),
            b']' | b')' => self.push(Node::Sequence(Vec::new())),
            // EMPTY_SET and what fills it: sets are not looked into.
            0x8f => self.push(Node::Skipped),
            0x90 => drop(self.pop_mark()?),
            b't' => {
                let values = self.pop_mark()?;
                self.push(Node::Sequence(values));
            }
            code @ 0x85..=0x87 => self.tuple(usize::from(code - 0x84))?,
            b'a' => {
                let value = self.pop()?;
                self.extend(vec![value])?;
            }
            b'e' => {
                let values = self.pop_mark()?;
                self.extend(values)?;
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
            0x94 => self.memoize(self.memo.len() as u64)?,
            b'h' => self.get(1)?,
            b'j' => self.get(4)?,
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.global(&module, &name)?;
            }
            0x93 => {
                let (name, module) = (self.pop_text()?, self.pop_text()?);
                self.global(&module, &name)?;
            }
            b'Q' => self.persistent()?,
            b'R' | 0x81 => self.call()?,
            // BUILD: the state of an object is not looked into.
            b'b' => drop(self.pop()?),
            other => return Err(self.refuse(format!("instruction {other:#04x} is in no state dict"))),
        }
        Ok(None)
    }

    fn global(&mut self, module: &str, name: &str) -> Step<()> {
        let found = known(module, name)
            .ok_or_else(|| Problem::Forbidden { module: module.to_owned(), name: name.to_owned() })?;
        self.push(Node::Known(found));
        Ok(())
    }

    /// `('storage', class, key, device, length)`, before PyTorch 1.6 with a view as sixth.
    fn persistent(&mut self) -> Step<()> {
        let id = self.pop()?;
        let storage = (|| {
            let parts = self.heap.sequence(id)?;
            let [kind, class, key, _, len, rest @ ..] = parts else { return None };
            let Some(Node::Known(Known::Storage(element))) = self.heap.get(*class) else { return None };
            let key = self.heap.name(*key)?.to_owned();
            let plain = self.heap.name(*kind)? == "storage" && matches!(rest, [] | [Value::None]);
            plain.then_some(Storage { element: *element, key, len: size(*len)? })
        })();
        let storage = storage.ok_or_else(|| self.refuse("a storage that cannot be understood"))?;
        self.push(Node::Storage(storage));
        Ok(())
    }

    /// Calls of the few names that may stand in a file, each carried out here.
    fn call(&mut self) -> Step<()> {
        let (arguments, callable) = (self.pop()?, self.pop()?);
        let arguments = self.heap.sequence(arguments).filter(|a| a.len() <= MOST_ARGUMENTS);
        let arguments = arguments.ok_or_else(|| self.refuse("a call without a short list of arguments"))?;
        let Some(Node::Known(callable)) = self.heap.get(callable) else {
            return Err(self.refuse("calls what is no function"));
        };
        let node = match callable {
            Known::Skipped => Node::Skipped,
            // What is in it follows as separate instructions.
            Known::Dict => Node::Dict(Vec::new()),
            Known::Tensor => Node::Tensor(self.view_of(arguments)?),
            Known::Parameter => {
                let data = arguments.first().copied().filter(|&data| self.heap.tensor(data).is_some());
                let data = data.ok_or_else(|| self.refuse("a parameter without a tensor"))?;
                self.stack.push(data);
                return Ok(());
            }
            Known::Storage(_) => return Err(self.refuse("a storage that is not kept apart")),
        };
        self.push(node);
        Ok(())
    }

    fn view_of(&self, arguments: &[Value]) -> Step<View> {
        let view = (|| {
            let [storage, offset, shape, strides, ..] = arguments else { return None };
            let Some(Node::Storage(_)) = self.heap.get(*storage) else { return None };
            let Value::Node(storage) = *storage else { return None };
            let (shape, strides) = (self.heap.sizes(*shape)?, self.heap.sizes(*strides)?);
            let view = View { storage, offset: size(*offset)?, shape, strides };
            (view.shape.len() == view.strides.len()).then_some(view)
        })();
        view.ok_or_else(|| self.refuse("a tensor that cannot be understood"))
    }
}
