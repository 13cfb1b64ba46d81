//! Candle's tensors as operands, and results as candle's tensors: no value is copied on the way.

use crate::fake::{Fake, add};
use basin_cuda::CudaQueue;
use basin_gpu::{Arg, GpuError, Kernel, Launch, NoStore, Queue, sources};
use candle_core::op::BackpropOp;
use candle_core::{
    CudaDevice, CudaStorage, DType, Device, Layout, Result, Storage, Tensor, backend::BackendDevice,
};
use std::rc::Rc;

fn on_cuda<R>(tensor: &Tensor, f: impl FnOnce(&CudaStorage, &Layout) -> R) -> R {
    let (storage, layout) = tensor.storage_and_layout();
    match &*storage {
        Storage::Cuda(storage) => f(storage, layout),
        _ => panic!("not on the device"),
    }
}

/// a + b, by our kernel on candle's tensors.
fn sum(queue: &CudaQueue, a: &Tensor, b: &Tensor) -> std::result::Result<Tensor, GpuError> {
    let mut room = queue.room(a.elem_count())?;
    on_cuda(a, |a, a_layout| {
        on_cuda(b, |b, b_layout| {
            let (a, b) = (queue.operand(a, a_layout)?, queue.operand(b, b_layout)?);
            let to = queue.written(&mut room);
            let kernel = Kernel { source: sources::ELEMENTWISE, entry: "sum_f32" };
            let n = Arg::U32(to.span().bytes() as u32 / 4);
            let args = [Arg::Memory(to.span()), Arg::Memory(a.span()), Arg::Memory(b.span()), n];
            // SAFETY: the kernel's parameters; all hold n values.
            unsafe { queue.launch(kernel, Launch { grid: [2, 1, 1], threads: 32 }, &args) }
        })
    })?;
    let storage = Storage::Cuda(room.into_storage());
    Ok(Tensor::from_storage(storage, a.shape(), BackpropOp::none(), false))
}

#[test]
fn a_tensor_of_candles_is_an_operand_and_a_result_is_one_of_its_tensors() -> Result<()> {
    let fake = Fake::new();
    let before = fake.allocations();
    // With a stream of its own, and with that of the thread.
    for device in [CudaDevice::new_with_stream(0)?, CudaDevice::new(0)?] {
        let queue = CudaQueue::of(&device).unwrap();
        assert!(Rc::ptr_eq(&queue, &CudaQueue::of(&device).unwrap()), "one queue for a thread and a device");
        let on = Device::Cuda(device.clone());
        let a = Tensor::from_vec((0..70).map(|i| i as f32).collect(), 70, &on)?;
        let (taken, made) = (fake.counted("cuMemcpyHtoDAsync"), fake.allocations());
        let twice = sum(&queue, &a, &a).unwrap();
        assert_eq!(fake.counted("cuMemcpyHtoDAsync"), taken, "nothing is copied");
        assert_eq!(fake.allocations(), made + 1, "room for the result alone");
        // A result is an operand in turn; candle's own copies work on it.
        let thrice = sum(&queue, &twice, &a)?;
        assert_eq!(thrice.to_vec1::<f32>()?, (0..70).map(|i| 3.0 * i as f32).collect::<Vec<_>>());
        // A part of a tensor that begins at a multiple of 16 bytes.
        let part = sum(&queue, &a.narrow(0, 8, 5)?, &a.narrow(0, 4, 5)?)?;
        assert_eq!(part.to_vec1::<f32>()?, [12.0, 14.0, 16.0, 18.0, 20.0]);
        assert_eq!(part.force_contiguous()?.to_vec1::<f32>()?[4], 20.0);
    }
    // What a device's tensors and queues took is given back.
    CudaQueue::release();
    assert_eq!(fake.allocations(), before);
    Ok(())
}

#[test]
fn tensors_that_would_have_to_be_copied_are_refused() -> Result<()> {
    let _fake = Fake::new();
    let device = CudaDevice::new_with_stream(0)?;
    let queue = CudaQueue::on(&device, Box::new(NoStore)).unwrap();
    let on = Device::Cuda(device);
    let a = Tensor::from_vec((0..72).map(|i| i as f32).collect::<Vec<_>>(), (8, 9), &on)?;
    let refused = |tensor: &Tensor| {
        let found = on_cuda(tensor, |storage, layout| queue.operand(storage, layout).err());
        found.map(|error| error.to_string()).unwrap_or_default()
    };
    assert!(refused(&a.t()?).contains("expected one piece of memory"), "{}", refused(&a.t()?));
    let off = a.flatten_all()?.narrow(0, 3, 4)?;
    assert_eq!(
        refused(&off),
        "a tensor as an operand: expected a tensor that begins at a multiple of 16 bytes, found byte 12"
    );
    let words = Tensor::from_vec(vec![1u32, 2], 2, &on)?;
    assert_eq!(words.dtype(), DType::U32);
    assert_eq!(refused(&words), "a tensor as an operand: expected f32, found u32");
    let elsewhere = Tensor::from_vec(vec![1f32], 1, &Device::Cuda(CudaDevice::new_with_stream(0)?))?;
    let said = refused(&elsewhere);
    assert!(said.contains("expected the device that the queue was opened on"), "{said}");
    assert_eq!(queue.room(0).unwrap_err(), GpuError::size("a result", "at least one value", 0));
    Ok(())
}

#[test]
fn memory_of_a_queue_and_of_candles_device_is_ordered_by_one_stream() -> Result<()> {
    let fake = Fake::new();
    let queue = CudaQueue::open(0, Box::new(NoStore)).unwrap();
    let events = fake.counted("cuEventCreate");
    // A tensor on the device that the queue opened: no events, the same stream.
    let on = Device::Cuda(queue.candle().clone());
    let a = Tensor::from_vec(vec![1f32; 64], 64, &on)?;
    let memory = queue.allocate(256)?;
    queue.write(memory.span(), &[0; 256])?;
    let ones = queue.allocate(256)?;
    queue.write(ones.span(), &1f32.to_le_bytes().repeat(64))?;
    add(&queue, &memory, &ones)?;
    assert_eq!(sum(&queue, &a, &a)?.to_vec1::<f32>()?, [2.0; 64]);
    assert_eq!(fake.counted("cuEventCreate"), events, "an event per allocation");
    Ok(())
}
