//! A reverse pass of our own over the operations of one forward pass.
//!
//! Candle's fills zeros and adds at every edge of the graph, which costs three passes over memory that the operation itself does
//! not have. Here a gradient goes to where it belongs as it was made, and its memory is used again. A result is a variable to
//! candle: candle's own operations on it build candle's graph, which ends there, and are walked back by candle.

use super::device;
use super::kernel::{Kernel, reverse, run};
use basin_kernels::{floats, reuse, tensor};
use candle_core::{Device, Result, Tensor, TensorId, Var};
use rayon::prelude::*;
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;

thread_local! {
    static RECORDED: RefCell<Option<Tape>> = const { RefCell::new(None) };
}

/// The operations of one forward pass, in order.
#[derive(Debug, Default)]
pub(crate) struct Tape {
    steps: Vec<Step>,
    /// Whether an operation of ours worked on what one of candle's gave: then candle may walk a part of its graph back
    /// several times.
    mixed: bool,
}

struct Step {
    back: Box<dyn Back>,
    y: Tensor,
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Step").field("y", &self.y.shape()).finish_non_exhaustive()
    }
}

/// A kernel with its inputs.
struct Applied<K, const N: usize> {
    kernel: K,
    inputs: [Tensor; N],
}

/// A gradient on its way: where its tensor is.
#[derive(Debug)]
pub(crate) enum Flow {
    /// On the CPU.
    Host(Vec<f32>),
    /// On a device.
    Device(Tensor),
}

impl Flow {
    /// On the host.
    ///
    /// # Errors
    /// The device's.
    pub(crate) fn into_host(self) -> Result<Vec<f32>> {
        match self {
            Self::Host(values) => Ok(values),
            Self::Device(tensor) => tensor.flatten_all()?.to_vec1(),
        }
    }

    fn into_tensor(self, dims: &[usize]) -> Result<Tensor> {
        match self {
            Self::Host(values) => tensor(values, dims),
            Self::Device(tensor) => Ok(tensor),
        }
    }

    /// That of a tensor of candle's graph.
    fn of(gradient: &Tensor) -> Result<Self> {
        match gradient.device().is_cpu() {
            true => Ok(Self::Host(floats(&gradient.contiguous()?)?.to_vec())),
            false => Ok(Self::Device(device::whole(gradient)?)),
        }
    }
}

/// Inputs of an operation, each with its gradient where it has one.
type Flows<'a> = Vec<(&'a Tensor, Option<Flow>)>;

/// What an operation does on the way back.
trait Back {
    fn back(&self, y: &Tensor, dy: Flow) -> Result<Flows<'_>>;
}

impl<const N: usize, K: Kernel<N>> Back for Applied<K, N> {
    fn back(&self, y: &Tensor, dy: Flow) -> Result<Flows<'_>> {
        let inputs = self.inputs.each_ref();
        let gradients = match dy {
            Flow::Host(dy) => reverse(&self.kernel, inputs, y, Cow::Owned(dy))?.map(|g| g.map(Flow::Host)),
            Flow::Device(dy) => device::reverse(&self.kernel, inputs, y, &dy)?.map(|g| g.map(Flow::Device)),
        };
        Ok(self.inputs.iter().zip(gradients).collect())
    }
}

/// Whether a tape records on this thread.
pub(super) fn records() -> bool {
    RECORDED.with_borrow(Option::is_some)
}

/// Runs a kernel and writes it down.
pub(super) fn record<const N: usize, K: Kernel<N>>(kernel: K, inputs: [&Tensor; N]) -> Result<Tensor> {
    let y = match inputs.iter().all(|input| input.device().is_cpu()) {
        true => {
            let (y, dims) = run(&kernel, inputs)?;
            Var::from_vec(y, dims, &Device::Cpu)?.into_inner()
        }
        false => device::run(&kernel, inputs)?,
    };
    let inputs = inputs.map(Tensor::clone);
    RECORDED.with_borrow_mut(|tape| {
        if let Some(tape) = tape {
            tape.mixed |= inputs.iter().any(|input| input.track_op() && !input.is_variable());
            tape.steps.push(Step { back: Box::new(Applied { kernel, inputs }), y: y.clone() });
        }
    });
    Ok(y)
}

/// Runs a forward pass and records what operations of ours on this thread do to variables.
pub(crate) fn recorded<R>(pass: impl FnOnce() -> Result<R>) -> Result<(R, Tape)> {
    /// Puts the tape from before back, whatever happens.
    struct Restore(Option<Tape>);
    impl Drop for Restore {
        fn drop(&mut self) {
            RECORDED.set(self.0.take());
        }
    }
    let restore = Restore(RECORDED.replace(Some(Tape::default())));
    let result = pass()?;
    let tape = RECORDED.take().unwrap_or_default();
    drop(restore);
    Ok((result, tape))
}

impl Tape {
    /// Whether candle's autograd would do better.
    pub(crate) fn mixed(&self) -> bool {
        self.mixed
    }

    /// Gradients of all variables that `of` depends on, from its own.
    pub(crate) fn backward(self, of: &Tensor, gradient: Vec<f32>) -> Result<Gradients> {
        let mut gradients = Gradients::default();
        let gradient = match of.device().is_cpu() {
            true => Flow::Host(gradient),
            false => Flow::Device(Tensor::from_vec(gradient, of.shape(), of.device())?),
        };
        gradients.flow(of, gradient)?;
        for Step { back, y } in self.steps.into_iter().rev() {
            if let Some(dy) = gradients.0.remove(&y.id()) {
                for (input, gradient) in back.back(&y, dy)? {
                    gradient.map_or(Ok(()), |gradient| gradients.flow(input, gradient))?;
                }
            }
        }
        Ok(gradients)
    }
}

/// Gradients by variable.
#[derive(Debug, Default)]
pub(crate) struct Gradients(HashMap<TensorId, Flow>);

impl Gradients {
    /// That of a variable, taken out.
    pub(crate) fn take(&mut self, variable: &Tensor) -> Option<Flow> {
        self.0.remove(&variable.id())
    }

    /// Adds a part of a tensor's gradient: to its own where it is a variable, else by candle's graph to those of the variables that
    /// it was made from.
    fn flow(&mut self, tensor_of: &Tensor, gradient: Flow) -> Result<()> {
        if tensor_of.is_variable() {
            self.add(tensor_of.id(), gradient)?;
        } else if tensor_of.track_op() {
            let seed = gradient.into_tensor(tensor_of.dims())?;
            let store = (tensor_of * &seed)?.sum_all()?.backward()?;
            // Each goes to a sum of its own, so that their order says nothing.
            let mut ids: Vec<TensorId> = store.get_ids().copied().collect();
            ids.retain(|id| *id != seed.id());
            for id in ids {
                if let Some(gradient) = store.get_id(id) {
                    self.add(id, Flow::of(gradient)?)?;
                }
            }
        } else if let Flow::Host(gradient) = gradient {
            reuse::give_back(gradient);
        }
        Ok(())
    }

    fn add(&mut self, id: TensorId, gradient: Flow) -> Result<()> {
        match (self.0.get_mut(&id), gradient) {
            (Some(Flow::Host(sum)), Flow::Host(gradient)) => {
                let chunks = sum.par_chunks_mut(CHUNK).zip(gradient.par_chunks(CHUNK));
                chunks.for_each(|(sum, part)| sum.iter_mut().zip(part).for_each(|(s, p)| *s += p));
                reuse::give_back(gradient);
            }
            (Some(Flow::Device(sum)), Flow::Device(gradient)) => *sum = device::sum(sum, &gradient)?,
            (Some(_), _) => candle_core::bail!("parts of one gradient on two devices"),
            (None, gradient) => drop(self.0.insert(id, gradient)),
        }
        Ok(())
    }
}

/// Values that one task adds.
const CHUNK: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::{BatchNorm, Conv, Dense};
    use crate::ops::{
        Fusion, Padding, Window, add_relu, dense, gelu, layer_norm, max_pool2d, mean_pool, relu,
    };
    use candle_core::{DType, Module, Shape};
    use candle_nn::init::FanInOut;
    use candle_nn::{VarBuilder, VarMap};
    use std::collections::BTreeMap;

    fn values(step: usize, shape: impl Into<Shape>) -> Tensor {
        let shape = shape.into();
        let values = (0..shape.elem_count()).map(|i| ((i * step) % 211) as f32 / 100.0 - 1.0);
        Tensor::from_vec(values.collect::<Vec<f32>>(), shape, &Device::Cpu).unwrap()
    }

    /// A network of nothing but operations of ours.
    fn ours(vb: &VarBuilder<'_>, x: &Tensor) -> Result<Tensor> {
        let fan = FanInOut::FanIn;
        let first = Conv::new([3, 8, 3], 1, Padding::Same, fan, vb.pp("a"))?.forward(x)?;
        let norm = BatchNorm::new(8, vb.pp("b"))?;
        let first = norm.forward_then(&first, Fusion { shortcut: None, relu: true }, true)?;
        let second = Conv::new([8, 8, 3], 1, Padding::Each(1), fan, vb.pp("c"))?.forward(&first)?;
        let norm = BatchNorm::new(8, vb.pp("d"))?;
        let second = norm.forward_then(&second, Fusion { shortcut: Some(&first), relu: true }, true)?;
        let (gamma, beta) = (vb.get(8, "gamma")?, vb.get(8, "beta")?);
        let third = layer_norm(&second, &gamma, &beta, 1e-6, Fusion { shortcut: Some(&first), relu: false })?;
        let pooled = max_pool2d(&gelu(&add_relu(&third, &second)?)?, Window::tiles(2))?;
        let rows = relu(&mean_pool(&pooled)?)?;
        // The same weights twice: their gradients are added.
        let shared = vb.get((8, 8), "shared")?;
        Dense::head(8, 5, vb.pp("e"))?.forward(&dense(&dense(&rows, &shared, None)?, &shared, None)?)
    }

    /// The same with operations of candle's in between, twice on one path.
    fn mixed(vb: &VarBuilder<'_>, x: &Tensor) -> Result<Tensor> {
        let first = Conv::new([3, 8, 3], 1, Padding::Same, FanInOut::FanIn, vb.pp("a"))?.forward(x)?;
        let first = ((first * 0.5)?.tanh()? + 0.25)?;
        let second = Conv::new([8, 8, 3], 1, Padding::Same, FanInOut::FanIn, vb.pp("c"))?.forward(&first)?;
        let rows = relu(&(mean_pool(&(second + &first)?)? * 3.0)?)?;
        Dense::head(8, 5, vb.pp("e"))?.forward(&(rows + mean_pool(&first)?)?)? * 2.0
    }

    type Pass = fn(&VarBuilder<'_>, &Tensor) -> Result<Tensor>;

    /// Logits, gradients of all variables by candle's graph and by a tape, and whether the tape calls it mixed.
    fn both(pass: Pass) -> ([BTreeMap<String, Vec<f32>>; 2], bool) {
        let map = VarMap::new();
        let vb = VarBuilder::from_varmap(&map, DType::F32, &Device::Cpu);
        let (x, gradient) = (values(37, (6, 8, 8, 3)), values(29, (6, 5)));
        pass(&vb, &x).unwrap();
        let vars: BTreeMap<String, Var> = map.data().lock().unwrap().clone().into_iter().collect();
        for (step, var) in vars.values().enumerate() {
            var.set(&(values(2 * step + 13, var.shape()) * 0.7).unwrap()).unwrap();
        }
        let logits = pass(&vb, &x).unwrap();
        let store = (&logits * &gradient).unwrap().sum_all().unwrap().backward().unwrap();
        let flat = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let by_graph = vars.iter().filter_map(|(name, var)| Some((name.clone(), flat(store.get(var)?))));
        let by_graph: BTreeMap<_, _> = by_graph.collect();
        let (again, tape) = recorded(|| pass(&vb, &x)).unwrap();
        assert_eq!(flat(&again), flat(&logits), "a tape changes no value");
        let mixed = tape.mixed();
        let mut gradients = tape.backward(&again, flat(&gradient)).unwrap();
        let by_tape = vars
            .iter()
            .filter_map(|(name, var)| Some((name.clone(), gradients.take(var)?.into_host().unwrap())));
        ([by_graph, by_tape.collect()], mixed)
    }

    #[test]
    fn gradients_are_those_of_candles_graph() {
        let ([by_graph, by_tape], mixed) = both(ours);
        assert!(!mixed && by_graph.len() == 11, "{:?}", by_graph.keys());
        for (name, expected) in &by_graph {
            // Three or more parts may be added in another order.
            for (found, expected) in by_tape[name].iter().zip(expected) {
                assert!(
                    (found - expected).abs() <= 1e-5 * expected.abs().max(1.0),
                    "{name} {found} {expected}"
                );
            }
        }
        assert_eq!(by_tape.len(), by_graph.len());
    }

    #[test]
    fn operations_of_candles_in_between_are_walked_back_by_candle() {
        let ([by_graph, by_tape], mixed) = both(mixed);
        assert!(mixed && by_tape.keys().eq(by_graph.keys()), "{:?}", by_tape.keys());
        for (name, expected) in &by_graph {
            for (found, expected) in by_tape[name].iter().zip(expected) {
                assert!(
                    (found - expected).abs() <= 1e-5 * expected.abs().max(1.0),
                    "{name} {found} {expected}"
                );
            }
        }
    }

    #[test]
    fn a_pass_that_fails_leaves_no_tape_behind() {
        assert!(recorded(|| -> Result<()> { candle_core::bail!("as asked") }).is_err());
        assert!(!records());
        let x = Var::from_tensor(&values(3, 4)).unwrap();
        assert!(!relu(&x).unwrap().is_variable(), "candle's graph again");
    }
}
