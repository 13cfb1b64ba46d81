//! The one way to the device: memory, copies, launches and captured work, in order.

use super::sources::Source;
use super::{Convolution, GpuError, Memory, Operands, Span};
use std::any::Any;

/// How activations, their gradients, and the weights that meet them are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Storage {
    /// IEEE single precision.
    F32,
    /// The upper half of a single, rounded to nearest even.
    Bf16,
}

impl Storage {
    /// Bytes of one value.
    pub fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::Bf16 => 2,
        }
    }
}

/// What arithmetic the products use. Sums are f32 in all three.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Precision {
    /// Single precision throughout: the reference.
    #[default]
    F32,
    /// Single precision in memory; products may round their factors to ten bits of fraction.
    Tf32,
    /// Activations, their gradients and copies of the weights in bf16; parameters, moments, statistics and
    /// parameter gradients in f32.
    Bf16,
}

impl Precision {
    /// How activations are stored.
    pub fn storage(self) -> Storage {
        match self {
            Self::F32 | Self::Tf32 => Storage::F32,
            Self::Bf16 => Storage::Bf16,
        }
    }

    /// The precision of that name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::F32, Self::Tf32, Self::Bf16].into_iter().find(|precision| precision.name() == name)
    }

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Tf32 => "tf32",
            Self::Bf16 => "bf16",
        }
    }
}

/// An entry point of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Kernel {
    /// The source that has it.
    pub source: Source,
    /// Its name there (`extern "C"`, not mangled).
    pub entry: &'static str,
}

/// Blocks, and threads of one. Kernels have no dynamic shared memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Launch {
    /// Blocks along x, y and z.
    pub grid: [u32; 3],
    /// Threads of a block along x, a multiple of 32, at most 1024.
    pub threads: u32,
}

/// An argument of a kernel, in the order of its declaration.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Arg<'m> {
    /// A pointer.
    Memory(Span<'m>),
    /// A null pointer, for what is left out.
    Absent,
    /// `int`.
    I32(i32),
    /// `unsigned`.
    U32(u32),
    /// `float`.
    F32(f32),
}

/// Work that was captured and can run again, on the same addresses.
pub trait Replay {
    /// Puts all of it into the queue once more.
    ///
    /// # Safety
    /// All memory that the captured launches were given is alive.
    ///
    /// # Errors
    /// [`GpuError::Launch`] or [`GpuError::Lost`].
    unsafe fn replay(&self) -> Result<(), GpuError>;
}

/// A device that does what it is told in the order in which it is told. Calls may return before the work is
/// done; only [`Queue::read`] and [`Queue::finish`] wait. A failure of earlier work may show in any later call.
pub trait Queue {
    /// The device, for people.
    fn device(&self) -> String;

    /// The queue as what it is, for who knows more of it than this trait: candle's device is behind one of CUDA.
    fn as_any(&self) -> Option<&dyn Any> {
        None
    }

    /// What kind of device it is, whichever of several: those of one kind compute the same bytes.
    fn model(&self) -> String {
        self.device()
    }

    /// Memory with anything in it, aligned to 256 bytes. Zero bytes are allowed.
    ///
    /// # Errors
    /// [`GpuError::OutOfMemory`], [`GpuError::Lost`], [`GpuError::Captured`].
    fn allocate(&self, bytes: usize) -> Result<Memory, GpuError>;

    /// Copies to the device; the bytes may change or go as soon as this returns.
    ///
    /// # Errors
    /// [`GpuError::Size`] when lengths differ, [`GpuError::Lost`], [`GpuError::Captured`].
    fn write(&self, to: Span<'_>, bytes: &[u8]) -> Result<(), GpuError>;

    /// Waits for everything before it, then copies from the device.
    ///
    /// # Errors
    /// As [`Queue::write`].
    fn read(&self, from: Span<'_>, bytes: &mut [u8]) -> Result<(), GpuError>;

    /// Fills with zero bytes. May be captured.
    ///
    /// # Errors
    /// [`GpuError::Lost`].
    fn zero(&self, to: Span<'_>) -> Result<(), GpuError>;

    /// Waits until all work is done.
    ///
    /// # Errors
    /// [`GpuError::Lost`], [`GpuError::Captured`].
    fn finish(&self) -> Result<(), GpuError>;

    /// Runs a kernel; sources are compiled when they are first needed. May be captured.
    ///
    /// # Safety
    /// The arguments are what the kernel's source declares, and its accesses stay inside their spans.
    ///
    /// # Errors
    /// [`GpuError::Compile`], [`GpuError::Launch`], [`GpuError::Lost`].
    unsafe fn launch(&self, kernel: Kernel, launch: Launch, args: &[Arg<'_>]) -> Result<(), GpuError>;

    /// Bytes of scratch memory that [`Queue::convolve`] wants for a convolution; the same at every call.
    ///
    /// # Errors
    /// [`GpuError::Library`] where a library refuses the sizes.
    fn convolution_scratch(&self, convolution: &Convolution) -> Result<usize, GpuError>;

    /// Runs a convolution, by a library or by the project's own kernels
    /// ([`super::convolution`]); the same call gives the same bits. May be captured once it has run.
    ///
    /// # Errors
    /// [`GpuError::Size`] where operands or scratch are too small, and those of [`Queue::launch`].
    fn convolve(
        &self,
        convolution: &Convolution,
        operands: Operands<'_>,
        scratch: Span<'_>,
    ) -> Result<(), GpuError>;

    /// Who computes a convolution, for people.
    ///
    /// # Errors
    /// As [`Queue::convolution_scratch`].
    fn computed_by(&self, _convolution: &Convolution) -> Result<&'static str, GpuError> {
        Ok("own kernels")
    }

    /// Collects what `work` launches instead of running it. Every kernel in it has run before, and nothing in it
    /// allocates, copies to or from the host, or waits.
    ///
    /// # Errors
    /// Those of `work`; [`GpuError::Captured`] where it does what it must not.
    fn capture(&self, work: &mut dyn FnMut() -> Result<(), GpuError>) -> Result<Box<dyn Replay>, GpuError>;
}
