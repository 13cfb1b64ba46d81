//! Initial values by Glorot and Bengio.

use candle_nn::init::Init;

/// Uniform within ±√(6 / (inputs + outputs)), for a layer of so many inputs and outputs of a unit (Glorot & Bengio 2010, Eq.
/// 16), as TensorFlow 1's `xavier_initializer` draws.
///
/// For a bias of `n` entries, which that stores as `[1, …, n]`, its rule finds 1 input and `n` outputs.
pub fn xavier(inputs: usize, outputs: usize) -> Init {
    let limit = (6.0 / (inputs + outputs) as f64).sqrt();
    Init::Uniform { lo: -limit, up: limit }
}
