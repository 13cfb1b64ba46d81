//! Memory of the device: owned, borrowed in parts, and lent again and again.

use super::GpuError;
use super::queue::{Arg, Queue, Replay, Storage};
use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::rc::Rc;

/// Memory of the device, freed when dropped, in the order of the queue that allocated it.
pub struct Memory {
    address: u64,
    bytes: usize,
    /// Frees the memory when it is dropped.
    _owner: Box<dyn Any + Send>,
}

impl Memory {
    /// Memory at a device address, aligned to 256 bytes; dropping `owner` frees it.
    pub fn new(address: u64, bytes: usize, owner: Box<dyn Any + Send>) -> Self {
        Self { address, bytes, _owner: owner }
    }

    /// Its size in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// All of it.
    pub fn span(&self) -> Span<'_> {
        Span { address: self.address, bytes: self.bytes, memory: PhantomData }
    }
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Memory({} bytes at {:#x})", self.bytes, self.address)
    }
}

/// A part of some [`Memory`] that is alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span<'m> {
    address: u64,
    bytes: usize,
    memory: PhantomData<&'m Memory>,
}

impl<'m> Span<'m> {
    /// The device address of its first byte.
    pub fn address(&self) -> u64 {
        self.address
    }

    /// Its size in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// `bytes` of it from byte `first` on.
    ///
    /// # Errors
    /// [`GpuError::Size`] when they are not inside.
    pub fn part(&self, first: usize, bytes: usize) -> Result<Span<'m>, GpuError> {
        match first.checked_add(bytes) {
            Some(end) if end <= self.bytes => {
                Ok(Span { address: self.address + first as u64, bytes, memory: PhantomData })
            }
            _ => Err(GpuError::size("part of device memory", format!("at most {} bytes", self.bytes), {
                format!("{bytes} from byte {first} on")
            })),
        }
    }
}

/// Values of an array that kernels count in 31 bits, a stride of all threads beyond the last included.
pub(super) const MOST_VALUES: usize = (1 << 31) - (1 << 20);

impl<'m> Span<'m> {
    /// It as an argument, after checking that it has room for `values` of `size` bytes, at most
    /// [`MOST_VALUES`].
    pub(super) fn holds(self, what: &str, values: usize, size: usize) -> Result<Arg<'m>, GpuError> {
        if values > MOST_VALUES || self.bytes < values * size {
            let expected = format!("room for {values} values of {size} bytes, at most {MOST_VALUES}");
            return Err(GpuError::size(what, expected, format!("{} bytes", self.bytes)));
        }
        Ok(Arg::Memory(self))
    }

    /// As [`Span::holds`], for values in a storage.
    pub(super) fn stores(self, what: &str, values: usize, storage: Storage) -> Result<Arg<'m>, GpuError> {
        self.holds(what, values, storage.bytes())
    }
}

/// Memory that is kept when it is given back, and lent to the next request of the same size: the second of two
/// equal rounds of requests allocates nothing, which captured work needs. Clones share their memory.
#[derive(Clone)]
pub struct Pool {
    queue: Rc<dyn Queue>,
    free: Rc<RefCell<BTreeMap<usize, Vec<Memory>>>>,
}

impl Pool {
    /// A pool that allocates from a queue.
    pub fn new(queue: Rc<dyn Queue>) -> Self {
        Self { queue, free: Rc::default() }
    }

    /// The queue it allocates from.
    pub fn queue(&self) -> &dyn Queue {
        &*self.queue
    }

    /// Memory with anything in it.
    ///
    /// # Errors
    /// Those of [`Queue::allocate`].
    pub fn take(&self, bytes: usize) -> Result<Block, GpuError> {
        let free = self.free.borrow_mut().get_mut(&bytes).and_then(Vec::pop);
        let memory = match free {
            Some(memory) => memory,
            None => self.queue.allocate(bytes)?,
        };
        Ok(Block { memory: Some(memory), pool: self.clone() })
    }

    /// Memory that no round of requests has had yet: for what a round begins to keep. Out of the free memory it would be
    /// missing in the next round.
    ///
    /// # Errors
    /// Those of [`Queue::allocate`].
    pub(super) fn fresh(&self, bytes: usize) -> Result<Block, GpuError> {
        Ok(Block { memory: Some(self.queue.allocate(bytes)?), pool: self.clone() })
    }

    /// Memory that holds these bytes.
    ///
    /// # Errors
    /// Those of [`Queue::allocate`] and [`Queue::write`].
    pub fn holding(&self, bytes: &[u8]) -> Result<Block, GpuError> {
        let block = self.take(bytes.len())?;
        self.queue.write(block.span(), bytes)?;
        Ok(block)
    }

    /// Memory of zeros.
    ///
    /// # Errors
    /// Those of [`Queue::allocate`] and [`Queue::zero`].
    pub fn zeroed(&self, bytes: usize) -> Result<Block, GpuError> {
        let block = self.take(bytes)?;
        self.queue.zero(block.span())?;
        Ok(block)
    }
}

impl Pool {
    /// Collects what `work` launches, see [`Queue::capture`]. The work uses memory of this pool alone, and a round
    /// of it ran before, so that the pool has what it asks for.
    ///
    /// # Errors
    /// Those of [`Queue::capture`].
    pub fn capture(&self, work: &mut dyn FnMut() -> Result<(), GpuError>) -> Result<Captured, GpuError> {
        Ok(Captured { graph: self.queue.capture(work)?, _pool: self.clone() })
    }
}

/// Captured work with the pool whose memory it uses: until this is gone nothing of the pool is freed. Memory that
/// lies free in the pool between two runs is written by them, so what is to stay must be taken before the capture.
pub struct Captured {
    graph: Box<dyn Replay>,
    _pool: Pool,
}

impl Captured {
    /// Puts the work into the queue once more.
    ///
    /// # Errors
    /// [`GpuError::Launch`] or [`GpuError::Lost`].
    pub fn replay(&self) -> Result<(), GpuError> {
        // SAFETY: the work uses memory of the pool, which frees none while it lives.
        unsafe { self.graph.replay() }
    }
}

impl std::fmt::Debug for Captured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Captured")
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pool({} blocks free)", self.free.borrow().values().map(Vec::len).sum::<usize>())
    }
}

/// Memory lent by a [`Pool`], to which it returns when dropped.
#[derive(Debug)]
pub struct Block {
    /// Always there until the drop.
    memory: Option<Memory>,
    pool: Pool,
}

impl Block {
    /// All of it.
    pub fn span(&self) -> Span<'_> {
        match &self.memory {
            Some(memory) => memory.span(),
            None => Span { address: 0, bytes: 0, memory: PhantomData },
        }
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        if let Some(memory) = self.memory.take() {
            self.pool.free.borrow_mut().entry(memory.bytes()).or_default().push(memory);
        }
    }
}
