//! A device that is the host: the same kernel sources, compiled by the system's C++ compiler.
//!
//! It runs a block's threads as fibres, with shared memory, barriers and warp exchanges, so that every kernel and
//! the whole training step are checked without a GPU. Memory starts as NaN and lies between guards
//! that are looked at after every launch; arguments must lie in memory that is alive; captured work is a list of
//! launches, and inside it nothing else is allowed. Not fast: for tests.

mod arena;
mod library;

use super::convolution;
use super::recorder::same_length;
use super::{Arg, Convolution, GpuError, Kernel, Launch, Memory, Operands, Queue, Replay, Span};
use arena::Arena;
use library::Libraries;
pub use library::Order;
use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

/// Runs kernels on the calling thread, one after the other.
#[derive(Debug)]
pub struct Emulator {
    machine: Rc<Machine>,
    /// The work that is being captured, if any.
    captured: RefCell<Option<Vec<Command>>>,
}

#[derive(Debug)]
struct Machine {
    arena: Arena,
    libraries: Libraries,
    order: Order,
    /// Calls that are still answered, and what is answered afterwards.
    fault: RefCell<Option<(u64, GpuError)>>,
}

/// What a captured graph does again.
#[derive(Debug)]
enum Command {
    Launch { kernel: Kernel, launch: Launch, words: Vec<u64>, spans: Vec<(u64, usize)> },
    Zero(u64, usize),
}

impl Emulator {
    /// An emulator that keeps compiled sources in a folder, with threads and blocks from the first to the last, or
    /// `falling` from the last to the first.
    ///
    /// # Errors
    /// [`GpuError::Library`] when the folder cannot be made.
    pub fn new(folder: &Path, falling: bool) -> Result<Self, GpuError> {
        Self::ordered(folder, if falling { Order::Falling } else { Order::Rising })
    }

    /// As [`Emulator::new`], in any order. A kernel whose result differs from one to another has a race.
    ///
    /// # Errors
    /// [`GpuError::Library`] when the folder cannot be made.
    pub fn ordered(folder: &Path, order: Order) -> Result<Self, GpuError> {
        let libraries = Libraries::new(folder)?;
        let machine = Machine { arena: Arena::default(), libraries, order, fault: RefCell::new(None) };
        Ok(Self { machine: Rc::new(machine), captured: RefCell::new(None) })
    }

    /// Lets every call after the next `calls` (launches, copies, allocations) fail, as a driver's do once a device
    /// is lost.
    pub fn fail_after(&self, calls: u64, error: GpuError) {
        *self.machine.fault.borrow_mut() = Some((calls, error));
    }

    fn outside_capture(&self, what: &str) -> Result<(), GpuError> {
        self.machine.answer()?;
        match *self.captured.borrow() {
            Some(_) => Err(GpuError::Captured { what: what.into() }),
            None => Ok(()),
        }
    }

    fn give(&self, command: Command) -> Result<(), GpuError> {
        match &mut *self.captured.borrow_mut() {
            Some(commands) => {
                commands.push(command);
                Ok(())
            }
            None => self.machine.run(&command),
        }
    }
}

impl Machine {
    /// Whether the device still answers.
    fn answer(&self) -> Result<(), GpuError> {
        match &mut *self.fault.borrow_mut() {
            Some((0, error)) => Err(error.clone()),
            Some((left, _)) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn run(&self, command: &Command) -> Result<(), GpuError> {
        self.answer()?;
        match command {
            Command::Zero(address, bytes) => self.arena.write(*address, &vec![0; *bytes]),
            Command::Launch { kernel, launch, words, spans } => {
                let fail = |found: String| GpuError::Launch { kernel: kernel.entry.into(), found };
                for (address, bytes) in spans {
                    self.arena.find(*address, *bytes).map_err(|e| fail(e.to_string()))?;
                }
                self.libraries.run(*kernel, *launch, words, self.order)?;
                self.arena.check_guards().map_err(fail)
            }
        }
    }
}

impl Queue for Emulator {
    fn device(&self) -> String {
        "an emulator on the host".into()
    }

    fn allocate(&self, bytes: usize) -> Result<Memory, GpuError> {
        self.outside_capture("an allocation")?;
        Ok(self.machine.arena.allocate(bytes))
    }

    fn write(&self, to: Span<'_>, bytes: &[u8]) -> Result<(), GpuError> {
        same_length(to, bytes.len())?;
        self.outside_capture("a copy to the device")?;
        self.machine.arena.write(to.address(), bytes)
    }

    fn read(&self, from: Span<'_>, bytes: &mut [u8]) -> Result<(), GpuError> {
        same_length(from, bytes.len())?;
        self.outside_capture("a copy from the device")?;
        self.machine.arena.read(from.address(), bytes)
    }

    fn zero(&self, to: Span<'_>) -> Result<(), GpuError> {
        self.give(Command::Zero(to.address(), to.bytes()))
    }

    fn finish(&self) -> Result<(), GpuError> {
        self.outside_capture("waiting")
    }

    unsafe fn launch(&self, kernel: Kernel, launch: Launch, args: &[Arg<'_>]) -> Result<(), GpuError> {
        let word = |arg: &Arg<'_>| match *arg {
            Arg::Memory(span) => span.address(),
            Arg::Absent => 0,
            Arg::I32(value) => u64::from(value as u32),
            Arg::U32(value) => u64::from(value),
            Arg::F32(value) => u64::from(value.to_bits()),
        };
        let span = |arg: &Arg<'_>| match *arg {
            Arg::Memory(span) => Some((span.address(), span.bytes())),
            _ => None,
        };
        let (words, spans) = (args.iter().map(word).collect(), args.iter().filter_map(span).collect());
        self.give(Command::Launch { kernel, launch, words, spans })
    }

    fn convolution_scratch(&self, convolution: &Convolution) -> Result<usize, GpuError> {
        Ok(convolution::scratch(convolution))
    }

    fn convolve(
        &self,
        convolution: &Convolution,
        operands: Operands<'_>,
        scratch: Span<'_>,
    ) -> Result<(), GpuError> {
        convolution::launch(self, convolution, operands, scratch)
    }

    fn capture(&self, work: &mut dyn FnMut() -> Result<(), GpuError>) -> Result<Box<dyn Replay>, GpuError> {
        self.outside_capture("a capture")?;
        *self.captured.borrow_mut() = Some(Vec::new());
        let done = work();
        let commands = self.captured.borrow_mut().take().unwrap_or_default();
        done?;
        Ok(Box::new(Captured { machine: self.machine.clone(), commands }))
    }
}

struct Captured {
    machine: Rc<Machine>,
    commands: Vec<Command>,
}

impl Replay for Captured {
    unsafe fn replay(&self) -> Result<(), GpuError> {
        self.commands.iter().try_for_each(|command| self.machine.run(command))
    }
}
