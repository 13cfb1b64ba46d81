//! Compiled kernels that are kept from one run to the next.
//!
//! What is kept names all it was made from: a changed kernel, another architecture or another compiler is another
//! key. A program carries its own checksum, so that a file that was damaged is compiled again instead of run.

use super::GpuError;
use super::sources::Source;
use sha2::{Digest, Sha256};

/// Where compiled programs are kept. Whoever writes files implements it.
pub trait ProgramStore {
    /// What was kept under a key, if anything.
    fn load(&self, key: &str) -> Option<Vec<u8>>;

    /// Keeps a program, whole or not at all. A failure costs the next run its compilation and nothing else.
    fn keep(&self, key: &str, program: &[u8]);
}

/// Keeps nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoStore;

impl ProgramStore for NoStore {
    fn load(&self, _key: &str) -> Option<Vec<u8>> {
        None
    }

    fn keep(&self, _key: &str, _program: &[u8]) {}
}

/// The compiled program of a source for a target: the kept one if it is whole, else what `compile` makes. `compiler`
/// names the compiler with its version and options.
///
/// # Errors
/// Those of `compile`.
pub fn compiled(
    store: &dyn ProgramStore,
    source: Source,
    target: &str,
    compiler: &str,
    compile: impl FnOnce(&str) -> Result<Vec<u8>, GpuError>,
) -> Result<Vec<u8>, GpuError> {
    let text = source.program();
    let key = format!("{}-{target}-{}", source.name, hash(&[compiler, target, &text].map(str::as_bytes)));
    let whole = |mut kept: Vec<u8>| {
        let program = kept.split_off(kept.iter().position(|byte| *byte == b'\n')? + 1);
        (kept == checksum(&program).as_bytes()).then_some(program)
    };
    if let Some(program) = store.load(&key).and_then(whole) {
        return Ok(program);
    }
    let program = compile(&text)?;
    store.keep(&key, &[checksum(&program).as_bytes(), &program].concat());
    Ok(program)
}

/// The first line of what is kept.
fn checksum(program: &[u8]) -> String {
    format!("{}\n", hash(&[program]))
}

/// The first 16 bytes of the SHA-256 of parts, each after its length.
fn hash(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::super::sources;
    use super::*;
    use std::cell::{Cell, RefCell};
    use std::collections::BTreeMap;

    #[derive(Default)]
    struct InMemory(RefCell<BTreeMap<String, Vec<u8>>>);

    impl ProgramStore for InMemory {
        fn load(&self, key: &str) -> Option<Vec<u8>> {
            self.0.borrow().get(key).cloned()
        }

        fn keep(&self, key: &str, program: &[u8]) {
            self.0.borrow_mut().insert(key.to_owned(), program.to_owned());
        }
    }

    #[test]
    fn a_program_is_compiled_once_per_source_target_and_compiler_and_again_when_damaged() {
        let (store, count) = (InMemory::default(), Cell::new(0));
        let ask = |target: &str, compiler: &str| {
            let compile = |program: &str| {
                count.set(count.get() + 1);
                assert!(program.contains("extern \"C\""));
                // Bytes that are not text, and line ends.
                Ok([format!("for {target} by {compiler}\n").as_bytes(), &[0, 0xFF, b'\n']].concat())
            };
            compiled(&store, sources::ELEMENTWISE, target, compiler, compile).unwrap()
        };
        assert_eq!(ask("sm_90", "a 1"), b"for sm_90 by a 1\n\0\xFF\n");
        assert_eq!(ask("sm_90", "a 1"), b"for sm_90 by a 1\n\0\xFF\n");
        assert_eq!(count.get(), 1);
        ask("sm_80", "a 1");
        ask("sm_90", "a 2");
        assert_eq!(count.get(), 3);
        store.0.borrow_mut().values_mut().for_each(|kept| *kept.last_mut().unwrap() ^= 1);
        assert_eq!(ask("sm_90", "a 1"), b"for sm_90 by a 1\n\0\xFF\n");
        store.0.borrow_mut().values_mut().for_each(|kept| kept.truncate(20));
        assert_eq!(ask("sm_80", "a 1"), b"for sm_80 by a 1\n\0\xFF\n");
        assert_eq!(count.get(), 5);
    }

    #[test]
    fn a_failed_compilation_keeps_nothing() {
        let store = InMemory::default();
        let error = GpuError::Launch { kernel: "k".into(), found: "f".into() };
        let failed = compiled(&store, sources::ELEMENTWISE, "sm_90", "c", |_| Err(error.clone()));
        assert_eq!(failed, Err(error));
        assert!(store.0.borrow().is_empty());
    }
}
