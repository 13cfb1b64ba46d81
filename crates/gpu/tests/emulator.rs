//! Every kernel on the emulated device against the CPU's, with threads in rising, in falling and in drawn order.
#![cfg(feature = "emulator")]

use basin_gpu::check::checks;
use basin_gpu::emulator::{Emulator, Order};
use basin_gpu::{GpuError, Queue};
use std::path::Path;
use std::rc::Rc;

fn device(order: Order) -> Rc<dyn Queue> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kernels");
    Rc::new(Emulator::ordered(&folder, order).unwrap())
}

#[test]
fn every_kernel_agrees_with_the_cpu() {
    let rising = device(Order::Rising);
    let others = [Order::Falling, Order::Drawn(1), Order::Drawn(2)].map(|order| (order, device(order)));
    let mut wrong = Vec::new();
    for check in checks() {
        let what = format!("{} {}", check.kernel, check.precision.name());
        let found = check.run(&rising).unwrap_or_else(|e| panic!("{what}: {e}"));
        for (order, other) in &others {
            let again = check.run(other).unwrap_or_else(|e| panic!("{what}: {e}"));
            assert_eq!(found, again, "{what} depends on the order of threads: {order:?}");
        }
        if !found.ok() {
            wrong.push(format!("{what}: {:.2e} of {:.0e}", found.max_rel_error, found.limit));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn captured_work_runs_again_and_may_only_launch() {
    let device = device(Order::Rising);
    let memory = device.allocate(8).unwrap();
    device.write(memory.span(), &[1; 8]).unwrap();
    let graph = device.capture(&mut || device.zero(memory.span())).unwrap();
    let mut bytes = [0; 8];
    device.read(memory.span(), &mut bytes).unwrap();
    assert_eq!(bytes, [1; 8], "captured work ran at once");
    // SAFETY: the memory is alive.
    unsafe { graph.replay().unwrap() };
    device.read(memory.span(), &mut bytes).unwrap();
    assert_eq!(bytes, [0; 8]);
    let refused = device.capture(&mut || device.allocate(1).map(drop)).err();
    assert_eq!(refused, Some(GpuError::Captured { what: "an allocation".into() }));
}
