//! Statistics over repeated runs: means, standard deviations and intervals for few seeds.

mod interval;
mod ratio;
mod student_t;
mod summary;

pub use interval::{CITATION, Interval, Welch, t_interval, welch};
pub use ratio::{FIELLER, fieller, ratio};
pub use student_t::{student_t_cdf, student_t_quantile};
pub(crate) use summary::mean_and_sd;
pub use summary::{Summary, mean, sample_sd};
