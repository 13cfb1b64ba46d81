//! Which instruction set the inner loops run on.

/// Instruction sets that the inner loops exist for. Only [`Processor::detect`] and [`Processor::all`] make one, and only
/// one that this machine has: this is what makes it safe to call code compiled for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Processor {
    Any,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Processor {
    /// The best of those that this machine has.
    pub(crate) fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            return if is_x86_feature_detected!("avx512f") { Self::Avx512 } else { Self::Avx2 };
        }
        Self::Any
    }

    /// All that this machine has.
    #[cfg(test)]
    pub(crate) fn all() -> Vec<Self> {
        match Self::detect() {
            Self::Any => vec![Self::Any],
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => vec![Self::Any, Self::Avx2],
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => vec![Self::Any, Self::Avx2, Self::Avx512],
        }
    }
}
