//! Training and evaluation on a graphics processor.
//!
//! The data set lies in the device's memory; an epoch's order, augmentation draws, seeds and learning rates are
//! written as tables once per epoch, by the code that the processor's path uses; losses and hits are read when an
//! epoch ends or a checkpoint is due. A step is a fixed list of launches: it is run once, captured once and then
//! replayed; while the device works on an epoch's steps, the host makes the next one's tables. Only a loss that is code
//! of a method's own brings logits to the host, step by step. Everything is written against
//! [`basin_kernels::gpu::Queue`].

mod epoch;
mod evaluate;
mod segment;
mod step;
mod stepper;
mod teaching;

pub use epoch::Feed;
pub use evaluate::DeviceEvaluator;
pub use segment::run;
pub use stepper::DeviceStepper;
