#![doc = include_str!("../README.md")]

mod cite;
mod cosine;
mod curve;
mod data_ref;
mod digest;
mod eigen;
mod extent;
mod home;
mod isa;
mod params;
mod predictions;
mod published;
mod record;
mod regular;
mod rng;
mod seed;
mod simplex;
mod streams;
mod surface;
#[cfg(feature = "tensor-files")]
mod tensors;

pub use cite::{Citation, bibtex};
pub use curve::Curve;
pub use data_ref::{DataRef, LabelSkew, Part, Split};
pub use digest::{Digest, digest};
pub use eigen::{Eigen, symmetric_eigen};
pub use extent::Extent;
pub use home::unexpanded_home;
pub use isa::{Isa, Set, UnknownIsa};
pub use params::{Array, Difference, Params, ParamsError, mix};
pub use predictions::{Labels, Logits, PredictionError, Probs};
pub use published::{Archive, FileRule, Packing, Published};
pub use record::Record;
pub use regular::{read_regular, read_regular_text};
pub use rng::Rng;
pub use seed::SeedTree;
pub use simplex::{Simplex, SimplexError};
pub use streams::{is_plain, plain, print, say, warn};
pub use surface::Surface;
#[cfg(feature = "tensor-files")]
pub use tensors::{TensorFile, TensorFileError, expect_layout};
