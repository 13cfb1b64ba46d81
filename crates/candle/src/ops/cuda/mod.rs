//! The operations on candle's CUDA device: launches of the kernels of `basin-gpu` on the tensors' own memory, in the stream of
//! their device.
//!
//! Results are tensors of candle's allocator. What an operation only works with is freed at its end, in the order of the
//! stream; what its reverse pass needs it keeps itself.

mod attention;
mod conv;
mod dense;
mod loss;
mod norm;
mod order;
mod pointwise;
mod pool;

use basin_cuda::{CudaQueue, Operand, Room};
use basin_gpu::{GpuError, Pool, Queue, Span, Storage as Stored, elementwise};
use candle_core::op::BackpropOp;
use candle_core::{CudaDevice, CudaStorage, Layout, Result, Shape, Storage, Tensor};
use std::rc::Rc;
use std::sync::OnceLock;

/// How values of tensors are stored: other types are refused before.
const F32: Stored = Stored::F32;

/// An operation of `N` tensors on a device, forward and back: as [`super::kernel::Kernel`] on the CPU.
pub(in crate::ops) trait Launched<const N: usize> {
    /// The result and its shape.
    fn launch(&self, on: &On, inputs: [Array<'_>; N]) -> Result<(Room, Vec<usize>)>;

    /// Gradients of the inputs, from the gradient `dy` of the result `y`; of those that are not wanted, none need be made.
    fn launch_back(
        &self,
        on: &On,
        inputs: [Array<'_>; N],
        wanted: [bool; N],
        y: Array<'_>,
        dy: Array<'_>,
    ) -> Result<[Option<Room>; N]>;
}

/// A tensor's values on the device, and its shape.
#[derive(Clone, Copy, Debug)]
pub(in crate::ops) struct Array<'a> {
    span: Span<'a>,
    dims: &'a [usize],
}

impl Array<'_> {
    fn len(&self) -> usize {
        self.dims.iter().product()
    }

    /// Rows of the last axis, and how long they are.
    fn rows(&self) -> [usize; 2] {
        let channels = self.dims.last().copied().unwrap_or(1).max(1);
        [self.len() / channels, channels]
    }
}

/// What an operation launches on: the thread's queue on the tensors' device, and memory to work with.
#[derive(Debug)]
pub(in crate::ops) struct On {
    queue: Rc<CudaQueue>,
    pool: Pool,
}

impl On {
    fn of(device: &CudaDevice) -> Result<Self> {
        let queue = CudaQueue::of(device)?;
        Ok(Self { pool: Pool::new(queue.clone()), queue })
    }

    fn queue(&self) -> &dyn Queue {
        &*self.queue
    }

    /// A result of so many values, by what writes all of it.
    fn make(
        &self,
        values: usize,
        write: impl FnOnce(Span<'_>) -> std::result::Result<(), GpuError>,
    ) -> Result<Room> {
        let mut room = self.queue.room(values)?;
        write(self.queue.written(&mut room).span())?;
        Ok(room)
    }

    fn copy(&self, from: Span<'_>, values: usize) -> Result<Room> {
        self.make(values, |to| elementwise::widen(self.queue(), F32, to, from, values))
    }

    fn read<'a>(&'a self, room: &'a Room) -> Operand<'a> {
        self.queue.read_from(room)
    }
}

/// What an operation's forward pass keeps for its reverse one.
#[derive(Debug, Default)]
pub(in crate::ops) struct Kept(OnceLock<Vec<Room>>);

impl Kept {
    fn keep(&self, rooms: Vec<Room>) {
        let _ = self.0.set(rooms);
    }

    fn get(&self, of: &str) -> Result<&[Room]> {
        match self.0.get() {
            Some(rooms) => Ok(rooms),
            None => candle_core::bail!("{of} kept nothing for the reverse pass"),
        }
    }
}

/// The forward pass in candle's graph.
pub(super) fn forward<const N: usize, K: Launched<N>>(
    kernel: &K,
    inputs: [(&CudaStorage, &Layout); N],
) -> Result<(CudaStorage, Shape)> {
    let on = On::of(&inputs[0].0.device)?;
    let operands = inputs.iter().map(|(storage, layout)| on.queue.operand(storage, layout));
    let operands = operands.collect::<std::result::Result<Vec<_>, _>>()?;
    let arrays = std::array::from_fn(|i| Array { span: operands[i].span(), dims: inputs[i].1.dims() });
    let (room, dims) = kernel.launch(&on, arrays)?;
    Ok((room.into_storage(), Shape::from_dims(&dims)))
}

/// The result of a kernel, as a variable.
pub(super) fn run<const N: usize, K: Launched<N>>(kernel: &K, inputs: [&Tensor; N]) -> Result<Tensor> {
    let (room, dims) = with(inputs, |on, arrays| kernel.launch(on, arrays))?;
    Ok(tensor(room, &dims, true))
}

/// Gradients of the inputs that want one.
pub(super) fn reverse<const N: usize, K: Launched<N>>(
    kernel: &K,
    inputs: [&Tensor; N],
    y: &Tensor,
    dy: &Tensor,
) -> Result<[Option<Tensor>; N]> {
    let wanted = inputs.map(Tensor::track_op);
    let dy = in_place(dy)?;
    let gradients = with(inputs, |on, inputs| {
        with([y, &dy], |_, [y, dy]| kernel.launch_back(on, inputs, wanted, y, dy))
    })?;
    let mut all = [const { None }; N];
    for ((to, gradient), input) in all.iter_mut().zip(gradients).zip(inputs) {
        *to = gradient.map(|gradient| tensor(gradient, input.dims(), false));
    }
    Ok(all)
}

/// a + b.
pub(super) fn sum(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let room = with([a, b], |on, [a, b]| {
        on.make(a.len(), |to| elementwise::sum(on.queue(), F32, to, a.span, Some(b.span), a.len()))
    })?;
    Ok(tensor(room, a.dims(), false))
}

/// A tensor as one piece of memory that our kernels can read where it lies: itself, or a copy by the driver.
pub(super) fn in_place(tensor: &Tensor) -> Result<Tensor> {
    let whole = tensor.contiguous()?;
    match 4 * whole.layout().start_offset() % basin_cuda::ALIGNMENT {
        0 => Ok(whole),
        _ => whole.force_contiguous(),
    }
}

/// Hands tensors over as they lie in memory.
fn with<const N: usize, R>(
    tensors: [&Tensor; N],
    work: impl FnOnce(&On, [Array<'_>; N]) -> Result<R>,
) -> Result<R> {
    let read = tensors.map(Tensor::storage_and_layout);
    let mut storages = Vec::with_capacity(N);
    for ((storage, layout), tensor) in read.iter().zip(tensors) {
        match &**storage {
            Storage::Cuda(storage) => storages.push((storage, *layout)),
            _ => candle_core::bail!("expected a tensor on a CUDA device, found {:?}", tensor.device()),
        }
    }
    let on = On::of(&storages[0].0.device)?;
    let operands = storages.iter().map(|(storage, layout)| on.queue.operand(storage, layout));
    let operands = operands.collect::<std::result::Result<Vec<_>, _>>()?;
    work(&on, std::array::from_fn(|i| Array { span: operands[i].span(), dims: tensors[i].dims() }))
}

fn tensor(room: Room, dims: &[usize], variable: bool) -> Tensor {
    Tensor::from_storage(Storage::Cuda(room.into_storage()), dims, BackpropOp::none(), variable)
}

/// The two halves of a stacked pair.
fn halves(pair: Array<'_>) -> Result<[Array<'_>; 2]> {
    let dims = &pair.dims[1..];
    let bytes = 4 * dims.iter().product::<usize>();
    Ok([Array { span: pair.span.part(0, bytes)?, dims }, Array { span: pair.span.part(bytes, bytes)?, dims }])
}

impl<K: Launched<4>> Launched<3> for super::kernel::Paired<K> {
    fn launch(&self, on: &On, [a, pair, d]: [Array<'_>; 3]) -> Result<(Room, Vec<usize>)> {
        let [b, c] = halves(pair)?;
        self.0.launch(on, [a, b, c, d])
    }

    fn launch_back(
        &self,
        on: &On,
        [a, pair, d]: [Array<'_>; 3],
        [wants_a, wants_pair, wants_d]: [bool; 3],
        y: Array<'_>,
        dy: Array<'_>,
    ) -> Result<[Option<Room>; 3]> {
        let [b, c] = halves(pair)?;
        let wanted = [wants_a, wants_pair, wants_pair, wants_d];
        let [da, db, dc, dd] = self.0.launch_back(on, [a, b, c, d], wanted, y, dy)?;
        let both = db.zip(dc).map(|(db, dc)| {
            on.make(pair.len(), |to| {
                let each = b.len();
                for (at, from) in [db, dc].iter().enumerate() {
                    let to = to.part(4 * at * each, 4 * each)?;
                    elementwise::widen(on.queue(), F32, to, on.read(from).span(), each)?;
                }
                Ok(())
            })
        });
        Ok([da, both.transpose()?, dd])
    }
}
