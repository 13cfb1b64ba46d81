//! Compiled kernels that are kept from one run to the next.
//!
//! What is kept names all it was made from: a changed kernel, another architecture or another compiler is another
//! key. The text carries its own checksum, so that a file that was damaged is compiled again instead of run.

use super::GpuError;
use super::sources::Source;
use sha2::{Digest, Sha256};

/// Where compiled programs are kept. Whoever writes files implements it.
pub trait ProgramStore {
    /// What was kept under a key, if anything.
    fn load(&self, key: &str) -> Option<String>;

    /// Keeps a text, whole or not at all. A failure costs the next run its compilation and nothing else.
    fn keep(&self, key: &str, text: &str);
}

/// Keeps nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoStore;

impl ProgramStore for NoStore {
    fn load(&self, _key: &str) -> Option<String> {
        None
    }

    fn keep(&self, _key: &str, _text: &str) {}
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
    compile: impl FnOnce(&str) -> Result<String, GpuError>,
) -> Result<String, GpuError> {
    let program = source.program();
    let key = format!("{}-{target}-{}", source.name, hash(&[compiler, target, &program]));
    let whole = |kept: String| {
        let (sum, text) = kept.split_once('\n')?;
        (sum == hash(&[text])).then(|| text.to_owned())
    };
    if let Some(text) = store.load(&key).and_then(whole) {
        return Ok(text);
    }
    let text = compile(&program)?;
    store.keep(&key, &format!("{}\n{text}", hash(&[&text])));
    Ok(text)
}

/// The first 16 bytes of the SHA-256 of parts, each after its length.
fn hash(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
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
    struct InMemory(RefCell<BTreeMap<String, String>>);

    impl ProgramStore for InMemory {
        fn load(&self, key: &str) -> Option<String> {
            self.0.borrow().get(key).cloned()
        }

        fn keep(&self, key: &str, text: &str) {
            self.0.borrow_mut().insert(key.to_owned(), text.to_owned());
        }
    }

    #[test]
    fn a_program_is_compiled_once_per_source_target_and_compiler_and_again_when_damaged() {
        let (store, count) = (InMemory::default(), Cell::new(0));
        let ask = |target: &str, compiler: &str| {
            let compile = |program: &str| {
                count.set(count.get() + 1);
                assert!(program.contains("extern \"C\""));
                Ok(format!("for {target} by {compiler}\n"))
            };
            compiled(&store, sources::ELEMENTWISE, target, compiler, compile).unwrap()
        };
        assert_eq!(ask("sm_90", "a 1"), "for sm_90 by a 1\n");
        assert_eq!(ask("sm_90", "a 1"), "for sm_90 by a 1\n");
        assert_eq!(count.get(), 1);
        ask("sm_80", "a 1");
        ask("sm_90", "a 2");
        assert_eq!(count.get(), 3);
        store.0.borrow_mut().values_mut().for_each(|text| *text = text.replace("by a 1", "by b 1"));
        assert_eq!(ask("sm_90", "a 1"), "for sm_90 by a 1\n");
        store.0.borrow_mut().values_mut().for_each(|text| text.truncate(20));
        assert_eq!(ask("sm_80", "a 1"), "for sm_80 by a 1\n");
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
