//! Compiled kernels on the device.

use super::compile::{program, target};
use super::error::driver;
use super::turn::Turn;
use basin_gpu::sources::Source;
use basin_gpu::{GpuError, Kernel, ProgramStore};
use candle_core::cuda_backend::cudarc::driver::{CudaContext, CudaFunction, CudaModule};
use candle_core::cuda_backend::cudarc::nvrtc::Ptx;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

/// The kernels that a queue has used, loaded when they are first asked for.
pub(super) struct Programs {
    functions: RefCell<HashMap<Kernel, CudaFunction>>,
    modules: RefCell<HashMap<Source, Arc<CudaModule>>>,
    store: Box<dyn ProgramStore>,
    target: String,
    context: Arc<CudaContext>,
}

impl Programs {
    /// None loaded, for a device of that compute capability.
    pub(super) fn new(
        context: Arc<CudaContext>,
        capability: (u32, u32),
        store: Box<dyn ProgramStore>,
    ) -> Result<Self, GpuError> {
        let target = target(capability)?;
        Ok(Self { functions: RefCell::default(), modules: RefCell::default(), store, target, context })
    }

    /// An entry point, if it is loaded.
    pub(super) fn loaded(&self, kernel: Kernel) -> Option<CudaFunction> {
        self.functions.borrow().get(&kernel).cloned()
    }

    /// Loads an entry point, and compiles its source where that was not done before.
    pub(super) fn load(&self, kernel: Kernel) -> Result<CudaFunction, GpuError> {
        let loaded = self.modules.borrow().get(&kernel.source).cloned();
        let module = match loaded {
            Some(module) => module,
            None => self.module(kernel.source)?,
        };
        let function = module.load_function(kernel.entry);
        let function =
            function.map_err(|error| driver(error, &format!("find the kernel {}", kernel.entry)))?;
        self.functions.borrow_mut().insert(kernel, function.clone());
        Ok(function)
    }

    fn module(&self, source: Source) -> Result<Arc<CudaModule>, GpuError> {
        let program = program(source, &self.target, &*self.store)?;
        let _turn = Turn::wait();
        let module = self.context.load_module(Ptx::from_binary(program.to_vec()));
        let module = module.map_err(|error| driver(error, &format!("load {}.cu", source.name)))?;
        self.modules.borrow_mut().insert(source, module.clone());
        Ok(module)
    }
}

impl Drop for Programs {
    fn drop(&mut self) {
        let _turn = Turn::wait();
        self.functions.get_mut().clear();
        self.modules.get_mut().clear();
    }
}
