//! The kernels' text.
//!
//! Each source is CUDA C++ that needs no header: [`Source::program`] puts the shared beginning before it. Entry
//! points are `extern "C"`; those for several precisions end in `_f32`, `_tf32` and `_bf16`. They are to be compiled as
//! C++17 with exact division and square root (the compiler's defaults), for compute capability 8.0 or newer.

/// A source file of kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Source {
    /// Its name, for messages and caches.
    pub name: &'static str,
    /// What it shares with others or is built on, if anything.
    shared: &'static str,
    text: &'static str,
}

/// Conversions, vector loads, warp sums: what every source begins with.
const PRELUDE: &str = include_str!("sources/prelude.cu");

impl Source {
    /// The whole program, to be compiled as it is.
    pub fn program(&self) -> String {
        format!("{PRELUDE}{}\n#line 1 \"{}.cu\"\n{}", self.shared, self.name, self.text)
    }

    /// Names of its entry points: what follows `extern "C" __global__ void`, and bounds on threads or registers
    /// where there are any.
    pub fn entries(&self) -> impl Iterator<Item = &'static str> {
        self.text.split("extern \"C\" __global__ void ").skip(1).filter_map(|rest| {
            let rest = match rest.strip_prefix("__") {
                Some(bounds) => bounds.split_once(") ")?.1,
                None => rest,
            };
            rest.split('(').next()
        })
    }
}

macro_rules! sources {
    ($($name:ident = $file:literal $(after $($shared:literal)+)?),* $(,)?) => {
        $(
            #[doc = concat!("`", $file, ".cu`.")]
            pub const $name: Source = Source {
                name: $file,
                shared: concat!($($(include_str!(concat!("sources/", $shared, ".cu"))),+)?),
                text: include_str!(concat!("sources/", $file, ".cu")),
            };
        )*

        /// Every source.
        pub const ALL: &[Source] = &[$($name),*];
    };
}

sources! {
    ARRAYS = "arrays",
    ATTENTION = "attention" after "heads",
    ATTENTION_TENSOR = "attention_tensor" after "heads" "fragments",
    AUGMENT = "augment",
    BATCH_NORM = "batch_norm",
    COLUMNS = "columns",
    CONV = "conv" after "operands",
    CORNER = "corner",
    DENSE = "dense" after "normal",
    ELEMENTWISE = "elementwise",
    LOSS = "loss",
    NONLINEARITY = "nonlinearity" after "normal",
    NORM = "norm",
    OPTIM = "optim",
    POOL = "pool",
    TOKENS = "tokens",
    WINDOWS = "windows",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entry_points_are_identifiers_and_named_once() {
        let names: Vec<&str> = ALL.iter().flat_map(Source::entries).collect();
        for name in &names {
            assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'), "{name:?}");
            assert_eq!(names.iter().filter(|other| *other == name).count(), 1, "{name}");
        }
        let kernels: usize = ALL.iter().map(|source| source.text.matches("__global__").count()).sum();
        assert_eq!(names.len(), kernels, "an entry point that is not extern \"C\"");
    }
}
