//! Every kernel on the emulated device against the processor's, with threads in rising and in falling order.
#![cfg(feature = "gpu-emulator")]

use basin_kernels::gpu::check::checks;
use basin_kernels::gpu::emulator::Emulator;
use basin_kernels::gpu::{GpuError, Queue};
use std::path::Path;
use std::rc::Rc;

fn device(falling: bool) -> Rc<dyn Queue> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kernels");
    Rc::new(Emulator::new(&folder, falling).unwrap())
}

#[test]
fn every_kernel_agrees_with_the_processor() {
    let (rising, falling) = (device(false), device(true));
    let mut wrong = Vec::new();
    for check in checks() {
        let what = format!("{} {}", check.kernel, check.precision.name());
        let found = check.run(&rising).unwrap_or_else(|e| panic!("{what}: {e}"));
        let again = check.run(&falling).unwrap_or_else(|e| panic!("{what}: {e}"));
        if !found.ok() {
            wrong.push(format!("{what}: {:.2e} of {:.0e}", found.max_rel_error, found.limit));
        }
        assert_eq!(found, again, "{what} depends on the order of threads");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn captured_work_runs_again_and_may_only_launch() {
    let device = device(false);
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
