//! A queue that computes nothing and remembers what it was told: for tests of the host's side.

use super::queue::{Arg, Kernel, Launch, Queue, Replay};
use super::{Convolution, GpuError, Memory, Operands, Span};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// One call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// So many bytes.
    Allocate(usize),
    /// So many bytes to the device.
    Write(usize),
    /// So many bytes from the device; they are zeros.
    Read(usize),
    /// So many bytes.
    Zero(usize),
    /// An entry point with its geometry, and bytes of all memory that it was given.
    Launch(&'static str, Launch, usize),
    /// A convolution.
    Convolve(Convolution),
    /// The captured launches once more.
    Replay(usize),
}

/// Remembers every call.
#[derive(Debug, Default)]
pub struct Recorder {
    events: Rc<RefCell<Vec<Event>>>,
    next: Cell<u64>,
    capturing: Cell<bool>,
}

impl Recorder {
    /// All calls so far; forgets them.
    pub fn take(&self) -> Vec<Event> {
        self.events.take()
    }

    fn outside(&self, what: &str, event: Event) -> Result<(), GpuError> {
        if self.capturing.get() {
            return Err(GpuError::Captured { what: what.into() });
        }
        self.events.borrow_mut().push(event);
        Ok(())
    }
}

impl Queue for Recorder {
    fn device(&self) -> String {
        "a recorder of calls".into()
    }

    fn allocate(&self, bytes: usize) -> Result<Memory, GpuError> {
        self.outside("an allocation", Event::Allocate(bytes))?;
        let address = self.next.get() + 256;
        self.next.set((address + bytes as u64).next_multiple_of(256));
        Ok(Memory::new(address, bytes, Box::new(())))
    }

    fn write(&self, to: Span<'_>, bytes: &[u8]) -> Result<(), GpuError> {
        same_length(to, bytes.len())?;
        self.outside("a copy to the device", Event::Write(bytes.len()))
    }

    fn read(&self, from: Span<'_>, bytes: &mut [u8]) -> Result<(), GpuError> {
        same_length(from, bytes.len())?;
        bytes.fill(0);
        self.outside("a copy from the device", Event::Read(bytes.len()))
    }

    fn zero(&self, to: Span<'_>) -> Result<(), GpuError> {
        self.events.borrow_mut().push(Event::Zero(to.bytes()));
        Ok(())
    }

    fn finish(&self) -> Result<(), GpuError> {
        if self.capturing.get() {
            return Err(GpuError::Captured { what: "waiting".into() });
        }
        Ok(())
    }

    unsafe fn launch(&self, kernel: Kernel, launch: Launch, args: &[Arg<'_>]) -> Result<(), GpuError> {
        let bytes = |arg: &Arg<'_>| if let Arg::Memory(span) = arg { span.bytes() } else { 0 };
        let bytes = args.iter().map(bytes).sum();
        self.events.borrow_mut().push(Event::Launch(kernel.entry, launch, bytes));
        Ok(())
    }

    fn convolution_scratch(&self, _convolution: &Convolution) -> Result<usize, GpuError> {
        Ok(0)
    }

    fn convolve(
        &self,
        convolution: &Convolution,
        operands: Operands<'_>,
        _scratch: Span<'_>,
    ) -> Result<(), GpuError> {
        convolution.check(&operands)?;
        self.events.borrow_mut().push(Event::Convolve(*convolution));
        Ok(())
    }

    fn capture(&self, work: &mut dyn FnMut() -> Result<(), GpuError>) -> Result<Box<dyn Replay>, GpuError> {
        let before = self.events.borrow().len();
        self.capturing.set(true);
        let done = work();
        self.capturing.set(false);
        let launches = self.events.borrow_mut().split_off(before).len();
        done?;
        Ok(Box::new(Recorded { events: self.events.clone(), launches }))
    }
}

struct Recorded {
    events: Rc<RefCell<Vec<Event>>>,
    launches: usize,
}

impl Replay for Recorded {
    unsafe fn replay(&self) -> Result<(), GpuError> {
        self.events.borrow_mut().push(Event::Replay(self.launches));
        Ok(())
    }
}

/// Whether a copy has as many bytes on both sides.
pub(crate) fn same_length(span: Span<'_>, host: usize) -> Result<(), GpuError> {
    match span.bytes() == host {
        true => Ok(()),
        false => Err(GpuError::size("copy between host and device", span.bytes(), host)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captured_work_may_launch_and_nothing_else() {
        let queue = Recorder::default();
        let memory = queue.allocate(8).unwrap();
        let graph = queue.capture(&mut || queue.zero(memory.span())).unwrap();
        // SAFETY: nothing is run.
        unsafe { graph.replay().unwrap() };
        assert_eq!(queue.take(), [Event::Allocate(8), Event::Replay(1)]);
        let refused = queue.capture(&mut || queue.write(memory.span(), &[0; 8])).err();
        assert_eq!(refused, Some(GpuError::Captured { what: "a copy to the device".into() }));
        queue.write(memory.span(), &[0; 8]).unwrap();
        assert!(queue.write(memory.span(), &[0; 9]).is_err());
    }
}
