//! Candle's tensors as operands of our kernels without a copy, and our results as candle's tensors.

use super::error::of_candle;
use super::queue::CudaQueue;
use basin_gpu::{GpuError, Memory, Span};
use candle_core::backend::{BackendDevice, BackendStorage};
use candle_core::cuda_backend::cudarc::driver::{CudaSlice, DevicePtr, DevicePtrMut, SyncOnDrop};
use candle_core::{CudaDevice, CudaStorage, Layout};

/// Bytes that our kernels read at once: where an array begins is a multiple of it.
pub const ALIGNMENT: usize = 16;

/// Memory of a tensor, for launches while this lives.
pub struct Operand<'a> {
    memory: Memory,
    /// Tells other streams when this one is through with it, where candle's device tracks that.
    _order: SyncOnDrop<'a>,
}

impl Operand<'_> {
    /// All of it.
    pub fn span(&self) -> Span<'_> {
        self.memory.span()
    }
}

impl std::fmt::Debug for Operand<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Operand({:?})", self.memory)
    }
}

/// An array that is being made, of candle's allocator: a tensor's storage once it is written.
pub struct Room {
    slice: CudaSlice<f32>,
    device: CudaDevice,
}

impl Room {
    /// Its values as a tensor's storage.
    pub fn into_storage(self) -> CudaStorage {
        CudaStorage::wrap_cuda_slice(self.slice, self.device)
    }
}

impl std::fmt::Debug for Room {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Room({} values)", self.slice.len())
    }
}

impl CudaQueue {
    /// A tensor's values as they lie in memory: one piece of f32 on this queue's device that begins at a multiple of
    /// [`ALIGNMENT`].
    ///
    /// # Errors
    /// [`GpuError::Size`] for every other tensor; nothing is copied.
    pub fn operand<'a>(&'a self, storage: &'a CudaStorage, layout: &Layout) -> Result<Operand<'a>, GpuError> {
        let refused =
            |expected: &str, found: String| GpuError::size("a tensor as an operand", expected, found);
        if !storage.device.same_device(self.candle()) {
            let both = format!("a tensor of {:?}, which is not {:?}", storage.device, self.candle());
            return Err(refused("the device that the queue was opened on", both));
        }
        let Ok(slice) = storage.as_cuda_slice::<f32>() else {
            return Err(refused("f32", storage.dtype().as_str().to_owned()));
        };
        let Some((start, end)) = layout.contiguous_offsets() else {
            return Err(refused("one piece of memory", format!("{layout:?}")));
        };
        if !(4 * start).is_multiple_of(ALIGNMENT) {
            return Err(refused(
                "a tensor that begins at a multiple of 16 bytes",
                format!("byte {}", 4 * start),
            ));
        }
        if end > slice.len() {
            return Err(refused("a layout inside of its storage", format!("{layout:?}")));
        }
        let (address, order) = slice.device_ptr(self.stream());
        let memory = Memory::new(address + 4 * start as u64, 4 * (end - start), Box::new(()));
        Ok(Operand { memory, _order: order })
    }

    /// Room for a result of so many values of f32, with anything in it.
    ///
    /// # Errors
    /// [`GpuError::OutOfMemory`], [`GpuError::Lost`], [`GpuError::Captured`]; [`GpuError::Size`] for none.
    pub fn room(&self, values: usize) -> Result<Room, GpuError> {
        self.outside_capture("an allocation")?;
        if values == 0 {
            return Err(GpuError::size("a result", "at least one value", 0));
        }
        // SAFETY: every byte pattern is an f32, and what is in it is anything, as was said.
        let slice = unsafe { self.candle().alloc::<f32>(values) };
        let slice = slice.map_err(|error| match of_candle(&error, "allocate") {
            GpuError::OutOfMemory { found, .. } => GpuError::OutOfMemory { wanted: 4 * values, found },
            other => other,
        })?;
        Ok(Room { slice, device: self.candle().clone() })
    }

    /// A room as what kernels write.
    pub fn written<'a>(&'a self, room: &'a mut Room) -> Operand<'a> {
        let bytes = room.slice.num_bytes();
        let (address, order) = room.slice.device_ptr_mut(self.stream());
        Operand { memory: Memory::new(address, bytes, Box::new(())), _order: order }
    }

    /// A room as what kernels read.
    pub fn read_from<'a>(&'a self, room: &'a Room) -> Operand<'a> {
        let (address, order) = room.slice.device_ptr(self.stream());
        Operand { memory: Memory::new(address, room.slice.num_bytes(), Box::new(())), _order: order }
    }
}
