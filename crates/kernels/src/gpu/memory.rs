//! Memory of the device: owned, and borrowed in parts.

use super::GpuError;
use std::any::Any;
use std::marker::PhantomData;

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
