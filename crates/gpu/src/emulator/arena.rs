//! Memory between guards.

use super::super::{GpuError, Memory};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes of a guard, and the alignment of what it guards.
const GUARD: usize = 256;

/// What fresh memory and guards hold: NaN in both storages, an unlikely index.
const STALE: u8 = 0xFF;

#[repr(C, align(256))]
#[derive(Clone, Copy)]
struct Line([u8; GUARD]);

/// A block's lines: guard, memory, guard.
struct Block {
    lines: Vec<Line>,
    bytes: usize,
}

/// All memory that is alive, by address.
#[derive(Clone, Default)]
pub(super) struct Arena {
    blocks: Arc<Mutex<BTreeMap<u64, Block>>>,
}

/// Takes a block out of the arena when it is dropped.
struct Owner(Arena, u64);

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.blocks().remove(&self.1);
    }
}

impl Arena {
    fn blocks(&self) -> MutexGuard<'_, BTreeMap<u64, Block>> {
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn allocate(&self, bytes: usize) -> Memory {
        let mut lines = vec![Line([STALE; GUARD]); bytes.div_ceil(GUARD) + 2];
        let address = lines.as_mut_ptr() as u64 + GUARD as u64;
        self.blocks().insert(address, Block { lines, bytes });
        Memory::new(address, bytes, Box::new(Owner(self.clone(), address)))
    }

    /// Whether all of a span is alive.
    pub(super) fn find(&self, address: u64, bytes: usize) -> Result<(), GpuError> {
        let blocks = self.blocks();
        let block = blocks.range(..=address).next_back();
        match block.filter(|(first, block)| address + bytes as u64 <= *first + block.bytes as u64) {
            Some(_) => Ok(()),
            None => {
                Err(GpuError::size("memory of a launch", "memory that is alive", format!("{address:#x}")))
            }
        }
    }

    pub(super) fn write(&self, address: u64, bytes: &[u8]) -> Result<(), GpuError> {
        self.find(address, bytes.len())?;
        // SAFETY: the span was found alive and this long; nothing else runs on the calling thread.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), address as *mut u8, bytes.len()) };
        Ok(())
    }

    pub(super) fn read(&self, address: u64, bytes: &mut [u8]) -> Result<(), GpuError> {
        self.find(address, bytes.len())?;
        // SAFETY: as for `write`.
        unsafe { std::ptr::copy_nonoverlapping(address as *const u8, bytes.as_mut_ptr(), bytes.len()) };
        Ok(())
    }

    /// Whether a kernel wrote beyond some memory.
    pub(super) fn check_guards(&self) -> Result<(), String> {
        for (address, block) in &*self.blocks() {
            let at = block.lines.as_ptr().cast::<u8>();
            // SAFETY: the lines are this long; volatile, because kernels write behind the compiler's back.
            let byte = |i: usize| unsafe { at.add(i).read_volatile() };
            let end = GUARD + block.bytes;
            let mut guards = (0..GUARD).chain(end..block.lines.len() * GUARD);
            if let Some(i) = guards.find(|&i| byte(i) != STALE) {
                let beside = i as isize - GUARD as isize;
                return Err(format!("wrote byte {beside} of the {} bytes at {address:#x}", block.bytes));
            }
        }
        Ok(())
    }
}

impl std::fmt::Debug for Arena {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Arena({} blocks)", self.blocks().len())
    }
}
