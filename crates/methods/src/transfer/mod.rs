//! Transfer: members that are fine-tuned from pre-trained networks (Sadrtdinov et al. 2023, 2303.03374), and what can be made of
//! such members.
//!
//! A member begins with the trunk of a pre-trained network and a new head. Where there is neither a source to pre-train on nor a
//! file, it begins with an initialisation: the same methods from scratch.

mod cycles;
mod fge;
mod fine_tuned;
mod greedy;
mod model_stock;
mod new_head;
mod soup;
mod sse;
mod star_sse;
mod swa;
mod tuned_swag;

pub use cycles::Cycles;
pub use fge::Fge;
pub use fine_tuned::{FineTuned, FineTuning, Heads, PretrainedFile};
pub use greedy::GreedySoup;
pub use model_stock::ModelStock;
pub use new_head::NewHead;
pub use soup::{Mixture, Soup};
pub use sse::Sse;
pub use star_sse::StarSse;
pub use swa::Swa;
pub use tuned_swag::TunedSwag;
