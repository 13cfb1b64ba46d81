//! The instruction set that inner loops run on: one decision for the whole process.

use std::sync::OnceLock;

/// The variable that holds the CPU back, for comparisons.
const VARIABLE: &str = "BASIN_ISA";

/// A set of vector instructions that loops are compiled for. Values exist only for sets that this CPU has: this is
/// what makes it sound to call code compiled for one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Isa(Set);

/// The sets that loops are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Set {
    /// AVX-512 F: 16 lanes of `f32`, fused multiply-add.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// AVX2 with FMA: 8 lanes of `f32`, fused multiply-add.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// Plain Rust, 8 values at a time.
    Portable,
}

/// The environment asks for a set that this CPU does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{VARIABLE} is {asked}, expected one of {}", .available.join(", "))]
pub struct UnknownIsa {
    /// What was asked for.
    pub asked: String,
    /// What this CPU has, widest first.
    pub available: Vec<String>,
}

impl Isa {
    /// The one that every CPU has.
    pub const PORTABLE: Self = Self(Set::Portable);

    /// The widest set this CPU has, or the one that [`Isa::requested`] names. Decided once per process; results of
    /// different sets differ in rounding only.
    pub fn detect() -> Self {
        static ISA: OnceLock<Isa> = OnceLock::new();
        *ISA.get_or_init(|| Self::requested().ok().flatten().unwrap_or(Self::available()[0]))
    }

    /// The set that the environment variable `BASIN_ISA` asks for (`avx512`, `avx2` or `portable`), if any.
    ///
    /// # Errors
    /// [`UnknownIsa`] when this CPU has no such set; [`Isa::detect`] then ignores the request, so programs ask here
    /// first.
    pub fn requested() -> Result<Option<Self>, UnknownIsa> {
        match std::env::var(VARIABLE) {
            Ok(name) if !name.is_empty() => Self::named(&name).map(Some),
            _ => Ok(None),
        }
    }

    /// The set of that name, in letters of either case.
    ///
    /// # Errors
    /// [`UnknownIsa`] when this CPU has no such set.
    pub fn named(name: &str) -> Result<Self, UnknownIsa> {
        let sets = Self::available();
        let found = sets.iter().find(|isa| isa.name().eq_ignore_ascii_case(name));
        found.copied().ok_or_else(|| UnknownIsa {
            asked: name.to_owned(),
            available: sets.iter().map(|isa| isa.name().to_ascii_lowercase()).collect(),
        })
    }

    /// Every set this CPU has, widest first.
    pub fn available() -> Vec<Self> {
        let mut sets = Vec::new();
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            if is_x86_feature_detected!("avx512f") {
                sets.push(Self(Set::Avx512));
            }
            sets.push(Self(Set::Avx2));
        }
        sets.push(Self::PORTABLE);
        sets
    }

    /// Which one it is.
    #[inline]
    pub fn set(self) -> Set {
        self.0
    }

    /// Its name: `Avx512`, `Avx2` or `Portable`.
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => "Avx512",
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => "Avx2",
            Set::Portable => "Portable",
        }
    }

    /// `f32` lanes of one vector.
    #[inline]
    pub fn lanes(self) -> usize {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => 16,
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => 8,
            Set::Portable => 8,
        }
    }

    /// The set to use where rows are `length` values of `f32` long: half-empty vectors of 16 give way to those of 8.
    #[cfg_attr(not(target_arch = "x86_64"), allow(unused_variables))]
    #[inline]
    pub fn for_rows(self, length: usize) -> Self {
        match self.0 {
            // A CPU with AVX-512 that is in `available` has AVX2.
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 if length <= 8 => Self(Set::Avx2),
            _ => self,
        }
    }
}

impl std::fmt::Debug for Isa {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::fmt::Display for Isa {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_set_is_found_by_its_name_and_another_is_refused_with_those_there_are() {
        let sets = Isa::available();
        assert_eq!(sets.last(), Some(&Isa::PORTABLE));
        for isa in &sets {
            assert_eq!(Isa::named(&isa.name().to_ascii_uppercase()), Ok(*isa));
        }
        let error = Isa::named("sse9").unwrap_err();
        assert!(error.available.last().is_some_and(|name| name == "portable"), "{error}");
        let error = UnknownIsa { available: vec!["avx2".into(), "portable".into()], ..error };
        assert_eq!(error.to_string(), "BASIN_ISA is sse9, expected one of avx2, portable");
    }

    #[test]
    fn wider_sets_come_first_and_short_rows_take_a_narrower_one_that_is_there() {
        let sets = Isa::available();
        assert!(sets.windows(2).all(|two| two[0].lanes() >= two[1].lanes()));
        for isa in &sets {
            assert_eq!(isa.for_rows(16), *isa);
            assert!(sets.contains(&isa.for_rows(8)) && isa.for_rows(8).lanes() <= 8);
        }
    }
}
