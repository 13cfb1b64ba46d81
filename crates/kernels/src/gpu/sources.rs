//! The kernels' text.
//!
//! Each source is CUDA C++ that needs no header: [`Source::program`] puts the shared beginning before it. Entry
//! points are `extern "C"`; those for both storages end in `_f32` and `_bf16`.

/// A source file of kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Source {
    /// Its name, for messages and caches.
    pub name: &'static str,
    text: &'static str,
}

/// Conversions, vector loads, warp sums: what every source begins with.
const PRELUDE: &str = include_str!("sources/prelude.cu");

impl Source {
    /// The whole program, to be compiled as it is.
    pub fn program(&self) -> String {
        format!("{PRELUDE}\n#line 1 \"{}.cu\"\n{}", self.name, self.text)
    }
}

macro_rules! sources {
    ($($name:ident = $file:literal),* $(,)?) => {
        $(
            #[doc = concat!("`", $file, ".cu`.")]
            pub const $name: Source =
                Source { name: $file, text: include_str!(concat!("sources/", $file, ".cu")) };
        )*

        /// Every source.
        pub const ALL: &[Source] = &[$($name),*];
    };
}

sources! {
    ELEMENTWISE = "elementwise",
}
